/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "draft.h"

#include <errno.h>

#include "area.h"
#include "cleanup.h"
#include "config.h"
#include "ct.h"
#include "err.h"
#include "idrange.h"

/* Every other create sees the draft once it has the lock. */
static int store(struct ct *ct, struct err *err)
{
	_cleanup_close_ int lock = idrange_lock(ct->host, err);
	int r = lock < 0 ? lock : area_check_free(ct, err);

	if (r == 0)
		r = idrange_choose(ct, err);
	return r < 0 ? r : ct_store_draft(ct, err);
}

int draft_reserve(struct ct *ct, struct err *err)
{
	int r = store(ct, err);

	if (r == 0)
		r = ct_set_name(ct, NULL, config_get(ct->conf, "NAME"), err);
	if (r < 0)
		ct_drop_draft(ct);
	return r;
}

void draft_drop(struct ct *ct)
{
	ct_set_name(ct, config_get(ct->conf, "NAME"), NULL, NULL);
	ct_drop_draft(ct);
}

int draft_discard(const struct ct *ct, struct err *err)
{
	_cleanup_ct_ struct ct *old = NULL;
	int r = ct_open_unread(ct->host, ct->id, &old, err);

	if (r == 0)
		r = ct_load_draft(old, err);
	if (r == -ENOENT)
		err_clear(err);
	if (r == 0 && old->private_dir)
		r = area_destroy(old, err);
	if (r == 0)
		draft_drop(old);
	return r;
}
