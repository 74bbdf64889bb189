/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_FSCK_H
#define PLOOP_FSCK_H

/* The programs of e2fsprogs on the device of a disk that nobody has mounted. */

#include <stdbool.h>
#include <stdint.h>

struct attach;
struct err;

/*
 * Before the kernel looks at the file system on the device @dev, which is @node.
 * @first: it was never checked as it is. Read-only, there is nothing to repair
 * with: e2fsck only looks. -EUCLEAN when it is damaged, or not for the kernel to see.
 */
int fsck_device(const struct attach *a, int dev, const char *node, bool first, bool fsck,
		struct err *err);

/*
 * The file system, checked before, takes no more than @bytes; whoever is killed in
 * the middle leaves a ruin. -ENOSPC with how much is needed when it does not fit.
 */
int fsck_shrink(const struct attach *a, int dev, const char *node, uint64_t bytes, struct err *err);

#endif
