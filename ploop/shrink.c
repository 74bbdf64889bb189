/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Nothing makes a file system smaller so that a crash in the middle leaves it
 * whole. So it is done in a new image on top of the disk, which the descriptor
 * does not name:
 *
 *   new image    empty, on the disk as it is
 *   file system  made smaller on a device of both: all that changes is in the new one
 *   partition    its tables, for the smaller size, in it, too
 *   image        ends there: its table, its header
 *   descriptor   the disk is of that size, the new image is its top, and what it was
 *                is to become one with it: this is the moment
 *   merge        the new one comes into the old one, which is cut then; and the
 *                descriptor without the new one
 *
 * Before that moment a crash leaves the disk as it was, and a file that the next
 * change of the descriptor removes; after it, a smaller disk of two images, which a
 * resize, or an unmount, makes one.
 */
#include "shrink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "attach.h"
#include "cleanup.h"
#include "disk.h"
#include "edit.h"
#include "err.h"
#include "format.h"
#include "fsck.h"
#include "gpt.h"
#include "guid.h"
#include "mark.h"
#include "mend.h"
#include "snapshot.h"
#include "super.h"
#include "top.h"

struct shrink {
	struct edit *e;
	uint64_t size_bytes;
	int old, top; /* the two images, locked; owned */
	struct mark mark;
};

/* --- the file system ------------------------------------------------------------- */

/* The partition of a disk of @size_bytes that begins where @a's does. */
static int partition_bytes(const struct attach *a, uint64_t size_bytes, uint64_t *ret,
			   struct err *err)
{
	uint64_t first, last;

	if (gpt_layout(size_bytes, &first, &last) < 0 || (last + 1) * PLOOP_SECTOR <= a->offset)
		return err_set(err, ENOSPC, "a disk of %llu bytes is too small",
			       (unsigned long long)size_bytes);
	*ret = (last + 1) * PLOOP_SECTOR - a->offset;
	return 0;
}

int shrink_fs(struct attach *a, uint64_t size_bytes, struct err *err)
{
	char name[ATTACH_NAME_MAX], node[ATTACH_NAME_MAX + 8];
	uint64_t bytes = 0;
	int dev, r = attach_dm.prepare(a, err);

	if (r == 0)
		r = partition_bytes(a, size_bytes, &bytes, err);
	if (r < 0)
		return r;
	dev = attach_dm.make(a, name, err);
	if (dev < 0)
		return dev;
	snprintf(node, sizeof(node), "/dev/%s", name);
	r = fsck_device(a, dev, node, true, true, err);
	if (r == 0)
		r = fsck_shrink(a, dev, node, bytes, err);
	/* It may not be what is kept if the program that wrote it has a fault. */
	if (r == 0)
		r = fsck_device(a, dev, node, true, true, err);
	attach_dm.drop(name, dev);
	return r;
}

static int check_fits(struct ploop_disk *disk, uint64_t size_bytes, struct err *err)
{
	uint8_t super[SUPER_BYTES];
	struct attach a = {.disk = disk};
	uint64_t bytes = 0;
	int r = gpt_find(disk, &a.offset, &a.length, err);

	if (r == 0)
		r = partition_bytes(&a, size_bytes, &bytes, err);
	if (r < 0)
		return r;
	r = disk_read(disk, a.offset + SUPER_OFFSET, super, sizeof(super));
	if (r < 0)
		return err_errno(err, r, "cannot read the file system of '%s'", disk->img.name);
	return super_size_bytes(super) <= bytes
		       ? 0
		       : err_set(err, EIO, "the file system of '%s' did not get smaller",
				 disk->img.name);
}

/* --- the images ------------------------------------------------------------------- */

static int lock(struct edit *e, const char *name, int flags, struct err *err)
{
	_cleanup_close_ int fd = openat(e->loc.dirfd, name, flags | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_errno(err, errno, "cannot open the image '%s'", name);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, EBUSY, "the image '%s/%s' is in use", e->loc.dir, name);
	return steal_fd(&fd);
}

/* Whole and closed, and as large as its image: what a growth that was cut left is done. */
static int take_disk(struct shrink *s, struct err *err)
{
	struct edit *e = s->e;
	const char *file = descriptor_top(&e->loc.desc)->file;
	struct ploop_disk *disk;
	int r = mend_disk(&e->loc, err);

	if (r < 0)
		return r;
	s->old = lock(e, file, O_RDONLY, err);
	if (s->old < 0)
		return s->old;
	s->mark = mark_get(s->old);
	r = attach_check_none(s->old, file, err);
	if (r == 0)
		r = location_open(&e->loc, OPEN_CLOSED, &disk, err);
	if (r < 0)
		return r;
	e->loc.desc.size_bytes = disk->img.size_bytes;
	disk_free(disk);
	return 0;
}

/* In memory, and on the disk a file that the descriptor there does not name. */
static int add_top(struct shrink *s, struct err *err)
{
	struct descriptor *d = &s->e->loc.desc;
	_cleanup_free_ char *name = NULL;
	char guid[PLOOP_GUID_BYTES];
	int r = s->e->loc.n == PLOOP_LEVELS_MAX
			? err_set(err, E2BIG, "'%s' has %d images on top of each other already",
				  s->e->loc.dir, PLOOP_LEVELS_MAX)
			: top_name(location_top(&s->e->loc)->file, &name, err);

	if (r == 0 && guid_random(guid) < 0)
		r = err_set(err, EIO, "there are no random numbers for a GUID");
	if (r == 0)
		r = edit_expect(s->e, (const char *const[]){name}, 1, err);
	if (r == 0)
		r = top_make(s->e->loc.dirfd, name, d, (struct mark){.checked = false}, err);
	if (r < 0)
		return r;
	descriptor_rename(d, d->top, guid);
	descriptor_find(d, guid)->temporary = true;
	if (descriptor_add(d, d->top, guid, PLOOP_FORMAT_EXPANDED, name) < 0)
		return err_errno(err, ENOMEM, "cannot describe the image '%s'", name);
	s->top = lock(s->e, name, O_RDWR, err);
	return s->top < 0 ? s->top : location_select(&s->e->loc, d->top, err);
}

static int change_fs(struct shrink *s, shrink_fs_fn fs, struct err *err)
{
	struct attach a = {.image = s->top};
	const struct location *loc = &s->e->loc;
	unsigned int i;
	int r = location_open(loc, OPEN_CLOSED, &a.disk, err);

	if (r < 0)
		return r;
	a.disk->dirfd = fcntl(loc->dirfd, F_DUPFD_CLOEXEC, 0);
	a.disk->path = strdup(loc->dir);
	for (i = 0; i < a.disk->n_older; i++)
		a.older[i] = a.disk->older[i].fd;
	r = a.disk->path ? fs(&a, s->size_bytes, err)
			 : err_errno(err, ENOMEM, "cannot open '%s'", loc->dir);
	disk_free(a.disk);
	return r;
}

static int write_end(struct shrink *s, struct ploop_disk *disk, struct err *err)
{
	int r = check_fits(disk, s->size_bytes, err);

	if (r == 0)
		r = gpt_fit(disk, s->size_bytes, err);
	if (r < 0)
		return r;
	r = disk_flush(disk);
	if (r == 0)
		r = image_cut(&disk->img, s->size_bytes);
	return r < 0 ? err_errno(err, r, "cannot write the image '%s'", disk->img.name)
		     : image_finish(&disk->img, true, err);
}

static int cut_top(struct shrink *s, struct err *err)
{
	struct ploop_disk *disk;
	int r = location_open(&s->e->loc, OPEN_CLOSED, &disk, err);

	if (r < 0)
		return r;
	r = image_take(&disk->img, s->top, err);
	disk->sync = true;
	if (r == 0)
		r = write_end(s, disk, err);
	disk_free(disk);
	/* It was looked at whole, and has no owner that was not there. */
	s->mark.max_id = s->mark.checked ? s->mark.max_id : 0;
	s->mark.checked = true;
	if (r == 0)
		mark_set(s->top, s->mark);
	return r;
}

static int commit(struct shrink *s, struct err *err)
{
	s->e->loc.desc.size_bytes = s->size_bytes;
	s->e->loc.desc.pending_bytes = 0;
	return edit_store(s->e, err);
}

int shrink_disk(struct edit *e, uint64_t size_bytes, shrink_fs_fn fs, struct err *err)
{
	struct shrink s = {.e = e, .size_bytes = size_bytes, .old = -EBADF, .top = -EBADF};
	int r = take_disk(&s, err);

	if (r == 0)
		r = add_top(&s, err);
	if (r == 0)
		r = change_fs(&s, fs ? fs : shrink_fs, err);
	if (r == 0)
		r = cut_top(&s, err);
	if (r == 0)
		r = commit(&s, err);
	if (s.top >= 0)
		close(s.top);
	if (s.old >= 0)
		close(s.old);
	/* Whatever becomes of that, the disk is what it is to be. */
	if (r == 0)
		snapshot_finish(e);
	return r;
}
