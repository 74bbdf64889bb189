/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_LATER_H
#define PLOOP_LATER_H

/*
 * A disk that was made smaller while it was mounted: ext4 does not shrink then, so
 * what may be used of it is limited, and the rest is done when it is unmounted.
 */

#include <stdint.h>

struct edit;
struct err;
struct ploop_disk;

/*
 * The disk of @e, mounted on @target, is to be as large as @size_bytes, less than it
 * is: from now on no more is used, which the descriptor records. -ENOSPC with how
 * much is needed, -EBUSY when its file system has no project quota.
 */
int later_shrink(struct edit *e, struct ploop_disk *disk, const char *target, uint64_t size_bytes,
		 struct err *err);

/* The same limit for a disk that was mounted again before it could be done. */
int later_limit(struct ploop_disk *disk, const char *target, struct err *err);

/* It is done now that the disk in directory @dir is not mounted, if there is something to do. Waits for a device that goes. */
void later_settle(const char *dir);

#endif
