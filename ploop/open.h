/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_OPEN_H
#define PLOOP_OPEN_H

/* Which image file a path given by a person means. */

#include <stdbool.h>
#include <stdint.h>

#include "image.h"

struct err;

struct location {
	int dirfd;		 /* of the image's directory; owned */
	char *dir, *file, *path; /* path = dir/file; owned */
	bool described;		 /* size and cluster come from a descriptor */
	uint64_t size_bytes;
	uint32_t cluster_bytes;
	enum ploop_format format;
};

int location_find(struct location *ret, const char *path, struct err *err);
void location_free(struct location *loc);

/* Descriptor and image must say the same. */
int location_fits(const struct location *loc, const struct image *img, struct err *err);

#endif
