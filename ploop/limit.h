/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_LIMIT_H
#define PLOOP_LIMIT_H

/* What may be used of a mounted file system that will be smaller. */

#include <stdint.h>

struct err;

/* Of a file system: what decides how much fits into one of another size. */
struct limit_shape {
	uint64_t blocks, overhead_blocks; /* of its own tables and its journal */
	uint32_t block_bytes, group_blocks;
	uint32_t groups, flex_groups;	     /* those of so many have their tables together */
	uint32_t group_inodes, table_blocks; /* of one group: its inodes, all its tables */
};

struct limit_room {
	uint64_t bytes, inodes; /* 0 bytes: it cannot be so small */
};

/* Of the super block at @buf, SUPER_BYTES long, as the kernel keeps it while it is mounted. -EINVAL: makes no sense. */
int limit_shape(const void *buf, struct limit_shape *ret);

/* What certainly fits when it has been made as small as @bytes. */
struct limit_room limit_room(const struct limit_shape *s, uint64_t bytes);

/* What its files have, as its super block says after a clean unmount. */
struct limit_room limit_used(const void *buf, const struct limit_shape *s);

/*
 * What is mounted on @target takes no more than @room from now on, until it is
 * unmounted, and df(1) shows it. -ENOSPC when it has more already, which is what
 * @ret_used is then; nothing has changed. -EBUSY when it has no project quota.
 */
int limit_set(const char *target, const struct limit_room *room, struct limit_room *ret_used,
	      struct err *err);

/* It may take all that there is. */
int limit_lift(const char *target, struct err *err);

#endif
