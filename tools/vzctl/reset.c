/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "cmd.h"
#include "config.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "param.h"
#include "set.h"
#include "state.h"

/* The beancounters and memory of the file, whatever was set in between without --save. */
int set_reset_ub(struct ctx *ctx, struct err *err)
{
	_cleanup_config_ struct config *changes = NULL;
	struct ct_status st;
	size_t i;
	int r = state_status(ctx->ct, &st, err);

	if (r == 0 && !st.running)
		r = err_exit(err, VZ_NOT_RUNNING, "container %s is not running", ctx->ct->idstr);
	if (r == 0)
		r = param_check_all(ctx->ct, err);
	if (r == 0)
		r = state_load_changes(ctx->ct, &changes, err);
	for (i = 0; r == 0 && i < param_count; i++) {
		const struct param *p = &params[i];

		if (p->phase != PHASE_CGROUP || p->exit_code != VZ_UBC_SET)
			continue;
		r = p->apply(ctx->ct, NULL, ct_get(ctx->ct, p->key), err);
		if (r == 0)
			r = config_set(changes, p->key, NULL, err);
	}
	if (r < 0)
		return err_exit_default(err, VZ_UBC_SET);
	return state_store_changes(ctx->ct, changes, err);
}
