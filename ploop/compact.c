/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 *   1  the image is marked in use; stable
 *   2  clusters that are holes are in no entry any more; stable
 *   3  clusters from the end are copied to places that no entry names; stable
 *   4  their entries say so; stable
 *   5  the file is cut behind the last cluster that an entry names
 *   6  the image is closed; stable
 *   7  its extension, which counts no more from 1 on, is put back behind the data
 *
 * After a crash each entry names the old place or the copy, which are the same
 * as long as both are there, and mend.c closes it.
 */
#include "compact.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bat.h"
#include "cleanup.h"
#include "disk.h"
#include "err.h"
#include "extension.h"
#include "format.h"
#include "image.h"
#include "io.h"
#include "mark.h"

struct compaction {
	int image;
	uint64_t cluster_bytes, file_clusters;
	uint8_t header[sizeof(struct ploop_header)];
	struct bat bat;
	struct extension ext;
	uint32_t *owner; /* of each cluster of the file: entry + 1, 0: none */
	void *buf;	 /* a cluster */
};

static int load(struct compaction *c, const char *path, struct err *err)
{
	struct ploop_header h;
	struct stat st;
	uint32_t i;
	int r = io_pread_full(c->image, c->header, sizeof(c->header), 0);

	if (r == 0 && fstat(c->image, &st) < 0)
		r = -errno;
	if (r < 0)
		return err_errno(err, r, "cannot read '%s'", path);
	r = image_parse_header(c->header, (uint64_t)st.st_size, path, &h, err);
	if (r < 0)
		return r;
	if (h.in_use == PLOOP_INUSE || h.flags & PLOOP_FLAG_CONVERTING)
		return err_set(err, EBUSY, "the image '%s' is in use, or was not closed", path);
	c->cluster_bytes = (uint64_t)h.cluster_sectors * PLOOP_SECTOR;
	c->file_clusters = (uint64_t)st.st_size / c->cluster_bytes;
	r = image_load_map(c->image, &h, (uint64_t)st.st_size, path, &c->bat, err);
	if (r < 0)
		return r;
	c->owner = calloc((size_t)c->file_clusters + 1, sizeof(*c->owner));
	c->buf = malloc(c->cluster_bytes);
	if (!c->owner || !c->buf)
		return err_errno(err, ENOMEM, "cannot compact '%s'", path);
	for (i = 0; i < c->bat.count; i++)
		if (bat_lookup(&c->bat, i))
			c->owner[bat_lookup(&c->bat, i)] = i + 1;
	/* One that is wrong says nothing. */
	(void)extension_load(c->image, &h, &c->bat, (uint64_t)st.st_size, path, &c->ext, NULL);
	return 0;
}

/* What a discard in pieces leaves; room that was made and not written reads as zeros, too. */
static void drop_holes(struct compaction *c, const struct ploop_disk *disk)
{
	off_t data = 0, end = (off_t)(c->file_clusters * c->cluster_bytes);
	uint64_t i;

	for (i = c->bat.first; i < c->file_clusters; i++) {
		off_t from = (off_t)(i * c->cluster_bytes);

		if (data < from)
			data = lseek(c->image, from, SEEK_DATA);
		if (data < 0 && errno != ENXIO)
			return;
		if (data < 0)
			data = end;
		if (!c->owner[i] || data < from + (off_t)c->cluster_bytes ||
		    disk_has_below(disk, c->owner[i] - 1))
			continue;
		bat_set(&c->bat, c->owner[i] - 1, 0);
		c->owner[i] = 0;
	}
}

/* @extension: where it is, 0: there is none, as one would tell of an older state. */
static int mark(struct compaction *c, uint32_t in_use, uint64_t extension)
{
	struct ploop_header h;

	memcpy(&h, c->header, sizeof(h));
	h.in_use = htole32(in_use);
	h.extension_sectors = htole64(extension);
	return io_pwrite_full(c->image, &h, sizeof(h), 0) < 0 || fsync(c->image) < 0 ? -EIO : 0;
}

static int copy(struct compaction *c, uint64_t from, uint64_t to)
{
	int r = io_pread_full(c->image, c->buf, c->cluster_bytes, from * c->cluster_bytes);

	return r < 0 ? r
		     : io_pwrite_full(c->image, c->buf, c->cluster_bytes, to * c->cluster_bytes);
}

/* The last clusters go to the first places that are free; *ret_end is where the data ends then. */
static int move(struct compaction *c, uint64_t budget, uint64_t *ret_end)
{
	uint64_t from = c->file_clusters, to = c->bat.first;
	int r;

	for (;; budget -= c->cluster_bytes) {
		while (from > c->bat.first && !c->owner[from - 1])
			from--;
		while (to < from && c->owner[to])
			to++;
		*ret_end = from;
		if (to >= from || budget < c->cluster_bytes)
			return 0;
		r = copy(c, from - 1, to);
		if (r < 0)
			return r;
		bat_set(&c->bat, c->owner[from - 1] - 1, (uint32_t)to);
		c->owner[to] = c->owner[from - 1];
		c->owner[from - 1] = 0;
	}
}

static int store(struct compaction *c)
{
	int r;

	if (!bat_is_dirty(&c->bat))
		return 0;
	if (fdatasync(c->image) < 0)
		return -errno;
	r = bat_store(&c->bat, c->image);
	return r < 0 ? r : fdatasync(c->image) < 0 ? -errno : 0;
}

static bool is_full(const struct compaction *c)
{
	uint64_t i, free = 0;

	for (i = c->bat.first; i < c->file_clusters; i++)
		free += !c->owner[i];
	return free == c->ext.n_clusters;
}

/* Nothing is lost with it but what was noted in it: the image is closed. */
static void put_extension(struct compaction *c, uint64_t *end)
{
	uint32_t size = (uint32_t)c->cluster_bytes;
	uint64_t at;

	if (!c->ext.n)
		return;
	c->ext.n_clusters = 0;
	c->bat.next = (uint32_t)*end;
	if (mark(c, PLOOP_INUSE, 0) == 0 &&
	    extension_make_room(&c->ext, c->image, &c->bat, size) == 0 && store(c) == 0 &&
	    extension_store(&c->ext, c->image, size, &at) == 0 && fdatasync(c->image) == 0 &&
	    mark(c, PLOOP_CLOSED_V21, at) == 0)
		*end = c->bat.next;
	else
		(void)mark(c, PLOOP_CLOSED, 0);
}

static int shorten(struct compaction *c, uint64_t budget, uint64_t *ret_end)
{
	int r = mark(c, PLOOP_INUSE, 0);

	/* Before anything is put where they were. */
	if (r == 0)
		r = store(c);
	if (r == 0)
		r = move(c, budget, ret_end);
	if (r == 0)
		r = store(c);
	if (r == 0 && ftruncate(c->image, (off_t)(*ret_end * c->cluster_bytes)) < 0)
		r = -errno;
	return r == 0 ? mark(c, PLOOP_CLOSED, 0) : r;
}

/* Of zeros, whose blocks nobody writes: where there is no room for them they stay holes. */
static void fill_holes(const struct compaction *c, uint64_t end)
{
	uint64_t from = 0, at;

	for (at = 0; at <= end; at++) {
		if (at < end && (at < c->bat.first || c->owner[at]))
			continue;
		if (at > from)
			(void)fallocate(c->image, 0, (off_t)(from * c->cluster_bytes),
					(off_t)((at - from) * c->cluster_bytes));
		from = at + 1;
	}
}

int compact_image(int image, uint64_t max_move_bytes, const struct ploop_disk *disk,
		  const char *path, uint64_t *ret_freed_bytes, struct err *err)
{
	struct compaction c = {.image = image};
	bool shortened = false;
	uint64_t end;
	int r = load(&c, path, err);

	*ret_freed_bytes = 0;
	if (r == 0) {
		end = c.file_clusters;
		if (disk && disk_is_mapped(disk))
			drop_holes(&c, disk);
		if (!is_full(&c)) {
			mark_forget(image);
			shortened = true;
			r = shorten(&c, max_move_bytes, &end);
			if (r < 0)
				err_errno(err, r, "cannot compact '%s'", path);
		}
		if (r == 0) {
			fill_holes(&c, end);
			if (shortened)
				put_extension(&c, &end);
			if (end < c.file_clusters)
				*ret_freed_bytes = (c.file_clusters - end) * c.cluster_bytes;
		}
	}
	bat_free(&c.bat);
	extension_free(&c.ext);
	free(c.owner);
	free(c.buf);
	return r;
}
