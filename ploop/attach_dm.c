/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An expanded image on the device mapper's target ploop, over its partition.
 *
 *   create -> a table of errors -> opened, and "remove at the last close"
 *          -> the target's table -> resume: the image is marked in use
 *
 * A device exists for others to see from its first table on, and can be told to
 * go with its last close only while it is open. So the first table is one that
 * has no file: whoever is killed before the device is told so leaves one that
 * holds nothing, is open nowhere and was never in use. The next attach removes
 * such ones. It can tell them from those that are being made by the lock on the
 * control device, which is held that long. From then on the kernel removes it,
 * when the last mount goes or its maker dies.
 *
 * The target has the open file, and its lock, from its table on. A device that
 * goes has closed the image first, then the file; the file's last reference is
 * dropped by a kernel thread, so that the lock may stay for some milliseconds
 * after the device.
 */
#include "attach_dm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "attach.h"
#include "cleanup.h"
#include "compact.h"
#include "disk.h"
#include "dm.h"
#include "err.h"
#include "format.h"
#include "gpt.h"
#include "guid.h"
#include "io.h"
#include "kept.h"
#include "later.h"
#include "mark.h"
#include "mend.h"
#include "open.h"
#include "settle.h"
#include "snapshot.h"
#include "strbuf.h"

#define TARGET	    "ploop"
#define NAME_PREFIX "ploop-"
#define UUID_PREFIX "PLOOP-"
#define PREFIX_LEN  (sizeof(UUID_PREFIX) - 1)
#define PATH_BYTES  4200
#define STATE_BYTES 1024
#define FLAGS_BYTES 16
/* For as long as it takes to write out a table. */
#define GONE_TRIES  3000
#define OPEN_TRIES  100
#define GONE_NS	    (10 * 1000 * 1000)

/* One top, one name: the kernel takes no second device of it. */
static void identify(const struct stat *image, char out[DM_NAME_BYTES])
{
	snprintf(out, DM_NAME_BYTES, NAME_PREFIX "%u:%u-%llu", major(image->st_dev),
		 minor(image->st_dev), (unsigned long long)image->st_ino);
}

/* --- looking -------------------------------------------------------------------- */

/* What the device mapper calls the device @name. */
static int read_name(const char *name, char ret[DM_NAME_BYTES])
{
	char path[ATTACH_NAME_MAX + 32];
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	snprintf(path, sizeof(path), "/sys/block/%s/dm/name", name);
	r = io_read_file(AT_FDCWD, path, DM_NAME_BYTES, &text, &len, NULL);
	if (r == 0)
		snprintf(ret, DM_NAME_BYTES, "%.*s", (int)strcspn(text, "\n"), text);
	return r;
}

/* The file of delta @level of the device, opened by its name; negative: not to be found. */
static int open_named(int dm, dev_t dev, unsigned int level, char path[PATH_BYTES])
{
	char message[32];

	snprintf(message, sizeof(message), "get_img_name %u", level);
	if (dm_message(dm, dev, message, path, PATH_BYTES) < 0 || *path != '/')
		return -ENOENT;
	return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

static int open_backing(int dm, dev_t dev, unsigned int level)
{
	char path[PATH_BYTES];

	return open_named(dm, dev, level, path);
}

static bool is_level(int dm, dev_t dev, unsigned int level, const struct stat *image)
{
	_cleanup_close_ int fd = open_backing(dm, dev, level);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == image->st_dev &&
	       st.st_ino == image->st_ino;
}

/* How many deltas the device has; 0: it is none of the target. */
static unsigned int levels_of(int dm, dev_t dev)
{
	char type[DM_TYPE_BYTES], state[STATE_BYTES];

	if (dm_look_target(dm, dev, type, state, sizeof(state)) < 0 || strcmp(type, TARGET) != 0)
		return 0;
	return dm_ploop_levels(state);
}

static bool is_of(const char *name, const struct stat *image)
{
	char dm_name[DM_NAME_BYTES], want[DM_NAME_BYTES];
	_cleanup_close_ int dm = -EBADF;
	unsigned int levels;
	dev_t dev;

	if (read_name(name, dm_name) < 0)
		return false;
	identify(image, want);
	if (strcmp(dm_name, want) == 0)
		return true;
	/* Whoever made a snapshot of it may have been killed before it got its new name. */
	if (strncmp(dm_name, NAME_PREFIX, PREFIX_LEN) != 0)
		return false;
	dm = dm_open();
	if (dm < 0 || attach_number(name, &dev) < 0)
		return false;
	levels = levels_of(dm, dev);
	return levels && is_level(dm, dev, levels - 1, image);
}

/* Any device with the target, whatever it is called. */
static bool is_on(const char *name, const struct stat *image)
{
	_cleanup_close_ int dm = dm_open();
	unsigned int level, levels;
	dev_t dev;

	if (dm < 0 || attach_number(name, &dev) < 0)
		return false;
	levels = levels_of(dm, dev);
	for (level = 0; level < levels; level++)
		if (is_level(dm, dev, level, image))
			return true;
	/* Its file may be out of our sight; its name tells, if it is one of ours. */
	return levels && is_of(name, image);
}

bool attach_is_behind(const struct ploop_disk *disk, dev_t dev)
{
	_cleanup_close_ int dm = dm_open();
	const struct image *behind = attach_behind(disk);
	struct stat st;

	return dm >= 0 && behind && fstat(behind->fd, &st) == 0 &&
	       levels_of(dm, dev) == disk->n_older && is_level(dm, dev, disk->n_older - 1, &st);
}

static bool is_leaving(const struct stat *image)
{
	_cleanup_close_ int dm = dm_open();
	char name[DM_NAME_BYTES];
	struct dm_state state;
	int r;

	if (dm < 0)
		return false;
	identify(image, name);
	r = dm_look(dm, name, &state);
	return r == -ENXIO || (r == 0 && !state.openers);
}

bool attach_dm_is_tracked(int dm, dev_t dev)
{
	char type[DM_TYPE_BYTES], state[STATE_BYTES], flags[FLAGS_BYTES];

	return dm_look_target(dm, dev, type, state, sizeof(state)) == 0 &&
	       strcmp(type, TARGET) == 0 && sscanf(state, "%*u %*s %*u %15s", flags) == 1 &&
	       strchr(flags, 't');
}

int attach_share(dev_t dev, int image, bool share, struct err *err)
{
	_cleanup_close_ int dm = dm_open();
	unsigned int level, levels = dm < 0 ? 0 : levels_of(dm, dev);
	char message[32], answer[16];
	struct stat st;
	int r = -ENOENT;

	if (fstat(image, &st) < 0)
		return err_errno(err, errno, "cannot look at the image");
	for (level = 0; level < levels; level++) {
		if (!is_level(dm, dev, level, &st))
			continue;
		snprintf(message, sizeof(message), "%s %u", share ? "share" : "hold", level);
		r = dm_message(dm, dev, message, answer, sizeof(answer));
		break;
	}
	return r < 0 ? err_errno(err, r, "the kernel does not let others write to the image") : 0;
}

/* --- preparing ------------------------------------------------------------------ */

static int check_target(const char *path, struct err *err)
{
	_cleanup_close_ int dm = dm_open();

	if (dm < 0 && dm != -ENOENT && dm != -ENODEV && dm != -ENXIO)
		return err_errno(err, dm, "cannot open the device mapper");
	if (dm < 0 || !dm_has_target(dm, TARGET))
		return err_set(err, EOPNOTSUPP,
			       "this kernel has no device-mapper target 'ploop', which the "
			       "expanded image '%s' needs",
			       path);
	return 0;
}

static int check_version(const struct ploop_disk *disk, const struct image *img, struct err *err)
{
	return img->version != 1 ? 0
				 : err_set(err, EOPNOTSUPP,
					   "the image '%s/%s' is of format version 1, which is not "
					   "mounted: 'ploop convert -v 2' comes first",
					   disk->dir, img->name);
}

/* The target knows version 2 only. */
static int check_versions(const struct ploop_disk *disk, struct err *err)
{
	unsigned int i;
	int r = check_version(disk, &disk->img, err);

	for (i = 0; r == 0 && i < disk->n_older; i++)
		r = check_version(disk, &disk->older[i], err);
	return r;
}

/* As it is now that it is locked: headers, block tables and partition tables, every entry. */
static int open_fresh(const struct attach *a, struct ploop_disk **ret, struct err *err)
{
	const struct image *was = &a->disk->img;
	struct stat st, locked;
	struct ploop_disk *disk;
	int r = disk_open_again(a->disk, &disk, err);

	if (r < 0)
		return r;
	if (fstat(disk->img.fd, &st) < 0 || fstat(a->image, &locked) < 0)
		r = err_errno(err, errno, "cannot look at '%s'", a->disk->path);
	else if (st.st_dev != locked.st_dev || st.st_ino != locked.st_ino ||
		 disk->img.size_bytes != was->size_bytes ||
		 disk->img.cluster_bytes != was->cluster_bytes)
		r = err_set(err, ESTALE, "the image '%s' was replaced meanwhile", a->disk->path);
	if (r < 0)
		disk_free(disk);
	else
		*ret = disk;
	return r;
}

static int prepare(struct attach *a, struct err *err)
{
	struct ploop_disk *fresh;
	int r = check_versions(a->disk, err);

	if (r == 0)
		r = check_target(a->disk->path, err);
	if (r == 0)
		r = mend_image(a->image, a->read_only, a->disk->path, err);
	if (r == 0)
		r = open_fresh(a, &fresh, err);
	if (r == -EUCLEAN && err)
		err->code = -EBADMSG;
	if (r < 0)
		return r == -EUCLEAN ? -EBADMSG : r;
	if (!a->read_only && settle_is_due(fresh)) {
		fresh->dirfd = fcntl(a->disk->dirfd, F_DUPFD_CLOEXEC, 0);
		fresh->described = a->disk->described;
		r = settle(fresh, a->image, err);
		disk_free(fresh);
		if (r == 0)
			r = open_fresh(a, &fresh, err);
		if (r < 0)
			return r;
	}
	r = gpt_find(fresh, &a->offset, &a->length, err);
	disk_free(fresh);
	return r < 0 ? err_prefix(err, "'%s'", a->disk->path) : 0;
}

/* --- making --------------------------------------------------------------------- */

static int sweep_one(void *arg, const char *name, dev_t dev)
{
	int dm = *(const int *)arg;
	struct dm_state state;

	(void)dev;
	if (strncmp(name, NAME_PREFIX, PREFIX_LEN) == 0 && dm_look(dm, name, &state) == 0 &&
	    strncmp(state.uuid, UUID_PREFIX, PREFIX_LEN) == 0 && !state.live && !state.openers)
		dm_remove(dm, name);
	return 0;
}

/* The kernel makes the node in /dev before the first table is loaded. */
static int open_node(dev_t dev, bool read_only, char name[ATTACH_NAME_MAX], struct err *err)
{
	char path[ATTACH_NAME_MAX + 8];
	_cleanup_close_ int fd = -EBADF;
	struct stat st;

	snprintf(name, ATTACH_NAME_MAX, "dm-%u", minor(dev));
	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot open '%s'", path);
	if (!S_ISBLK(st.st_mode) || st.st_rdev != dev)
		return err_set(err, ENXIO, "'%s' is not the device %u:%u", path, major(dev),
			       minor(dev));
	return steal_fd(&fd);
}

/*
 * From the partition to the end of the disk: the target writes back what it has
 * of a page of the block table, and has nothing of what lies behind the device.
 */
static uint64_t sectors_of(const struct attach *a)
{
	return (a->disk->img.size_bytes - a->offset) / PLOOP_SECTOR;
}

/* A device without a file that goes with its last close: a descriptor that holds it. */
static int make_empty(int dm, const struct attach *a, dev_t *ret_dev, char name[ATTACH_NAME_MAX],
		      struct err *err)
{
	char dm_name[DM_NAME_BYTES], uuid[DM_NAME_BYTES], guid[PLOOP_GUID_BYTES];
	_cleanup_close_ int fd = -EBADF;
	struct stat st;
	int r;

	if (fstat(a->image, &st) < 0)
		return err_errno(err, errno, "cannot look at '%s'", a->disk->path);
	identify(&st, dm_name);
	/* The name changes with the top, a UUID never does. */
	if (guid_random(guid) < 0)
		return err_set(err, EIO, "there are no random numbers for a UUID");
	snprintf(uuid, sizeof(uuid), UUID_PREFIX "%.36s", guid + 1);
	dm_each(dm, sweep_one, &dm);
	r = dm_create(dm, dm_name, uuid, ret_dev);
	if (r < 0)
		return err_errno(err, r, "cannot make the device-mapper device '%s'", dm_name);
	r = dm_load(dm, *ret_dev, a->read_only, sectors_of(a), "error", "");
	if (r < 0)
		err_errno(err, r, "cannot set up the device-mapper device '%s'", dm_name);
	else
		r = fd = open_node(*ret_dev, a->read_only, name, err);
	if (fd >= 0) {
		r = dm_remove_at_close(dm, *ret_dev);
		if (r == 0)
			return steal_fd(&fd);
		err_errno(err, r, "cannot let go of the device-mapper device '%s'", dm_name);
		close(steal_fd(&fd));
	}
	dm_remove(dm, dm_name);
	return r;
}

int attach_dm_load(int dm, const struct attach *a, dev_t dev, bool push, struct err *err)
{
	const struct ploop_disk *disk = a->disk;
	uint32_t sectors = disk->img.cluster_bytes / PLOOP_SECTOR;
	_cleanup_strbuf_ struct strbuf params = STRBUF_INIT;
	unsigned int i = disk->n_older;
	int r;

	strbuf_addf(&params, "%d off=%llu", __builtin_ctz(sectors),
		    (unsigned long long)(a->offset / PLOOP_SECTOR));
	while (i-- > 0)
		strbuf_addf(&params, " %s%d",
			    disk->older[i].format == PLOOP_FORMAT_RAW ? "raw@" : "", a->older[i]);
	if (push)
		strbuf_addf(&params, " %d", disk->img.fd);
	strbuf_addf(&params, " %d", a->image);
	r = params.failed ? -ENOMEM
			  : dm_load(dm, dev, a->read_only, sectors_of(a), TARGET, params.s);
	return r < 0 ? err_errno(
			       err, r,
			       "the device mapper does not take '%s', the kernel's log tells more",
			       disk->path)
		     : 0;
}

static int start(int dm, const struct attach *a, dev_t dev, struct err *err)
{
	int r = attach_dm_load(dm, a, dev, false, err);

	if (r < 0)
		return r;
	r = dm_resume(dm, dev);
	return r < 0 ? err_errno(
			       err, r,
			       "the device mapper does not start '%s', the kernel's log tells more",
			       a->disk->path)
		     : 0;
}

void attach_dm_rename(int dm, dev_t dev, int image)
{
	char name[ATTACH_NAME_MAX], from[DM_NAME_BYTES], to[DM_NAME_BYTES];
	struct stat st;

	if (!attach_name(dev, name) || read_name(name, from) < 0 || fstat(image, &st) < 0)
		return;
	identify(&st, to);
	(void)dm_rename(dm, from, to);
}

static bool is_open(int dm, const char *name)
{
	char dm_name[DM_NAME_BYTES];
	struct dm_state state;

	return read_name(name, dm_name) == 0 && dm_look(dm, dm_name, &state) == 0 && state.openers;
}

/*
 * Closes @fd, the last one of ours that holds the device, and waits for its
 * end; not for long when somebody else has it open, to look at it.
 */
static void let_go(const char *name, int fd, uint64_t sequence)
{
	const struct timespec pause = {.tv_nsec = GONE_NS};
	_cleanup_close_ int dm = dm_open();
	char path[ATTACH_NAME_MAX + 32];
	int i, open_tries = 0;

	close(fd);
	snprintf(path, sizeof(path), "/sys/block/%s/diskseq", name);
	for (i = 0; i < GONE_TRIES; i++) {
		_cleanup_free_ char *text = NULL;
		size_t len;

		/* The number may be another device's by now. */
		if (io_read_file(AT_FDCWD, path, 32, &text, &len, NULL) < 0 ||
		    strtoull(text, NULL, 10) != sequence)
			return;
		if (dm >= 0 && is_open(dm, name) && ++open_tries == OPEN_TRIES)
			return;
		nanosleep(&pause, NULL);
	}
}

static void drop(const char *name, int dev)
{
	uint64_t sequence;

	if (mark_sequence(dev, &sequence) == 0)
		let_go(name, dev, sequence);
	else
		close(dev);
}

static int make(const struct attach *a, char name[ATTACH_NAME_MAX], struct err *err)
{
	_cleanup_close_ int dm = dm_open(), fd = -EBADF;
	dev_t dev;
	int r;

	if (dm < 0 || flock(dm, LOCK_EX) < 0)
		return err_errno(err, dm < 0 ? dm : errno, "cannot open the device mapper");
	fd = make_empty(dm, a, &dev, name, err);
	flock(dm, LOCK_UN);
	if (fd < 0)
		return fd;
	r = start(dm, a, dev, err);
	if (r == 0)
		return steal_fd(&fd);
	drop(name, steal_fd(&fd));
	return r;
}

/* --- and back ------------------------------------------------------------------- */

static bool is_top(const struct ploop_disk *disk, int image)
{
	struct stat a, b;

	return fstat(disk->img.fd, &a) == 0 && fstat(image, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* The directory of an absolute path; caller frees. */
static char *directory_of(const char *path)
{
	size_t len = (size_t)(strrchr(path, '/') - path);

	return strndup(path, len ? len : 1);
}

/* The disk of the image @path, by the descriptor beside it if that is its. NULL: without one nothing is below. */
static struct ploop_disk *open_around(const char *path, int image)
{
	_cleanup_free_ char *dir = directory_of(path);
	struct ploop_disk *disk;

	if (!dir || ploop_open(dir, &disk, NULL) < 0)
		return NULL;
	if (is_top(disk, image))
		return disk;
	ploop_close(disk);
	return NULL;
}

/* "... off=N" of what the target says of itself, in bytes. */
static uint64_t offset_in(const char *state)
{
	const char *at = strstr(state, " off=");

	return at ? strtoull(at + 5, NULL, 10) * PLOOP_SECTOR : 0;
}

int attach_dm_open(int dm, dev_t dev, const char *shown, struct ploop_disk **ret,
		   uint64_t *ret_offset_bytes, struct err *err)
{
	char type[DM_TYPE_BYTES], state[STATE_BYTES], path[PATH_BYTES];
	_cleanup_close_ int image = -EBADF;
	struct ploop_disk *disk;
	unsigned int levels;

	if (dm_look_target(dm, dev, type, state, sizeof(state)) < 0 || strcmp(type, TARGET) != 0)
		return err_set(err, ENOTBLK, "'%s' is no device of the target '" TARGET "'", shown);
	levels = dm_ploop_levels(state);
	image = levels ? open_named(dm, dev, levels - 1, path) : -EBADF;
	if (image < 0)
		return err_set(err, ESTALE, "the image of '%s' is not to be found", shown);
	disk = open_around(path, image);
	if (!disk && levels == 1 && ploop_open(path, &disk, err) < 0)
		return err ? err->code : -EIO;
	if (!disk || disk->n_older + 1 != levels || !is_top(disk, image)) {
		if (disk)
			ploop_close(disk);
		return err_set(err, ESTALE, "'%s' has not the images that its descriptor names",
			       shown);
	}
	*ret_offset_bytes = offset_in(state);
	*ret = disk;
	return 0;
}

/* As it is after that. The next mount does it otherwise. */
static void settle_after(const char *path, int image, int fd)
{
	struct ploop_disk *disk = open_around(path, image);

	if (!disk && ploop_open(path, &disk, NULL) < 0)
		return;
	if (disk_is_mapped(disk) && settle_is_due(disk))
		(void)settle(disk, fd, NULL);
	ploop_close(disk);
}

/* It has its points again then. */
static void compact(const char *path, int image, unsigned int levels, struct extension *points)
{
	struct ploop_disk *disk = open_around(path, image);
	_cleanup_close_ int fd = -EBADF;
	char self[32];
	uint64_t freed;

	if (!disk && levels == 1 && ploop_open(path, &disk, NULL) < 0)
		disk = NULL;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", image);
	fd = open(self, O_RDWR | O_CLOEXEC);
	if (fd >= 0 && !(disk && disk_keeps_space(disk)))
		(void)compact_image(fd, COMPACT_MOVE_BYTES, disk, path, &freed, NULL);
	if (disk)
		ploop_close(disk);
	if (fd >= 0) {
		/* First, so that what is written after that is noted in them. */
		kept_put(path, fd, points);
		settle_after(path, image, fd);
	}
	extension_free(points);
}

static void unmounted(const char *name, int dev)
{
	_cleanup_close_ int fd = dev, dm = dm_open(), image = -EBADF;
	_cleanup_close_ int settled = attach_open_settled(name);
	_cleanup_free_ char *dir = NULL;
	struct extension points = {.n = 0};
	char path[PATH_BYTES];
	int read_only = 1;
	unsigned int levels;
	uint64_t sequence;
	struct stat st;
	bool clean;

	if (settled < 0 || fstat(fd, &st) < 0 || mark_sequence(fd, &sequence) < 0 ||
	    ioctl(fd, BLKROGET, &read_only) < 0)
		return;
	clean = attach_is_clean(fd);
	levels = dm < 0 ? 0 : levels_of(dm, st.st_rdev);
	image = levels ? open_named(dm, st.st_rdev, levels - 1, path) : -EBADF;
	if (image >= 0 && (fstat(image, &st) < 0 || !is_of(name, &st)))
		close(steal_fd(&image));
	if (image >= 0 && !read_only)
		points = kept_collect(path, fd);
	close(steal_fd(&settled));
	/* It is written to until then: the mark tells of the file as it is after that. */
	let_go(name, steal_fd(&fd), sequence);
	/* Locked, as it may be mounted again by now. */
	if (image < 0 || !attach_lock(image)) {
		extension_free(&points);
		return;
	}
	if (!read_only)
		compact(path, image, levels, &points);
	if (clean)
		mark_unmounted(image, sequence);
	/* It takes the lock itself. */
	close(steal_fd(&image));
	dir = read_only ? NULL : directory_of(path);
	if (dir) {
		snapshot_settle(dir, COMPACT_MOVE_BYTES);
		later_settle(dir);
	}
}

const struct attach_kind attach_dm = {
	.prefix = "dm-",
	.prepare = prepare,
	.make = make,
	.drop = drop,
	.is_of = is_of,
	.is_on = is_on,
	.grow = attach_dm_grow,
	.is_leaving = is_leaving,
	.unmounted = unmounted,
};
