/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VESPER_RUN_H
#define VESPER_RUN_H

#include <stdbool.h>
#include <stddef.h>

struct err;

struct run_opts {
	const char *const *env; /* NULL: own environment; else exactly this */
	const char *cwd;	/* NULL: own */
	const char *input;	/* fed to standard input; NULL: /dev/null */
	size_t input_len;
	int timeout_sec;      /* 0: none; past it the program is killed, -ETIMEDOUT */
	char **ret_out;	      /* captured standard output (caller frees), NULL: inherited */
	size_t out_max_bytes; /* more than this is -EFBIG; 0: 1 MiB */
	bool out_tail;	      /* no limit, but only the last out_max_bytes are kept */
	bool no_stderr;	      /* standard error goes nowhere; else it is inherited */
	bool dies_with_us;    /* killed when the calling process ends */
};

/*
 * Run argv[0] (looked up in PATH, never a shell) and wait. Every descriptor
 * but 0-2 is closed in it. Returns the exit status (0..255), 128 + signal, or
 * -errno with a sentence when it could not be run. @opts may be NULL.
 */
int run_program(const char *const *argv, const struct run_opts *opts, struct err *err);

#endif
