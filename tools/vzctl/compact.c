/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>

#include "area.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "lifecycle.h"

#define MIB (1u << 20)

/* Only the file system knows what is free in it, so it is mounted for that. */
static int compact_mounted(struct ctx *ctx, bool mounted, struct err *err)
{
	struct err why = ERR_INIT;
	int r = mounted ? 0 : ct_mount(ctx->ct, err);

	if (r < 0)
		return r;
	r = area_compact(ctx->ct, err);
	if (!mounted && ct_umount(ctx->ct, r < 0 ? &why : err) < 0 && r == 0)
		r = err_exit_default(err, VZ_UMOUNT);
	return r;
}

/* An unmount moves no more than it has time for. A raw image has given all back by then. */
static int compact_file(struct ctx *ctx, struct err *err)
{
	int r = area_compact(ctx->ct, err);

	if (r != -EOPNOTSUPP)
		return r;
	err_clear(err);
	return 0;
}

int cmd_compact(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	uint64_t before;
	bool mounted;
	int r = cmd_parse(argc, argv, NULL, NULL, err);

	if (r == 0)
		r = cmd_lock_disk(ctx, &mounted, err);
	if (r < 0)
		return r;
	before = area_taken_bytes(ctx->ct);
	r = compact_mounted(ctx, mounted, err);
	if (r == 0 && !mounted)
		r = compact_file(ctx, err);
	if (r < 0)
		return err_prefix(err, "cannot compact %s", ctx->ct->idstr);
	cmd_say(ctx, "Container disk takes %" PRIu64 " MiB on the host, %" PRIu64 " before",
		area_taken_bytes(ctx->ct) / MIB, before / MIB);
	return 0;
}
