/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_VZTMPL_TREETAR_H
#define VESPER_VZTMPL_TREETAR_H

/* A directory as a stream: tar(1) at the other end of a pipe. */

#include <sys/types.h>

struct err;

struct treetar {
	pid_t pid;
	const char *dir, *log; /* borrowed */
};

/* *ret_fd is the caller's; what tar complains of goes into the file @log. */
int treetar_start(struct treetar *t, const char *dir, const char *log, int *ret_fd,
		  struct err *err);

/* Wait for its end, with its pipe closed before; fails with the first of its complaints if it failed. */
int treetar_end(struct treetar *t, struct err *err);

#endif
