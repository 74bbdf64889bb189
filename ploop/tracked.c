/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tracking goes on first, then all that was written before is flushed, and the
 * tables of the images are read: what they do not name was written since, and is
 * told. The device is read past the page cache, which has what was there when
 * something was read before.
 *
 * Two things must not outlive the command: a frozen file system, and tracking.
 * Each has its guard. If that was killed, too, tracking that nobody holds the
 * device's lock for is somebody's who is gone.
 *
 * The points of the disk (kept.h) are in memory meanwhile:
 *
 *   FILE.points -> memory; FILE.points goes; what is told is noted in memory
 *   the disk stands still, and nothing is told any more: the new point begins
 *   [the copy is closed, stable] -> FILE.points, stable; then the tracking is nobody's
 *   to be ended any more
 *
 * Whoever is killed on the way leaves no FILE.points, or one that the target does not
 * track for, which says nothing.
 */
#include "tracked.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach.h"
#include "attach_dm.h"
#include "cleanup.h"
#include "disk.h"
#include "dm.h"
#include "edit.h"
#include "err.h"
#include "guard.h"
#include "io.h"
#include "kept.h"
#include "ploop.h"
#include "points.h"

#define ANSWER_BYTES 32

struct tracked {
	const struct ploop_copy_opts *opts;
	char *shown; /* owned */
	dev_t dev;
	char name[ATTACH_NAME_MAX];
	int dm, fd; /* fd: the device, locked */
	int held;   /* nobody mounts it; -EBADF: somebody has */
	bool unmounted;
	uint64_t off; /* of the device on the disk, in bytes */
	struct ploop_disk *disk;
	struct edit edit;
	bool edited;
	struct guard tracking, frozen;
	struct extension points; /* and what was told is noted in them; owned */
	bool added;		 /* the new one is among them */
};

/* --- opening -------------------------------------------------------------------------- */

static int find_device(struct tracked *t, const char *source, struct err *err)
{
	struct ploop_disk *disk;
	struct stat st;
	int r;

	if (stat(source, &st) < 0)
		return err_errno(err, errno, "cannot open '%s'", source);
	if (S_ISBLK(st.st_mode)) {
		t->dev = st.st_rdev;
		return 0;
	}
	r = ploop_open(source, &disk, err);
	if (r == 0) {
		r = attach_find(disk, &t->dev, err);
		ploop_close(disk);
	}
	return r;
}

static int open_device(struct tracked *t, struct err *err)
{
	const struct attach_kind *kind = attach_name(t->dev, t->name);
	struct stat st;

	if (kind == &attach_loop)
		return err_set(err, EOPNOTSUPP,
			       "'%s' is a raw image's, whose writes nobody notes: it cannot be "
			       "copied while it is mounted",
			       t->shown);
	if (kind != &attach_dm)
		return err_set(err, ENOTBLK, "'%s' is no device of the target 'ploop'", t->shown);
	t->dm = dm_open();
	if (t->dm < 0)
		return err_errno(err, t->dm, "cannot open the device mapper");
	t->fd = attach_open(t->name, O_DIRECT);
	if (t->fd < 0)
		return err_errno(err, t->fd, "cannot open '/dev/%s'", t->name);
	if (fstat(t->fd, &st) < 0 || st.st_rdev != t->dev)
		return err_set(err, ENXIO, "'/dev/%s' is not the device of '%s'", t->name,
			       t->shown);
	if (!attach_lock(t->fd))
		return err_set(err, EBUSY, "'%s' is being copied already", t->shown);
	return 0;
}

/* Snapshots and resizes give the device another table, which ends the tracking. */
static int keep_others_away(struct tracked *t, struct err *err)
{
	int r = attach_dm_open(t->dm, t->dev, t->shown, &t->disk, &t->off, err);

	if (r == 0 && t->disk->described) {
		r = edit_begin(t->disk->dir, &t->edit, err);
		t->edited = r == 0;
	}
	return r;
}

static int send(int dm, dev_t dev, const char *message)
{
	char answer[ANSWER_BYTES];

	return dm_message(dm, dev, message, answer, sizeof(answer));
}

static int stop_tracking(int dm, dev_t dev)
{
	return send(dm, dev, "tracking_stop");
}

static int start_tracking(struct tracked *t, struct err *err)
{
	int r;

	/* First: afterwards nobody could tell whether it had been on all the time. */
	kept_forget(t->disk->dirfd, t->disk->img.name);
	r = guard_begin(&t->tracking, stop_tracking, t->dm, t->dev);
	if (r < 0)
		return err_errno(err, r, "cannot guard the tracking of '%s'", t->shown);
	r = send(t->dm, t->dev, "tracking_start");
	if (r == -EEXIST && t->points.n)
		return 0;
	extension_free(&t->points);
	if (r == -EEXIST && stop_tracking(t->dm, t->dev) == 0)
		r = send(t->dm, t->dev, "tracking_start");
	return r < 0 ? err_errno(err, r, "the kernel does not track writes to '%s'", t->shown) : 0;
}

static int map_images(struct tracked *t, struct err *err)
{
	struct ploop_disk *disk;
	unsigned int i;
	int r;

	if (fsync(t->fd) < 0)
		return err_errno(err, errno, "cannot flush '%s'", t->shown);
	r = attach_dm_open(t->dm, t->dev, t->shown, &disk, &t->off, err);
	if (r < 0)
		return r;
	ploop_close(t->disk);
	t->disk = disk;
	r = image_map_now(&t->disk->img, err);
	for (i = 0; r == 0 && i < t->disk->n_older; i++)
		r = image_map_now(&t->disk->older[i], err);
	return r;
}

static int check_length(const struct tracked *t, struct err *err)
{
	uint64_t bytes;

	if (ioctl(t->fd, BLKGETSIZE64, &bytes) < 0)
		return err_errno(err, errno, "cannot look at '%s'", t->shown);
	if (t->off > t->disk->img.size_bytes || bytes != t->disk->img.size_bytes - t->off)
		return err_set(err, ESTALE,
			       "'%s' does not go to the end of the disk: a resize was cut short",
			       t->shown);
	return 0;
}

/* --- what the passes want ----------------------------------------------------------------- */

static struct point *find_point(const struct tracked *t, const char *guid)
{
	uint8_t id[POINT_ID_BYTES];

	point_id(guid, id);
	return extension_find(&t->points, id);
}

static bool has_written(void *arg, uint32_t cluster)
{
	const struct tracked *t = arg;
	uint32_t size = t->disk->img.cluster_bytes;
	const struct point *p = find_point(t, t->opts->since);

	return p && point_has(p, (uint64_t)cluster * size, size);
}

static bool has(void *arg, uint32_t cluster)
{
	const struct tracked *t = arg;

	return disk_has(t->disk, cluster);
}

/* The partition tables lie before the device, where nobody writes while it is mounted. */
static int read_head(struct tracked *t, uint64_t at, uint8_t **buf, size_t *len, struct err *err)
{
	uint64_t left = at < t->off ? t->off - at : 0;
	size_t n = left < *len ? (size_t)left : *len;
	int r = n ? disk_read(t->disk, at, *buf, n) : 0;

	*buf += n;
	*len -= n;
	return r < 0 ? err_errno(err, r, "cannot read '%s'", t->disk->path) : 0;
}

static int read_disk(void *arg, uint32_t cluster, void *buf, size_t len, struct err *err)
{
	struct tracked *t = arg;
	uint64_t at = (uint64_t)cluster * t->disk->img.cluster_bytes;
	size_t whole = len;
	uint8_t *p = buf;
	int r = read_head(t, at, &p, &len, err);

	if (r < 0 || !len)
		return r;
	r = io_pread_full(t->fd, p, len, at + (whole - len) - t->off);
	return r < 0 ? err_errno(err, r, "cannot read '%s'", t->shown) : 0;
}

static int ask(const struct tracked *t, uint32_t *ret_cluster, struct err *err)
{
	char answer[ANSWER_BYTES], *end;
	unsigned long n;
	int r = dm_message(t->dm, t->dev, "tracking_get_next", answer, sizeof(answer));

	if (r == -EAGAIN)
		return r;
	if (r == -ENOENT)
		return err_set(err, ESTALE,
			       "'%s' has got another table meanwhile: the copy has to begin again",
			       t->shown);
	if (r < 0)
		return err_errno(err, r, "the kernel does not tell what was written to '%s'",
				 t->shown);
	n = strtoul(answer, &end, 10);
	if (*answer < '0' || *answer > '9' || (*end && *end != '\n') || n > UINT32_MAX)
		return err_set(err, EIO, "the kernel says that '%s' was written to '%s'", answer,
			       t->shown);
	*ret_cluster = (uint32_t)n;
	return 0;
}

static int next(void *arg, uint32_t *ret_cluster, struct err *err)
{
	struct tracked *t = arg;
	uint32_t size = t->disk->img.cluster_bytes;
	int r = ask(t, ret_cluster, err);

	if (r == 0)
		extension_note(&t->points, (uint64_t)*ret_cluster * size, size);
	else if (r != -EAGAIN)
		/* What it would have told nobody knows. */
		extension_free(&t->points);
	return r;
}

/* Best effort: what is not written now is written by the freeze. */
static void sync_mounted(void *arg)
{
	const struct tracked *t = arg;
	_cleanup_free_ char *target = NULL;
	_cleanup_close_ int fd = -EBADF;
	struct stat st;

	if (ploop_mount_point(NULL, t->dev, &target, NULL) < 0)
		return;
	fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == t->dev)
		(void)syncfs(fd);
}

static int thaw(int fd, dev_t dev)
{
	(void)dev;
	return ioctl(fd, FITHAW, 0) < 0 ? -errno : 0;
}

static int freeze(struct tracked *t, const char *target, struct err *err)
{
	_cleanup_close_ int fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot open '%s'", target);
	if (st.st_dev != t->dev)
		return err_set(err, EBUSY, "what is mounted on '%s' is hidden by another mount",
			       target);
	r = guard_begin(&t->frozen, thaw, fd, t->dev);
	if (r < 0)
		return err_errno(err, r, "cannot guard the freeze of '%s'", target);
	if (ioctl(fd, FIFREEZE, 0) == 0)
		return 0;
	r = errno;
	guard_dismiss(&t->frozen);
	/* By the stop command: it thaws it, too. */
	return r == EBUSY ? 0 : err_errno(err, r, "cannot freeze the file system on '%s'", target);
}

static int stop(void *arg, struct err *err)
{
	struct tracked *t = arg;
	_cleanup_free_ char *target = NULL;
	int r = t->opts && t->opts->stop ? t->opts->stop(t->opts->stop_arg, err) : 0;

	if (r < 0)
		return r;
	r = ploop_mount_point(NULL, t->dev, &target, err);
	if (r == 0)
		return freeze(t, target, err);
	if (r != -ENOENT)
		return r;
	err_clear(err);
	/* It may have been unmounted for that. */
	t->held = attach_open(t->name, O_EXCL);
	if (t->held == -EBUSY)
		return err_set(err, EBUSY, "'%s' is mounted where it cannot be seen from here",
			       t->shown);
	if (t->held < 0)
		return err_errno(err, t->held, "cannot open '/dev/%s'", t->name);
	t->unmounted = true;
	return fsync(t->fd) < 0 ? err_errno(err, errno, "cannot flush '%s'", t->shown) : 0;
}

static int go_on(void *arg, struct err *err)
{
	struct tracked *t = arg;
	struct point *p = t->added ? find_point(t, t->opts->point) : NULL;
	int r;

	/* All that was written until now is in the copy, and told. */
	if (p)
		memset(p->bits, 0, p->bytes);
	r = guard_end(&t->frozen);
	if (t->held >= 0)
		close(steal_fd(&t->held));
	return r < 0 ? err_errno(err, r, "cannot thaw the file system of '%s'", t->shown) : 0;
}

/* --- points ------------------------------------------------------------------------------- */

static int check_writable(const struct tracked *t, struct err *err)
{
	return attach_is_read_only(t->dev)
		       ? err_set(err, EBUSY,
				 "'%s' is mounted for reading only: its points are for who has "
				 "unmounted it",
				 t->shown)
		       : 0;
}

/* The disk has @since, and room for the new point. */
static int want_points(struct tracked *t, struct err *err)
{
	const char *since = t->opts ? t->opts->since : NULL,
		   *point = t->opts ? t->opts->point : NULL;
	int r = 0;

	if (since && !find_point(t, since))
		r = point_missing(&t->disk->img, since, err);
	if (r == 0 && point) {
		r = point_add(&t->points, &t->disk->img, point, err);
		t->added = r == 0;
	}
	return r;
}

/* What is refused is, before the points are in doubt. */
static int check_points(struct tracked *t, struct err *err)
{
	bool wanted = t->opts && (t->opts->since || t->opts->point);
	int r = wanted ? check_writable(t, err) : 0;

	if (r < 0)
		return r;
	(void)kept_load(t->disk, t->dev, &t->points);
	r = want_points(t, err);
	if (t->added)
		extension_remove(&t->points, find_point(t, t->opts->point));
	t->added = false;
	if (r < 0)
		extension_free(&t->points);
	return r;
}

/* What was written before, once: the copy has it by its first pass. */
static int note_told(struct tracked *t, struct err *err)
{
	uint32_t i, cluster, n = t->points.n ? image_clusters(&t->disk->img) : 0;
	int r = 0;

	for (i = 0; r == 0 && i < n; i++)
		r = next(t, &cluster, err);
	return r == -EAGAIN ? 0 : r;
}

/* A failure of this process from here to there leaves none. */
static void keep_points(struct tracked *t, bool failed)
{
	if (t->added && failed && t->points.n)
		extension_remove(&t->points, find_point(t, t->opts->point));
	if (t->points.n && kept_store(t->disk, t->fd, &t->points) == 0)
		guard_dismiss(&t->tracking);
	extension_free(&t->points);
}

/* --- ends --------------------------------------------------------------------------------- */

static int hold(struct tracked *t, const char *source, struct err *err)
{
	int r = find_device(t, source, err);

	if (r == 0)
		r = open_device(t, err);
	return r < 0 ? r : keep_others_away(t, err);
}

static int begin(struct tracked *t, const char *source, struct err *err)
{
	int r = hold(t, source, err);

	if (r == 0)
		r = check_points(t, err);
	if (r == 0)
		r = start_tracking(t, err);
	if (r == 0)
		r = want_points(t, err);
	/* Before the tables are read: those name what is told by then. */
	if (r == 0)
		r = note_told(t, err);
	if (r == 0)
		r = map_images(t, err);
	return r < 0 ? r : check_length(t, err);
}

static struct tracked *new_tracked(const char *source, const struct ploop_copy_opts *opts)
{
	struct tracked *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	*t = (struct tracked){.opts = opts,
			      .shown = strdup(source),
			      .dm = -EBADF,
			      .fd = -EBADF,
			      .held = -EBADF,
			      .tracking = GUARD_NONE,
			      .frozen = GUARD_NONE};
	if (t->shown)
		return t;
	free(t);
	return NULL;
}

int tracked_open(const char *source, const struct ploop_copy_opts *opts, struct tracked **ret,
		 struct passes_from *ret_from, struct err *err)
{
	struct tracked *t = new_tracked(source, opts);
	bool since = opts && opts->since;
	int r;

	if (!t)
		return err_errno(err, ENOMEM, "cannot copy '%s'", source);
	r = begin(t, source, err);
	if (r < 0) {
		tracked_close(t, true);
		return r;
	}
	*ret_from = (struct passes_from){
		.size_bytes = t->disk->img.size_bytes,
		.cluster_bytes = t->disk->img.cluster_bytes,
		.arg = t,
		.has = since ? has_written : has,
		.zeros_too = since,
		.read = read_disk,
		.next = next,
		.sync = sync_mounted,
		.stop = stop,
		.go_on = go_on,
	};
	*ret = t;
	return 0;
}

bool tracked_is_mounted(const char *source)
{
	struct ploop_disk *disk;
	struct stat st;
	dev_t dev;
	int r;

	if (stat(source, &st) == 0 && S_ISBLK(st.st_mode))
		return true;
	if (ploop_open(source, &disk, NULL) < 0)
		return false;
	r = attach_find(disk, &dev, NULL);
	ploop_close(disk);
	return r == 0;
}

int tracked_remove_point(const char *source, const char *guid, struct err *err)
{
	struct tracked *t = new_tracked(source, NULL);
	struct point *p;
	int r = t ? hold(t, source, err) : err_errno(err, ENOMEM, "cannot open '%s'", source);

	if (r == 0)
		r = check_writable(t, err);
	if (r == 0) {
		(void)kept_load(t->disk, t->dev, &t->points);
		p = find_point(t, guid);
		if (p) {
			kept_forget(t->disk->dirfd, t->disk->img.name);
			extension_remove(&t->points, p);
			if (!t->points.n)
				(void)stop_tracking(t->dm, t->dev);
		} else {
			r = point_missing(&t->disk->img, guid, err);
			extension_free(&t->points);
		}
	}
	tracked_close(t, r < 0);
	return r;
}

dev_t tracked_device(const struct tracked *t)
{
	return t->dev;
}

/* Whoever unmounted it could not wait for the device's end: what comes after that is left to us. */
static void end_unmounted(const struct tracked *t)
{
	int fd = attach_open(t->name, 0);

	close(t->fd);
	if (fd >= 0)
		attach_dm.unmounted(t->name, fd);
}

void tracked_close(struct tracked *t, bool failed)
{
	if (!t)
		return;
	(void)guard_end(&t->frozen);
	keep_points(t, failed);
	(void)guard_end(&t->tracking);
	if (t->held >= 0)
		close(t->held);
	if (t->dm >= 0)
		close(t->dm);
	if (t->disk)
		ploop_close(t->disk);
	if (t->edited)
		edit_end(&t->edit);
	if (t->unmounted)
		end_unmounted(t);
	else if (t->fd >= 0)
		close(t->fd);
	free(t->shown);
	free(t);
}
