/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a path to a disk: a directory with a descriptor, the descriptor, or an
 * image file alone (then it is what its first bytes say).
 */
#include "open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "disk.h"
#include "err.h"
#include "format.h"
#include "gpt.h"
#include "path.h"

void location_free(struct location *loc)
{
	if (loc->dirfd >= 0)
		close(loc->dirfd);
	free(loc->dir);
	free(loc->path);
	free(loc->file);
	descriptor_free(&loc->desc);
	loc->dirfd = -EBADF;
	loc->dir = loc->path = loc->file = NULL;
	loc->n = 0;
}

int location_select(struct location *loc, const char *guid, struct err *err)
{
	const struct descriptor_delta *chain[PLOOP_LEVELS_MAX];
	unsigned int i;

	loc->n = descriptor_chain(&loc->desc, guid, chain);
	if (!loc->n)
		return err_set(err, ENOENT, "'%s' has no snapshot %s", loc->dir, guid);
	for (i = 0; i < loc->n; i++)
		loc->levels[i] = (struct level){chain[i]->file, chain[i]->format};
	free(loc->path);
	loc->path = path_join(loc->dir, location_top(loc)->file);
	return loc->path ? 0 : err_errno(err, ENOMEM, "cannot open '%s'", loc->dir);
}

static int from_descriptor(struct location *loc, const char *guid, struct err *err)
{
	_cleanup_free_ char *shown = path_join(loc->dir, DESCRIPTOR_NAME);
	int r;

	if (!shown)
		return err_errno(err, ENOMEM, "cannot open '%s'", loc->dir);
	r = descriptor_load(loc->dirfd, shown, &loc->desc, err);
	if (r < 0)
		return r;
	loc->described = true;
	return location_select(loc, guid ? guid : loc->desc.top, err);
}

static int from_image(struct location *loc, const char *path, const char *name, struct err *err)
{
	_cleanup_close_ int fd =
		openat(loc->dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int r;

	if (fd < 0)
		return err_errno(err, errno, "cannot open '%s'", path);
	r = image_probe(fd, &loc->levels[0].format);
	if (r < 0)
		return err_errno(err, r, "cannot read '%s'", path);
	loc->levels[0].file = loc->file = strdup(name);
	loc->n = 1;
	loc->path = loc->file ? path_join(loc->dir, name) : NULL;
	return loc->path ? 0 : err_errno(err, ENOMEM, "cannot open '%s'", path);
}

static int locate(struct location *loc, const char *path, const char *guid, struct err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(err, errno, "cannot open '%s'", path);
	if (S_ISDIR(st.st_mode))
		loc->dir = strdup(path);
	else
		loc->dir = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path))
				 : strdup(".");
	if (!loc->dir)
		return err_errno(err, ENOMEM, "cannot open '%s'", path);
	loc->dirfd = open(loc->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (loc->dirfd < 0)
		return err_errno(err, errno, "cannot open the directory '%s'", loc->dir);
	if (S_ISDIR(st.st_mode) || strcmp(name, DESCRIPTOR_NAME) == 0)
		return from_descriptor(loc, guid, err);
	if (guid)
		return err_set(err, EINVAL, "'%s' is an image, and has no snapshots", path);
	return from_image(loc, path, name, err);
}

int location_find(struct location *ret, const char *path, const char *guid, struct err *err)
{
	int r;

	*ret = (struct location){.dirfd = -EBADF};
	r = locate(ret, path, guid, err);
	if (r < 0)
		location_free(ret);
	return r;
}

/* --- opening ------------------------------------------------------------------ */

struct images {
	int dirfd;
	const struct level *levels; /* the oldest first */
	unsigned int n;
	uint32_t cluster_bytes; /* of raw ones; 0: the default */
	enum open_how how;
};

static int open_level(const struct images *im, unsigned int i, struct image *img, struct err *err)
{
	const struct level *l = &im->levels[i];
	bool writable = im->how == OPEN_WRITE && i == im->n - 1;

	return im->how == OPEN_ANY
		       ? image_open_any(im->dirfd, l->file, l->format, im->cluster_bytes, img, err)
		       : image_open(im->dirfd, l->file, l->format, im->cluster_bytes, writable, img,
				    err);
}

static int add_older(struct ploop_disk *disk, const struct images *im, unsigned int i,
		     struct err *err)
{
	struct image img = {.fd = -EBADF};
	int r = open_level(im, i, &img, err);

	if (r == 0 && img.cluster_bytes != disk->img.cluster_bytes)
		r = err_set(err, EINVAL,
			    "'%s' has clusters of %u bytes and '%s', which stands on it, of %u",
			    img.name, img.cluster_bytes, disk->img.name, disk->img.cluster_bytes);
	if (r == 0 && disk_add_older(disk, &img) < 0)
		r = err_errno(err, ENOMEM, "cannot open '%s'", img.name);
	image_close(&img);
	return r;
}

static int open_images(const struct images *im, struct ploop_disk **ret, struct err *err)
{
	struct image img = {.fd = -EBADF};
	struct ploop_disk *disk = NULL;
	unsigned int i = im->n - 1;
	int r = open_level(im, i, &img, err);

	if (r == 0 && disk_new(&img, &disk) < 0)
		r = err_errno(err, ENOMEM, "cannot open '%s'", im->levels[i].file);
	image_close(&img);
	while (r == 0 && i > 0)
		r = add_older(disk, im, --i, err);
	if (r < 0) {
		disk_free(disk);
		return r;
	}
	*ret = disk;
	return 0;
}

static int check_fits(const struct location *loc, const struct image *img, struct err *err)
{
	if (!loc->described)
		return 0;
	/* A snapshot may be of a time when the disk had another size; one that grew says so first (settle.h). */
	if (loc->desc.size_bytes > img->size_bytes &&
	    strcmp(location_top(loc)->file, descriptor_top(&loc->desc)->file) == 0)
		return err_set(err, EINVAL,
			       "the descriptor of '%s' says %llu bytes and the image %llu",
			       loc->path, (unsigned long long)loc->desc.size_bytes,
			       (unsigned long long)img->size_bytes);
	if (loc->desc.cluster_bytes != img->cluster_bytes)
		return err_set(err, EINVAL,
			       "the descriptor of '%s' says clusters of %u bytes and the image %u",
			       loc->path, loc->desc.cluster_bytes, img->cluster_bytes);
	return 0;
}

int location_open(const struct location *loc, enum open_how how, struct ploop_disk **ret,
		  struct err *err)
{
	const struct images im = {loc->dirfd, loc->levels, loc->n, loc->desc.cluster_bytes, how};
	struct ploop_disk *disk;
	int r = open_images(&im, &disk, err);

	if (r < 0)
		return r;
	disk->preallocated = loc->desc.preallocated && loc->levels[0].format != PLOOP_FORMAT_RAW;
	if (loc->desc.pending_bytes < disk->img.size_bytes)
		disk->pending_bytes = loc->desc.pending_bytes;
	r = check_fits(loc, &disk->img, err);
	if (r < 0)
		disk_free(disk);
	else
		*ret = disk;
	return r;
}

int disk_open_again(const struct ploop_disk *disk, struct ploop_disk **ret, struct err *err)
{
	struct level levels[PLOOP_LEVELS_MAX];
	const struct images im = {disk->dirfd, levels, disk->n_older + 1, disk->img.cluster_bytes,
				  OPEN_CLOSED};
	unsigned int i;

	for (i = 0; i < disk->n_older; i++)
		levels[disk->n_older - 1 - i] =
			(struct level){disk->older[i].name, disk->older[i].format};
	levels[i] = (struct level){disk->img.name, disk->img.format};
	return open_images(&im, ret, err);
}

int disk_check_current(const struct ploop_disk *disk, struct err *err)
{
	struct location loc;
	unsigned int i;
	bool same;
	int r;

	if (!disk->described)
		return 0;
	r = location_find(&loc, disk->dir, disk->guid, err);
	if (r < 0)
		return r;
	same = loc.n == disk->n_older + 1 && strcmp(location_top(&loc)->file, disk->img.name) == 0;
	for (i = 0; same && i < disk->n_older; i++)
		same = strcmp(loc.levels[i].file, disk->older[disk->n_older - 1 - i].name) == 0;
	location_free(&loc);
	return same ? 0
		    : err_set(err, ESTALE, "the images of '%s' were changed meanwhile", disk->dir);
}

static int check_whole(const struct location *loc, const char *guid, struct err *err)
{
	return descriptor_find(&loc->desc, guid)->temporary
		       ? err_set(err, EINVAL, "the snapshot %s of '%s' is being deleted", guid,
				 loc->dir)
		       : 0;
}

static int open_path(const char *path, const char *guid, bool whole, struct ploop_disk **ret_disk,
		     struct err *err)
{
	struct ploop_disk *disk;
	struct location loc;
	int r = location_find(&loc, path, guid, err);

	if (r < 0)
		return r;
	r = whole ? check_whole(&loc, guid, err) : 0;
	if (r == 0)
		r = location_open(&loc, OPEN_ANY, &disk, err);
	if (r == 0 && guid && !(disk->guid = strdup(guid))) {
		disk_free(disk);
		r = err_errno(err, ENOMEM, "cannot open '%s'", path);
	}
	if (r == 0) {
		disk->dirfd = steal_fd(&loc.dirfd);
		disk->dir = steal_ptr(loc.dir);
		disk->path = steal_ptr(loc.path);
		disk->described = loc.described;
		*ret_disk = disk;
	}
	location_free(&loc);
	return r;
}

int ploop_open(const char *path, struct ploop_disk **ret_disk, struct err *err)
{
	return open_path(path, NULL, false, ret_disk, err);
}

int ploop_open_snapshot(const char *path, const char *guid, struct ploop_disk **ret_disk,
			struct err *err)
{
	return open_path(path, guid, true, ret_disk, err);
}

int disk_open_at(const char *path, const char *guid, struct ploop_disk **ret, struct err *err)
{
	return open_path(path, guid, false, ret, err);
}

void ploop_close(struct ploop_disk *disk)
{
	disk_free(disk);
}

uint64_t ploop_size_bytes(const struct ploop_disk *disk)
{
	return disk->img.size_bytes;
}

uint64_t ploop_pending_bytes(const struct ploop_disk *disk)
{
	return disk->guid ? 0 : disk->pending_bytes;
}

enum ploop_format ploop_disk_format(const struct ploop_disk *disk)
{
	return disk->preallocated ? PLOOP_FORMAT_PREALLOCATED : disk->img.format;
}

unsigned int ploop_version(const struct ploop_disk *disk)
{
	return disk->img.version;
}

uint32_t ploop_cluster_bytes(const struct ploop_disk *disk)
{
	return disk->img.cluster_bytes;
}

const char *ploop_top_image(const struct ploop_disk *disk)
{
	return disk->path;
}

int ploop_partition(struct ploop_disk *disk, uint64_t *ret_offset_bytes, uint64_t *ret_length_bytes,
		    struct err *err)
{
	unsigned int i;
	int r = image_map_now(&disk->img, err);

	for (i = 0; r == 0 && i < disk->n_older; i++)
		r = image_map_now(&disk->older[i], err);
	return r < 0 ? r : gpt_find(disk, ret_offset_bytes, ret_length_bytes, err);
}
