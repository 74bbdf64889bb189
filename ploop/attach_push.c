/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Another table for a mounted disk: a larger one, or, for a snapshot, one with one
 * more delta, empty, that is written to from then on.
 *
 *   load    the new table beside the one in use; the old top is opened for
 *           reading in it
 *   switch  one ioctl: the file system is frozen, the old table closes its top,
 *           the new one opens its own, and the file system goes on
 *
 * The lock on the old top is the old table's, and goes with it; only then can
 * the new table's open file take one for readers. Meanwhile the lock on the new
 * top keeps others away from the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "attach.h"
#include "attach_dm.h"
#include "cleanup.h"
#include "disk.h"
#include "dm.h"
#include "err.h"
#include "format.h"
#include "holes.h"
#include "mark.h"

#define LOCK_TRIES 300
#define LOCK_NS	   (10 * 1000 * 1000)

struct attach_push {
	struct attach a; /* disk is borrowed; image is the new top, owned */
	int dm;
	dev_t dev;
};

static void free_push(struct attach_push *p)
{
	if (p->a.image >= 0)
		close(p->a.image);
	if (p->dm >= 0)
		close(p->dm);
	free(p);
}

static int lock_soon(int fd, int how)
{
	const struct timespec pause = {.tv_nsec = LOCK_NS};
	int i, r = flock(fd, how | LOCK_NB);

	for (i = 0; r < 0 && i < LOCK_TRIES; i++) {
		nanosleep(&pause, NULL);
		r = flock(fd, how | LOCK_NB);
	}
	return r;
}

/*
 * @older: as those of the disk are open. The top that a device has is not to be opened
 * for writing: opened for reading, it goes on in the new table with the old one's file,
 * and the lock on that.
 */
static int open_table(struct attach *a, int how, struct err *err)
{
	const struct ploop_disk *disk = a->disk;
	unsigned int i;

	a->image = openat(disk->dirfd, disk->img.name, how | O_CLOEXEC | O_NOFOLLOW);
	if (a->image < 0)
		return err_errno(err, errno, "cannot open the image '%s'", disk->path);
	for (i = 0; i < disk->n_older; i++)
		a->older[i] = disk->older[i].fd;
	return 0;
}

static void lock_table(const struct attach *a)
{
	unsigned int i;

	for (i = 0; i < a->disk->n_older; i++)
		(void)lock_soon(a->older[i], LOCK_SH);
}

/*
 * The switch to another table failed, which leaves the device frozen, with the one
 * or the other: the images of @a are loaded again and it goes on with them.
 */
static int unfreeze(int dm, struct attach *a, dev_t dev)
{
	/* In the new table it may be one that is read. */
	bool shared = attach_share(dev, a->disk->img.fd, true, NULL) == 0;
	int r = open_table(a, shared ? O_RDWR : O_RDONLY, NULL);

	if (r < 0)
		return r;
	r = attach_dm_load(dm, a, dev, false, NULL);
	if (r == 0)
		r = dm_resume(dm, dev);
	if (r == 0)
		lock_table(a);
	if (r == 0 && shared)
		(void)lock_soon(a->image, LOCK_EX);
	close(a->image);
	return r;
}

static int say_frozen(dev_t dev, struct err *err)
{
	return err_prefix(err,
			  "the disk is frozen, and goes on after a 'dmsetup resume -j %u -m %u'",
			  major(dev), minor(dev));
}

int attach_dm_reload(int dm, struct ploop_disk *was, struct ploop_disk *disk, dev_t dev,
		     struct err *err)
{
	struct attach a = {.disk = disk}, old = {.disk = was};
	int r = ploop_partition(disk, &a.offset, &a.length, err);

	if (r == 0)
		r = open_table(&a, O_RDONLY, err);
	if (r < 0)
		return r;
	dm_clear(dm, dev);
	r = attach_dm_load(dm, &a, dev, false, err);
	if (r == 0 && (r = dm_resume(dm, dev)) < 0) {
		err_errno(err, r,
			  "the device mapper does not go on with another table of '%s', the "
			  "kernel's log tells more",
			  disk->path);
		old.offset = a.offset;
		old.length = a.length;
		if (unfreeze(dm, &old, dev) < 0 && dm_resume(dm, dev) < 0)
			say_frozen(dev, err);
	} else if (r == 0) {
		lock_table(&a);
	}
	close(a.image);
	return r;
}

int attach_reload(struct ploop_disk *disk, dev_t dev, struct err *err)
{
	_cleanup_close_ int dm = dm_open();

	return dm < 0 ? err_errno(err, dm, "cannot open the device mapper")
		      : attach_dm_reload(dm, disk, disk, dev, err);
}

int attach_dm_grow(struct ploop_disk *disk, dev_t dev, uint64_t size_bytes, struct err *err)
{
	_cleanup_close_ int dm = dm_open();
	struct ploop_disk *now;
	char message[48], answer[16];
	int r;

	if (dm < 0)
		return err_errno(err, dm, "cannot open the device mapper");
	snprintf(message, sizeof(message), "resize %llu",
		 (unsigned long long)(size_bytes / PLOOP_SECTOR));
	r = dm_message(dm, dev, message, answer, sizeof(answer));
	if (r < 0)
		return err_errno(err, r, "the kernel does not make the image '%s' larger",
				 disk->path);
	r = ploop_open(disk->dir, &now, err);
	if (r < 0)
		return r;
	r = attach_dm_reload(dm, disk, now, dev, err);
	ploop_close(now);
	return r;
}

static int load(struct attach_push *p, const char *name, struct err *err)
{
	struct ploop_disk *disk = p->a.disk;
	int r = ploop_partition(disk, &p->a.offset, &p->a.length, err);

	if (r < 0)
		return r;
	p->dm = dm_open();
	if (p->dm < 0)
		return err_errno(err, p->dm, "cannot open the device mapper");
	/* Whoever was killed here before left a table, which has a lock. */
	dm_clear(p->dm, p->dev);
	p->a.image = openat(disk->dirfd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (p->a.image < 0 || lock_soon(p->a.image, LOCK_EX) < 0)
		return err_errno(err, errno, "cannot open the image '%s'", name);
	return attach_dm_load(p->dm, &p->a, p->dev, true, err);
}

int attach_push_load(struct ploop_disk *disk, dev_t dev, const char *name, struct attach_push **ret,
		     struct err *err)
{
	struct attach_push *p = calloc(1, sizeof(*p));
	unsigned int i;
	int r;

	if (!p)
		return err_errno(err, ENOMEM, "cannot make a snapshot of '%s'", disk->path);
	*p = (struct attach_push){.a = {.disk = disk, .image = -EBADF}, .dm = -EBADF, .dev = dev};
	for (i = 0; i < disk->n_older; i++)
		p->a.older[i] = disk->older[i].fd;
	r = load(p, name, err);
	if (r < 0)
		free_push(p);
	else
		*ret = p;
	return r;
}

void attach_push_cancel(struct attach_push *p)
{
	dm_clear(p->dm, p->dev);
	free_push(p);
}

/* Another disk may stand on it as well: that one is as it was made. */
static void close_holes(const struct ploop_disk *disk, dev_t dev, const struct image *img)
{
	struct stat st;
	uint64_t at;
	int fd;

	if (img->format != PLOOP_FORMAT_EXPANDED || fstat(img->fd, &st) < 0 || st.st_nlink != 1 ||
	    holes_find(img->fd, (uint64_t)st.st_size, &at) <= 0 ||
	    attach_share(dev, img->fd, true, NULL) < 0)
		return;
	fd = openat(disk->dirfd, img->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0) {
		holes_fill(fd);
		close(fd);
	}
	(void)attach_share(dev, img->fd, false, NULL);
}

/*
 * Discards left some in what nobody writes to from now on; and in those below, where
 * whoever put another on top of them was killed before he came to this.
 */
static void close_old_holes(const struct ploop_disk *disk, dev_t dev)
{
	unsigned int i;

	close_holes(disk, dev, &disk->img);
	for (i = 0; i < disk->n_older; i++)
		close_holes(disk, dev, &disk->older[i]);
}

/* What was checked before it was mounted is sound as it was frozen, and what is on it from now on is not checked. */
static void pass_mark(const struct attach_push *p)
{
	char name[ATTACH_NAME_MAX];
	_cleanup_close_ int dev = -EBADF;
	uint64_t sequence;

	if (!attach_name(p->dev, name))
		return;
	dev = attach_open(name, 0);
	if (dev < 0 || mark_sequence(dev, &sequence) < 0)
		return;
	mark_unmounted(p->a.disk->img.fd, sequence);
	(void)mark_mounted(p->a.image, dev, false, mark_get(p->a.disk->img.fd).max_id);
}

/*
 * The old top is written to as before: the new table, whatever it did, did not come
 * to be. Not by resuming what is there, which may be the new one.
 */
static bool go_back(struct attach_push *p)
{
	struct attach old = {.disk = p->a.disk, .offset = p->a.offset, .length = p->a.length};

	return unfreeze(p->dm, &old, p->dev) == 0;
}

int attach_push_switch(struct attach_push *p, bool *ret_frozen, struct err *err)
{
	const struct ploop_disk *disk = p->a.disk;
	unsigned int i;
	int r = dm_resume(p->dm, p->dev);

	*ret_frozen = false;
	if (r < 0) {
		err_errno(err, r,
			  "the device mapper does not go on with a new top of '%s', the "
			  "kernel's log tells more",
			  disk->dir);
		*ret_frozen = !go_back(p);
		if (*ret_frozen)
			say_frozen(p->dev, err);
		free_push(p);
		return r;
	}
	for (i = 0; i < disk->n_older; i++)
		(void)lock_soon(disk->older[i].fd, LOCK_SH);
	(void)lock_soon(disk->img.fd, LOCK_SH);
	close_old_holes(disk, p->dev);
	pass_mark(p);
	attach_dm_rename(p->dm, p->dev, p->a.image);
	free_push(p);
	return 0;
}
