/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Larger disks; for smaller ones see shrink.c and later.c. It is done while the disk is mounted, here for that if it is not:
 *
 *   image        the kernel's target makes header and table larger; a raw file is
 *   device       as long as the image is, from the next table on
 *   file system  ext4 grows by itself
 *   descriptor
 *   partition    its tables lie outside of the device: at the unmount (settle.h)
 *
 * After a crash between two of them the rest is as it was, which fits into what is
 * larger already; the same command goes on.
 */
#include "ploop.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "attach.h"
#include "cleanup.h"
#include "disk.h"
#include "edit.h"
#include "err.h"
#include "format.h"
#include "gpt.h"
#include "later.h"
#include "limit.h"
#include "shrink.h"
#include "snapshot.h"

#define MOUNT_TEMPLATE "/run/ploop.XXXXXX"
/* <linux/ext4.h> is the kernel's own. */
#define IOC_RESIZE_FS  _IOW('f', 16, uint64_t)

static int grow_file_system(const char *target, uint64_t disk_bytes, struct err *err)
{
	_cleanup_close_ int fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t first, last, blocks;
	struct statfs st;

	if (fd < 0 || fstatfs(fd, &st) < 0)
		return err_errno(err, errno, "cannot look at '%s'", target);
	if (gpt_layout(disk_bytes, &first, &last) < 0)
		return err_set(err, ENOSPC, "a disk of %" PRIu64 " bytes is too small", disk_bytes);
	blocks = (last - first + 1) * PLOOP_SECTOR / (uint64_t)st.f_bsize;
	if (ioctl(fd, IOC_RESIZE_FS, &blocks) < 0)
		return err_errno(err, errno, "cannot grow the file system on '%s'", target);
	return 0;
}

static int grow_mounted(struct edit *e, const char *path, const char *target, uint64_t size_bytes,
			struct err *err)
{
	struct ploop_disk *disk;
	dev_t dev;
	int r = ploop_open(path, &disk, err);

	if (r < 0)
		return r;
	r = attach_find(disk, &dev, err);
	if (r == 0)
		r = attach_kind_of(disk)->grow(disk, dev, size_bytes, err);
	ploop_close(disk);
	if (r == 0)
		r = grow_file_system(target, size_bytes, err);
	if (r == 0 && e->loc.desc.pending_bytes)
		r = limit_lift(target, err);
	if (r < 0)
		return r;
	e->loc.desc.size_bytes = size_bytes;
	e->loc.desc.pending_bytes = 0;
	return edit_store(e, err);
}

static int mount_for_it(const char *path, const char *target, struct err *err)
{
	const struct ploop_mount_opts opts = {.fsck = true};
	struct ploop_disk *disk;
	dev_t dev;
	int r = ploop_open(path, &disk, err);

	if (r < 0)
		return r;
	r = ploop_mount(disk, target, &opts, &dev, err);
	ploop_close(disk);
	return r;
}

static int grow_unmounted(struct edit *e, const char *path, uint64_t size_bytes, struct err *err)
{
	char target[] = MOUNT_TEMPLATE;
	int r;

	if (!mkdtemp(target))
		return err_errno(err, errno, "cannot make a directory to mount '%s' on", path);
	r = mount_for_it(path, target, err);
	if (r == 0) {
		r = grow_mounted(e, path, target, size_bytes, err);
		if (ploop_umount(target, r < 0 ? NULL : err) < 0 && r == 0)
			r = -EBUSY;
	}
	rmdir(target);
	return r;
}

static int resize(struct edit *e, const char *path, uint64_t size_bytes, struct err *err)
{
	uint64_t cluster = e->loc.desc.cluster_bytes;
	_cleanup_free_ char *target = NULL;
	struct ploop_disk *disk;
	bool smaller;
	int r;

	if (size_bytes > PLOOP_SIZE_MAX - cluster)
		return err_set(err, EINVAL,
			       "a disk of %" PRIu64 " bytes is not possible: up to 50T",
			       size_bytes);
	size_bytes = (size_bytes + cluster - 1) / cluster * cluster;
	r = ploop_open(path, &disk, err);
	if (r < 0)
		return r;
	smaller = size_bytes < disk->img.size_bytes;
	r = ploop_mount_point(disk, 0, &target, err);
	if (r == -ENOENT) {
		err_clear(err);
		r = 0;
	}
	if (target && smaller)
		r = later_shrink(e, disk, target, size_bytes, err);
	ploop_close(disk);
	if (r < 0 || (target && smaller))
		return r;
	if (!target)
		snapshot_finish(e);
	if (smaller)
		return shrink_disk(e, size_bytes, NULL, err);
	return target ? grow_mounted(e, path, target, size_bytes, err)
		      : grow_unmounted(e, path, size_bytes, err);
}

int ploop_resize(const char *path, uint64_t size_bytes, struct err *err)
{
	uint64_t was, freed;
	struct edit e;
	int r = edit_begin(path, &e, err);

	if (r < 0)
		return r;
	was = e.loc.desc.size_bytes;
	r = resize(&e, path, size_bytes, err);
	edit_end(&e);
	/* The file is no shorter yet. */
	if (r == 0 && size_bytes < was)
		(void)ploop_compact(path, &freed, NULL);
	return r;
}
