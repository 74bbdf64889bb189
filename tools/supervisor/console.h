/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VZ_SUPERVISOR_CONSOLE_H
#define VZ_SUPERVISOR_CONSOLE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The console of a container: everything that it writes there is read at once,
 * so that it never waits for anybody; the last of it is kept, and each viewer
 * goes through that at his own pace, losing what is too old.
 */
#define CONSOLE_KEEP	16384U /* bytes, a power of two */
#define CONSOLE_VIEWERS 4
#define CONSOLE_POLLS	(2 + CONSOLE_VIEWERS)

struct console {
	int master; /* -1: none */
	/* Held so that the master never sees the end of a console that nobody has open just now. */
	int slave;
	int listener;
	uint64_t end; /* bytes that ever came */
	struct {
		int fd;	     /* -1: a free place */
		uint64_t at; /* what he has seen of them */
	} viewers[CONSOLE_VIEWERS];
	char kept[CONSOLE_KEEP];
};

#define CONSOLE_INIT                                                    \
	{                                                               \
		.master = -1, .slave = -1, .listener = -1, .viewers = { \
			{-1, 0},                                        \
			{-1, 0},                                        \
			{-1, 0},                                        \
			{-1, 0}                                         \
		}                                                       \
	}

/* Take @master over; what is kept stays. */
void console_set(struct console *c, int master);

/* (Re)make the socket in @dir; only root connects. */
bool console_listen(struct console *c, const char *dir);

/* The container is gone: what it said last is read, nothing more comes. */
void console_hang_up(struct console *c);

/* CONSOLE_POLLS entries to wait for, and what to do after. */
void console_poll(const struct console *c, struct pollfd *p);
void console_turn(struct console *c, const struct pollfd *p);

#endif
