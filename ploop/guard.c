/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whatever ends this process closes its end of the pipe. What ends both at once is
 * a signal that nobody can block, to each of them.
 */
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"

static void close_all_but(int a, int b)
{
	unsigned int lo = (unsigned int)(a < b ? a : b), hi = (unsigned int)(a < b ? b : a);

	if (lo > 0)
		close_range(0, lo - 1, 0);
	if (hi > lo + 1)
		close_range(lo + 1, hi - 1, 0);
	close_range(hi + 1, UINT_MAX, 0);
}

static void __attribute__((noreturn)) wait_and_undo(guard_fn undo, int pipe, int fd, dev_t dev)
{
	ssize_t n;
	char c;
	int r;

	/* Not one of a terminal's, whose signals are for all of its processes. */
	setsid();
	close_all_but(pipe, fd);
	do
		n = read(pipe, &c, 1);
	while (n < 0 && errno == EINTR);
	r = undo(fd, dev);
	_exit(r < 0 && r > -256 ? -r : 0);
}

int guard_begin(struct guard *g, guard_fn undo, int fd, dev_t dev)
{
	sigset_t all, before;
	int ends[2], e;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	/* None of ours may run a handler of the caller's in it. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	e = errno;
	if (pid == 0) {
		close(ends[1]);
		wait_and_undo(undo, ends[0], fd, dev);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(ends[0]);
	if (pid < 0) {
		close(ends[1]);
		return -e;
	}
	*g = (struct guard){.pid = pid, .pipe = ends[1]};
	return 0;
}

static int reap(struct guard *g)
{
	int status = 0, r;

	if (g->pipe >= 0)
		close(g->pipe);
	do
		r = waitpid(g->pid, &status, 0);
	while (r < 0 && errno == EINTR);
	*g = GUARD_NONE;
	/* A caller that lets the kernel reap its children does not learn of it. */
	if (r < 0)
		return 0;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

int guard_end(struct guard *g)
{
	return g->pid ? reap(g) : 0;
}

void guard_dismiss(struct guard *g)
{
	if (!g->pid)
		return;
	kill(g->pid, SIGKILL);
	(void)reap(g);
}
