/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "legacy.h"
#include "lifecycle.h"
#include "log.h"
#include "supervisor.h"

struct flags {
	bool fast, force, skip_umount;
};

static void found(void *arg, const char *option, const char *value)
{
	struct flags *f = arg;

	(void)value;
	f->fast |= strcmp(option, "fast") == 0;
	f->force |= strcmp(option, "force") == 0;
	f->skip_umount |= strcmp(option, "skip-umount") == 0;
}

static int prepare(struct ctx *ctx, int argc, char **argv, struct flags *f, struct err *err)
{
	int r = cmd_parse(argc, argv, found, f, err);

	if (r == 0)
		r = cmd_lock(ctx, err);
	return r < 0 ? r : ct_require(ctx->ct, err);
}

void cmd_say_unsupported(const struct ctx *ctx)
{
	_cleanup_free_ char *unsupported = legacy_unmet(ctx->ct);

	if (unsupported)
		log_error("container %s: not supported yet, not applied: %s", ctx->ct->idstr,
			  unsupported);
}

static int start(struct ctx *ctx, const struct flags *f, struct err *err)
{
	const struct lifecycle_opts opts = {.supervised = ctx->supervised, .note = cmd_note};
	const char *disabled = ct_get(ctx->ct, "DISABLED");
	int r;

	if (disabled && strcmp(disabled, "yes") == 0 && !f->force)
		return err_exit(err, VZ_DISABLED, "container %s is disabled (--force starts it)",
				ctx->ct->idstr);
	cmd_say_unsupported(ctx);
	cmd_say(ctx, "Starting container...");
	r = ct_start(ctx->ct, &opts, err);
	if (r < 0)
		return err_prefix(err, "cannot start %s", ctx->ct->idstr);
	cmd_say(ctx, "Container start in progress...");
	return 0;
}

static int stop(struct ctx *ctx, const struct flags *f, struct err *err)
{
	const struct lifecycle_opts opts = {
		.fast = f->fast, .skip_umount = f->skip_umount, .note = cmd_note};
	int r;

	cmd_say(ctx, "Stopping container...");
	r = ct_stop(ctx->ct, &opts, err);
	if (r < 0)
		return err_prefix(err, "cannot stop %s", ctx->ct->idstr);
	cmd_say(ctx, "Container was stopped");
	if (!f->skip_umount)
		cmd_say(ctx, "Container is unmounted");
	return 0;
}

/* The supervisor does it, by this same command as its job: init is to be its child. */
static int start_supervised(struct ctx *ctx, const struct flags *f, struct err *err)
{
	const char *const job[] = {"start", f->force ? "--force" : NULL, NULL};

	return supervisor_run(ctx->ct, ctx->flags, job, err);
}

int cmd_start(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	struct flags f = {0};
	int r = prepare(ctx, argc, argv, &f, err);

	if (r < 0)
		return r;
	return ctx->supervised ? start(ctx, &f, err) : start_supervised(ctx, &f, err);
}

int cmd_stop(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	struct flags f = {0};
	int r = prepare(ctx, argc, argv, &f, err);

	return r < 0 ? r : stop(ctx, &f, err);
}

int cmd_restart(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	struct flags f = {0};
	int r = prepare(ctx, argc, argv, &f, err);

	if (r == 0)
		r = stop(ctx, &f, err);
	if (r < 0 && err->exit_code != VZ_NOT_RUNNING)
		return r;
	return start_supervised(ctx, &f, err);
}
