/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd.h"

#include <stdbool.h>
#include <stdlib.h>

#include "area.h"
#include "cleanup.h"
#include "config.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "value.h"

/* As the legacy tool. */
#define DEFAULT_LAYOUT "ploop:expanded"

static void found(void *arg, const char *option, const char *value)
{
	const char **layout = arg;

	(void)option;
	*layout = value;
}

/* It is an image of that kind from here on, whatever the record says. */
static int record(struct ct *ct, const char *layout, struct err *err)
{
	int r = config_set(ct->conf, "VE_LAYOUT", layout, err);

	return r < 0 ? r : ct_store(ct, err);
}

int cmd_convert(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	const char *layout = DEFAULT_LAYOUT;
	_cleanup_free_ char *full = NULL;
	bool mounted;
	int r = cmd_parse(argc, argv, found, &layout, err);

	if (r == 0 && value_layout(layout, &full, err) < 0)
		return err_exit_default(err, VZ_PLOOP);
	if (r == 0)
		r = cmd_lock_disk(ctx, &mounted, err);
	if (r < 0)
		return r;
	if (mounted)
		return err_exit(err, VZ_IMAGE_CONVERT,
				"cannot convert %s while its disk is mounted: stop it first",
				ctx->ct->idstr);
	r = area_convert(ctx->ct, area_format(full), err);
	if (r == 0)
		r = record(ctx->ct, full, err);
	if (r < 0)
		return err_prefix(err, "cannot convert %s", ctx->ct->idstr);
	cmd_say(ctx, "Container disk is %s now", full);
	return 0;
}
