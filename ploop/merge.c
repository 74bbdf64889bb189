/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "merge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "compact.h"
#include "disk.h"
#include "err.h"
#include "format.h"
#include "io.h"
#include "image.h"
#include "mark.h"
#include "mend.h"
#include "open.h"

/* All of the chain is closed: what its writer left in use is mended. */
static int settle(const struct location *loc, struct err *err)
{
	unsigned int i;
	int r = 0;

	for (i = 0; r == 0 && i < loc->n; i++)
		if (loc->levels[i].format == PLOOP_FORMAT_EXPANDED)
			r = mend_older(loc->dirfd, loc->levels[i].file, loc->levels[i].file, err);
	return r;
}

/* The chain up to @guid, to be written to. */
static int open_for_writing(struct location *loc, const char *guid, struct ploop_disk **ret,
			    struct err *err)
{
	int r = location_select(loc, guid, err);

	if (r == 0)
		r = settle(loc, err);
	if (r == 0)
		r = location_open(loc, OPEN_WRITE, ret, err);
	if (r == 0) {
		mark_forget((*ret)->img.fd);
		(*ret)->sync = true;
	}
	return r;
}

static int finish(struct ploop_disk *disk, int r, struct err *err)
{
	if (r == 0)
		r = disk_flush(disk);
	if (r < 0)
		err_errno(err, r, "cannot write the image '%s'", disk->img.name);
	else
		r = image_finish(&disk->img, true, err);
	disk_free(disk);
	return r;
}

int merge_from_parent(struct location *loc, const char *guid, struct err *err)
{
	struct ploop_disk *disk;
	uint32_t cluster;
	int r = open_for_writing(loc, guid, &disk, err);

	if (r < 0)
		return r;
	for (cluster = 0; r == 0 && cluster < image_clusters(&disk->img); cluster++)
		r = disk_pull(disk, cluster);
	return finish(disk, r, err);
}

static int push(struct ploop_disk *to, struct ploop_disk *from, struct err *err)
{
	uint32_t size = to->img.cluster_bytes, cluster;
	_cleanup_free_ void *buf = malloc(size);
	int r = buf ? 0 : -ENOMEM;

	for (cluster = 0; r == 0 && cluster < image_clusters(&from->img); cluster++) {
		uint64_t at = (uint64_t)cluster * size;
		size_t len = from->img.size_bytes - at < size ? from->img.size_bytes - at : size;

		if (!disk_has(from, cluster))
			continue;
		r = disk_read(from, at, buf, len);
		if (r < 0)
			return err_errno(err, r, "cannot read the image '%s'", from->img.name);
		r = disk_write(to, at, buf, len);
	}
	return r < 0 ? err_errno(err, r, "cannot write the image '%s'", to->img.name) : 0;
}

/* @guid alone, without what is below. */
static int open_alone(struct location *loc, const char *guid, struct ploop_disk **ret,
		      struct err *err)
{
	int r = location_select(loc, guid, err);

	if (r < 0)
		return r;
	loc->levels[0] = *location_top(loc);
	loc->n = 1;
	r = settle(loc, err);
	return r < 0 ? r : location_open(loc, OPEN_CLOSED, ret, err);
}

/* A disk that was made smaller is not larger again in the older file. */
static int cut(struct ploop_disk *to, uint64_t size_bytes, struct err *err)
{
	int r = disk_flush(to);

	if (r == 0)
		r = image_cut(&to->img, size_bytes);
	return r < 0 ? err_errno(err, r, "cannot write the image '%s'", to->img.name) : 0;
}

static int push_all(struct ploop_disk *to, struct ploop_disk *from, struct err *err)
{
	bool cuts = to->img.size_bytes > from->img.size_bytes;
	_cleanup_close_ int image = -EBADF;
	uint64_t freed;
	int r = push(to, from, err);

	if (r == 0 && cuts)
		r = cut(to, from->img.size_bytes, err);
	if (r < 0) {
		disk_free(to);
		return r;
	}
	if (cuts && to->img.format == PLOOP_FORMAT_EXPANDED)
		image = fcntl(to->img.fd, F_DUPFD_CLOEXEC, 0);
	r = finish(to, 0, err);
	/* What was behind its end is free in the file. */
	if (r == 0 && image >= 0)
		(void)compact_image(image, COMPACT_MOVE_BYTES, NULL, "", &freed, NULL);
	return r;
}

int merge_into_parent(struct location *loc, const char *guid, struct err *err)
{
	const char *parent = descriptor_find(&loc->desc, guid)->parent;
	struct ploop_disk *from, *to;
	int r = open_alone(loc, guid, &from, err);

	if (r < 0)
		return r;
	r = open_for_writing(loc, parent, &to, err);
	if (r == 0)
		r = push_all(to, from, err);
	disk_free(from);
	return r;
}

/* Whoever was killed in the middle of this left it marked: then it is only mended first. */
static int open_read_parent(struct location *loc, const char *guid, struct ploop_disk **ret,
			    struct err *err)
{
	const struct descriptor_delta *delta = descriptor_find(&loc->desc, guid);
	_cleanup_close_ int fd = image_open_file(loc->dirfd, delta->file, true, delta->file, err);
	int r;

	if (fd < 0)
		return fd;
	r = delta->format == PLOOP_FORMAT_EXPANDED ? mend_image(fd, false, delta->file, err) : 0;
	if (r == 0)
		r = location_select(loc, guid, err);
	if (r == 0)
		r = location_open(loc, OPEN_CLOSED, ret, err);
	if (r < 0)
		return r;
	mark_forget(fd);
	(*ret)->sync = true;
	r = image_take(&(*ret)->img, fd, err);
	if (r < 0)
		disk_free(*ret);
	return r;
}

int merge_into_read_parent(struct location *loc, const char *guid, struct err *err)
{
	const char *parent = descriptor_find(&loc->desc, guid)->parent;
	struct ploop_disk *from, *to;
	int r = open_alone(loc, guid, &from, err);

	if (r < 0)
		return r;
	r = open_read_parent(loc, parent, &to, err);
	if (r == 0)
		r = push_all(to, from, err);
	disk_free(from);
	return r;
}

/* Bytes that the image has, about. */
static int weigh(struct location *loc, const char *guid, uint64_t *ret_bytes, uint64_t *ret_size,
		 bool *ret_shared, struct err *err)
{
	struct ploop_disk *disk;
	struct stat st;
	int r = open_alone(loc, guid, &disk, err);

	if (r < 0)
		return r;
	if (fstat(disk->img.fd, &st) < 0)
		r = err_errno(err, errno, "cannot look at '%s'", disk->img.name);
	*ret_bytes = (uint64_t)st.st_blocks * 512;
	*ret_size = disk->img.size_bytes;
	*ret_shared = st.st_nlink > 1;
	disk_free(disk);
	return r;
}

int merge_is_shorter_down(struct location *loc, const char *guid, bool *ret_possible,
			  struct err *err)
{
	const char *parent = descriptor_find(&loc->desc, guid)->parent;
	uint64_t above, below, size_above, size_below;
	bool shared;
	int r = weigh(loc, guid, &above, &size_above, &shared, err);

	if (r == 0)
		r = weigh(loc, parent, &below, &size_below, &shared, err);
	if (r < 0)
		return r;
	/* A file with another name is another disk's, too. */
	*ret_possible = !shared && size_above <= size_below;
	return *ret_possible && above <= below;
}
