/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_SNAPSHOT_H
#define PLOOP_SNAPSHOT_H

#include <stdint.h>

struct edit;

/*
 * What a snapshot that was deleted while the disk of @path was mounted left to be
 * done: the top and the image below become one, if no more than @max_bytes are
 * written for it. Nothing where that is not so, or cannot be.
 */
void snapshot_settle(const char *path, uint64_t max_bytes);

/* The same for an edit that has begun, however much is to be written. */
void snapshot_finish(struct edit *e);

#endif
