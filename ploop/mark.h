/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_MARK_H
#define PLOOP_MARK_H

/*
 * What the host's root has noted on an image file: that its file system is
 * sound, or that a device of ours writes to it. Another inode, another size or
 * another time of the contents, and the note says nothing.
 */

#include <stdbool.h>

/* @image was checked whole, or made here. Best effort: without a mark, a mount checks. */
void mark_checked(int image);

bool mark_is_checked(int image);

/*
 * From here on the loop device @loop writes to @image: until mark_unmounted()
 * the image counts as unchecked, across a crash too. 0 or -errno when a mark
 * that says otherwise cannot be taken away.
 */
int mark_mounted(int image, int loop);

/*
 * @loop has written all it had to: @image counts as checked again if it was
 * this very device that it was mounted from.
 */
void mark_unmounted(int image, int loop);

#endif
