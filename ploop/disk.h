/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_DISK_H
#define PLOOP_DISK_H

/*
 * The virtual disk: byte ranges over an image and the older ones below it,
 * through a small write-back cache of whole clusters. Everything above
 * (partition table, file system, files) goes through it, so everything sees the
 * same bytes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image.h"

struct disk_slot {
	uint8_t *buf; /* one cluster; owned */
	uint32_t cluster;
	bool used;
	bool fresh;		     /* not in the file yet: reads zero there */
	uint32_t dirty_lo, dirty_hi; /* changed bytes; lo >= hi: none */
	uint64_t stamp;		     /* of the last use */
};

#define DISK_SLOTS_MAX 12

struct ploop_disk {
	struct image img;    /* the top, the only one that is written to */
	struct image *older; /* those below it, the youngest first; owned */
	unsigned int n_older;
	char *dir;		/* directory of the descriptor; owned, may be NULL */
	char *path;		/* of the top image; owned, may be NULL */
	int dirfd;		/* of dir; owned, may be negative */
	bool described;		/* by the descriptor in dir */
	bool preallocated;	/* the oldest image is */
	uint64_t pending_bytes; /* what the descriptor wants it to become, 0: nothing else */
	char *guid;		/* of the snapshot that it is, NULL: the top; owned */
	bool keep_zeros; /* what is written stays in the image that is written to, zeros too */
	bool sync;	 /* disk_flush() makes things stable */
	int io_error;	 /* first -errno of the image file: tells a full host from a full image */
	struct disk_slot slots[DISK_SLOTS_MAX];
	unsigned int nslots;
	struct disk_slot *last;
	uint64_t clock;
};

/* Build a disk over @img, which is taken (and emptied) on success. 0 or -ENOMEM. */
int disk_new(struct image *img, struct ploop_disk **ret_disk);

/* Put @img, taken on success, below all that the disk has, before anything is read. 0 or -ENOMEM. */
int disk_add_older(struct ploop_disk *disk, struct image *img);

/* Is there something to be read of the cluster, in whatever image? */
bool disk_has(const struct ploop_disk *disk, uint32_t cluster);

/* The same in those below the top. */
bool disk_has_below(const struct ploop_disk *disk, uint32_t cluster);

/* Are the tables of all images known? Otherwise nothing can be read. */
bool disk_is_mapped(const struct ploop_disk *disk);

/* Is the image that is written to one that keeps what it has been given? */
bool disk_keeps_space(const struct ploop_disk *disk);

/* 0, -ERANGE outside of the disk, -EROFS, -EBUSY for an unmapped image, or what the file says. */
int disk_read(struct ploop_disk *disk, uint64_t off_bytes, void *buf, size_t len);
int disk_write(struct ploop_disk *disk, uint64_t off_bytes, const void *buf, size_t len);
int disk_zero(struct ploop_disk *disk, uint64_t off_bytes, uint64_t len);

/*
 * Into the top, if it has not got it: what the image right below has of the
 * cluster. Zeros come only if there is an image further below that they hide.
 */
int disk_pull(struct ploop_disk *disk, uint32_t cluster);

/* Write everything out: data, then the map (stable in between when disk->sync). */
int disk_flush(struct ploop_disk *disk);

/* Drops what was not flushed; NULL is fine. */
void disk_free(struct ploop_disk *disk);

#endif
