/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd.h"

#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "lifecycle.h"
#include "state.h"

static int prepare(struct ctx *ctx, int argc, char **argv, struct ct_status *st, struct err *err)
{
	int r = cmd_parse(argc, argv, NULL, NULL, err);

	if (r == 0)
		r = cmd_lock(ctx, err);
	if (r == 0)
		r = ct_require(ctx->ct, err);
	return r < 0 ? r : state_status(ctx->ct, st, err);
}

int cmd_mount(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	struct ct_status st;
	int r = prepare(ctx, argc, argv, &st, err);

	if (r == 0)
		r = ct_mount(ctx->ct, err);
	if (r < 0)
		return err_prefix(err, "cannot mount %s", ctx->ct->idstr);
	cmd_say(ctx, "Container is mounted");
	return 0;
}

int cmd_umount(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	struct ct_status st;
	int r = prepare(ctx, argc, argv, &st, err);

	if (r == 0 && st.running)
		r = err_exit(err, VZ_RUNNING, "it is running");
	/* Leftovers of a container that ended by itself hold the mount. */
	if (r == 0)
		r = ct_cleanup(ctx->ct, false, err);
	if (r == 0)
		r = ct_umount(ctx->ct, err);
	if (r < 0)
		return err_prefix(err, "cannot unmount %s", ctx->ct->idstr);
	cmd_say(ctx, "Container is unmounted");
	return 0;
}
