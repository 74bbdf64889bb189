/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_DRAFT_H
#define VESPER_DRAFT_H

struct ct;
struct err;

/*
 * A container that is being made. Its draft (ct.h) is on disk before anything
 * else is, and goes when all of it is there or nothing is: a killed create
 * leaves the draft, and with it the way to everything that has to go. The
 * caller holds the container's lock.
 */

/*
 * Choose the host ids, write the draft, and take the name. Holds a lock of the
 * node only meanwhile, never while an image is made. Exit codes 9, 21, 44, 131, 139.
 */
int draft_reserve(struct ct *ct, struct err *err);

/* Give up: name and draft go, the caller has removed the private area. */
void draft_drop(struct ct *ct);

/* Remove what a killed create of @ct's id left; -ENOENT without a sentence when it left nothing. */
int draft_discard(const struct ct *ct, struct err *err);

#endif
