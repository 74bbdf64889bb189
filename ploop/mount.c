/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A raw image on a loop device over its partition. The lock that keeps a second
 * mount away is on the open file that the loop device takes over, so that it
 * lives exactly as long as the device: no record, nothing to clean up after a
 * crash. Direct I/O, since the file system above caches already.
 *
 * An image is hostile until it has been checked from its first to its last
 * block: that it was is marked on the file, where only the host's root can
 * write it (mark.c). create.c marks what it made; a mount takes the mark away
 * and a clean unmount gives it back.
 */
#include "ploop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "disk.h"
#include "err.h"
#include "gpt.h"
#include "io.h"
#include "mark.h"
#include "run.h"
#include "strbuf.h"
#include "strv.h"
#include "super.h"

#define LOOP_TRIES	  64
#define LOOP_NAME_MAX	  32
#define E2FSCK_TAIL_BYTES 4096
#define BACKING_MAX_BYTES 4097 /* a path and a newline */
#define SETTLE_TRIES	  100
#define SETTLE_NS	  (10 * 1000 * 1000)

static int open_locked(struct ploop_disk *disk, bool read_only, struct err *err)
{
	_cleanup_close_ int fd = -EBADF;
	const char *name = disk->img.name;
	struct stat st, opened;

	fd = openat(disk->dirfd, name,
		    (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return err_errno(err, errno, "cannot open the image '%s'", disk->path);
	if (fstat(disk->img.fd, &st) < 0 || fstat(fd, &opened) < 0)
		return err_errno(err, errno, "cannot look at '%s'", disk->path);
	if (st.st_dev != opened.st_dev || st.st_ino != opened.st_ino)
		return err_set(err, ESTALE, "the image '%s' was replaced meanwhile", disk->path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, EBUSY, "the image '%s' is in use: is it mounted already?",
			       disk->path);
	return steal_fd(&fd);
}

/* The file behind @loop, "loop3" for example: opened by its name, caller closes; negative: not to be found. */
static int open_backing(const char *loop)
{
	_cleanup_free_ char *path = NULL, *name = NULL;
	size_t len;

	if (asprintf(&path, "/sys/block/%s/loop/backing_file", loop) < 0)
		return -ENOMEM;
	if (io_read_file(AT_FDCWD, path, BACKING_MAX_BYTES, &name, &len, NULL) < 0 || len < 2)
		return -ENOENT;
	name[len - 1] = '\0';
	return open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

/*
 * A device that somebody else has set up on the image holds no lock of ours.
 * Its name is asked of sysfs: opening it would keep a device that is about to go.
 */
static int check_unattached(const struct ploop_disk *disk, struct err *err)
{
	_cleanup_closedir_ DIR *d = opendir("/sys/block");
	struct stat image, st;
	struct dirent *de;

	if (!d || fstat(disk->img.fd, &image) < 0)
		return err_errno(err, errno, "cannot look for devices of '%s'", disk->path);
	while ((de = readdir(d))) {
		_cleanup_close_ int fd = -EBADF;

		if (strncmp(de->d_name, "loop", 4) != 0)
			continue;
		fd = open_backing(de->d_name);
		if (fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == image.st_dev &&
		    st.st_ino == image.st_ino)
			return err_set(err, EBUSY, "the image '%s' is in use by '/dev/%s'",
				       disk->path, de->d_name);
	}
	return 0;
}

/* Numbers are handed out to whoever asks: another may take ours first, then we ask again. */
static int attach_loop(int image, uint64_t offset, uint64_t length, bool read_only,
		       char name[LOOP_NAME_MAX], struct err *err)
{
	_cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	struct loop_config config = {
		.fd = (uint32_t)image,
		.info = {.lo_offset = offset,
			 .lo_sizelimit = length,
			 .lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO |
				     (read_only ? LO_FLAGS_READ_ONLY : 0)},
	};
	int tries;

	if (control < 0)
		return err_errno(err, errno, "cannot open '/dev/loop-control'");
	for (tries = 0; tries < LOOP_TRIES; tries++) {
		_cleanup_close_ int loop = -EBADF;
		int n = ioctl(control, LOOP_CTL_GET_FREE);

		if (n < 0)
			return err_errno(err, errno, "cannot get a loop device");
		snprintf(name, LOOP_NAME_MAX, "/dev/loop%d", n);
		loop = open(name, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
		if (loop < 0)
			return err_errno(err, errno, "cannot open '%s'", name);
		if (ioctl(loop, LOOP_CONFIGURE, &config) == 0)
			return steal_fd(&loop);
		if (errno != EBUSY)
			return err_errno(err, errno, "cannot set up '%s'", name);
	}
	return err_set(err, EBUSY, "no loop device stays free");
}

/* The last line of @out with anything in it; names from the image may be in it. */
static char *last_line(const char *out)
{
	struct strbuf b = STRBUF_INIT;
	size_t end = strlen(out), start;

	while (end && strchr(" \t\n", out[end - 1]))
		end--;
	for (start = end; start && out[start - 1] != '\n'; start--)
		;
	strbuf_add_printable(&b, out + start, end - start, "");
	return strbuf_steal(&b);
}

/*
 * e2fsck's status is a sum: 1 and 2 say that it repaired, from 4 on that it
 * could not. It may have a lot to say and takes the time that the disk takes:
 * it must never be ended in the middle of a repair.
 */
static int run_e2fsck(const char *how, const char *dev, const char *path, struct err *err)
{
	const char *const argv[] = {"e2fsck", how, dev, NULL};
	_cleanup_free_ char *out = NULL, *line = NULL;
	const struct run_opts opts = {.ret_out = &out,
				      .out_max_bytes = E2FSCK_TAIL_BYTES,
				      .out_tail = true,
				      .no_stderr = true};
	int r = run_program(argv, &opts, err);

	if (r < 0)
		return err_prefix(err, "cannot check the file system of '%s'", path);
	if (r < 4)
		return 0;
	line = last_line(out);
	return err_set(err, EUCLEAN, "e2fsck cannot repair the file system of '%s': status %d: %s",
		       path, r, line ? line : "");
}

/* Through the device, where a repair is seen at once. */
static int check_super(int loop, const char *path, struct err *err)
{
	uint8_t buf[SUPER_BYTES];
	int r = io_pread_full(loop, buf, sizeof(buf), SUPER_OFFSET);

	if (r < 0)
		return err_errno(err, r, "cannot read the file system of '%s'", path);
	r = super_check(buf, err);
	return r < 0 ? err_prefix(err, "'%s'", path) : 0;
}

/* Before the kernel looks at it. Read-only, there is nothing to repair with: e2fsck only looks. */
static int check_file_system(struct ploop_disk *disk, int image, int loop, const char *dev,
			     bool fsck, bool read_only, struct err *err)
{
	bool first = !mark_is_checked(image);
	int r = check_super(loop, disk->path, err);

	if (r < 0 || (!first && (!fsck || read_only)))
		return r;
	r = run_e2fsck(read_only ? "-fn" : first ? "-fp" : "-p", dev, disk->path, err);
	/* Its repair may be a super block from a copy, with other features. */
	if (r == 0)
		r = check_super(loop, disk->path, err);
	if (r == 0 && first && read_only)
		mark_checked(image);
	return r;
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
static int split_options(const struct ploop_mount_opts *opts, unsigned long *ret_flags,
			 char **ret_data)
{
	_cleanup_strv_ char **words = NULL;
	struct strbuf data = STRBUF_INIT;
	unsigned long flags = opts->flags;
	size_t i;
	int r = strv_split(opts->options ? opts->options : "", ",", &words);

	if (r < 0)
		return r;
	/* The super block may ask for a panic of the machine at the first error that is found. */
	strbuf_add(&data, "errors=remount-ro");
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

int ploop_mount(struct ploop_disk *disk, const char *target, const struct ploop_mount_opts *opts,
		dev_t *ret_dev, struct err *err)
{
	_cleanup_close_ int image = -EBADF, loop = -EBADF, keep = -EBADF;
	_cleanup_free_ char *data = NULL;
	char name[LOOP_NAME_MAX];
	uint64_t offset, length;
	unsigned long flags;
	bool read_only;
	struct stat st;
	int r;

	if (disk->img.format != PLOOP_FORMAT_RAW)
		return err_set(err, EOPNOTSUPP,
			       "'%s' is an expanded image, which this library does not mount yet; "
			       "use the raw format",
			       disk->path);
	r = gpt_find(disk, &offset, &length, err);
	if (r < 0)
		return err_prefix(err, "'%s'", disk->path);
	if (split_options(opts, &flags, &data) < 0)
		return err_errno(err, ENOMEM, "cannot mount '%s'", disk->path);
	/* Before the mark is taken away for nothing. */
	if (stat(target, &st) < 0 || (!S_ISDIR(st.st_mode) && (errno = ENOTDIR)))
		return err_errno(err, errno, "cannot mount '%s' on '%s'", disk->path, target);
	read_only = flags & MS_RDONLY;
	image = open_locked(disk, read_only, err);
	if (image < 0)
		return image;
	r = check_unattached(disk, err);
	if (r < 0)
		return r;
	loop = attach_loop(image, offset, length, read_only, name, err);
	if (loop < 0)
		return loop;
	if (fstat(loop, &st) < 0)
		return err_errno(err, errno, "cannot look at '%s'", name);
	r = check_file_system(disk, image, loop, name, opts->fsck, read_only, err);
	if (r < 0)
		return r;
	r = read_only ? 0 : mark_mounted(image, loop);
	if (r < 0)
		return err_errno(err, r, "cannot note on '%s' that it is mounted", disk->path);
	/*
	 * A kernel without BLK_DEV_WRITE_MOUNTED mounts nothing that is open for
	 * writing, so hold the device by a reader's descriptor meanwhile. From the
	 * mount on that keeps the device; without it, closing lets it go.
	 */
	keep = open(name, O_RDONLY | O_CLOEXEC);
	if (keep < 0)
		return err_errno(err, errno, "cannot open '%s'", name);
	close(steal_fd(&loop));
	if (mount(name, target, "ext4", flags, data) < 0)
		return err_errno(err, errno, "cannot mount '%s' on '%s'", disk->path, target);
	*ret_dev = st.st_rdev;
	return 0;
}

/* "loop3" into @name, the kernel's own name: numbers of loop devices may be spread by partitions. */
static bool loop_name(dev_t dev, char name[LOOP_NAME_MAX])
{
	char link[64], target[256];
	const char *base;
	ssize_t n;

	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(dev), minor(dev));
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	base = strrchr(target, '/');
	if (!base || strncmp(base + 1, "loop", 4) != 0 || strlen(base + 1) >= LOOP_NAME_MAX)
		return false;
	strcpy(name, base + 1);
	return true;
}

static int open_loop(const char *name, int flags)
{
	char path[LOOP_NAME_MAX + 8];

	snprintf(path, sizeof(path), "/dev/%s", name);
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
}

/*
 * Nothing is mounted from the device any more: only then has all been written.
 * The mounts of a container that has just ended may take a moment longer.
 */
static int open_settled(const char *name)
{
	const struct timespec pause = {.tv_nsec = SETTLE_NS};
	int i, fd = open_loop(name, O_EXCL);

	for (i = 0; fd < 0 && errno == EBUSY && i < SETTLE_TRIES; i++) {
		nanosleep(&pause, NULL);
		fd = open_loop(name, O_EXCL);
	}
	return fd;
}

/* What cannot be found, or was not left clean, stays unchecked. */
static void note_unmounted(const char *name, int loop)
{
	_cleanup_close_ int settled = open_settled(name), image = -EBADF;
	uint8_t super[SUPER_BYTES];
	struct loop_info64 info;
	struct stat st;

	if (settled < 0)
		return;
	image = open_backing(name);
	if (image >= 0 && fstat(image, &st) == 0 && ioctl(loop, LOOP_GET_STATUS64, &info) == 0 &&
	    info.lo_device == st.st_dev && info.lo_inode == st.st_ino &&
	    io_pread_full(loop, super, sizeof(super), SUPER_OFFSET) == 0 && super_is_clean(super))
		mark_unmounted(image, loop);
}

int ploop_umount(const char *target, struct err *err)
{
	_cleanup_close_ int loop = -EBADF;
	char name[LOOP_NAME_MAX];
	struct stat st;

	/* Held, as the device would go with the mount. */
	if (lstat(target, &st) == 0 && loop_name(st.st_dev, name))
		loop = open_loop(name, 0);
	if (umount2(target, UMOUNT_NOFOLLOW) == 0) {
		if (loop >= 0)
			note_unmounted(name, loop);
		return 0;
	}
	if (errno == EINVAL)
		return err_set(err, EINVAL, "nothing is mounted on '%s'", target);
	return err_errno(err, errno, "cannot unmount '%s'", target);
}

static bool is_loop_of(const char *name, const struct stat *image)
{
	_cleanup_close_ int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct loop_info64 info;

	return fd >= 0 && ioctl(fd, LOOP_GET_STATUS64, &info) == 0 &&
	       info.lo_device == image->st_dev && info.lo_inode == image->st_ino;
}

bool ploop_is_attached(struct ploop_disk *disk, dev_t dev)
{
	_cleanup_free_ char *name = NULL;
	char base[LOOP_NAME_MAX];
	struct stat image;

	if (!loop_name(dev, base) || fstat(disk->img.fd, &image) < 0 ||
	    asprintf(&name, "/dev/%s", base) < 0)
		return false;
	return is_loop_of(name, &image);
}

static int find_loop(struct ploop_disk *disk, dev_t *ret_dev, struct err *err)
{
	_cleanup_closedir_ DIR *d = opendir("/sys/block");
	struct dirent *de;
	struct stat image, st;

	if (!d || fstat(disk->img.fd, &image) < 0)
		return err_errno(err, errno, "cannot look for the device of '%s'", disk->path);
	while ((de = readdir(d))) {
		_cleanup_free_ char *name = NULL;

		if (strncmp(de->d_name, "loop", 4) != 0)
			continue;
		if (asprintf(&name, "/dev/%s", de->d_name) < 0)
			return err_errno(err, ENOMEM, "cannot look for the device of '%s'",
					 disk->path);
		if (is_loop_of(name, &image) && stat(name, &st) == 0) {
			*ret_dev = st.st_rdev;
			return 0;
		}
	}
	return err_set(err, ENOENT, "'%s' is not mounted", disk->path);
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
	int r = disk ? find_loop(disk, &dev, err) : 0;

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
