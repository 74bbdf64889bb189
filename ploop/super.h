/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_SUPER_H
#define PLOOP_SUPER_H

/* What the super block of a file system may ask of the kernel that mounts it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum {
	SUPER_OFFSET = 1024, /* of the super block in its file system */
	SUPER_BYTES = 1024,
};

/*
 * Whether the kernel shall see the file system with these SUPER_BYTES: ext2, 3
 * or 4 with known features only, its journal inside of it, and no mount
 * options of its own. -EUCLEAN with a sentence that goes on behind the image's name.
 */
int super_check(const void *buf, struct err *err);

/* How much of its device it says that it takes; UINT64_MAX: no size there is. */
uint64_t super_size_bytes(const void *buf);

/* Of one of its blocks; 1024 where that makes no sense. */
uint32_t super_block_bytes(const void *buf);

/* Unmounted whole, and no error was found in it. */
bool super_is_clean(const void *buf);

#endif
