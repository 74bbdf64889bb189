/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_SHRINK_H
#define PLOOP_SHRINK_H

/* Smaller disks. */

#include <stdint.h>

struct attach;
struct edit;
struct err;

/* Makes the file system of a disk, on a device or otherwise, fit into one of @size_bytes. */
typedef int (*shrink_fs_fn)(struct attach *a, uint64_t size_bytes, struct err *err);

/* By resize2fs, on a device. -ENOSPC when it does not fit. */
int shrink_fs(struct attach *a, uint64_t size_bytes, struct err *err);

/*
 * The disk of @e, which nobody has mounted, ends at @size_bytes, a multiple of the
 * cluster; @fs, or shrink_fs(), sees to its file system. A crash, or an error,
 * leaves the disk before or the one after.
 */
int shrink_disk(struct edit *e, uint64_t size_bytes, shrink_fs_fn fs, struct err *err);

#endif
