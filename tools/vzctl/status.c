/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd.h"

#include <stdio.h>

#include "ct.h"
#include "err.h"
#include "state.h"

/* Panels and cluster agents parse this line word by word; it never waits for a lock. */
int cmd_status(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	struct ct_status st;
	int r = cmd_parse(argc, argv, NULL, NULL, err);

	if (r == 0)
		r = state_status(ctx->ct, &st, err);
	if (r < 0)
		return r;
	printf("CTID %s %s %s %s\n", ctx->ct->idstr, st.exists ? "exist" : "deleted",
	       st.mounted ? "mounted" : "unmounted", st.running ? "running" : "down");
	return 0;
}
