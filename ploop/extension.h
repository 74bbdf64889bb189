/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_EXTENSION_H
#define PLOOP_EXTENSION_H

/*
 * The format extension of an image: points, each with a name and with what of the
 * disk was written since, a bit for so many sectors. docs/ploop-format.md has
 * the bytes, format.h mirrors them.
 */

#include <stdbool.h>
#include <stdint.h>

struct bat;
struct err;
struct ploop_header;

#define POINT_ID_BYTES 16

struct point {
	uint8_t id[POINT_ID_BYTES];
	uint64_t disk_sectors;
	uint32_t granularity_sectors;
	uint8_t *bits;	/* owned */
	uint64_t bytes; /* of bits, a multiple of 8 */
};

/* Zero-initialised is one without points, which has no place in the file. */
struct extension {
	struct point *points; /* owned */
	unsigned int n;
	uint32_t *clusters; /* of the file that are its own, the first has the header; owned */
	uint32_t n_clusters;
};

/*
 * What the image with the header @h has, empty when that cannot be trusted: only one
 * that was closed by who knows of it has a true one. @bat may be one that is not
 * valid. -EUCLEAN for one that breaks a rule, -EOPNOTSUPP for one that has to be
 * known and is not, by name.
 */
int extension_load(int fd, const struct ploop_header *h, const struct bat *bat, uint64_t file_bytes,
		   const char *name, struct extension *ret, struct err *err);

/*
 * As many clusters as it takes become its own: data of the last ones is copied behind
 * the end of the file, so that the last one still is data, as whoever knows of no
 * extension takes what is behind that for lost. The map has to be stored, stable,
 * before extension_store(). 0 or -errno.
 */
int extension_make_room(struct extension *e, int fd, struct bat *bat, uint32_t cluster_bytes);

/*
 * Write it, if it has points, into its own clusters; it counts only when the header
 * says so. *ret_sectors: where it is, 0: nowhere. 0 or -errno.
 */
int extension_store(const struct extension *e, int fd, uint32_t cluster_bytes,
		    uint64_t *ret_sectors);

/* A new point of nothing written. -EEXIST, -E2BIG when there is no room for one more, -ENOMEM. */
int extension_add(struct extension *e, const uint8_t id[POINT_ID_BYTES], uint64_t disk_sectors,
		  uint32_t cluster_bytes);
void extension_remove(struct extension *e, const struct point *p);

/* NULL: there is none of that name. */
struct point *extension_find(const struct extension *e, const uint8_t id[POINT_ID_BYTES]);

/* The bytes were written. */
void extension_note(struct extension *e, uint64_t at, uint64_t len);

/* Was any of the bytes written since? */
bool point_has(const struct point *p, uint64_t at, uint64_t len);

void extension_free(struct extension *e);

#endif
