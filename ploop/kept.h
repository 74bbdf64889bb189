/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_KEPT_H
#define PLOOP_KEPT_H

/*
 * The points of an image while a device of the target writes to it, which knows of
 * none: they are kept in an empty image beside it, FILE.points, and the target
 * tracks what is written. The unmount puts both together. Best effort: what goes
 * wrong gives them up.
 *
 * What the target tells is gone from there. Whoever asks it has the lock on the
 * device, and has removed FILE.points before: without that one, what is left there
 * says nothing of a point.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "extension.h"

struct err;
struct ploop_disk;

#define KEPT_SUFFIX ".points"

/* Before there is a device of @disk: the file with its points, -EBADF if it has none. Caller closes. */
int kept_begin(const struct ploop_disk *disk, int image);

/* @dev, open as @fd, writes to the disk from now on, and has not yet. @kept is what kept_begin() gave. */
void kept_track(const struct ploop_disk *disk, int kept, int fd, dev_t dev);

/*
 * The points of @disk, mounted as @dev, as FILE.points has them: what was tracked since
 * is not noted in them. -ENOENT, -ESTALE: there are none.
 */
int kept_load(const struct ploop_disk *disk, dev_t dev, struct extension *ret);

/*
 * FILE.points has these from now on, as long as the device that is open as @fd goes on
 * tracking, which tells all that is not noted in them. Frees them. 0 or -errno.
 */
int kept_store(const struct ploop_disk *disk, int fd, struct extension *ext);

/*
 * What was kept for the device that is open as @fd, to which nobody writes any more,
 * and what was written to it; empty when that is not known. @path: of the image.
 * The lock on the device stays with @fd.
 */
struct extension kept_collect(const char *path, int fd);

/* The image @path, which the lock on @fd is for, has these points again. Frees them. */
void kept_put(const char *path, int fd, struct extension *ext);

/* The writes to the image @file below @dirfd are not tracked from their start any more. */
void kept_forget(int dirfd, const char *file);

#endif
