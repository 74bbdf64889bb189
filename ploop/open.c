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
#include "descriptor.h"
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
	*loc = (struct location){.dirfd = -EBADF};
}

static int from_descriptor(struct location *loc, struct err *err)
{
	_cleanup_free_ char *shown = path_join(loc->dir, DESCRIPTOR_NAME);
	struct descriptor d = {.file = NULL};
	int r;

	if (!shown)
		return err_errno(err, ENOMEM, "cannot open '%s'", loc->dir);
	r = descriptor_load(loc->dirfd, shown, &d, err);
	if (r < 0)
		return r;
	loc->described = true;
	loc->size_bytes = d.size_bytes;
	loc->cluster_bytes = d.cluster_bytes;
	loc->format = d.format;
	loc->file = steal_ptr(d.file);
	return 0;
}

static int from_image(struct location *loc, const char *path, const char *name, struct err *err)
{
	_cleanup_close_ int fd =
		openat(loc->dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int r;

	if (fd < 0)
		return err_errno(err, errno, "cannot open '%s'", path);
	r = image_probe(fd, &loc->format);
	if (r < 0)
		return err_errno(err, r, "cannot read '%s'", path);
	loc->file = strdup(name);
	return loc->file ? 0 : err_errno(err, ENOMEM, "cannot open '%s'", path);
}

static int locate(struct location *loc, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct stat st;
	int r;

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
		r = from_descriptor(loc, err);
	else
		r = from_image(loc, path, name, err);
	if (r < 0)
		return r;
	loc->path = path_join(loc->dir, loc->file);
	return loc->path ? 0 : err_errno(err, ENOMEM, "cannot open '%s'", path);
}

int location_find(struct location *ret, const char *path, struct err *err)
{
	struct location loc = {.dirfd = -EBADF};
	int r = locate(&loc, path, err);

	if (r < 0) {
		location_free(&loc);
		return r;
	}
	*ret = loc;
	return 0;
}

int location_fits(const struct location *loc, const struct image *img, struct err *err)
{
	if (!loc->described)
		return 0;
	if (loc->size_bytes != img->size_bytes)
		return err_set(err, EINVAL,
			       "the descriptor of '%s' says %llu bytes and the image %llu",
			       loc->path, (unsigned long long)loc->size_bytes,
			       (unsigned long long)img->size_bytes);
	if (loc->cluster_bytes != img->cluster_bytes)
		return err_set(err, EINVAL,
			       "the descriptor of '%s' says clusters of %u bytes and the image %u",
			       loc->path, loc->cluster_bytes, img->cluster_bytes);
	return 0;
}

int ploop_open(const char *path, struct ploop_disk **ret_disk, struct err *err)
{
	struct location loc = {.dirfd = -EBADF};
	struct image img = {.fd = -EBADF};
	struct ploop_disk *disk;
	int r = location_find(&loc, path, err);

	if (r == 0)
		r = image_open_any(loc.dirfd, loc.file, loc.format, loc.cluster_bytes, &img, err);
	if (r == 0)
		r = location_fits(&loc, &img, err);
	if (r == 0 && disk_new(&img, &disk) < 0)
		r = err_errno(err, ENOMEM, "cannot open '%s'", path);
	if (r == 0) {
		disk->dirfd = steal_fd(&loc.dirfd);
		disk->dir = steal_ptr(loc.dir);
		disk->path = steal_ptr(loc.path);
		*ret_disk = disk;
	}
	image_close(&img);
	location_free(&loc);
	return r;
}

void ploop_close(struct ploop_disk *disk)
{
	disk_free(disk);
}

uint64_t ploop_size_bytes(const struct ploop_disk *disk)
{
	return disk->img.size_bytes;
}

enum ploop_format ploop_disk_format(const struct ploop_disk *disk)
{
	return disk->img.format;
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
	int r = image_map_now(&disk->img, err);

	return r < 0 ? r : gpt_find(disk, ret_offset_bytes, ret_length_bytes, err);
}
