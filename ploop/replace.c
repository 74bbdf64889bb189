/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Another file for an image that the disk stands on, with the same bytes of the
 * disk in it: they are compared. With @keep_name it is a rename over the file,
 * else a descriptor; the old file stays then, it is its owner's.
 */
#include "ploop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "descriptor.h"
#include "disk.h"
#include "edit.h"
#include "err.h"
#include "image.h"

static int open_one(const struct edit *e, const char *file, enum ploop_format format,
		    struct ploop_disk **ret, struct err *err)
{
	struct image img = {.fd = -EBADF};
	int r = image_open(e->loc.dirfd, file, format, e->loc.desc.cluster_bytes, false, &img, err);

	if (r == 0 && disk_new(&img, ret) < 0)
		r = err_errno(err, ENOMEM, "cannot open '%s'", file);
	image_close(&img);
	return r;
}

static int check_geometry(const struct image *was, const struct image *now, struct err *err)
{
	if (was->size_bytes != now->size_bytes)
		return err_set(err, EINVAL, "'%s' has %llu bytes and '%s' %llu", now->name,
			       (unsigned long long)now->size_bytes, was->name,
			       (unsigned long long)was->size_bytes);
	if (was->cluster_bytes != now->cluster_bytes)
		return err_set(err, EINVAL, "'%s' has clusters of %u bytes and '%s' of %u",
			       now->name, now->cluster_bytes, was->name, was->cluster_bytes);
	return 0;
}

/*
 * What others hide, or see through: a cluster that one has and the other has not is
 * the same only where nothing is below.
 */
static int compare(struct ploop_disk *was, struct ploop_disk *now, bool base, struct err *err)
{
	uint32_t size = was->img.cluster_bytes, cluster;
	_cleanup_free_ uint8_t *a = malloc(size), *b = malloc(size);
	int r = a && b ? 0 : err_errno(err, ENOMEM, "cannot compare '%s'", now->img.name);

	for (cluster = 0; r == 0 && cluster < image_clusters(&was->img); cluster++) {
		uint64_t at = (uint64_t)cluster * size, left = was->img.size_bytes - at;
		size_t len = left < size ? (size_t)left : size;
		bool in_was = disk_has(was, cluster), in_now = disk_has(now, cluster);

		if (!in_was && !in_now)
			continue;
		r = disk_read(was, at, a, len);
		if (r == 0)
			r = disk_read(now, at, b, len);
		if (r < 0)
			err_errno(err, r, "cannot compare '%s'", now->img.name);
		else if (memcmp(a, b, len) != 0 || (!base && in_was != in_now))
			r = err_set(err, EINVAL, "'%s' and '%s' are not the same at byte %llu",
				    now->img.name, was->img.name, (unsigned long long)at);
	}
	return r;
}

static int check_same(const struct edit *e, const struct descriptor_delta *delta, const char *file,
		      struct err *err)
{
	bool base = strcmp(delta->parent, DESCRIPTOR_ROOT_GUID) == 0;
	struct ploop_disk *was = NULL, *now = NULL;
	int r = open_one(e, delta->file, delta->format, &was, err);

	if (r == 0)
		r = open_one(e, file, delta->format, &now, err);
	if (r == 0)
		r = check_geometry(&was->img, &now->img, err);
	if (r == 0)
		r = compare(was, now, base, err);
	disk_free(was);
	disk_free(now);
	return r;
}

/* Whoever reads it from now on finds it locked as the one before. */
static int lock_new(const struct edit *e, const char *file, struct err *err)
{
	_cleanup_close_ int fd = openat(e->loc.dirfd, file,
					O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot open the image '%s'", file);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "'%s' is not a regular file", file);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, EBUSY, "the image '%s/%s' is in use", e->loc.dir, file);
	/* Its bytes are all there before anything depends on them. */
	if (fsync(fd) < 0)
		return err_errno(err, errno, "cannot write the image '%s'", file);
	return steal_fd(&fd);
}

static int put(struct edit *e, struct descriptor_delta *delta, const char *file, bool keep_name,
	       struct err *err)
{
	char *name;

	if (keep_name) {
		if (renameat(e->loc.dirfd, file, e->loc.dirfd, delta->file) < 0 ||
		    fsync(e->loc.dirfd) < 0)
			return err_errno(err, errno, "cannot give '%s' the name '%s'", file,
					 delta->file);
		return 0;
	}
	name = strdup(file);
	if (!name)
		return err_errno(err, ENOMEM, "cannot replace '%s'", delta->file);
	free(delta->file);
	delta->file = name;
	return edit_store(e, err);
}

static int check_names(const struct edit *e, const struct descriptor_delta *delta, const char *guid,
		       const char *file, struct err *err)
{
	size_t i;

	if (!delta)
		return err_set(err, ENOENT, "'%s' has no snapshot %s", e->loc.dir, guid);
	if (delta == descriptor_top(&e->loc.desc))
		return err_set(err, EINVAL, "'%s' is written to, and not replaced", delta->file);
	if (strchr(file, '/'))
		return err_set(err, EINVAL, "the image '%s' is to be in the directory of '%s'",
			       file, delta->file);
	for (i = 0; i < e->loc.desc.count; i++)
		if (strcmp(e->loc.desc.deltas[i].file, file) == 0)
			return err_set(err, EEXIST, "'%s' is an image of '%s' already", file,
				       e->loc.dir);
	return 0;
}

static int replace(struct edit *e, const char *guid, const char *file, bool keep_name,
		   struct err *err)
{
	struct descriptor_delta *delta = descriptor_find(&e->loc.desc, guid);
	_cleanup_close_ int top = -EBADF, was = -EBADF, now = -EBADF;
	int r = check_names(e, delta, guid, file, err);

	if (r < 0)
		return r;
	top = edit_lock_delta(e, descriptor_top(&e->loc.desc), err);
	if (top < 0)
		return top;
	was = edit_lock_delta(e, delta, err);
	if (was < 0)
		return was;
	now = lock_new(e, file, err);
	if (now < 0)
		return now;
	r = check_same(e, delta, file, err);
	return r < 0 ? r : put(e, delta, file, keep_name, err);
}

int ploop_replace(const char *path, const char *guid, const char *file, bool keep_name,
		  struct err *err)
{
	struct edit e;
	int r = edit_begin(path, &e, err);

	if (r < 0)
		return r;
	r = replace(&e, guid, file, keep_name, err);
	edit_end(&e);
	return r;
}
