/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * console: a viewer of the container's /dev/console, whose other end the
 * supervisor holds. "Esc ." leaves it, as it ever did; an Esc that nothing
 * follows at once is the container's.
 */
#include "cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "io.h"
#include "state.h"
#include "strbuf.h"
#include "supervisor.h"

#define ESC	    0x1b
#define ESC_WAIT_MS 500
#define REST_MS	    500 /* of silence, once our input has ended */

struct viewer {
	int sock, signals;
	bool escaped; /* an Esc was typed and is not sent yet */
	bool ended;   /* nobody types any more: what was kept is shown, and that is all */
	bool leave;
};

/* By way of the directory: a socket's address is short, a path may be long. */
static int connect_console(const struct ct *ct, struct err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	_cleanup_close_ int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), dir = -EBADF;
	_cleanup_free_ char *path = NULL;
	struct strbuf b = STRBUF_INIT;

	strbuf_addf(&b, "%s/%s", ct->host->rundir, ct->idstr);
	path = strbuf_steal(&b);
	if (!path || sock < 0)
		return err_errno(err, errno, "cannot make a socket");
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/" SUPERVISOR_CONSOLE, dir);
	if (dir < 0 || connect(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_errno(err, errno, "container %s has no console", ct->idstr);
	return steal_fd(&sock);
}

static void send_bytes(struct viewer *v, char kind, const void *bytes, size_t n)
{
	char buf[CONSOLE_MESSAGE_MAX] = {kind};

	memcpy(buf + 1, bytes, n);
	if (send(v->sock, buf, n + 1, MSG_NOSIGNAL) < 0)
		v->leave = true;
}

static void send_size(struct viewer *v)
{
	struct winsize ws;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &ws) == 0)
		send_bytes(v, CONSOLE_SIZE, &ws, sizeof(ws));
}

static void send_escape(struct viewer *v)
{
	const char esc = ESC;

	v->escaped = false;
	send_bytes(v, CONSOLE_DATA, &esc, 1);
}

static void type(struct viewer *v)
{
	char buf[1024], out[sizeof(buf) + 1];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf)), i;
	size_t len = 0;

	if (n <= 0) {
		v->ended = true;
		return;
	}
	for (i = 0; i < n && !v->leave; i++) {
		if (v->escaped && buf[i] == '.') {
			v->leave = true;
			break;
		}
		if (v->escaped)
			out[len++] = ESC;
		v->escaped = buf[i] == ESC;
		if (!v->escaped)
			out[len++] = buf[i];
	}
	if (len)
		send_bytes(v, CONSOLE_DATA, out, len);
}

static void show(struct viewer *v)
{
	char buf[CONSOLE_MESSAGE_MAX];
	ssize_t n = recv(v->sock, buf, sizeof(buf), 0);

	if (n <= 0 || (buf[0] == CONSOLE_DATA && io_write_full(STDOUT_FILENO, buf + 1, n - 1) < 0))
		v->leave = true;
}

static void view(struct viewer *v)
{
	struct pollfd p[] = {{.fd = v->sock, .events = POLLIN},
			     {.fd = STDIN_FILENO, .events = POLLIN},
			     {.fd = v->signals, .events = POLLIN}};
	struct signalfd_siginfo si;

	send_size(v);
	while (!v->leave) {
		int n = poll(p, 3, v->escaped ? ESC_WAIT_MS : v->ended ? REST_MS : -1);

		if (n == 0 && v->escaped)
			send_escape(v);
		else if (n == 0)
			v->leave = true;
		if (n <= 0)
			continue;
		if (p[0].revents)
			show(v);
		if (p[1].revents)
			type(v);
		if (v->ended)
			p[1].fd = -1;
		if (p[2].revents && read(v->signals, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
			if (si.ssi_signo == SIGWINCH)
				send_size(v);
			else
				v->leave = true;
		}
	}
}

static int signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int cmd_console(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	struct viewer v = {.sock = -EBADF};
	_cleanup_close_ int sock = -EBADF, sigfd = -EBADF;
	struct termios saved, raw;
	struct ct_status st;
	bool restore = false;
	int r;

	if (argc > 1 && (strcmp(argv[1], "-s") == 0 || strcmp(argv[1], "--start") == 0))
		return err_exit(err, VZ_BAD_OPTION,
				"option %s is not supported yet: use start, the console keeps what "
				"it shows",
				argv[1]);
	if (argc > 2 || (argc == 2 && strcmp(argv[1], "1") != 0))
		return err_exit(err, VZ_BAD_VALUE, "console: a container has one, number 1");
	r = ct_require(ctx->ct, err);
	if (r == 0)
		r = state_status(ctx->ct, &st, err);
	if (r < 0)
		return r;
	if (!st.running)
		return err_exit(err, VZ_NOT_RUNNING, "container %s is not running", ctx->ct->idstr);
	v.sock = sock = connect_console(ctx->ct, err);
	if (sock < 0)
		return sock;
	v.signals = sigfd = signals();
	cmd_say(ctx, "Attached to the console of CT %s (Esc . leaves it)", ctx->ct->idstr);
	if (tcgetattr(STDIN_FILENO, &saved) == 0) {
		raw = saved;
		cfmakeraw(&raw);
		restore = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
	}
	view(&v);
	if (restore)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
	cmd_say(ctx, "\nDetached from CT %s", ctx->ct->idstr);
	return 0;
}
