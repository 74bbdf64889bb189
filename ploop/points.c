/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Points: what was written to the disk since each of them stands in the
 * extension of its top image, see extension.h. Whoever writes to the image by
 * this library carries them on.
 */
#include "points.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach.h"
#include "cleanup.h"
#include "compact.h"
#include "disk.h"
#include "err.h"
#include "extension.h"
#include "guid.h"
#include "kept.h"
#include "mark.h"
#include "open.h"
#include "tracked.h"

void point_id(const char guid[PLOOP_GUID_BYTES], uint8_t ret[POINT_ID_BYTES])
{
	const char *p = guid;
	unsigned int i, byte;

	for (i = 0; i < POINT_ID_BYTES; i++) {
		p += strspn(p, "{-");
		(void)sscanf(p, "%2x", &byte);
		ret[i] = (uint8_t)byte;
		p += 2;
	}
}

void point_guid(const uint8_t b[POINT_ID_BYTES], char ret[PLOOP_GUID_BYTES])
{
	snprintf(ret, PLOOP_GUID_BYTES,
		 "{%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x}", b[0],
		 b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
		 b[14], b[15]);
}

int point_add(struct extension *e, const struct image *img, const char *guid, struct err *err)
{
	uint8_t id[POINT_ID_BYTES];
	int r;

	point_id(guid, id);
	r = extension_add(e, id, img->size_bytes / 512, img->cluster_bytes);
	if (r == -EEXIST)
		return err_set(err, EEXIST, "'%s' has a point %s already", img->name, guid);
	if (r == -E2BIG)
		return err_set(err, E2BIG, "'%s' has no room for one more point", img->name);
	return r < 0 ? err_errno(err, r, "cannot make a point of '%s'", img->name) : 0;
}

int point_missing(const struct image *img, const char *guid, struct err *err)
{
	return err_set(err, ENOENT,
		       "'%s' has no point %s: there was none, or it was given up when the disk "
		       "was changed by who knows of none",
		       img->name, guid);
}

/* --- a disk at rest ---------------------------------------------------------------------- */

/* Neither a device of ours nor another program has it. */
static int lock_top(const struct location *loc, struct err *err)
{
	_cleanup_close_ int fd =
		image_open_file(loc->dirfd, location_top(loc)->file, true, loc->path, err);
	struct stat st;
	int r;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot look at '%s'", loc->path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "'%s' is not a regular file", loc->path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, EBUSY, "the image '%s' is in use: is it mounted?", loc->path);
	r = attach_check_none(fd, loc->path, err);
	return r < 0 ? r : steal_fd(&fd);
}

static int lock_older(const struct ploop_disk *disk, struct err *err)
{
	unsigned int i;

	for (i = 0; i < disk->n_older; i++)
		if (flock(disk->older[i].fd, LOCK_SH | LOCK_NB) < 0)
			return err_set(err, EBUSY, "the image '%s' is in use", disk->older[i].name);
	return 0;
}

static int open_locked(const struct location *loc, struct resting *ret, struct err *err)
{
	_cleanup_close_ int lock = -EBADF;
	struct ploop_disk *disk;
	int r;

	if (location_top(loc)->format != PLOOP_FORMAT_EXPANDED)
		return err_set(err, EOPNOTSUPP, "'%s' is a raw image, which has no points",
			       loc->path);
	lock = lock_top(loc, err);
	if (lock < 0)
		return lock;
	r = location_open(loc, OPEN_CLOSED, &disk, err);
	if (r < 0)
		return r;
	r = lock_older(disk, err);
	if (r == 0)
		r = image_load_extension(&disk->img, err);
	if (r < 0) {
		disk_free(disk);
		return r;
	}
	*ret = (struct resting){disk, steal_fd(&lock)};
	return 0;
}

int resting_open(const char *path, struct resting *ret, struct err *err)
{
	struct location loc;
	int r = location_find(&loc, path, NULL, err);

	if (r < 0)
		return r;
	r = open_locked(&loc, ret, err);
	location_free(&loc);
	return r;
}

void resting_close(struct resting *d)
{
	disk_free(d->disk);
	close(d->lock);
}

/* --- changes ------------------------------------------------------------------------------ */

const struct point *resting_point(const struct resting *d, const char *guid, struct err *err)
{
	const struct image *img = &d->disk->img;
	uint8_t id[POINT_ID_BYTES];
	const struct point *p;

	point_id(guid, id);
	p = extension_find(&img->ext, id);
	if (!p)
		point_missing(img, guid, err);
	return p;
}

/* One point more, or less. The contents stay what they were found to be. */
static int change(struct resting *d, const char *guid, bool more, struct err *err)
{
	struct image *img = &d->disk->img;
	struct mark mark = mark_get(d->lock);
	uint8_t id[POINT_ID_BYTES];
	struct point *p;
	int r, r2;

	point_id(guid, id);
	if (!more && !extension_find(&img->ext, id))
		return point_missing(img, guid, err);
	r = image_take(img, d->lock, err);
	if (r < 0)
		return r;
	p = extension_find(&img->ext, id);
	if (more)
		r = point_add(&img->ext, img, guid, err);
	else if (p)
		extension_remove(&img->ext, p);
	r2 = image_finish(img, true, r < 0 ? NULL : err);
	if (r2 == 0)
		mark_set(d->lock, mark);
	return r < 0 ? r : r2;
}

int resting_add_point(struct resting *d, const char *guid, struct err *err)
{
	return change(d, guid, true, err);
}

int resting_remove_point(struct resting *d, const char *guid, struct err *err)
{
	return change(d, guid, false, err);
}

int ploop_point(const char *path, char guid[PLOOP_GUID_BYTES], struct err *err)
{
	struct resting d;
	int r;

	if (!*guid && guid_random(guid) < 0)
		return err_set(err, EIO, "there are no random numbers for a GUID");
	r = resting_open(path, &d, err);
	if (r < 0)
		return r;
	r = resting_add_point(&d, guid, err);
	resting_close(&d);
	return r;
}

/* What its bits were in goes back to the host. */
int ploop_point_delete(const char *path, const char *guid, struct err *err)
{
	struct resting d;
	struct mark mark;
	uint64_t freed;
	int r;

	if (tracked_is_mounted(path))
		return tracked_remove_point(path, guid, err);
	r = resting_open(path, &d, err);
	if (r < 0)
		return r;
	r = resting_remove_point(&d, guid, err);
	mark = mark_get(d.lock);
	if (r == 0 && compact_image(d.lock, COMPACT_MOVE_BYTES, NULL, "", &freed, NULL) == 0)
		mark_set(d.lock, mark);
	resting_close(&d);
	return r;
}

/* --- telling -------------------------------------------------------------------------------- */

static uint64_t written_bytes(const struct point *p)
{
	uint64_t bits = 0, i;

	for (i = 0; i < p->bytes; i++)
		bits += (uint64_t)__builtin_popcount(p->bits[i]);
	bits *= (uint64_t)p->granularity_sectors * 512;
	return bits < p->disk_sectors * 512 ? bits : p->disk_sectors * 512;
}

/* Of a mounted one those that are kept beside it: its image has none meanwhile. */
static int load_points(struct ploop_disk *disk, struct err *err)
{
	struct image *img = &disk->img;
	dev_t dev;

	if (img->format != PLOOP_FORMAT_EXPANDED)
		return 0;
	if (!img->unmapped)
		return image_load_extension(img, err);
	if (attach_find(disk, &dev, NULL) < 0)
		return err_set(err, EBUSY,
			       "the image '%s' is in use: its points are told when it is closed",
			       disk->path);
	(void)kept_load(disk, dev, &img->ext);
	return 0;
}

int ploop_points(const char *path, struct ploop_point **ret, size_t *ret_count, struct err *err)
{
	struct ploop_point *list;
	struct ploop_disk *disk;
	unsigned int i, n;
	int r = ploop_open(path, &disk, err);

	if (r < 0)
		return r;
	r = load_points(disk, err);
	n = disk->img.ext.n;
	list = r < 0 ? NULL : calloc(n + 1, sizeof(*list));
	if (r == 0 && !list)
		r = err_errno(err, ENOMEM, "cannot list the points of '%s'", disk->path);
	for (i = 0; r == 0 && i < n; i++) {
		point_guid(disk->img.ext.points[i].id, list[i].guid);
		list[i].written_bytes = written_bytes(&disk->img.ext.points[i]);
	}
	ploop_close(disk);
	if (r < 0)
		return r;
	*ret = list;
	*ret_count = n;
	return 0;
}
