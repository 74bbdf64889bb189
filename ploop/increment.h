/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_INCREMENT_H
#define PLOOP_INCREMENT_H

/*
 * What was written to a disk since a point: read from it, and put on a copy of
 * the disk at that point, in a new image of its own.
 */

#include <stddef.h>
#include <stdint.h>

#include "edit.h"
#include "points.h"

struct err;
struct passes_to;
struct ploop_copied;
struct ploop_disk;

/* --- from --------------------------------------------------------------------------------- */

struct increment_from {
	struct resting at;
	char since[PLOOP_GUID_BYTES], point[PLOOP_GUID_BYTES]; /* point: empty for none */
};

/* @point, if it is not NULL, is made now, of what will be copied. -ENOENT when there is no @since. */
int increment_open(const char *source, const char *since, const char *point,
		   struct increment_from *ret, struct err *err);

/* Every cluster that was written since, zeros too. */
int increment_run(const struct increment_from *from, const struct passes_to *to,
		  struct ploop_copied *ret_copied, struct err *err);

/* @failed: a point that was made for it goes again. */
void increment_close(struct increment_from *from, bool failed);

/* --- to ------------------------------------------------------------------------------------- */

struct increment_to {
	struct edit edit;
	int lock;		 /* the top that it was; owned */
	struct ploop_disk *disk; /* of the new image alone; owned */
	char *name;		 /* of that; owned */
	void *zeros;		 /* a cluster of them; owned */
	char since[PLOOP_GUID_BYTES], point[PLOOP_GUID_BYTES];
};

/*
 * @dir is a copy of a disk as it was at the point @since, and nothing was written to
 * it since: -ESTALE if not. @point may be empty.
 */
int increment_begin(const char *dir, const char *since, const char *point, uint64_t size_bytes,
		    uint32_t cluster_bytes, struct increment_to *ret, struct err *err);

/* A cluster whole, or what the disk has of its last one; @buf NULL: zeros. */
int increment_put(struct increment_to *to, uint32_t cluster, const void *buf, size_t len,
		  struct err *err);
int increment_flush(struct increment_to *to, struct err *err);

/* The disk has it, and what it was is the snapshot @since. increment_drop() is due all the same. */
int increment_end(struct increment_to *to, struct err *err);
void increment_drop(struct increment_to *to);

#endif
