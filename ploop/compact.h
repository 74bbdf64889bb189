/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_COMPACT_H
#define PLOOP_COMPACT_H

/* An expanded image gives back to its file system what it has no use for. */

#include <stdint.h>

struct err;
struct ploop_disk;

/* Whoever waits for an unmount is not to wait for long: a compaction that is asked for does the rest. */
#define COMPACT_MOVE_BYTES (256u << 20)

/*
 * The closed image @image, locked by the caller, on no device and open for
 * writing, gets as short as what its block table names: what lies at the end goes
 * where nothing is, and the end is cut off. At most @max_move_bytes are written for
 * that; where that is not enough, what nobody uses in the middle stays a hole.
 * Clusters that are nothing but a hole have no use either, where @disk, whose top
 * the image is, has nothing below to be hidden; NULL: that is not known. Other holes
 * get blocks, since the format has none. *ret_freed_bytes is how much shorter the
 * file is. The same bytes of the disk before, in the middle, after it.
 */
int compact_image(int image, uint64_t max_move_bytes, const struct ploop_disk *disk,
		  const char *path, uint64_t *ret_freed_bytes, struct err *err);

#endif
