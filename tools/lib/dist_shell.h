/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_DIST_SHELL_H
#define VESPER_DIST_SHELL_H

#include <stddef.h>

struct ct;
struct err;

/*
 * A shell of the container, by which distribution scripts are run one after another,
 * each in a subshell of its own: a start costs one shell, and no script sees what
 * another did to its variables. It is the tenant's: one that ends before the script
 * does has failed in it, and the next script gets another shell.
 */
struct dist_shell;

/* What a script has written: at most the beginning of it, ended by a zero. */
struct dist_output {
	size_t len;
	char text[2048];
};

/*
 * Run @script, with the words "KEY=value" of @env in its environment, and @timeout_sec
 * to end in: past it the shell and all that it started are killed, -ETIMEDOUT.
 * *shell is NULL before the first one. A signal that would end us is passed on.
 * Exit codes as exec_run().
 */
int dist_shell_run(struct dist_shell **shell, const struct ct *ct, const char *script,
		   char *const *env, int timeout_sec, struct dist_output *out, int *ret_status,
		   struct err *err);

/* There may be none. */
void dist_shell_close(struct dist_shell **shell);

#endif
