/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 *   the source     [point is made]  clusters that were written since are read
 *   the copy       a new image of these -> closed, with the point, stable
 *                  -> the descriptor: it is the top, what was the top is a snapshot
 *
 * So the copy is what it was before, or what the source is. A source that has the
 * point already while the copy has not its contents can be copied again from
 * the point before.
 */
#include "increment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "descriptor.h"
#include "disk.h"
#include "err.h"
#include "image.h"
#include "passes.h"
#include "top.h"

/* --- from ---------------------------------------------------------------------------------- */

int increment_open(const char *source, const char *since, const char *point,
		   struct increment_from *ret, struct err *err)
{
	struct increment_from f = {.point = ""};
	int r = resting_open(source, &f.at, err);

	if (r < 0)
		return r;
	strcpy(f.since, since);
	r = resting_point(&f.at, since, err) ? 0 : -ENOENT;
	if (r == 0 && point) {
		r = resting_add_point(&f.at, point, err);
		strcpy(f.point, point);
	}
	if (r < 0) {
		resting_close(&f.at);
		return r;
	}
	*ret = f;
	return 0;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

int increment_run(const struct increment_from *from, const struct passes_to *to,
		  struct ploop_copied *ret_copied, struct err *err)
{
	struct ploop_disk *disk = from->at.disk;
	uint32_t size = disk->img.cluster_bytes, i, n = image_clusters(&disk->img);
	const struct point *since = resting_point(&from->at, from->since, err);
	_cleanup_free_ uint8_t *buf = malloc(size);
	struct ploop_copied done = {.passes = 1};
	int r = !since ? -ENOENT : buf ? 0 : err_errno(err, ENOMEM, "cannot copy the disk");

	for (i = 0; r == 0 && i < n; i++) {
		uint64_t at = (uint64_t)i * size, left = disk->img.size_bytes - at;
		size_t len = left < size ? (size_t)left : size;
		bool zero;

		if (!point_has(since, at, len))
			continue;
		r = disk_read(disk, at, buf, len);
		if (r < 0)
			return err_errno(err, r, "cannot read '%s'", disk->img.name);
		zero = is_zero(buf, len);
		r = to->put(to->arg, i, zero ? NULL : buf, len, err);
		done.bytes += zero ? 0 : len;
	}
	if (r == 0 && ret_copied)
		*ret_copied = done;
	return r;
}

void increment_close(struct increment_from *from, bool failed)
{
	if (failed && *from->point)
		(void)resting_remove_point(&from->at, from->point, NULL);
	resting_close(&from->at);
}

/* --- to -------------------------------------------------------------------------------------- */

/* Nobody has written to it since, and it is of the same size. */
static int check_state(const struct ploop_disk *disk, const struct increment_to *to,
		       uint64_t size_bytes, uint32_t cluster_bytes, struct err *err)
{
	const struct image *img = &disk->img;
	uint8_t id[POINT_ID_BYTES];
	const struct point *p;

	point_id(to->since, id);
	p = extension_find(&img->ext, id);
	if (!p)
		return err_set(err, ESTALE, "'%s' is no copy of the disk at the point %s",
			       to->edit.loc.dir, to->since);
	if (point_has(p, 0, img->size_bytes))
		return err_set(err, ESTALE, "'%s' was written to since the point %s",
			       to->edit.loc.dir, to->since);
	if (img->size_bytes != size_bytes || img->cluster_bytes != cluster_bytes)
		return err_set(err, ESTALE,
			       "'%s' has %llu bytes in clusters of %u, and the point is of a disk "
			       "of %llu in clusters of %u",
			       to->edit.loc.dir, (unsigned long long)img->size_bytes,
			       img->cluster_bytes, (unsigned long long)size_bytes, cluster_bytes);
	if (to->edit.loc.n == PLOOP_LEVELS_MAX)
		return err_set(err, E2BIG, "'%s' has %d images on top of each other already",
			       to->edit.loc.dir, PLOOP_LEVELS_MAX);
	return descriptor_find(&to->edit.loc.desc, to->since)
		       ? err_set(err, EEXIST, "'%s' has a snapshot %s already", to->edit.loc.dir,
				 to->since)
		       : 0;
}

static int check(struct increment_to *to, uint64_t size_bytes, uint32_t cluster_bytes,
		 struct err *err)
{
	struct ploop_disk *disk;
	int r;

	to->lock = edit_lock_delta(&to->edit, descriptor_top(&to->edit.loc.desc), err);
	if (to->lock < 0)
		return to->lock;
	r = location_open(&to->edit.loc, OPEN_CLOSED, &disk, err);
	if (r < 0)
		return r;
	r = disk->img.format == PLOOP_FORMAT_EXPANDED ? image_load_extension(&disk->img, err) : 0;
	if (r == 0)
		r = check_state(disk, to, size_bytes, cluster_bytes, err);
	disk_free(disk);
	return r;
}

static int make_image(struct increment_to *to, uint64_t size_bytes, uint32_t cluster_bytes,
		      struct err *err)
{
	struct image img = {.fd = -EBADF};
	int r = top_name(location_top(&to->edit.loc)->file, &to->name, err);

	if (r == 0)
		r = edit_expect(&to->edit, (const char *const[]){to->name}, 1, err);
	if (r == 0)
		r = image_create(to->edit.loc.dirfd, to->name, PLOOP_FORMAT_EXPANDED, size_bytes,
				 cluster_bytes, &img, err);
	if (r < 0)
		return r;
	to->zeros = calloc(1, cluster_bytes);
	if (!to->zeros || disk_new(&img, &to->disk) < 0) {
		image_close(&img);
		return err_errno(err, ENOMEM, "cannot make an image of '%s'", to->edit.loc.dir);
	}
	/* They hide what lies below. */
	to->disk->keep_zeros = true;
	return 0;
}

int increment_begin(const char *dir, const char *since, const char *point, uint64_t size_bytes,
		    uint32_t cluster_bytes, struct increment_to *ret, struct err *err)
{
	struct increment_to to = {.lock = -EBADF};
	int r = edit_begin(dir, &to.edit, err);

	if (r < 0)
		return r;
	strcpy(to.since, since);
	strcpy(to.point, point);
	r = check(&to, size_bytes, cluster_bytes, err);
	if (r == 0)
		r = make_image(&to, size_bytes, cluster_bytes, err);
	if (r < 0)
		increment_drop(&to);
	else
		*ret = to;
	return r;
}

int increment_put(struct increment_to *to, uint32_t cluster, const void *buf, size_t len,
		  struct err *err)
{
	uint64_t at = (uint64_t)cluster * to->disk->img.cluster_bytes;
	int r = disk_write(to->disk, at, buf ? buf : to->zeros, len);

	return r < 0 ? err_errno(err, r, "cannot write '%s/%s'", to->edit.loc.dir, to->name) : 0;
}

int increment_flush(struct increment_to *to, struct err *err)
{
	int r;

	to->disk->sync = true;
	r = disk_flush(to->disk);
	to->disk->sync = false;
	return r < 0 ? err_errno(err, r, "cannot write '%s/%s'", to->edit.loc.dir, to->name) : 0;
}

static int close_image(struct increment_to *to, struct err *err)
{
	struct image *img = &to->disk->img;
	uint8_t id[POINT_ID_BYTES];
	int r = increment_flush(to, err);

	if (r < 0)
		return r;
	if (*to->point) {
		point_id(to->point, id);
		r = extension_add(&img->ext, id, img->size_bytes / 512, img->cluster_bytes);
	}
	if (r < 0)
		return err_errno(err, r, "cannot make the point %s", to->point);
	return image_finish(img, true, err);
}

int increment_end(struct increment_to *to, struct err *err)
{
	struct descriptor *d = &to->edit.loc.desc;
	int r = close_image(to, err);

	if (r == 0 && fsync(to->edit.loc.dirfd) < 0)
		r = err_errno(err, errno, "cannot write the directory '%s'", to->edit.loc.dir);
	if (r < 0)
		return r;
	descriptor_rename(d, d->top, to->since);
	r = descriptor_add(d, d->top, to->since, PLOOP_FORMAT_EXPANDED, to->name);
	return r < 0 ? err_errno(err, r, "cannot describe the image '%s'", to->name)
		     : edit_store(&to->edit, err);
}

void increment_drop(struct increment_to *to)
{
	disk_free(to->disk);
	free(to->zeros);
	free(to->name);
	if (to->lock >= 0)
		close(to->lock);
	edit_end(&to->edit);
}
