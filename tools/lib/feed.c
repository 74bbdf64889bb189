/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A child of ours runs the session, so that its standard input can be another one
 * than ours and its time can end. It is in a process group of its own: a key at
 * the terminal reaches us only, and we pass it on once.
 */
#include "feed.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "exec.h"
#include "report.h"

#define LATE_SEC 10

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

/* Never returns. */
static void run_child(const struct ct *ct, const struct exec_opts *opts, int input, int sock,
		      const sigset_t *mask)
{
	struct err err = ERR_INIT;
	int status = 0, r;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* A group in the background may not read the terminal. */
	if (!isatty(input))
		setpgid(0, 0);
	sigprocmask(SIG_SETMASK, mask, NULL);
	/* The lock of the command is not the tenant's to hold. */
	if (ct->lock_fd >= 0)
		close(ct->lock_fd);
	if (dup2(input, STDIN_FILENO) < 0)
		r = err_errno(&err, errno, "cannot redirect standard input");
	else
		r = exec_run(ct, opts, &status, &err);
	if (r < 0)
		report_send(sock, REPORT_FAILED, 0, &err, -1);
	else
		report_send(sock, REPORT_READY, status, NULL, -1);
	_exit(0);
}

/*
 * Until the child reports. It keeps the time itself, as it knows what there is to
 * kill; past that and LATE_SEC more it is in trouble. Signals of ours are its
 * as well, but for those of a terminal, which a child of the same group has by itself.
 */
static int wait_for(pid_t pid, bool same_group, int sock, int signals, int timeout_sec,
		    int *ret_status, struct err *err)
{
	struct pollfd p[] = {{.fd = sock, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
	int64_t end = now_ms() + (timeout_sec + LATE_SEC) * INT64_C(1000);
	struct signalfd_siginfo si;

	while (!p[0].revents) {
		int64_t left = timeout_sec ? end - now_ms() : INT32_MAX;

		if (left <= 0)
			return err_set(err, ETIMEDOUT,
				       "no end within %d seconds, and it cannot be killed",
				       timeout_sec);
		if (poll(p, 2, left > INT32_MAX ? INT32_MAX : (int)left) < 0 && errno != EINTR)
			return err_errno(err, errno, "cannot wait for the program");
		if (p[1].revents && read(signals, &si, sizeof(si)) == (ssize_t)sizeof(si) &&
		    !(same_group && si.ssi_code == SI_KERNEL))
			kill(pid, (int)si.ssi_signo);
	}
	return report_expect(sock, REPORT_READY, ret_status, NULL, err);
}

static int run(const struct ct *ct, const struct exec_opts *opts, int input, int timeout_sec,
	       const sigset_t *old, int *ret_status, struct err *err)
{
	_cleanup_close_ int sock = -EBADF, signals = -EBADF;
	int fds[2], r;
	sigset_t set;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		return err_errno(err, errno, "cannot make a signal descriptor");
	r = report_pair(fds, err);
	if (r < 0)
		return r;
	sock = fds[0];
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		run_child(ct, opts, input, fds[1], old);
	}
	close(fds[1]);
	if (pid < 0)
		return err_errno(err, errno, "cannot fork");
	r = wait_for(pid, isatty(input), sock, signals, timeout_sec, ret_status, err);
	if (r < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r;
}

int feed_exec(const struct ct *ct, const struct exec_opts *opts, int input, int timeout_sec,
	      int *ret_status, struct err *err)
{
	struct exec_opts timed = *opts;
	sigset_t old;
	int r;

	sigprocmask(SIG_BLOCK, NULL, &old);
	timed.timeout_sec = timeout_sec;
	r = run(ct, &timed, input, timeout_sec, &old, ret_status, err);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return r;
}

int feed_shell(const struct ct *ct, int script, int timeout_sec, int *ret_status, struct err *err)
{
	/* $0 is the shell that was found. */
	const struct exec_opts opts = {.command = "exec \"$0\" -s"};

	return feed_exec(ct, &opts, script, timeout_sec, ret_status, err);
}

int feed_text(const char *text, size_t len, struct err *err)
{
	int fds[2];

	/* A pipe takes that much at once. */
	if (len > 4096)
		return err_set(err, EFBIG, "more than 4096 bytes");
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(err, errno, "cannot make a pipe");
	if (write(fds[1], text, len) != (ssize_t)len) {
		close(fds[0]);
		close(fds[1]);
		return err_set(err, EIO, "cannot write to a pipe");
	}
	close(fds[1]);
	return fds[0];
}
