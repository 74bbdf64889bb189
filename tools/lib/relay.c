/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One event loop. A channel reads only when its buffer is empty and writes
 * only while it is not, so a slow reader stops the writer and nothing grows.
 */
#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "err.h"

/* Once the process is gone: how long to wait for more, after the last of it and in all. */
enum { QUIET_MS = 50, GRACE_MS = 1000 };

struct channel {
	int from, to;
	size_t have, sent;
	size_t owed; /* once the process is gone: what it left in the pipe */
	bool ended;  /* nothing more comes */
	bool is_input;
	char buf[16384];
};

struct session {
	struct relay *r;
	struct channel c[3];
	size_t n;
	int sigfd;
	int status;
	int forwarded; /* signals that went to the process */
	bool exited;
	bool given_up; /* a signal after the exit: what is not out stays here */
	int64_t exit_ms;
};

enum { POLL_SIGNAL, POLL_PROCESS, POLL_FIRST };

static void handled_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGWINCH);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGQUIT);
}

int relay_block_signals(void)
{
	sigset_t set;
	int fd;

	handled_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static void copy_window_size(int pty)
{
	struct winsize ws;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &ws) == 0)
		ioctl(pty, TIOCSWINSZ, &ws);
}

/* The process and all others on its terminal get SIGHUP, as from a modem that lost the line. */
static void hang_up(struct session *s)
{
	close(s->r->pty);
	s->r->pty = -EBADF;
	s->n = 0;
}

/* What ends us ends the process; a resize is passed on. */
static void handle_signal(struct session *s)
{
	struct signalfd_siginfo si;

	if (read(s->sigfd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	if (si.ssi_signo == SIGWINCH) {
		if (s->r->pty >= 0)
			copy_window_size(s->r->pty);
	} else if (s->exited) {
		s->given_up = true;
	} else if (s->r->pty >= 0) {
		/* From outside: typed ones pass as bytes. A shell at a terminal ignores most. */
		hang_up(s);
	} else {
		/* Not to the leader alone: a shell acts only when what it waits for has ended. */
		kill(-s->r->pid, s->forwarded++ ? SIGKILL : (int)si.ssi_signo);
	}
}

static bool has_bytes(const struct channel *c)
{
	return c->have > c->sent;
}

static short wanted(const struct channel *c)
{
	if (has_bytes(c))
		return POLLOUT;
	return c->ended ? 0 : POLLIN;
}

static void channel_read(struct channel *c)
{
	ssize_t n = read(c->from, c->buf, sizeof(c->buf));

	/* EIO: the last process on a terminal's other side is gone. */
	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
		c->ended = true;
		return;
	}
	c->sent = 0;
	c->have = n > 0 ? n : 0;
	c->owed -= c->have < c->owed ? c->have : c->owed;
}

/* Our own output may block, and is not ours to change: a pipe that can be written takes PIPE_BUF. */
static void channel_write(struct channel *c)
{
	size_t len = c->have - c->sent;
	ssize_t n = write(c->to, c->buf + c->sent, len < PIPE_BUF ? len : PIPE_BUF);

	if (n >= 0) {
		c->sent += n;
	} else if (errno != EINTR && errno != EAGAIN) {
		/* Nobody reads any more: what comes is for nobody. */
		c->have = c->sent = 0;
		c->ended = true;
	}
}

static bool channel_done(const struct channel *c)
{
	return c->ended && !has_bytes(c);
}

/* The process must see the end of its input; on a terminal that is the end of the terminal. */
static void close_input(struct session *s)
{
	struct relay *r = s->r;

	if (r->pty >= 0)
		hang_up(s);
	if (r->in >= 0)
		close(r->in);
	r->in = -EBADF;
}

static void set_up(struct session *s)
{
	struct relay *r = s->r;

	s->n = 0;
	if (r->pty >= 0) {
		s->c[s->n++] =
			(struct channel){.from = STDIN_FILENO, .to = r->pty, .is_input = true};
		s->c[s->n++] = (struct channel){.from = r->pty, .to = STDOUT_FILENO};
		return;
	}
	s->c[s->n++] = (struct channel){.from = STDIN_FILENO, .to = r->in, .is_input = true};
	s->c[s->n++] = (struct channel){.from = r->out, .to = STDOUT_FILENO};
	s->c[s->n++] = (struct channel){.from = r->err, .to = STDERR_FILENO};
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

static void note_exit(struct session *s)
{
	size_t i;
	int n;

	s->exited = true;
	s->exit_ms = now_ms();
	while (waitpid(s->r->pid, &s->status, 0) < 0 && errno == EINTR)
		;
	for (i = 0; i < s->n; i++)
		if (!s->c[i].is_input && !s->c[i].ended && ioctl(s->c[i].from, FIONREAD, &n) == 0)
			s->c[i].owed = n;
}

static void move(struct session *s, struct channel *c, short event)
{
	if (event == POLLIN)
		channel_read(c);
	else
		channel_write(c);
	if (c->is_input && channel_done(c))
		close_input(s);
}

/* One round; false when nothing happened within @timeout ms. */
static bool turn(struct session *s, int timeout)
{
	struct pollfd p[POLL_FIRST + 3];
	size_t i;

	p[POLL_SIGNAL] = (struct pollfd){.fd = s->sigfd, .events = POLLIN};
	p[POLL_PROCESS] = (struct pollfd){.fd = s->exited ? -1 : s->r->pidfd, .events = POLLIN};
	for (i = 0; i < s->n; i++) {
		struct channel *c = &s->c[i];
		short want = c->is_input && s->exited ? 0 : wanted(c);

		p[POLL_FIRST + i] = (struct pollfd){.fd = !want		   ? -1
							  : want == POLLIN ? c->from
									   : c->to,
						    .events = want};
	}
	if (poll(p, POLL_FIRST + s->n, timeout) <= 0)
		return false;
	if (p[POLL_PROCESS].revents)
		note_exit(s);
	for (i = 0; i < s->n; i++)
		if (p[POLL_FIRST + i].revents)
			move(s, &s->c[i], p[POLL_FIRST + i].events);
	if (p[POLL_SIGNAL].revents)
		handle_signal(s);
	return true;
}

/* What was in the pipe at the end may have been read by somebody inside. */
static void recount(struct channel *c)
{
	int n = 0;

	if (!c->owed)
		return;
	if (c->ended || ioctl(c->from, FIONREAD, &n) < 0)
		n = 0;
	if ((size_t)n < c->owed)
		c->owed = n;
}

/* How long the next turn may wait, once the process is gone; 0 when all of its output is out. */
static int patience(struct session *s)
{
	bool open = false;
	size_t i;

	for (i = 0; i < s->n; i++) {
		struct channel *c = &s->c[i];

		if (c->is_input)
			continue;
		recount(c);
		/* Whoever reads it takes the time he needs. */
		if (has_bytes(c) || c->owed)
			return -1;
		open |= !c->ended;
	}
	return open && now_ms() < s->exit_ms + GRACE_MS ? QUIET_MS : 0;
}

/* What poll() takes for the time that is left; 0: none. */
static int time_left(const struct session *s)
{
	int64_t left = s->r->end_ms - now_ms();

	return !s->r->end_ms ? -1 : left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

static int run(struct session *s)
{
	int timeout;

	while (!s->exited) {
		timeout = time_left(s);
		if (timeout == 0)
			return -ETIMEDOUT;
		turn(s, timeout);
	}
	while (!s->given_up && (timeout = patience(s)) != 0)
		if (!turn(s, timeout) && timeout > 0)
			break;
	return 0;
}

int relay_run(struct relay *r, int signals, int *ret_status, struct err *err)
{
	struct session s = {.r = r, .sigfd = signals};
	struct termios saved, raw;
	bool restore = false;
	int ret;

	if (r->pidfd < 0)
		return err_errno(err, errno, "cannot watch the process");
	if (r->pty >= 0) {
		copy_window_size(r->pty);
		fcntl(r->pty, F_SETFL, fcntl(r->pty, F_GETFL) | O_NONBLOCK);
		if (tcgetattr(STDIN_FILENO, &saved) == 0) {
			raw = saved;
			cfmakeraw(&raw);
			restore = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
		}
	} else {
		fcntl(r->in, F_SETFL, O_NONBLOCK);
	}
	set_up(&s);
	ret = run(&s);
	if (restore)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
	if (ret < 0)
		return err_set(err, -ret, "it has not ended in time");
	*ret_status = s.status;
	return 0;
}

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -EBADF;
}

void relay_close(struct relay *r)
{
	shut(&r->in);
	shut(&r->out);
	shut(&r->err);
	shut(&r->pty);
	shut(&r->pidfd);
}
