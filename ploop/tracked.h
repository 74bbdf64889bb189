/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_TRACKED_H
#define PLOOP_TRACKED_H

/* A mounted disk whose writes the kernel's target notes, for passes.h. */

#include <stdbool.h>
#include <sys/types.h>

#include "passes.h"

struct err;
struct ploop_copy_opts;
struct tracked;

/*
 * @source: a block device of the target, or what such a one is mounted of. From
 * now on writes are noted, and nobody makes snapshots, resizes or copies it.
 * *ret_from has the result as its argument. With a point in @opts there is such a one
 * from the end of the copy on, of what the copy has.
 */
int tracked_open(const char *source, const struct ploop_copy_opts *opts, struct tracked **ret,
		 struct passes_from *ret_from, struct err *err);

dev_t tracked_device(const struct tracked *t);

/* NULL is fine. @failed: a point that was made for it is none. */
void tracked_close(struct tracked *t, bool failed);

/* Is @source for tracked_open(), and not a disk at rest? */
bool tracked_is_mounted(const char *source);

/* -ENOENT when the mounted disk has no such point. */
int tracked_remove_point(const char *source, const char *guid, struct err *err);

#endif
