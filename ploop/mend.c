/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order of writes (docs/ploop-format.md) leaves little to be done after a
 * crash: all that an entry of the block table names holds its data. So a table
 * that names places inside of the file, each once, is the whole truth; what the
 * file has behind the last of them was given room and never named.
 *
 * The header is written last: a crash in here leaves an image that is still
 * marked, and mended again.
 */
#include "mend.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach.h"
#include "bat.h"
#include "cleanup.h"
#include "disk.h"
#include "err.h"
#include "format.h"
#include "holes.h"
#include "image.h"
#include "io.h"
#include "mark.h"
#include "open.h"
#include "settle.h"

/* QEMU marks an image in use as well, and has locks of the other kind on it. */
static int check_unlocked(int image, const char *path, struct err *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(image, F_OFD_GETLK, &lock) < 0)
		return err_errno(err, errno, "cannot look for locks on '%s'", path);
	if (lock.l_type != F_UNLCK)
		return err_set(err, EBUSY, "the image '%s' is in use by another program", path);
	return 0;
}

static int close_header(int image, uint8_t bytes[sizeof(struct ploop_header)], bool empty)
{
	struct ploop_header h;

	memcpy(&h, bytes, sizeof(h));
	h.in_use = htole32(PLOOP_CLOSED);
	/* It would tell of an older state. */
	h.extension_sectors = 0;
	h.flags = htole32(empty ? PLOOP_FLAG_EMPTY : 0);
	return io_pwrite_full(image, &h, sizeof(h), 0);
}

/* The end of the data that is named, in clusters. */
static uint32_t named_end(const struct bat *bat)
{
	uint32_t end = bat->first, i;

	for (i = 0; i < bat->count; i++)
		if (bat_lookup(bat, i) >= end)
			end = bat_lookup(bat, i) + 1;
	return end;
}

static int mend(int image, uint8_t bytes[sizeof(struct ploop_header)], const struct ploop_header *h,
		uint64_t file_bytes, const char *path, struct err *err)
{
	uint64_t cluster = (uint64_t)h->cluster_sectors * PLOOP_SECTOR, end;
	bool marked = h->in_use == PLOOP_INUSE;
	uint32_t first = h->first_block_sectors / h->cluster_sectors;
	struct bat bat;
	int r = image_load_map(image, h, file_bytes, path, &bat, err);

	if (r < 0)
		return r;
	end = marked ? named_end(&bat) * cluster : file_bytes / cluster * cluster;
	/* Whatever it was found to be, this changes it. */
	mark_forget(image);
	if (end < file_bytes && ftruncate(image, (off_t)end) < 0)
		r = -errno;
	if (r == 0 && marked)
		holes_fill(image);
	if (r == 0 && marked)
		r = close_header(image, bytes, named_end(&bat) == first);
	if (r == 0 && fsync(image) < 0)
		r = -errno;
	bat_free(&bat);
	return r < 0 ? err_errno(err, r, "cannot mend the image '%s'", path) : 0;
}

int mend_image(int image, bool read_only, const char *path, struct err *err)
{
	uint8_t bytes[sizeof(struct ploop_header)];
	struct ploop_header h;
	struct stat st;
	int r = check_unlocked(image, path, err);

	if (r < 0)
		return r;
	if (fstat(image, &st) < 0)
		return err_errno(err, errno, "cannot look at '%s'", path);
	r = io_pread_full(image, bytes, sizeof(bytes), 0);
	if (r < 0)
		return err_errno(err, r, "cannot read '%s'", path);
	r = image_parse_header(bytes, (uint64_t)st.st_size, path, &h, err);
	if (r < 0)
		return r;
	if (h.flags & PLOOP_FLAG_CONVERTING)
		return err_set(err, EUCLEAN,
			       "the image '%s' was left in the middle of a conversion", path);
	if (read_only && h.in_use == PLOOP_INUSE)
		return err_set(err, EBUSY,
			       "the image '%s' was not closed, and is not mended for reading: "
			       "mount it for writing, or run 'ploop check -d'",
			       path);
	if (read_only || (h.in_use != PLOOP_INUSE &&
			  (uint64_t)st.st_size % ((uint64_t)h.cluster_sectors * PLOOP_SECTOR) == 0))
		return 0;
	return mend(image, bytes, &h, (uint64_t)st.st_size, path, err);
}

/* Locked, and on no device. */
static int open_alone(int dirfd, const char *name, const char *path, struct err *err)
{
	_cleanup_close_ int image = image_open_file(dirfd, name, true, path, err);
	struct stat st;
	int r;

	if (image < 0)
		return image;
	if (fstat(image, &st) < 0)
		return err_errno(err, errno, "cannot look at the image '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "'%s' is not a regular file", path);
	if (flock(image, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, EBUSY, "the image '%s' is in use: is it mounted?", path);
	r = attach_check_none(image, path, err);
	return r < 0 ? r : steal_fd(&image);
}

/*
 * An image is closed before another is put on it: one that says that it is in
 * use was the top when its writer died. Others are not opened for writing, as
 * they may be those of other disks, too.
 */
int mend_older(int dirfd, const char *name, const char *path, struct err *err)
{
	_cleanup_close_ int image = -EBADF;
	bool marked;
	int r = image_is_marked(dirfd, name, &marked, err);

	if (r < 0 || !marked)
		return r;
	image = open_alone(dirfd, name, path, err);
	return image < 0 ? image : mend_image(image, false, path, err);
}

/* --- a whole disk --------------------------------------------------------------- */

static bool has_holes(int image)
{
	struct stat st;
	uint64_t at;

	return fstat(image, &st) == 0 && holes_find(image, (uint64_t)st.st_size, &at) > 0;
}

/* Whoever reads it sees no difference: what was found sound still is. */
static void close_holes(int image)
{
	struct mark mark = mark_get(image);

	if (!has_holes(image))
		return;
	holes_fill(image);
	mark_set(image, mark);
}

/*
 * One that is in use has to wait. Other disks may stand on a file with another name,
 * and be mounted at any time: that one is as it was made, and never locked against them.
 */
static void close_older_holes(int dirfd, const char *name)
{
	_cleanup_close_ int look =
		openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	_cleanup_close_ int image = -EBADF;
	struct stat st;

	if (look < 0 || fstat(look, &st) < 0 || st.st_nlink > 1 || !has_holes(look))
		return;
	image = open_alone(dirfd, name, name, NULL);
	if (image >= 0)
		close_holes(image);
}

static int mend_others(const struct location *loc, const struct level *top, struct err *err)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < loc->desc.count; i++) {
		const struct descriptor_delta *d = &loc->desc.deltas[i];

		if (d->format != PLOOP_FORMAT_EXPANDED || strcmp(d->file, top->file) == 0)
			continue;
		r = mend_older(loc->dirfd, d->file, d->file, err);
		if (r == 0)
			close_older_holes(loc->dirfd, d->file);
	}
	return r;
}

/* It grew, and whoever made it do so was killed. */
static int settle_top(const struct location *loc, int image, struct err *err)
{
	struct ploop_disk *disk;
	int r = location_open(loc, OPEN_CLOSED, &disk, err);

	if (r < 0)
		return r;
	disk->dirfd = fcntl(loc->dirfd, F_DUPFD_CLOEXEC, 0);
	disk->described = loc->described;
	if (settle_is_due(disk))
		r = settle(disk, image, err);
	disk_free(disk);
	return r;
}

int mend_disk(const struct location *loc, struct err *err)
{
	const struct level *top = location_top(loc);
	bool expanded = top->format == PLOOP_FORMAT_EXPANDED;
	_cleanup_close_ int image = -EBADF;
	int r = mend_others(loc, top, err);

	if (r < 0)
		return r;
	image = open_alone(loc->dirfd, top->file, loc->path, err);
	if (image < 0)
		return image;
	r = expanded ? mend_image(image, false, loc->path, err) : 0;
	if (r == 0)
		r = settle_top(loc, image, err);
	if (r == 0 && expanded)
		close_holes(image);
	return r;
}

int ploop_drop_in_use(const char *path, struct err *err)
{
	struct location loc;
	int r = location_find(&loc, path, NULL, err);

	if (r < 0)
		return r;
	r = mend_disk(&loc, err);
	location_free(&loc);
	return r;
}
