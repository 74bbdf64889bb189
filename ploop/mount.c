/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An image on a block device (attach.h), and its file system mounted. The lock
 * that keeps a second mount away is on the open file that the device takes
 * over, so that it lives exactly as long as the device: no record, nothing to
 * clean up after a crash.
 *
 * An image is hostile until it has been checked from its first to its last
 * block: that it was is marked on the file, where only the host's root can
 * write it (mark.c). create.c marks what it made; a mount takes the mark away
 * and a clean unmount gives it back. Whose files are on it is looked at likewise,
 * and again for a smaller range of ids than the mark is for.
 */
#include "ploop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "attach.h"
#include "cleanup.h"
#include "compact.h"
#include "disk.h"
#include "err.h"
#include "fsck.h"
#include "kept.h"
#include "later.h"
#include "mark.h"
#include "mend.h"
#include "open.h"
#include "owners.h"
#include "strbuf.h"
#include "strv.h"

#define LEAVE_TRIES 100
#define LEAVE_NS    (10 * 1000 * 1000)

/* The kernel keeps it from all writers but one: by the device that has it, if there is one. */
static int refuse_held(const struct ploop_disk *disk, const struct image *img, struct err *err)
{
	int r = attach_check_none(img->fd, disk->path, err);

	return r < 0 ? r
		     : err_set(err, EBUSY, "the image '%s' is in use: is it mounted already?",
			       disk->path);
}

static int open_same(const struct ploop_disk *disk, const struct image *img, bool read_only,
		     struct err *err)
{
	_cleanup_close_ int fd = -EBADF;
	struct stat st, opened;

	fd = openat(disk->dirfd, img->name,
		    (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ETXTBSY ? refuse_held(disk, img, err)
					: err_errno(err, errno, "cannot open the image '%s/%s'",
						    disk->dir, img->name);
	if (fstat(img->fd, &st) < 0 || fstat(fd, &opened) < 0)
		return err_errno(err, errno, "cannot look at '%s/%s'", disk->dir, img->name);
	if (st.st_dev != opened.st_dev || st.st_ino != opened.st_ino)
		return err_set(err, ESTALE, "the image '%s/%s' was replaced meanwhile", disk->dir,
			       img->name);
	return steal_fd(&fd);
}

/* A snapshot may be read by many at once; the top is one's own, to read it as well. */
static int try_locked(const struct ploop_disk *disk, bool read_only, struct err *err)
{
	_cleanup_close_ int fd = open_same(disk, &disk->img, read_only, err);

	if (fd < 0)
		return fd;
	if (flock(fd, (disk->guid ? LOCK_SH : LOCK_EX) | LOCK_NB) < 0)
		return err_set(err, EBUSY, "the image '%s' is in use: is it mounted already?",
			       disk->path);
	return steal_fd(&fd);
}

/* A device that is about to go is waited for. */
static int open_locked(const struct ploop_disk *disk, bool read_only, struct err *err)
{
	const struct attach_kind *kind = attach_kind_of(disk);
	const struct timespec pause = {.tv_nsec = LEAVE_NS};
	int i, r = try_locked(disk, read_only, err);
	struct stat st;

	if (r != -EBUSY || disk->guid || !kind->is_leaving || fstat(disk->img.fd, &st) < 0)
		return r;
	for (i = 0; r == -EBUSY && i < LEAVE_TRIES && kind->is_leaving(&st); i++) {
		nanosleep(&pause, NULL);
		err_clear(err);
		r = try_locked(disk, read_only, err);
	}
	return r;
}

/* Nobody writes to them while they are read, and one that was the top when its writer died is closed. */
static int lock_older(struct attach *a, struct err *err)
{
	const struct ploop_disk *disk = a->disk;
	unsigned int i;
	int r;

	for (i = 0; i < disk->n_older; i++) {
		const struct image *img = &disk->older[i];

		if (img->unmapped && !a->read_only) {
			r = mend_older(disk->dirfd, img->name, img->name, err);
			if (r < 0)
				return r;
		}
		a->older[i] = open_same(disk, img, true, err);
		if (a->older[i] < 0)
			return a->older[i];
		if (flock(a->older[i], LOCK_SH | LOCK_NB) < 0)
			return err_set(err, EBUSY, "the image '%s/%s' is in use", disk->dir,
				       img->name);
	}
	return 0;
}

static void unlock_older(const struct attach *a)
{
	unsigned int i;

	for (i = 0; i < a->disk->n_older; i++)
		if (a->older[i] >= 0)
			close(a->older[i]);
}

/* After that. What is mounted for reading is what was looked at, now and the next time. */
static int check_owners(const struct attach *a, const char *node, const struct mark *was,
			uint32_t max_id, struct err *err)
{
	bool known = was->checked && was->max_id && was->max_id <= max_id;
	struct mark mark = {true, max_id};
	int r = !max_id || known ? 0 : owners_check(node, max_id, err);

	if (r < 0)
		return err_prefix(err, "'%s'", a->disk->path);
	if (a->read_only && (!was->checked || (max_id && !known)))
		mark_set(a->image, mark);
	return 0;
}

/* What mount(8) calls options and mount(2) calls flags. */
static const struct {
	const char *name;
	unsigned long set, clear;
} mount_flags[] = {
	{"defaults", 0, 0},
	{"ro", MS_RDONLY, 0},
	{"rw", 0, MS_RDONLY},
	{"nosuid", MS_NOSUID, 0},
	{"suid", 0, MS_NOSUID},
	{"nodev", MS_NODEV, 0},
	{"dev", 0, MS_NODEV},
	{"noexec", MS_NOEXEC, 0},
	{"exec", 0, MS_NOEXEC},
	{"sync", MS_SYNCHRONOUS, 0},
	{"async", 0, MS_SYNCHRONOUS},
	{"dirsync", MS_DIRSYNC, 0},
	{"noatime", MS_NOATIME, MS_RELATIME | MS_STRICTATIME},
	{"relatime", MS_RELATIME, MS_NOATIME | MS_STRICTATIME},
	{"strictatime", MS_STRICTATIME, MS_NOATIME | MS_RELATIME},
	{"nodiratime", MS_NODIRATIME, 0},
	{"lazytime", MS_LAZYTIME, 0},
};

static bool take_flag(const char *name, unsigned long *flags)
{
	size_t i;

	for (i = 0; i < sizeof(mount_flags) / sizeof(mount_flags[0]); i++) {
		if (strcmp(mount_flags[i].name, name) == 0) {
			*flags = (*flags & ~mount_flags[i].clear) | mount_flags[i].set;
			return true;
		}
	}
	return false;
}

/* Flags out of the options; what is left in *ret_data is ext4's own. */
static int split_options(const struct ploop_disk *disk, const struct ploop_mount_opts *opts,
			 unsigned long *ret_flags, char **ret_data)
{
	_cleanup_strv_ char **words = NULL;
	struct strbuf data = STRBUF_INIT;
	unsigned long flags = opts->flags;
	size_t i;
	int r = strv_split(opts->options ? opts->options : "", ",", &words);

	if (r < 0)
		return r;
	/*
	 * The super block may ask for a panic of the machine at the first error that is
	 * found. What is deleted inside is to be the host's again, but where its place
	 * is kept for it.
	 */
	strbuf_add(&data, "errors=remount-ro");
	strbuf_add(&data, disk_keeps_space(disk) ? ",nodiscard" : ",discard");
	for (i = 0; words && words[i]; i++) {
		if (take_flag(words[i], &flags))
			continue;
		strbuf_addc(&data, ',');
		strbuf_add(&data, words[i]);
	}
	*ret_flags = flags | (opts->read_only ? MS_RDONLY : 0);
	*ret_data = strbuf_steal(&data);
	return *ret_data ? 0 : -ENOMEM;
}

/* @held keeps the device, also when this fails. */
static int mount_device(const struct attach *a, const char *node, int *held, const char *target,
			unsigned long flags, const char *data, struct err *err)
{
	int keep;

	/*
	 * A kernel without BLK_DEV_WRITE_MOUNTED mounts nothing that is open for
	 * writing, so hold the device by a reader's descriptor meanwhile. From the
	 * mount on that keeps the device; without it, closing lets it go.
	 */
	keep = open(node, O_RDONLY | O_CLOEXEC);
	if (keep < 0)
		return err_errno(err, errno, "cannot open '%s'", node);
	close(*held);
	*held = keep;
	if (mount(node, target, "ext4", flags, data) < 0)
		return err_errno(err, errno, "cannot mount '%s' on '%s'", a->disk->path, target);
	return 0;
}

/* It was not mounted. Its image has the points again that it had, @kept, and no place without a use. */
static void drop_device(const struct attach_kind *kind, const struct attach *a, const char *name,
			int dev, int kept)
{
	struct extension points = {.n = 0};
	uint64_t freed;

	if (kept >= 0)
		points = kept_collect(a->disk->path, dev);
	kind->drop(name, dev);
	if (kept < 0)
		return;
	if (!disk_keeps_space(a->disk))
		(void)compact_image(a->image, COMPACT_MOVE_BYTES, NULL, a->disk->path, &freed,
				    NULL);
	kept_put(a->disk->path, a->image, &points);
}

/* Make the device of @a and mount its file system on @target; a failure leaves none. */
static int attach_and_mount(const struct attach_kind *kind, const struct attach *a,
			    const char *target, const struct ploop_mount_opts *opts,
			    unsigned long flags, const char *data, dev_t *ret_dev, struct err *err)
{
	/* A device may write to its file from its start on. */
	struct mark was = mark_get(a->image);
	_cleanup_close_ int kept = a->read_only ? -EBADF : kept_begin(a->disk, a->image);
	char name[ATTACH_NAME_MAX], node[ATTACH_NAME_MAX + 8];
	int r, dev = kind->make(a, name, err);
	struct stat st;

	if (dev < 0) {
		/* They are in the image still. */
		if (kept >= 0)
			kept_forget(a->disk->dirfd, a->disk->img.name);
		return dev;
	}
	snprintf(node, sizeof(node), "/dev/%s", name);
	r = fstat(dev, &st) < 0 ? err_errno(err, errno, "cannot look at '%s'", node) : 0;
	if (r == 0) {
		kept_track(a->disk, kept, dev, st.st_rdev);
		r = fsck_device(a, dev, node, !was.checked, opts->fsck, err);
	}
	if (r == 0)
		r = check_owners(a, node, &was, opts->max_id, err);
	if (r == 0 && !a->read_only &&
	    (r = mark_mounted(a->image, dev, was.checked, opts->max_id)) < 0)
		err_errno(err, r, "cannot note on '%s' that it is mounted", a->disk->path);
	if (r == 0)
		r = mount_device(a, node, &dev, target, flags, data, err);
	if (r < 0) {
		drop_device(kind, a, name, dev, kept);
		return r;
	}
	close(dev);
	*ret_dev = st.st_rdev;
	return 0;
}

static int attach_locked(struct attach *a, struct err *err)
{
	/* Whoever makes a snapshot holds the lock on the top for that. */
	int r = disk_check_current(a->disk, err);

	if (r == 0 && !a->disk->guid)
		r = attach_check_none(a->image, a->disk->path, err);
	return r < 0 ? r : lock_older(a, err);
}

int ploop_mount(struct ploop_disk *disk, const char *target, const struct ploop_mount_opts *opts,
		dev_t *ret_dev, struct err *err)
{
	const struct attach_kind *kind = attach_kind_of(disk);
	_cleanup_close_ int image = -EBADF;
	struct attach a = {.disk = disk};
	_cleanup_free_ char *data = NULL;
	unsigned long flags;
	struct stat st;
	int r;

	if (split_options(disk, opts, &flags, &data) < 0)
		return err_errno(err, ENOMEM, "cannot mount '%s'", disk->path);
	/* Before the mark is taken away for nothing. */
	if (stat(target, &st) < 0 || (!S_ISDIR(st.st_mode) && (errno = ENOTDIR)))
		return err_errno(err, errno, "cannot mount '%s' on '%s'", disk->path, target);
	if (disk->guid)
		flags |= MS_RDONLY;
	a.read_only = flags & MS_RDONLY;
	memset(a.older, -1, sizeof(a.older));
	image = open_locked(disk, a.read_only, err);
	if (image < 0)
		return image;
	a.image = image;
	r = attach_locked(&a, err);
	if (r == 0)
		r = kind->prepare(&a, err);
	if (r == 0)
		r = attach_and_mount(kind, &a, target, opts, flags, data, ret_dev, err);
	unlock_older(&a);
	/* As it was when it was made smaller; on a kernel without quotas it is not. */
	if (r == 0 && !a.read_only && disk->pending_bytes)
		(void)later_limit(disk, target, NULL);
	return r;
}

int ploop_umount(const char *target, struct err *err)
{
	const struct attach_kind *kind = NULL;
	_cleanup_close_ int dev = -EBADF;
	char name[ATTACH_NAME_MAX];
	struct stat st;

	/* Held, as the device would go with the mount. */
	if (lstat(target, &st) == 0)
		kind = attach_name(st.st_dev, name);
	if (kind)
		dev = attach_open(name, 0);
	if (umount2(target, UMOUNT_NOFOLLOW) == 0) {
		if (dev >= 0)
			kind->unmounted(name, steal_fd(&dev));
		return 0;
	}
	if (errno == EINVAL)
		return err_set(err, EINVAL, "nothing is mounted on '%s'", target);
	return err_errno(err, errno, "cannot unmount '%s'", target);
}

bool ploop_is_attached(struct ploop_disk *disk, dev_t dev)
{
	char name[ATTACH_NAME_MAX];
	const struct attach_kind *kind = attach_name(dev, name);
	const struct image *behind = attach_behind(disk);
	struct stat image;

	if (!kind || fstat(disk->img.fd, &image) < 0)
		return false;
	if (kind->is_of(name, &image))
		return true;
	return behind && fstat(behind->fd, &image) == 0 && kind->is_of(name, &image);
}

/* mountinfo writes blank, tab, newline and backslash as three octal digits. */
static char *unescape(const char *s)
{
	struct strbuf b = STRBUF_INIT;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] && s[2] && s[3]) {
			strbuf_addc(&b,
				    (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0')));
			s += 3;
		} else {
			strbuf_addc(&b, *s);
		}
	}
	return strbuf_steal(&b);
}

int ploop_mount_point(struct ploop_disk *disk, dev_t dev, char **ret_target, struct err *err)
{
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;
	int r = disk ? attach_find(disk, &dev, err) : 0;

	if (r < 0)
		return r;
	f = fopen("/proc/self/mountinfo", "re");
	if (!f)
		return err_errno(err, errno, "cannot read '/proc/self/mountinfo'");
	while (getline(&line, &cap, f) > 0) {
		_cleanup_free_ char *where = NULL;
		unsigned int maj, min;

		if (sscanf(line, "%*d %*d %u:%u %*s %ms", &maj, &min, &where) != 3 ||
		    makedev(maj, min) != dev)
			continue;
		*ret_target = unescape(where);
		return *ret_target ? 0 : err_errno(err, ENOMEM, "cannot find the mount");
	}
	return err_set(err, ENOENT, "device %u:%u is not mounted", major(dev), minor(dev));
}
