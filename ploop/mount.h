/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_MOUNT_H
#define PLOOP_MOUNT_H

/*
 * Note on the open file @image that its file system is sound, so that the
 * first mount takes it as it is. Best effort: without the right or the
 * room for it, a mount checks.
 */
void mount_mark_checked(int image);

#endif
