/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_POINTS_H
#define PLOOP_POINTS_H

/* Points of a disk that nobody writes to, by name. ploop_point() and the like are in ploop.h. */

#include <stdint.h>

#include "extension.h"
#include "ploop.h"

struct err;
struct image;
struct ploop_disk;

/* A name, and the bytes that it is in an image. */
void point_id(const char guid[PLOOP_GUID_BYTES], uint8_t ret[POINT_ID_BYTES]);
void point_guid(const uint8_t id[POINT_ID_BYTES], char ret[PLOOP_GUID_BYTES]);

/* A new one of nothing written, named in a sentence if it is not made: -EEXIST, -E2BIG. */
int point_add(struct extension *e, const struct image *img, const char *guid, struct err *err);

/* -ENOENT: of the disk @img. */
int point_missing(const struct image *img, const char *guid, struct err *err);

/* Nobody else mounts it or writes to it until it is closed; its extension is loaded. */
struct resting {
	struct ploop_disk *disk; /* owned */
	int lock;		 /* its top, for writing; owned */
};

/* -EBUSY when somebody has it, -EOPNOTSUPP for a raw one, -EUCLEAN when its extension is damaged. */
int resting_open(const char *path, struct resting *ret, struct err *err);
void resting_close(struct resting *d);

/* NULL, with the sentence of an -ENOENT: there is none. Valid until the points change. */
const struct point *resting_point(const struct resting *d, const char *guid, struct err *err);

/* -EEXIST, -E2BIG; -ENOENT. Stable, and the image closed, when they return. */
int resting_add_point(struct resting *d, const char *guid, struct err *err);
int resting_remove_point(struct resting *d, const char *guid, struct err *err);

#endif
