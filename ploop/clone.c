/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A disk on another one's snapshot. The images are the same files, by hard links,
 * so that the file system counts who stands on them, and no name leads out of the
 * directory. Nobody writes to an image that others stand on (merge.c looks at the
 * links), and a directory may go without the other noticing.
 */
#include "ploop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "descriptor.h"
#include "disk.h"
#include "edit.h"
#include "err.h"
#include "image.h"
#include "mark.h"
#include "newdir.h"
#include "top.h"

struct cloning {
	const struct edit
		*from; /* its location is up to the snapshot, its descriptor as large as that */
	const char *guid;
};

static int check_closed(const struct location *loc, struct err *err)
{
	unsigned int i;
	bool marked;
	int r;

	for (i = 0; i < loc->n; i++) {
		if (loc->levels[i].format != PLOOP_FORMAT_EXPANDED)
			continue;
		r = image_is_marked(loc->dirfd, loc->levels[i].file, &marked, err);
		if (r < 0)
			return r;
		if (marked)
			return err_set(
				err, EBUSY,
				"the image '%s/%s' was not closed: 'ploop check -d' mends it",
				loc->dir, loc->levels[i].file);
	}
	return 0;
}

/* The disk may have been larger then. */
static int take_size(struct location *loc, struct err *err)
{
	struct ploop_disk *disk;
	int r = location_open(loc, OPEN_CLOSED, &disk, err);

	if (r < 0)
		return r;
	if (disk->img.size_bytes > loc->desc.size_bytes)
		loc->desc.size_bytes = disk->img.size_bytes;
	disk_free(disk);
	return 0;
}

static int link_images(const struct location *loc, int dirfd, struct err *err)
{
	unsigned int i;

	for (i = 0; i < loc->n; i++) {
		const char *file = loc->levels[i].file;

		if (linkat(loc->dirfd, file, dirfd, file, 0) < 0)
			return err_errno(err, errno, "cannot have the image '%s/%s' in common",
					 loc->dir, file);
	}
	return 0;
}

/* The chain, and a new top on it. */
static int describe(const struct cloning *c, struct descriptor *d, const char *top, struct err *err)
{
	const struct location *loc = &c->from->loc;
	const struct descriptor_delta *chain[PLOOP_LEVELS_MAX];
	unsigned int n = descriptor_chain(&loc->desc, c->guid, chain), i;
	int r = 0;

	*d = (struct descriptor){.size_bytes = loc->desc.size_bytes,
				 .cluster_bytes = loc->desc.cluster_bytes,
				 .preallocated = loc->desc.preallocated,
				 .top = DESCRIPTOR_TOP_GUID};
	for (i = 0; r == 0 && i < n; i++)
		r = descriptor_add(d, chain[i]->guid, chain[i]->parent, chain[i]->format,
				   chain[i]->file);
	if (r == 0)
		r = descriptor_add(d, DESCRIPTOR_TOP_GUID, c->guid, PLOOP_FORMAT_EXPANDED, top);
	return r < 0 ? err_errno(err, r, "cannot describe the image '%s'", top) : 0;
}

static struct mark mark_of(const struct location *loc)
{
	_cleanup_close_ int fd = openat(loc->dirfd, location_top(loc)->file,
					O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	return fd >= 0 ? mark_get(fd) : (struct mark){0};
}

static int fill(const void *arg, int dirfd, struct err *err)
{
	const struct cloning *c = arg;
	const struct location *loc = &c->from->loc;
	_cleanup_free_ char *top = NULL;
	struct descriptor d;
	int r = link_images(loc, dirfd, err);

	if (r == 0)
		r = top_name(location_top(loc)->file, &top, err);
	if (r == 0)
		r = top_make(dirfd, top, &loc->desc, mark_of(loc), err);
	if (r < 0)
		return r;
	r = describe(c, &d, top, err);
	if (r == 0)
		r = descriptor_store(dirfd, &d, err);
	descriptor_free(&d);
	return r;
}

static int clone_snapshot(struct edit *e, const char *guid, const char *dir, struct err *err)
{
	const struct cloning c = {e, guid};
	const struct descriptor_delta *delta = descriptor_find(&e->loc.desc, guid);
	int r;

	if (!delta || delta == descriptor_top(&e->loc.desc))
		return err_set(err, ENOENT, "'%s' has no snapshot %s", e->loc.dir, guid);
	if (delta->temporary)
		return err_set(err, EINVAL, "the snapshot %s of '%s' is being deleted", guid,
			       e->loc.dir);
	r = location_select(&e->loc, guid, err);
	if (r == 0 && e->loc.n == PLOOP_LEVELS_MAX)
		r = err_set(err, E2BIG, "'%s' has %d images on top of each other already",
			    e->loc.dir, PLOOP_LEVELS_MAX);
	if (r == 0)
		r = check_closed(&e->loc, err);
	if (r == 0)
		r = take_size(&e->loc, err);
	return r < 0 ? r : newdir_make(dir, true, fill, &c, err);
}

int ploop_clone(const char *path, const char *guid, const char *dir, struct err *err)
{
	struct edit e;
	int r = edit_begin(path, &e, err);

	if (r < 0)
		return r;
	r = clone_snapshot(&e, guid, dir, err);
	edit_end(&e);
	return r;
}
