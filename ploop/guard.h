/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_GUARD_H
#define PLOOP_GUARD_H

/*
 * Something that has to be undone even if this process is killed: another one
 * waits for the end of this one, or for guard_end(), and does it.
 */

#include <sys/types.h>

struct guard {
	pid_t pid; /* 0: none */
	int pipe;  /* its end; owned */
};

#define GUARD_NONE             \
	(struct guard)         \
	{                      \
		.pipe = -EBADF \
	}

/* @fd is the only descriptor of ours that it has; what it does may neither allocate nor lock. 0 or -errno. */
typedef int (*guard_fn)(int fd, dev_t dev);

/* 0 or -errno. */
int guard_begin(struct guard *g, guard_fn undo, int fd, dev_t dev);

/* Undo it now: what @undo returned, or -errno. Without a guard 0. */
int guard_end(struct guard *g);

/* There is nothing to be undone. */
void guard_dismiss(struct guard *g);

#endif
