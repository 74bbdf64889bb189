/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_ATTACH_DM_H
#define PLOOP_ATTACH_DM_H

/* What making a device and giving it another top have in common. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct attach;
struct err;
struct ploop_disk;

/*
 * The disk that the device @dev, with a table of the target, is on now, and where
 * on it the device begins; caller closes. @shown is for messages. -ENOTBLK: it has
 * none; -ESTALE: its images are not to be found, or not all.
 */
int attach_dm_open(int dm, dev_t dev, const char *shown, struct ploop_disk **ret,
		   uint64_t *ret_offset_bytes, struct err *err);

/* Does the device note what is written to it? */
bool attach_dm_is_tracked(int dm, dev_t dev);

/*
 * A table of the target for @a, to be used from the next resume on. @push: the
 * disk's own top is one more of the older ones, and a->image stands on it.
 */
int attach_dm_load(int dm, const struct attach *a, dev_t dev, bool push, struct err *err);

/*
 * The mounted disk @dev goes on with the images of @disk; when it does not, with
 * those of @was, which may be the same and smaller.
 */
int attach_dm_reload(int dm, struct ploop_disk *was, struct ploop_disk *disk, dev_t dev,
		     struct err *err);

/* The device is known by its top: @image is that now. Best effort, who looks for it looks at the top itself, too. */
void attach_dm_rename(int dm, dev_t dev, int image);

#endif
