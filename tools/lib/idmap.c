/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "err.h"
#include "idrange.h"
#include "io.h"

static int write_map(pid_t pid, const char *file, uint32_t base, uint32_t size, struct err *err)
{
	char path[48], line[48];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	snprintf(line, sizeof(line), "0 %" PRIu32 " %" PRIu32 "\n", base, size);
	r = io_write_value(AT_FDCWD, path, line);
	return r < 0 ? err_errno(err, r, "cannot write %s of process %d", file, (int)pid) : 0;
}

int idmap_write(pid_t pid, const struct idrange *ids, struct err *err)
{
	int r = write_map(pid, "uid_map", ids->uid, ids->size, err);

	return r < 0 ? r : write_map(pid, "gid_map", ids->gid, ids->size, err);
}

/* A process that does nothing but hold a new user namespace until it is killed. */
static pid_t start_holder(void)
{
	pid_t parent = getpid();
	pid_t pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* A parent that was killed before that line sends nothing. */
		if (getppid() != parent)
			_exit(1);
		for (;;)
			pause();
	}
	return pid < 0 ? -errno : pid;
}

int idmap_open_userns(const struct idrange *ids, struct err *err)
{
	pid_t pid = start_holder();
	char path[48];
	int fd = -1, r;

	if (pid < 0)
		return err_errno(err, pid, "cannot make a user namespace");
	r = idmap_write(pid, ids, err);
	if (r == 0) {
		snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			r = err_errno(err, errno, "cannot open '%s'", path);
	}
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r < 0 ? r : fd;
}
