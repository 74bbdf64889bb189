/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_OPEN_H
#define PLOOP_OPEN_H

/* Which image files a path given by a person means. */

#include <stdbool.h>
#include <stdint.h>

#include "descriptor.h"
#include "image.h"

struct err;

struct level {
	const char *file; /* plain name in the location's directory; borrowed */
	enum ploop_format format;
};

struct location {
	int dirfd;			       /* of the images' directory; owned */
	char *dir, *path;		       /* path: of the top image; owned */
	struct level levels[PLOOP_LEVELS_MAX]; /* the oldest first */
	unsigned int n;
	bool described; /* there is a descriptor, and desc is what it says */
	struct descriptor desc;
	char *file; /* of an image alone; owned */
};

/* @guid: up to that delta of the descriptor, NULL: to its top. -ENOENT when there is none. */
int location_find(struct location *ret, const char *path, const char *guid, struct err *err);
void location_free(struct location *loc);

static inline const struct level *location_top(const struct location *loc)
{
	return &loc->levels[loc->n - 1];
}

/* Up to another delta of the same descriptor, as it is in memory. -ENOENT when there is none. */
int location_select(struct location *loc, const char *guid, struct err *err);

enum open_how {
	OPEN_CLOSED, /* none may be in use */
	OPEN_ANY,    /* as image_open_any() */
	OPEN_WRITE,  /* the last one is written to, locked and marked in use */
};

/* Open them all as one disk. Images and descriptor must say the same. */
int location_open(const struct location *loc, enum open_how how, struct ploop_disk **ret,
		  struct err *err);

/* As ploop_open_snapshot(), also what is none any more and is not merged yet. */
int disk_open_at(const char *path, const char *guid, struct ploop_disk **ret, struct err *err);

/* The images of @disk, as they are now, none of them in use. */
int disk_open_again(const struct ploop_disk *disk, struct ploop_disk **ret, struct err *err);

/* Does the descriptor still say what @disk was opened by? -ESTALE if not. */
int disk_check_current(const struct ploop_disk *disk, struct err *err);

#endif
