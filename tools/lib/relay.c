/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One event loop. A channel reads only when its buffer is empty and writes
 * only while it is not, so a slow reader stops the writer and nothing grows.
 */
#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"

struct channel {
	int from, to;
	size_t have, sent;
	bool ended; /* nothing more comes */
	bool is_input;
	char buf[16384];
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

void relay_block_signals(void)
{
	sigset_t set;

	handled_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void copy_window_size(int pty)
{
	struct winsize ws;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &ws) == 0)
		ioctl(pty, TIOCSWINSZ, &ws);
}

/* What ends us ends the process; a resize is passed on. */
static void handle_signal(struct relay *r, int sigfd)
{
	struct signalfd_siginfo si;

	if (read(sigfd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	if (si.ssi_signo == SIGWINCH && r->pty >= 0)
		copy_window_size(r->pty);
	else if (si.ssi_signo != SIGWINCH)
		syscall(SYS_pidfd_send_signal, r->pidfd, si.ssi_signo, NULL, 0);
}

static short wanted(const struct channel *c)
{
	if (c->have > c->sent)
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
}

static void channel_write(struct channel *c)
{
	ssize_t n = write(c->to, c->buf + c->sent, c->have - c->sent);

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
	return c->ended && c->have == c->sent;
}

/* The process must see the end of its input. */
static void close_input(struct relay *r, const struct channel *c)
{
	if (c->is_input && r->in >= 0) {
		close(r->in);
		r->in = -EBADF;
	}
}

static size_t set_up(struct relay *r, struct channel *c)
{
	size_t n = 0;

	if (r->pty >= 0) {
		c[n++] = (struct channel){.from = STDIN_FILENO, .to = r->pty, .is_input = true};
		c[n++] = (struct channel){.from = r->pty, .to = STDOUT_FILENO};
		return n;
	}
	c[n++] = (struct channel){.from = STDIN_FILENO, .to = r->in, .is_input = true};
	c[n++] = (struct channel){.from = r->out, .to = STDOUT_FILENO};
	c[n++] = (struct channel){.from = r->err, .to = STDERR_FILENO};
	return n;
}

/* One round; false when nothing happened within @timeout_ms. */
static bool turn(struct relay *r, struct channel *c, size_t n, int sigfd, bool *exited, int timeout)
{
	struct pollfd p[POLL_FIRST + 3];
	bool moved = false;
	size_t i;

	p[POLL_SIGNAL] = (struct pollfd){.fd = sigfd, .events = POLLIN};
	p[POLL_PROCESS] = (struct pollfd){.fd = *exited ? -1 : r->pidfd, .events = POLLIN};
	for (i = 0; i < n; i++) {
		short want = wanted(&c[i]);
		bool idle = !want || (c[i].is_input && *exited);

		p[POLL_FIRST + i] = (struct pollfd){.fd = idle		   ? -1
							  : want == POLLIN ? c[i].from
									   : c[i].to,
						    .events = want};
	}
	if (poll(p, POLL_FIRST + n, timeout) <= 0)
		return false;
	if (p[POLL_SIGNAL].revents)
		handle_signal(r, sigfd);
	if (p[POLL_PROCESS].revents)
		*exited = moved = true;
	for (i = 0; i < n; i++) {
		if (!p[POLL_FIRST + i].revents)
			continue;
		moved = true;
		if (p[POLL_FIRST + i].events == POLLIN)
			channel_read(&c[i]);
		else
			channel_write(&c[i]);
		if (channel_done(&c[i]))
			close_input(r, &c[i]);
	}
	return moved;
}

static bool all_output_done(const struct channel *c, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!c[i].is_input && !channel_done(&c[i]))
			return false;
	return true;
}

static void run(struct relay *r, int sigfd)
{
	struct channel c[3] = {0};
	size_t n = set_up(r, c);
	bool exited = false;

	while (!exited)
		turn(r, c, n, sigfd, &exited, -1);
	/* What it left running may hold the output open: take what is there and go. */
	while (!all_output_done(c, n) && turn(r, c, n, sigfd, &exited, 50))
		;
}

int relay_run(struct relay *r, struct err *err)
{
	_cleanup_close_ int sigfd = -EBADF;
	struct termios saved, raw;
	bool restore = false;
	sigset_t set;

	handled_signals(&set);
	sigfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sigfd < 0)
		return err_errno(err, errno, "cannot make a signal descriptor");
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
	run(r, sigfd);
	if (restore)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
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
