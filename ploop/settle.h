/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_SETTLE_H
#define PLOOP_SETTLE_H

/*
 * A disk that grew while it was mounted has its partition tables and descriptor
 * behind: the one lie outside of the device, the other follows last. Both are put
 * right when it is not mounted. So are tables of which one was cut.
 */

#include <stdbool.h>

struct err;
struct ploop_disk;

/* Do partition tables, or descriptor, not end where the disk ends? */
bool settle_is_due(struct ploop_disk *disk);

/*
 * Partition tables and descriptor say how large the disk is. @image: its top, open
 * for writing and locked; on no device. The disk is for reading, and is done with.
 */
int settle(struct ploop_disk *disk, int image, struct err *err);

#endif
