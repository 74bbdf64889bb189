/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Space that nobody uses goes back to the host: mounted, or not. */
#include "ploop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "attach.h"
#include "cleanup.h"
#include "compact.h"
#include "disk.h"
#include "err.h"
#include "image.h"
#include "mark.h"
#include "mend.h"

static int trim(const char *target, uint64_t *ret_freed_bytes, struct err *err)
{
	_cleanup_close_ int fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct fstrim_range range = {.len = UINT64_MAX};

	if (fd < 0)
		return err_errno(err, errno, "cannot open '%s'", target);
	/* What the journal has not committed is not free yet, and is no trim's. */
	if (syncfs(fd) < 0)
		return err_errno(err, errno, "cannot write what is on '%s'", target);
	if (ioctl(fd, FITRIM, &range) < 0)
		return err_errno(err, errno, "cannot trim the file system on '%s'", target);
	*ret_freed_bytes = range.len;
	return 0;
}

static int shorten(const struct ploop_disk *disk, uint64_t *ret_freed_bytes, struct err *err)
{
	_cleanup_close_ int image =
		image_open_file(disk->dirfd, disk->img.name, true, disk->path, err);
	struct mark mark;
	int r;

	if (image < 0)
		return image;
	if (flock(image, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, EBUSY, "the image '%s' is in use", disk->path);
	if (disk->img.format == PLOOP_FORMAT_RAW)
		return err_set(err, EOPNOTSUPP,
			       "'%s' is a raw image, which gives back space only while it is "
			       "mounted",
			       disk->path);
	r = attach_check_none(image, disk->path, err);
	if (r == 0)
		r = mend_image(image, false, disk->path, err);
	if (r < 0)
		return r;
	mark = mark_get(image);
	r = compact_image(image, UINT64_MAX, disk, disk->path, ret_freed_bytes, err);
	if (r == 0)
		mark_set(image, mark);
	return r;
}

int ploop_compact(const char *path, uint64_t *ret_freed_bytes, struct err *err)
{
	_cleanup_free_ char *target = NULL;
	struct ploop_disk *disk;
	int r = ploop_open(path, &disk, err);

	if (r < 0)
		return r;
	r = ploop_mount_point(disk, 0, &target, err);
	if (disk_keeps_space(disk) && (r == 0 || r == -ENOENT)) {
		err_clear(err);
		*ret_freed_bytes = 0;
		r = 0;
	} else if (r == 0) {
		r = trim(target, ret_freed_bytes, err);
	} else if (r == -ENOENT) {
		err_clear(err);
		r = shorten(disk, ret_freed_bytes, err);
	}
	ploop_close(disk);
	return r;
}
