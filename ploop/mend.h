/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_MEND_H
#define PLOOP_MEND_H

/* What the last writer of an expanded image left, made good for the next. */

#include <stdbool.h>

struct err;
struct location;

/*
 * The expanded image @image, locked by the caller and on no device, is closed
 * and whole clusters long after this. One that says "in use" is looked at from
 * its header to the last entry of its block table first, and gives back what no
 * entry names at its end. -EUCLEAN when the table is wrong: then nothing was
 * changed. -EBUSY when another program has locks on the file, and, @read_only,
 * for one that was not closed: that would have to be written.
 */
int mend_image(int image, bool read_only, const char *path, struct err *err);

/* The same for the image @name that others stand on, which is nobody's to write to; it locks it. */
int mend_older(int dirfd, const char *name, const char *path, struct err *err);

/* All that ploop_drop_in_use() does, to the images of @loc. */
int mend_disk(const struct location *loc, struct err *err);

#endif
