/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cgroup.h"
#include "cleanup.h"
#include "ct.h"
#include "area.h"
#include "ctsnap.h"
#include "draft.h"
#include "err.h"
#include "exitcode.h"
#include "lifecycle.h"
#include "script.h"
#include "state.h"
#include "strbuf.h"

/* The configuration is kept under another name: it is small, and people want it back. */
static int retire_config(struct ct *ct, struct err *err)
{
	_cleanup_free_ char *old = NULL;
	struct strbuf b = STRBUF_INIT;

	strbuf_addf(&b, "%s.destroyed", ct->conf_path);
	old = strbuf_steal(&b);
	if (!old)
		return err_set(err, ENOMEM, "out of memory");
	if (rename(ct->conf_path, old) < 0)
		return err_errno(err, errno, "cannot rename '%s'", ct->conf_path);
	return 0;
}

static int check(struct ct *ct, struct err *err)
{
	struct ct_status st;
	int r = state_status(ct, &st, err);

	if (r == 0 && st.running)
		return err_exit(err, VZ_RUNNING, "it is running (stop it first)");
	if (r == 0 && (cgroup_exists(ct->cgroup) || state_exists(ct)))
		r = ct_cleanup(ct, true, err);
	if (r == 0)
		r = state_status(ct, &st, err);
	/* What a killed mount left goes; what somebody mounted stays. */
	if (r == 0 && st.mounted)
		r = ct_is_mounted(ct, &st.mounted, err);
	if (r == 0 && st.mounted)
		return err_exit(err, VZ_MOUNTED, "it is mounted (unmount it first)");
	return r < 0 ? r : ctsnap_check_unmounted(ct, err);
}

/* No configuration: it may still be what a killed create left. */
static int destroy_draft(struct ctx *ctx, struct err *err)
{
	int r = draft_discard(ctx->ct, err);

	if (r == -ENOENT)
		return ct_require(ctx->ct, err);
	if (r == 0)
		cmd_say(ctx, "Removed what a create that did not end had left");
	return r;
}

int cmd_destroy(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	int r = cmd_parse(argc, argv, NULL, NULL, err);

	if (r == 0)
		r = cmd_lock(ctx, err);
	if (r == 0 && !ctx->ct->exists)
		return destroy_draft(ctx, err);
	if (r == 0)
		r = ct_require(ctx->ct, err);
	if (r == 0)
		r = check(ctx->ct, err);
	if (r < 0)
		return err_prefix(err, "cannot destroy %s", ctx->ct->idstr);
	cmd_say(ctx, "Destroying container private area: %s", ctx->ct->private_dir);
	r = area_destroy(ctx->ct, err);
	if (r == 0)
		r = ct_set_name(ctx->ct, ct_get(ctx->ct, "NAME"), NULL, err);
	if (r == 0)
		r = script_retire(ctx->ct, err);
	if (r == 0)
		r = retire_config(ctx->ct, err);
	if (r < 0)
		return err_prefix(err, "cannot destroy %s", ctx->ct->idstr);
	cmd_say(ctx, "Container private area was destroyed");
	return 0;
}
