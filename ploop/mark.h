/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_MARK_H
#define PLOOP_MARK_H

/*
 * What the host's root has noted on an image file: that its file system is
 * sound, or that a device of ours writes to it. Another inode, another size or
 * another time of the contents, and the note says nothing.
 */

#include <stdbool.h>
#include <stdint.h>

/* No owner in what was checked is above max_id; 0: nobody looked. */
struct mark {
	bool checked;
	uint32_t max_id;
};

/* What is known of @image as it is now. */
struct mark mark_get(int image);

/*
 * @image was checked whole, or made here, or is the same as what was; nothing
 * is done for a mark without that. Best effort: without a mark, a mount checks.
 */
void mark_set(int image, struct mark mark);

/* What was checked is about to be changed by other means than a mount. Best effort, the time of the contents tells as well. */
void mark_forget(int image);

/* The number that no other block device has until the next boot. 0 or -errno. */
int mark_sequence(int dev, uint64_t *ret);

/*
 * From here on the device @dev writes to @image: until mark_unmounted() the
 * image counts as unchecked, across a crash too. @checked: it counted as checked
 * before the device was made. @max_id: whoever writes to it has no owners above,
 * and none was there; 0: any. 0 or -errno when a mark that says "checked" cannot be
 * taken away.
 */
int mark_mounted(int image, int dev, bool checked, uint32_t max_id);

/* Does the mark say that it is this device that writes to it? */
bool mark_is_mounted(int image, uint64_t sequence);

/*
 * The device of number @sequence has written all it had to: @image counts as
 * checked again if it was this very device that it was mounted from.
 */
void mark_unmounted(int image, uint64_t sequence);

#endif
