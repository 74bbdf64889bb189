/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A raw image on a loop device over its partition. The kernel takes the device
 * off at its last close (LO_FLAGS_AUTOCLEAR). Direct I/O, since the file system
 * above caches already.
 */
#include "attach.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "disk.h"
#include "err.h"
#include "format.h"
#include "gpt.h"
#include "io.h"
#include "later.h"
#include "mark.h"
#include "open.h"
#include "settle.h"

#define LOOP_TRIES	  64
#define BACKING_MAX_BYTES 4097 /* a path and a newline */

/* Its tables lie outside of what the device shows: they can be put right while it is there, too. */
static int settle_raw(const struct ploop_disk *was, int image, struct err *err)
{
	struct ploop_disk *disk;
	int r = disk_open_again(was, &disk, err);

	if (r < 0)
		return r;
	disk->dirfd = fcntl(was->dirfd, F_DUPFD_CLOEXEC, 0);
	disk->described = was->described;
	if (settle_is_due(disk))
		r = settle(disk, image, err);
	disk_free(disk);
	return r;
}

static int prepare(struct attach *a, struct err *err)
{
	struct ploop_disk *disk;
	int r = a->read_only ? 0 : settle_raw(a->disk, a->image, err);

	/* As it is after that. */
	if (r == 0)
		r = disk_open_again(a->disk, &disk, err);
	if (r < 0)
		return r;
	r = gpt_find(disk, &a->offset, &a->length, err);
	disk_free(disk);
	return r < 0 ? err_prefix(err, "'%s'", a->disk->path) : 0;
}

/* Numbers are handed out to whoever asks: another may take ours first, then we ask again. */
static int make(const struct attach *a, char name[ATTACH_NAME_MAX], struct err *err)
{
	_cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	struct loop_config config = {
		.fd = (uint32_t)a->image,
		.info = {.lo_offset = a->offset,
			 .lo_sizelimit = a->length,
			 .lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO |
				     (a->read_only ? LO_FLAGS_READ_ONLY : 0)},
	};
	char path[ATTACH_NAME_MAX + 8];
	int tries;

	if (control < 0)
		return err_errno(err, errno, "cannot open '/dev/loop-control'");
	for (tries = 0; tries < LOOP_TRIES; tries++) {
		_cleanup_close_ int loop = -EBADF;
		int n = ioctl(control, LOOP_CTL_GET_FREE);

		if (n < 0)
			return err_errno(err, errno, "cannot get a loop device");
		snprintf(name, ATTACH_NAME_MAX, "loop%d", n);
		snprintf(path, sizeof(path), "/dev/%s", name);
		loop = open(path, (a->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
		if (loop < 0)
			return err_errno(err, errno, "cannot open '%s'", path);
		if (ioctl(loop, LOOP_CONFIGURE, &config) == 0)
			return steal_fd(&loop);
		if (errno != EBUSY)
			return err_errno(err, errno, "cannot set up '%s'", path);
	}
	return err_set(err, EBUSY, "no loop device stays free");
}

static int grow(struct ploop_disk *disk, dev_t dev, uint64_t size_bytes, struct err *err)
{
	char name[ATTACH_NAME_MAX];
	_cleanup_close_ int loop = -EBADF, image = -EBADF;
	struct loop_info64 info;
	uint64_t first, last;
	int r;

	image = openat(disk->dirfd, disk->img.name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (image < 0 || (size_bytes > disk->img.size_bytes &&
			  (ftruncate(image, (off_t)size_bytes) < 0 || fsync(image) < 0)))
		return err_errno(err, errno, "cannot make the image '%s' larger", disk->path);
	if (gpt_layout(size_bytes, &first, &last) < 0)
		return err_set(err, ENOSPC, "the disk of '%s' is too small", disk->path);
	r = settle_raw(disk, image, err);
	if (r < 0)
		return r;
	loop = attach_name(dev, name) ? attach_open(name, 0) : -ENXIO;
	if (loop < 0)
		return err_errno(err, loop, "cannot open the device of '%s'", disk->path);
	if (ioctl(loop, LOOP_GET_STATUS64, &info) < 0)
		return err_errno(err, errno, "cannot look at the device of '%s'", disk->path);
	info.lo_sizelimit = (last - first + 1) * PLOOP_SECTOR;
	if (ioctl(loop, LOOP_SET_STATUS64, &info) < 0)
		return err_errno(err, errno, "cannot make the device of '%s' larger", disk->path);
	return 0;
}

static void drop(const char *name, int dev)
{
	(void)name;
	close(dev);
}

static bool is_at(int loop, const struct stat *image)
{
	struct loop_info64 info;

	return ioctl(loop, LOOP_GET_STATUS64, &info) == 0 && info.lo_device == image->st_dev &&
	       info.lo_inode == image->st_ino;
}

static bool is_of(const char *name, const struct stat *image)
{
	_cleanup_close_ int loop = attach_open(name, 0);

	return loop >= 0 && is_at(loop, image);
}

/* The file behind it, opened by its name, caller closes; negative: not to be found. */
static int open_backing(const char *name)
{
	_cleanup_free_ char *path = NULL, *file = NULL;
	size_t len;

	if (asprintf(&path, "/sys/block/%s/loop/backing_file", name) < 0)
		return -ENOMEM;
	if (io_read_file(AT_FDCWD, path, BACKING_MAX_BYTES, &file, &len, NULL) < 0 || len < 2)
		return -ENOENT;
	file[len - 1] = '\0';
	return open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

static bool is_on(const char *name, const struct stat *image)
{
	_cleanup_close_ int fd = open_backing(name);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == image->st_dev &&
	       st.st_ino == image->st_ino;
}

/* Where the image is now; NULL: nowhere. */
static char *directory_of(int image)
{
	char link[32], path[BACKING_MAX_BYTES];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", image);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 2)
		return NULL;
	path[n] = '\0';
	*strrchr(path, '/') = '\0';
	return strdup(*path ? path : "/");
}

/* What cannot be found, or was not left clean, stays unchecked. */
static void unmounted(const char *name, int dev)
{
	_cleanup_close_ int loop = dev, settled = attach_open_settled(name), image = -EBADF;
	_cleanup_free_ char *dir = NULL;
	uint64_t sequence;
	struct stat st;

	if (settled < 0)
		return;
	image = open_backing(name);
	if (image >= 0 && fstat(image, &st) == 0 && is_at(loop, &st) && attach_is_clean(loop) &&
	    mark_sequence(loop, &sequence) == 0)
		mark_unmounted(image, sequence);
	dir = image < 0 ? NULL : directory_of(image);
	if (!dir)
		return;
	/* The device goes with these, and lets go of the image. */
	close(steal_fd(&settled));
	close(steal_fd(&loop));
	close(steal_fd(&image));
	later_settle(dir);
}

const struct attach_kind attach_loop = {
	.prefix = "loop",
	.prepare = prepare,
	.make = make,
	.drop = drop,
	.is_of = is_of,
	.is_on = is_on,
	.grow = grow,
	.unmounted = unmounted,
};
