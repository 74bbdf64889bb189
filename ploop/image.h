/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_IMAGE_H
#define PLOOP_IMAGE_H

/* One image file: its header, its marker, its block table. No caching: see disk.h. */

#include <stdbool.h>
#include <stdint.h>

#include "bat.h"
#include "extension.h"
#include "ploop.h"

struct err;
struct ploop_header;

struct image {
	int fd;	    /* owned */
	char *name; /* for messages; owned */
	enum ploop_format format;
	unsigned int version; /* of the format, 1 or 2; raw: 0 */
	uint32_t cluster_bytes;
	uint64_t size_bytes; /* of the virtual disk */
	bool writable;
	bool marked;	      /* the file says that it is in use */
	bool unmapped;	      /* open while somebody writes to it: the map is not loaded */
	bool reserved;	      /* while it is made: each cluster has its place already */
	struct bat bat;	      /* expanded only */
	struct extension ext; /* of one that is written to, or that was asked for */
	uint8_t *present;     /* raw, while it is made: clusters that were written; NULL: all */
};

/* Virtual disk sizes are whole clusters. */
static inline uint32_t image_clusters(const struct image *img)
{
	return (uint32_t)((img->size_bytes + img->cluster_bytes - 1) / img->cluster_bytes);
}

/*
 * Make the new file @name below @dirfd (-EEXIST when there is one) and leave it
 * open for writing, marked in use. A failure leaves no file; the caller unlinks
 * it when it gives up later.
 */
int image_create(int dirfd, const char *name, enum ploop_format format, uint64_t size_bytes,
		 uint32_t cluster_bytes, struct image *img, struct err *err);

/* A new expanded image is of that format version; -EFBIG when it is too large for it. */
int image_set_version(struct image *img, unsigned int version, struct err *err);

/*
 * A new expanded image has room for all of its disk from now on, each cluster at
 * its own place, and in the end all of them in its table. -EOPNOTSUPP where the file system
 * does not make room in advance.
 */
int image_reserve(struct image *img, struct err *err);
void image_map_reserved(struct image *img);

/*
 * The same without a name, expanded; @size_bytes may end inside of a cluster. The
 * file goes when it is closed, unless it was linked. @name is for messages.
 */
int image_create_unnamed(int dirfd, const char *name, uint64_t size_bytes, uint32_t cluster_bytes,
			 struct image *img, struct err *err);

/* A raw image in memory, for trials. */
int image_create_trial(uint64_t size_bytes, struct image *img, struct err *err);

/*
 * Open an image and check everything that can be known without its data.
 * @want: what the descriptor says. One that is marked in use or was left in the
 * middle of a conversion is refused.
 * Writing: takes a lock on the file (-EBUSY) and marks the image in use.
 */
int image_open(int dirfd, const char *name, enum ploop_format want, uint32_t raw_cluster_bytes,
	       bool writable, struct image *img, struct err *err);

/*
 * As image_open() for reading, and one that is marked in use opens as well:
 * unmapped, since its map may change at any time.
 */
int image_open_any(int dirfd, const char *name, enum ploop_format want, uint32_t raw_cluster_bytes,
		   struct image *img, struct err *err);

/* The file @name below @dirfd, whatever it is; for writing -EBUSY when a device has it. @path is for messages. */
int image_open_file(int dirfd, const char *name, bool writable, const char *path, struct err *err);

/* Does the expanded image @name below @dirfd say that it is in use? */
int image_is_marked(int dirfd, const char *name, bool *ret, struct err *err);

/* One that was opened for reading is written to, by @fd, which has the lock, and marked in use. */
int image_take(struct image *img, int fd, struct err *err);

/* What of the extension there is, for one that is only read; see extension_load(). */
int image_load_extension(struct image *img, struct err *err);

/* The map of an unmapped image, as it is now. */
int image_map_now(struct image *img, struct err *err);

/* Decode and check the 64 bytes of a header (host byte order in *ret); @file_bytes is the file's length. */
int image_parse_header(const void *bytes, uint64_t file_bytes, const char *name,
		       struct ploop_header *ret, struct err *err);

/* The block table of the image @fd with the header @h; see bat_load(). */
int image_load_map(int fd, const struct ploop_header *h, uint64_t file_bytes, const char *name,
		   struct bat *ret, struct err *err);

/* What an entry of its table counts a cluster as. */
uint32_t image_map_unit(const struct ploop_header *h);

/* What a file is by its first bytes: expanded, else raw. */
int image_probe(int fd, enum ploop_format *ret);

/*
 * Make the map stable after the data: flush data, write the changed pages of
 * the block table, flush them. Without @sync only the order of writes holds.
 */
int image_store_map(struct image *img, bool sync);

/*
 * The disk ends at @size_bytes, a multiple of the cluster and no more than it has.
 * What lies behind is in the table no more, stable, before the header says so.
 * 0 or -errno.
 */
int image_cut(struct image *img, uint64_t size_bytes);

/* Take the in-use marker away: the last write to an image. */
int image_finish(struct image *img, bool sync, struct err *err);

/* Closes without finishing: a written image stays marked in use. */
void image_close(struct image *img);

#endif
