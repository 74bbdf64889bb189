/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What loop devices and those of the device mapper have in common. Devices are
 * looked up in sysfs: opening them would keep one that is about to go.
 */
#include "attach.h"

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

#include "cleanup.h"
#include "disk.h"
#include "err.h"
#include "io.h"
#include "super.h"

#define SETTLE_TRIES 100
#define SETTLE_NS    (10 * 1000 * 1000)
#define NUMBER_BYTES 32

static const struct attach_kind *const kinds[] = {&attach_loop, &attach_dm};

#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

const struct attach_kind *attach_kind_of(const struct ploop_disk *disk)
{
	return disk->img.format == PLOOP_FORMAT_RAW ? &attach_loop : &attach_dm;
}

static const struct attach_kind *kind_by_name(const char *name)
{
	size_t i;

	if (strlen(name) >= ATTACH_NAME_MAX)
		return NULL;
	for (i = 0; i < NKINDS; i++)
		if (strncmp(name, kinds[i]->prefix, strlen(kinds[i]->prefix)) == 0)
			return kinds[i];
	return NULL;
}

/* By the kernel's own name: numbers of loop devices may be spread by partitions. */
const struct attach_kind *attach_name(dev_t dev, char name[ATTACH_NAME_MAX])
{
	char link[64], target[256];
	const struct attach_kind *kind;
	const char *base;
	ssize_t n;

	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(dev), minor(dev));
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		return NULL;
	target[n] = '\0';
	base = strrchr(target, '/');
	kind = base ? kind_by_name(base + 1) : NULL;
	if (kind)
		strcpy(name, base + 1);
	return kind;
}

static int check_none_but(int image, const char *but, const char *path, struct err *err)
{
	_cleanup_closedir_ DIR *d = opendir("/sys/block");
	struct dirent *de;
	struct stat st;

	if (!d || fstat(image, &st) < 0)
		return err_errno(err, errno, "cannot look for devices of '%s'", path);
	while ((de = readdir(d))) {
		const struct attach_kind *kind = kind_by_name(de->d_name);

		if (kind && strcmp(de->d_name, but) != 0 && kind->is_on(de->d_name, &st))
			return err_set(err, EBUSY, "the image '%s' is in use by '/dev/%s'", path,
				       de->d_name);
	}
	return 0;
}

int attach_check_none(int image, const char *path, struct err *err)
{
	return check_none_but(image, "", path, err);
}

int attach_check_no_other(int image, dev_t dev, const char *path, struct err *err)
{
	char name[ATTACH_NAME_MAX];

	return check_none_but(image, attach_name(dev, name) ? name : "", path, err);
}

int attach_number(const char *name, dev_t *ret)
{
	char path[ATTACH_NAME_MAX + 32];
	_cleanup_free_ char *text = NULL;
	unsigned int maj, min;
	size_t len;
	int r;

	snprintf(path, sizeof(path), "/sys/block/%s/dev", name);
	r = io_read_file(AT_FDCWD, path, NUMBER_BYTES, &text, &len, NULL);
	if (r < 0)
		return r;
	if (sscanf(text, "%u:%u", &maj, &min) != 2)
		return -EINVAL;
	*ret = makedev(maj, min);
	return 0;
}

int attach_sequence(dev_t dev, uint64_t *ret)
{
	char path[64];
	_cleanup_free_ char *text = NULL;
	char *end;
	int r;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/diskseq", major(dev), minor(dev));
	r = io_read_file(AT_FDCWD, path, NUMBER_BYTES, &text, NULL, NULL);
	if (r < 0)
		return r;
	*ret = strtoull(text, &end, 10);
	return end == text ? -EINVAL : 0;
}

bool attach_is_read_only(dev_t dev)
{
	char path[ATTACH_NAME_MAX + 64];
	_cleanup_free_ char *text = NULL;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/ro", major(dev), minor(dev));
	return io_read_file(AT_FDCWD, path, NUMBER_BYTES, &text, NULL, NULL) == 0 && *text == '1';
}

static int find(const struct attach_kind *kind, const struct image *img, dev_t *ret_dev)
{
	_cleanup_closedir_ DIR *d = opendir("/sys/block");
	struct dirent *de;
	struct stat image;

	if (!d || fstat(img->fd, &image) < 0)
		return -errno;
	while ((de = readdir(d))) {
		if (kind_by_name(de->d_name) == kind && kind->is_of(de->d_name, &image) &&
		    attach_number(de->d_name, ret_dev) == 0)
			return 0;
	}
	return -ENOENT;
}

const struct image *attach_behind(const struct ploop_disk *disk)
{
	return disk->n_older && disk->older[0].unmapped ? &disk->older[0] : NULL;
}

int attach_find(const struct ploop_disk *disk, dev_t *ret_dev, struct err *err)
{
	const struct attach_kind *kind = attach_kind_of(disk);
	const struct image *behind = attach_behind(disk);
	int r = find(kind, &disk->img, ret_dev);

	if (r == -ENOENT && behind)
		r = find(kind, behind, ret_dev);
	if (r == -ENOENT)
		return err_set(err, ENOENT, "'%s' is not mounted", disk->path);
	return r < 0 ? err_errno(err, r, "cannot look for the device of '%s'", disk->path) : 0;
}

bool attach_lock(int fd)
{
	const struct timespec pause = {.tv_nsec = SETTLE_NS};
	int i;

	for (i = 0; i < SETTLE_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

int attach_open(const char *name, int flags)
{
	char path[ATTACH_NAME_MAX + 8];
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
	return fd < 0 ? -errno : fd;
}

/*
 * Only then has all been written. The mounts of a container that has just
 * ended may take a moment longer.
 */
int attach_open_settled(const char *name)
{
	const struct timespec pause = {.tv_nsec = SETTLE_NS};
	int i, fd = attach_open(name, O_EXCL);

	for (i = 0; fd == -EBUSY && i < SETTLE_TRIES; i++) {
		nanosleep(&pause, NULL);
		fd = attach_open(name, O_EXCL);
	}
	return fd;
}

bool attach_is_clean(int dev)
{
	uint8_t super[SUPER_BYTES];

	return io_pread_full(dev, super, sizeof(super), SUPER_OFFSET) == 0 && super_is_clean(super);
}
