/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lock files. The lock is flock(2), so it goes away with the process; the pid
 * inside is only for the message and may be old for a moment.
 */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"

#define RETRY_NSEC 50000000L

static long long now_msec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static int busy(int fd, const char *path, struct err *err)
{
	char buf[16] = "";
	ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);
	long pid = n > 0 ? strtol(buf, NULL, 10) : 0;

	if (pid > 0)
		return err_set(err, EAGAIN, "'%s' is locked by process %ld", path, pid);
	return err_set(err, EAGAIN, "'%s' is locked by another process", path);
}

int lock_file(const char *path, int timeout_sec, struct err *err)
{
	_cleanup_close_ int fd =
		open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
	long long deadline = now_msec() + timeout_sec * 1000LL;
	char buf[16];
	int n;

	if (fd < 0)
		return err_errno(err, errno, "cannot open the lock file '%s'", path);

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		const struct timespec pause = {0, RETRY_NSEC};

		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return err_errno(err, errno, "cannot lock '%s'", path);
		if (now_msec() >= deadline)
			return busy(fd, path, err);
		nanosleep(&pause, NULL);
	}

	/* A full disk costs the holder's name in a message, not the lock. */
	n = snprintf(buf, sizeof(buf), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) == 0 && pwrite(fd, buf, (size_t)n, 0) != n)
		(void)!ftruncate(fd, 0);
	return steal_fd(&fd);
}
