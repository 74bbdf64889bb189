/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_OWNERS_H
#define PLOOP_OWNERS_H

/* Whose files a file system has that others made. */

#include <stdint.h>

struct err;

/*
 * The file system on the device @dev, which e2fsck has nothing to say of, has no
 * owner, no id in an ACL or in file capabilities above @max_id. -ERANGE
 * with a sentence that goes on behind the image's name: the file with the
 * largest, and how many ids that takes.
 */
int owners_check(const char *dev, uint32_t max_id, struct err *err);

#endif
