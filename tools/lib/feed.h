/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_FEED_H
#define VESPER_FEED_H

#include <stddef.h>

struct ct;
struct err;
struct exec_opts;

/*
 * As exec_run(), with @input as the program's standard input instead of ours.
 * What runs inside is the tenant's: past @timeout_sec (0: none) it is killed with
 * all that it started in its cgroup, -ETIMEDOUT. A signal that ends us is passed on, and the program's
 * end is waited for. Exit codes as exec_run().
 */
int feed_exec(const struct ct *ct, const struct exec_opts *opts, int input, int timeout_sec,
	      int *ret_status, struct err *err);

/* The shell of the container, reading @script. */
int feed_shell(const struct ct *ct, int script, int timeout_sec, int *ret_status, struct err *err);

/* A descriptor that @text is read from, of at most 4096 bytes: it is in no file and no argument. */
int feed_text(const char *text, size_t len, struct err *err);

#endif
