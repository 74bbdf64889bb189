/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "confine.h"

#include <stddef.h>

#include "caps.h"
#include "err.h"
#include "sysfilter.h"

int confine_prepare(uint64_t caps, struct confine *ret_confine, struct err *err)
{
	struct sysfilter *filter;
	int r = sysfilter_new(&filter, err);

	if (r < 0)
		return r;
	*ret_confine = (struct confine){caps, filter};
	return 0;
}

void confine_free(struct confine *confine)
{
	sysfilter_free(confine->filter);
	confine->filter = NULL;
}

/* Bounding takes nothing that this process holds, so that the filter can come after it. */
int confine_self(const struct confine *confine, struct err *err)
{
	int r = caps_bound(confine->caps, err);

	return r < 0 ? r : sysfilter_load(confine->filter, err);
}
