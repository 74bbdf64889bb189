/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "supervisor.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

enum { POLL_MASTER, POLL_LISTENER, POLL_VIEWERS };

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void console_set(struct console *c, int master)
{
	shut(&c->slave);
	shut(&c->master);
	c->master = master;
	c->slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	fcntl(master, F_SETFL, fcntl(master, F_GETFL) | O_NONBLOCK);
}

/* By way of the directory: a socket's address is short, a path may be long. */
bool console_listen(struct console *c, const char *dir)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = SUPERVISOR_CONSOLE};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask = umask(0177);
	bool ok = fd >= 0 && chdir(dir) == 0;

	shut(&c->listener);
	if (ok) {
		unlink(SUPERVISOR_CONSOLE);
		ok = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
		     listen(fd, CONSOLE_VIEWERS) == 0;
	}
	(void)!chdir("/");
	umask(mask);
	if (!ok)
		shut(&fd);
	c->listener = fd;
	return ok;
}

/* False when there is nothing more at the moment, or for ever: then the console is closed. */
static bool read_master(struct console *c)
{
	size_t at = c->end % CONSOLE_KEEP;
	ssize_t n = read(c->master, c->kept + at, CONSOLE_KEEP - at);

	if (n > 0) {
		c->end += n;
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		shut(&c->slave);
		shut(&c->master);
	}
	return false;
}

void console_hang_up(struct console *c)
{
	while (c->master >= 0 && read_master(c))
		;
	shut(&c->slave);
	shut(&c->master);
}

static void accept_viewer(struct console *c)
{
	int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	size_t i;

	for (i = 0; fd >= 0 && i < CONSOLE_VIEWERS; i++) {
		if (c->viewers[i].fd >= 0)
			continue;
		c->viewers[i].fd = fd;
		c->viewers[i].at = c->end > CONSOLE_KEEP ? c->end - CONSOLE_KEEP : 0;
		return;
	}
	shut(&fd);
}

/* What a viewer types goes to the container, if that reads; a full terminal drops it, as any does. */
static void hear(struct console *c, size_t i)
{
	char buf[CONSOLE_MESSAGE_MAX];
	struct winsize ws;
	ssize_t n = recv(c->viewers[i].fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		shut(&c->viewers[i].fd);
	} else if (n > 1 && buf[0] == CONSOLE_DATA && c->master >= 0) {
		(void)!write(c->master, buf + 1, n - 1);
	} else if (n == 1 + (ssize_t)sizeof(ws) && buf[0] == CONSOLE_SIZE && c->master >= 0) {
		memcpy(&ws, buf + 1, sizeof(ws));
		ioctl(c->master, TIOCSWINSZ, &ws);
	}
}

/* One message of what he has not seen. */
static void tell(struct console *c, size_t i)
{
	char buf[CONSOLE_MESSAGE_MAX] = {CONSOLE_DATA};
	uint64_t at = c->viewers[i].at;
	size_t n, from;

	if (c->end - at > CONSOLE_KEEP)
		at = c->end - CONSOLE_KEEP;
	from = at % CONSOLE_KEEP;
	n = c->end - at;
	if (n > CONSOLE_KEEP - from)
		n = CONSOLE_KEEP - from;
	if (n > sizeof(buf) - 1)
		n = sizeof(buf) - 1;
	memcpy(buf + 1, c->kept + from, n);
	if (send(c->viewers[i].fd, buf, n + 1, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n + 1)
		c->viewers[i].at = at + n;
	else if (errno != EAGAIN && errno != EINTR)
		shut(&c->viewers[i].fd);
}

void console_poll(const struct console *c, struct pollfd *p)
{
	size_t i;

	p[POLL_MASTER] = (struct pollfd){.fd = c->master, .events = POLLIN};
	p[POLL_LISTENER] = (struct pollfd){.fd = c->listener, .events = POLLIN};
	for (i = 0; i < CONSOLE_VIEWERS; i++) {
		bool more = c->viewers[i].at < c->end;

		p[POLL_VIEWERS + i] = (struct pollfd){.fd = c->viewers[i].fd,
						      .events = POLLIN | (more ? POLLOUT : 0)};
	}
}

void console_turn(struct console *c, const struct pollfd *p)
{
	size_t i;

	for (i = 0; i < CONSOLE_VIEWERS; i++) {
		if (c->viewers[i].fd >= 0 && p[POLL_VIEWERS + i].revents & POLLOUT)
			tell(c, i);
		if (c->viewers[i].fd >= 0 && p[POLL_VIEWERS + i].revents & ~POLLOUT)
			hear(c, i);
	}
	if (p[POLL_LISTENER].revents)
		accept_viewer(c);
	if (p[POLL_MASTER].revents)
		read_master(c);
}
