/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Running other programs. Input is handed over as an unnamed file, so that
 * there is one pipe only to watch and nothing to deadlock on. The end of the
 * program ends the wait, even when a daemon that it left keeps the pipe open.
 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "io.h"
#include "log.h"
#include "strbuf.h"

#define OUT_MAX_DEFAULT (1024 * 1024)

static const struct run_opts no_opts;

static long long now_msec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static int open_input(const struct run_opts *opts)
{
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (!opts->input) {
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		return fd < 0 ? -errno : steal_fd(&fd);
	}
	fd = memfd_create("input", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = io_write_full(fd, opts->input, opts->input_len);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	return steal_fd(&fd);
}

/*
 * In the child: never returns; what fails goes through @report as an errno.
 * The dup2 sources may sit on 0-2 when the caller runs without them, so they
 * are moved out of the way first.
 */
static void __attribute__((noreturn))
exec_child(const char *const *argv, const struct run_opts *opts, int in, int out, int report)
{
	sigset_t none;
	int e;

	if (opts->dies_with_us)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	report = fcntl(report, F_DUPFD_CLOEXEC, 3);
	in = fcntl(in, F_DUPFD_CLOEXEC, 3);
	if (out >= 0)
		out = fcntl(out, F_DUPFD_CLOEXEC, 3);
	if (report < 0 || in < 0)
		_exit(127);
	if (dup2(in, 0) < 0 || (out >= 0 && dup2(out, 1) < 0))
		goto fail;
	if (opts->no_stderr && dup2(open("/dev/null", O_WRONLY), 2) < 0)
		goto fail;
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		goto fail;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (opts->cwd && chdir(opts->cwd) < 0)
		goto fail;
	if (opts->env)
		environ = (char **)opts->env;
	execvp(argv[0], (char *const *)argv);
fail:
	e = errno;
	(void)!write(report, &e, sizeof(e));
	_exit(127);
}

/* What the program writes. */
struct sink {
	struct strbuf b;
	size_t max;
	bool tail; /* keep the end, else more than max is too much */
};

static void drop_head(struct sink *s)
{
	size_t extra = s->b.len - s->max;

	memmove(s->b.s, s->b.s + extra, s->max + 1);
	s->b.len = s->max;
}

/* More output into @s; 1 more may come, 0 end of file, or -errno. */
static int take_output(int fd, struct sink *s)
{
	char buf[16384];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 1 : -errno;
	if (n == 0)
		return 0;
	strbuf_addn(&s->b, buf, (size_t)n);
	if (s->b.failed)
		return -ENOMEM;
	if (s->b.len > s->max && !s->tail)
		return -EFBIG;
	if (s->b.len > s->max)
		drop_head(s);
	return 1;
}

/* What the program wrote before its end is in the pipe; a daemon may still hold the other side. */
static int take_rest(int fd, struct sink *s)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int r = 1;

	while (r == 1 && poll(&p, 1, 0) == 1)
		r = take_output(fd, s);
	return r < 0 ? r : 0;
}

static int watch(int pidfd, int out, struct sink *s, int timeout_sec)
{
	long long deadline = now_msec() + timeout_sec * 1000LL;

	for (;;) {
		struct pollfd p[2] = {
			{.fd = pidfd, .events = POLLIN},
			{.fd = out, .events = POLLIN},
		};
		long long left = timeout_sec ? deadline - now_msec() : -1;
		int r;

		if (timeout_sec && left <= 0)
			return -ETIMEDOUT;
		r = poll(p, 2, left > 60000 ? 60000 : (int)left);
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r <= 0)
			continue;
		if (p[0].revents)
			return out >= 0 ? take_rest(out, s) : 0;
		if (p[1].revents) {
			r = take_output(out, s);
			if (r < 0)
				return r;
			if (r == 0)
				out = -1;
		}
	}
}

static int reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Start it; *ret_pid is a child that has exec'ed. */
static int start(const char *const *argv, const struct run_opts *opts, int out, pid_t *ret_pid)
{
	_cleanup_close_ int in = open_input(opts), report_r = -EBADF, report_w = -EBADF;
	int fds[2], e = 0;
	ssize_t n;
	pid_t pid = -1;

	if (in < 0)
		return in;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	report_r = fds[0];
	report_w = fds[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		exec_child(argv, opts, in, out, report_w);

	close(steal_fd(&report_w));
	do
		n = read(report_r, &e, sizeof(e));
	while (n < 0 && errno == EINTR);
	if (n != 0) {
		reap(pid);
		return n == (ssize_t)sizeof(e) ? -e : -EIO;
	}
	*ret_pid = pid;
	return 0;
}

/* @r is what following it said, @status what it ended with; the sink is used up. */
static int finish(const char *name, const struct run_opts *opts, int r, int status, struct sink *s,
		  struct err *err)
{
	_cleanup_free_ char *out = strbuf_steal(&s->b);

	if (r == -ETIMEDOUT)
		return err_set(err, ETIMEDOUT, "'%s' did not end within %d seconds", name,
			       opts->timeout_sec);
	if (r == -EFBIG)
		return err_set(err, EFBIG, "'%s' wrote too much", name);
	if (r < 0)
		return err_errno(err, r, "cannot follow '%s'", name);
	if (status < 0)
		return err_errno(err, status, "cannot wait for '%s'", name);
	if (opts->ret_out && !out)
		return err_errno(err, ENOMEM, "cannot run '%s'", name);
	if (opts->ret_out)
		*opts->ret_out = steal_ptr(out);
	return status;
}

int run_program(const char *const *argv, const struct run_opts *opts, struct err *err)
{
	_cleanup_close_ int out_r = -EBADF, out_w = -EBADF, pidfd = -EBADF;
	struct sink s = {.b = STRBUF_INIT};
	int fds[2], r, status;
	pid_t pid = -1;

	if (!opts)
		opts = &no_opts;
	s.max = opts->out_max_bytes ? opts->out_max_bytes : OUT_MAX_DEFAULT;
	s.tail = opts->out_tail;
	if (opts->ret_out) {
		if (pipe2(fds, O_CLOEXEC) < 0)
			return err_errno(err, errno, "cannot run '%s'", argv[0]);
		out_r = fds[0];
		out_w = fds[1];
	}
	r = start(argv, opts, out_w, &pid);
	if (r < 0)
		return err_errno(err, r, "cannot run '%s'", argv[0]);
	if (out_w >= 0)
		close(steal_fd(&out_w));

	pidfd = pidfd_open(pid, 0);
	r = pidfd < 0 ? -errno : watch(pidfd, out_r, &s, opts->timeout_sec);
	if (r < 0)
		kill(pid, SIGKILL);
	status = reap(pid);
	log_detail(2, "'%s' was run: status %d", argv[0], status);
	return finish(argv[0], opts, r, status, &s, err);
}
