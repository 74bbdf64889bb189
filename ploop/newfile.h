/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_NEWFILE_H
#define PLOOP_NEWFILE_H

/*
 * An image file whole or not at all: it has no name before it is closed and on
 * stable storage, so that nothing is left of one that was given up, or killed.
 */

#include <stddef.h>
#include <stdint.h>

struct err;
struct ploop_disk;

struct newfile {
	struct ploop_disk *disk; /* owned */
	int dirfd;		 /* owned */
	char *path;		 /* owned */
	const char *name;	 /* in path */
};

/* An expanded image that will be @path; -EEXIST when there is something already. */
int newfile_begin(struct newfile *ret, const char *path, uint64_t size_bytes,
		  uint32_t cluster_bytes, struct err *err);

/* A cluster whole, or what the disk has of its last one; @buf NULL: zeros. */
int newfile_put(struct newfile *f, uint32_t cluster, const void *buf, size_t len, struct err *err);

/* What was put is on stable storage, so that little is left for the end. */
int newfile_flush(struct newfile *f, struct err *err);

/*
 * Closes the image, with a new point @point if that is not NULL, and gives it its name.
 * newfile_drop() is due all the same.
 */
int newfile_end(struct newfile *f, const char *point, struct err *err);

void newfile_drop(struct newfile *f);

#endif
