/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "exec.h"
#include "idrange.h"
#include "path.h"
#include "pty.h"
#include "report.h"
#include "strbuf.h"

/* Its own cgroup beside the containers: it outlives whoever started it and counts to none of them. */
#define SUPERVISOR_CGROUP "supervisor"

/* A file of RUNDIR/CTID; -1 when there is none. */
static int open_file(const struct ct *ct, const char *name, int flags)
{
	struct strbuf b = STRBUF_INIT;
	_cleanup_free_ char *path = NULL;

	strbuf_addf(&b, "%s/%s/%s", ct->host->rundir, ct->idstr, name);
	path = strbuf_steal(&b);
	return path ? open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
}

bool supervisor_alive(const struct ct *ct)
{
	_cleanup_close_ int fd = open_file(ct, SUPERVISOR_FILE, O_RDONLY);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

int supervisor_stop_begin(const struct ct *ct)
{
	int fd = open_file(ct, SUPERVISOR_STOP, O_RDWR | O_CREAT);

	if (fd >= 0)
		flock(fd, LOCK_EX | LOCK_NB);
	return fd;
}

/* Beside vzctl where that is built, else where `make install` puts it. */
static int find_program(char **ret_vzctl, char **ret_program, struct err *err)
{
	static const char *const places[] = {"vz-supervisor", "../lib/vesper/vz-supervisor"};
	_cleanup_free_ char *vzctl = realpath("/proc/self/exe", NULL), *dir = NULL;
	size_t i;

	dir = vzctl ? strdup(vzctl) : NULL;
	if (!dir)
		return err_set(err, ENOENT, "cannot find the program vz-supervisor");
	*strrchr(dir, '/') = '\0';
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		_cleanup_free_ char *path = path_join(dir, places[i]);

		if (path && access(path, X_OK) == 0) {
			*ret_program = steal_ptr(path);
			*ret_vzctl = steal_ptr(vzctl);
			return 0;
		}
	}
	return err_set(err, ENOENT, "cannot find the program vz-supervisor in '%s' or '%s/%s'", dir,
		       dir, "../lib/vesper");
}

static size_t add_words(const char **argv, size_t n, const char *const *words)
{
	for (; *words; words++)
		argv[n++] = *words;
	return n;
}

/* Never returns; 127 tells that there was no job. */
static void exec_supervisor(const struct ct *ct, const char *program, const char **argv, int report)
{
	int lock = ct->lock_fd;

	/* Out of the way of the places where they go, then there. */
	report = fcntl(report, F_DUPFD, SUPERVISOR_HANDOVER + 1);
	if (lock >= 0)
		lock = fcntl(lock, F_DUPFD, SUPERVISOR_HANDOVER + 1);
	if (report < 0 || dup2(report, SUPERVISOR_REPORT) < 0)
		_exit(127);
	if (lock < 0 || dup2(lock, SUPERVISOR_LOCK) < 0)
		close(SUPERVISOR_LOCK);
	if (syscall(SYS_close_range, SUPERVISOR_HANDOVER, ~0U, 0) < 0)
		_exit(127);
	execv(program, (char *const *)argv);
	_exit(127);
}

static int wait_for(pid_t pid, int sock, struct err *err)
{
	int status;
	char byte;
	ssize_t n;

	do {
		n = read(sock, &byte, 1);
	} while (n < 0 && errno == EINTR);
	if (n == 1)
		return 0;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(err, errno, "cannot wait for vz-supervisor");
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 127 || WEXITSTATUS(status) == 0)
		return err_set(err, EIO, "vz-supervisor died");
	return WEXITSTATUS(status);
}

int supervisor_run(const struct ct *ct, const char *const *flags, const char *const *job,
		   struct err *err)
{
	_cleanup_free_ char *vzctl = NULL, *program = NULL, *cgroup = NULL, *dir = NULL;
	_cleanup_close_ int sock = -EBADF;
	const char *argv[64] = {"vz-supervisor"};
	size_t n;
	pid_t pid;
	int fds[2], r;

	dir = path_join(ct->host->rundir, ct->idstr);
	cgroup = path_join(ct->host->cgroup, SUPERVISOR_CGROUP);
	if (!dir || !cgroup)
		return err_set(err, ENOMEM, "out of memory");
	r = find_program(&vzctl, &program, err);
	if (r == 0)
		r = report_pair(fds, err);
	if (r < 0)
		return r;
	argv[1] = dir;
	argv[2] = cgroup;
	argv[3] = ct->idstr;
	argv[4] = vzctl;
	n = add_words(argv, 5, flags);
	argv[n++] = "--";
	add_words(argv, n, job);
	pid = fork();
	if (pid == 0)
		exec_supervisor(ct, program, argv, fds[1]);
	sock = fds[0];
	close(fds[1]);
	return pid < 0 ? err_errno(err, errno, "cannot fork") : wait_for(pid, sock, err);
}

int supervisor_hand_over(int pidfd, int console)
{
	union {
		struct cmsghdr hdr;
		char buf[CMSG_SPACE(2 * sizeof(int))];
	} control = {0};
	int fds[2] = {pidfd, console};
	char byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = sizeof(control.buf)};
	ssize_t n;

	control.hdr.cmsg_level = SOL_SOCKET;
	control.hdr.cmsg_type = SCM_RIGHTS;
	control.hdr.cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(&control.hdr), fds, sizeof(fds));
	if (sendmsg(SUPERVISOR_HANDOVER, &msg, MSG_NOSIGNAL) < 0)
		return -errno;
	do {
		n = read(SUPERVISOR_HANDOVER, &byte, 1);
	} while (n < 0 && errno == EINTR);
	return n == 1 ? 0 : -EPIPE;
}

/* Never returns. In the container's mounts, and with the host's rights: nothing of it runs what is the tenant's. */
static void reopen_inside(const struct idrange *ids, int pidfd, int sock)
{
	_cleanup_close_ int master = -EBADF, slave = -EBADF;
	struct err err = ERR_INIT;
	int r;

	if (setns(pidfd, CLONE_NEWNS) < 0) {
		r = err_errno(&err, errno, "cannot enter the container's mounts");
	} else {
		r = pty_open(&master, &slave, &err);
		if (r == 0 && fchown(slave, ids->uid, -1) < 0)
			r = err_errno(&err, errno, "cannot give the console to the container");
		if (r == 0)
			r = pty_make_console(slave, &err);
	}
	report_send(sock, r < 0 ? REPORT_FAILED : REPORT_READY, 0, &err, master);
	_exit(0);
}

int supervisor_reopen(const struct ct *ct, int *ret_pidfd, int *ret_console, struct err *err)
{
	_cleanup_close_ int init = exec_open_init(ct, err), sock = -EBADF;
	struct idrange ids;
	int fds[2], r;
	pid_t pid;

	if (init < 0)
		return init;
	r = idrange_load(ct, &ids, err);
	if (r == 0)
		r = report_pair(fds, err);
	if (r < 0)
		return r;
	pid = fork();
	if (pid == 0)
		reopen_inside(&ids, init, fds[1]);
	sock = fds[0];
	close(fds[1]);
	if (pid < 0)
		return err_errno(err, errno, "cannot fork");
	r = report_expect(sock, REPORT_READY, NULL, ret_console, err);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return r;
	*ret_pidfd = steal_fd(&init);
	return 0;
}
