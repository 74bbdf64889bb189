/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_HOLES_H
#define PLOOP_HOLES_H

/* Parts of an image file without blocks, which the format of expanded ones forbids. */

#include <stdint.h>

/*
 * 1 and the place of the first hole below @end, 0: there is none, or this file
 * system does not tell; -errno. Room that was made and is not written yet has its
 * blocks and is none.
 */
int holes_find(int image, uint64_t end, uint64_t *ret);

/* They get blocks, of zeros that nobody writes; best effort, where there is no room they stay. */
void holes_fill(int image);

#endif
