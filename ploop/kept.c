/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 *   mount     points -> FILE.points, stable; device; "tracking_start"; noted
 *             on FILE.points: for this device
 *   unmount   nobody mounts it any more; what the target tracked is noted in them;
 *             the device goes; points -> image, stable; FILE.points goes
 *
 * A mount that fails ends as an unmount does: e2fsck may have written.
 *
 * Whoever is killed in between, unmounts by other means or dies with the host leaves a
 * file that says nothing: its device, or its boot, is another one. A copy of the
 * mounted disk (tracked.c) takes the file away, and puts one back at its end; a snapshot
 * or a resize ends the tracking: these remove the file, or the target says at the end that it
 * has not tracked.
 */
#include "kept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach.h"
#include "attach_dm.h"
#include "cleanup.h"
#include "disk.h"
#include "dm.h"
#include "image.h"
#include "mark.h"

#define ANSWER_BYTES 32

static char *name_of(const char *file)
{
	char *name;

	return asprintf(&name, "%s" KEPT_SUFFIX, file) < 0 ? NULL : name;
}

void kept_forget(int dirfd, const char *file)
{
	_cleanup_free_ char *name = name_of(file);

	if (name)
		(void)unlinkat(dirfd, name, 0);
}

/* --- from the mount on ------------------------------------------------------------------- */

/* Takes the points. */
static int keep(const struct ploop_disk *disk, const char *name, struct extension *ext)
{
	struct image img = {.fd = -EBADF};
	int fd = -EBADF;

	if (image_create(disk->dirfd, name, PLOOP_FORMAT_EXPANDED, disk->img.size_bytes,
			 disk->img.cluster_bytes, &img, NULL) < 0)
		return -EBADF;
	img.ext = *ext;
	img.ext.clusters = NULL;
	img.ext.n_clusters = 0;
	free(ext->clusters);
	*ext = (struct extension){.n = 0};
	if (image_finish(&img, true, NULL) == 0)
		fd = fcntl(img.fd, F_DUPFD_CLOEXEC, 0);
	image_close(&img);
	return fd;
}

/* As it is now, mended and settled. */
static int load_points(const struct ploop_disk *disk, int image, struct extension *ret)
{
	struct image img = {.fd = -EBADF};
	struct stat a, b;
	int r = image_open(disk->dirfd, disk->img.name, PLOOP_FORMAT_EXPANDED, 0, false, &img,
			   NULL);

	if (r < 0)
		return r;
	r = fstat(image, &a) < 0 || fstat(img.fd, &b) < 0 || a.st_dev != b.st_dev ||
			    a.st_ino != b.st_ino
		    ? -ESTALE
		    : image_load_extension(&img, NULL);
	if (r == 0 && img.size_bytes != disk->img.size_bytes)
		r = -ESTALE;
	if (r == 0) {
		*ret = img.ext;
		img.ext = (struct extension){.n = 0};
	}
	image_close(&img);
	return r;
}

int kept_begin(const struct ploop_disk *disk, int image)
{
	_cleanup_free_ char *name = name_of(disk->img.name);
	struct extension ext = {.n = 0};
	int fd = -EBADF;

	if (!name || disk->dirfd < 0 || disk->img.format != PLOOP_FORMAT_EXPANDED)
		return -EBADF;
	(void)unlinkat(disk->dirfd, name, 0);
	if (load_points(disk, image, &ext) == 0 && ext.n)
		fd = keep(disk, name, &ext);
	extension_free(&ext);
	return fd;
}

int kept_store(const struct ploop_disk *disk, int fd, struct extension *ext)
{
	_cleanup_free_ char *name = name_of(disk->img.name);
	_cleanup_close_ int kept = -EBADF;
	int r = -EBADF;

	if (name && disk->dirfd >= 0) {
		(void)unlinkat(disk->dirfd, name, 0);
		kept = keep(disk, name, ext);
	}
	if (kept >= 0)
		r = mark_mounted(kept, fd, true, 0);
	if (kept >= 0 && r < 0)
		kept_forget(disk->dirfd, disk->img.name);
	extension_free(ext);
	return r;
}

void kept_track(const struct ploop_disk *disk, int kept, int fd, dev_t dev)
{
	_cleanup_close_ int dm = kept < 0 ? -EBADF : dm_open();
	char answer[ANSWER_BYTES];

	if (kept < 0)
		return;
	if (dm < 0 || dm_message(dm, dev, "tracking_start", answer, sizeof(answer)) < 0 ||
	    mark_mounted(kept, fd, true, 0) < 0)
		kept_forget(disk->dirfd, disk->img.name);
}

/* --- at the unmount ------------------------------------------------------------------------ */

/* Those of the image @file, if they are of that device. */
static int load_kept(int dirfd, const char *file, uint64_t sequence, struct image *ret)
{
	_cleanup_free_ char *name = name_of(file);
	struct image img = {.fd = -EBADF};
	int r = name ? image_open(dirfd, name, PLOOP_FORMAT_EXPANDED, 0, false, &img, NULL)
		     : -ENOMEM;

	if (r < 0)
		return r;
	r = mark_is_mounted(img.fd, sequence) ? image_load_extension(&img, NULL) : -ESTALE;
	if (r < 0)
		image_close(&img);
	else
		*ret = img;
	return r;
}

int kept_load(const struct ploop_disk *disk, dev_t dev, struct extension *ret)
{
	_cleanup_close_ int dm = dm_open();
	uint64_t sequence;
	struct image img;
	int r = dm < 0 ? dm : attach_sequence(dev, &sequence);

	if (r == 0 && (disk->dirfd < 0 || !attach_dm_is_tracked(dm, dev)))
		r = -ENOENT;
	if (r == 0)
		r = load_kept(disk->dirfd, disk->img.name, sequence, &img);
	if (r < 0)
		return r;
	if (img.size_bytes == disk->img.size_bytes) {
		*ret = img.ext;
		img.ext = (struct extension){.n = 0};
	} else {
		r = -ESTALE;
	}
	image_close(&img);
	return r;
}

static bool is_kept(const char *path)
{
	_cleanup_free_ char *name = name_of(path);

	return name && access(name, F_OK) == 0;
}

static int note_tracked(struct image *img, int dm, dev_t dev)
{
	char answer[ANSWER_BYTES], *end;
	unsigned long long cluster;
	int r;

	while ((r = dm_message(dm, dev, "tracking_get_next", answer, sizeof(answer))) == 0) {
		cluster = strtoull(answer, &end, 10);
		if (end == answer || cluster > UINT32_MAX)
			return -EIO;
		extension_note(&img->ext, cluster * img->cluster_bytes, img->cluster_bytes);
	}
	return r == -EAGAIN ? 0 : r;
}

struct extension kept_collect(const char *path, int fd)
{
	_cleanup_close_ int dm = -EBADF;
	struct extension ext = {.n = 0};
	uint64_t sequence;
	struct image img;
	struct stat st;

	/* A copy that goes on has taken it away, and has the lock. */
	if (!is_kept(path) || !attach_lock(fd) || fstat(fd, &st) < 0 ||
	    mark_sequence(fd, &sequence) < 0 || load_kept(AT_FDCWD, path, sequence, &img) < 0)
		return ext;
	kept_forget(AT_FDCWD, path);
	dm = dm_open();
	/* What this one has written by the page cache is written, and tracked, by then. */
	if (dm >= 0 && fsync(fd) == 0 && note_tracked(&img, dm, st.st_rdev) == 0) {
		ext = img.ext;
		img.ext = (struct extension){.n = 0};
	}
	image_close(&img);
	return ext;
}

/* A disk of another size has none of them. */
static int put(const char *path, int fd, struct extension *ext)
{
	struct image img = {.fd = -EBADF};
	int r = image_open(AT_FDCWD, path, PLOOP_FORMAT_EXPANDED, 0, false, &img, NULL);

	if (r < 0)
		return r;
	if (img.size_bytes / 512 != ext->points[0].disk_sectors)
		r = -ESTALE;
	if (r == 0)
		r = image_take(&img, fd, NULL);
	if (r == 0) {
		extension_free(&img.ext);
		img.ext = *ext;
		img.ext.clusters = NULL;
		img.ext.n_clusters = 0;
		free(ext->clusters);
		*ext = (struct extension){.n = 0};
		r = image_finish(&img, true, NULL);
	}
	image_close(&img);
	return r;
}

void kept_put(const char *path, int fd, struct extension *ext)
{
	if (ext->n)
		(void)put(path, fd, ext);
	extension_free(ext);
	kept_forget(AT_FDCWD, path);
}
