/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "exec.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmd.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "strv.h"

/* A person is there: for a pipe, a script or a job in the background there is none. */
static bool at_terminal(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO) &&
	       tcgetpgrp(STDIN_FILENO) == getpgrp();
}

static int run(struct ctx *ctx, const struct exec_opts *opts, struct err *err)
{
	int status = 0;
	int r = ct_require(ctx->ct, err);

	if (r == 0)
		r = exec_run(ctx->ct, opts, &status, err);
	return r < 0 ? err_exit_default(err, VZ_COMMAND) : status;
}

int cmd_exec(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	_cleanup_free_ char *line = NULL;
	struct exec_opts opts = {.tty = at_terminal()};
	int r;

	if (argc < 2)
		return err_exit(err, VZ_BAD_OPTION, "%s: the command is missing", argv[0]);
	if (strcmp(argv[0], "exec3") == 0) {
		opts.argv = argv + 1;
		return run(ctx, &opts, err);
	}
	line = strv_join(argv + 1, " ");
	if (!line)
		return err_set(err, ENOMEM, "out of memory");
	opts.command = line;
	r = run(ctx, &opts, err);
	/* exec tells only whether it went well, exec2 how. */
	return r > 0 && strcmp(argv[0], "exec") == 0 ? VZ_COMMAND : r;
}

static void found(void *arg, const char *option, const char *value)
{
	(void)option;
	((struct exec_opts *)arg)->command = value;
}

int cmd_enter(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	struct exec_opts opts = {.tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)};
	int r = cmd_parse(argc, argv, found, &opts, err);

	if (r < 0)
		return r;
	if (opts.tty)
		cmd_say(ctx, "entered into CT %s", ctx->ct->idstr);
	r = run(ctx, &opts, err);
	if (opts.tty && r >= 0)
		cmd_say(ctx, "exited from CT %s", ctx->ct->idstr);
	return r;
}
