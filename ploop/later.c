/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 *   limit        the file system takes no more than will fit
 *   descriptor   the size that the disk is to have
 *   unmount      the disk shrinks (shrink.h), and the descriptor says its size only
 *
 * A crash before the second leaves a limit until the unmount; after it, a disk that
 * every mount limits, until an unmount, or a resize, has made it smaller. What is on
 * it fits, or it stays as it is.
 */
#include "later.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "attach.h"
#include "cleanup.h"
#include "descriptor.h"
#include "disk.h"
#include "edit.h"
#include "err.h"
#include "format.h"
#include "gpt.h"
#include "io.h"
#include "limit.h"
#include "shrink.h"
#include "snapshot.h"
#include "super.h"

#define SETTLE_TRIES 100
#define SETTLE_NS    (10 * 1000 * 1000)

/* Of the file system on a disk of @disk_bytes. */
static struct limit_room room_on(const struct limit_shape *s, uint64_t disk_bytes)
{
	uint64_t first, last;

	if (gpt_layout(disk_bytes, &first, &last) < 0)
		return (struct limit_room){0, 0};
	return limit_room(s, (last - first + 1) * PLOOP_SECTOR);
}

static int shape_of(const char *target, struct limit_shape *ret, struct err *err)
{
	_cleanup_close_ int dev = -EBADF;
	char name[ATTACH_NAME_MAX];
	uint8_t super[SUPER_BYTES];
	struct stat st;
	int r = -EIO;

	if (stat(target, &st) < 0)
		return err_errno(err, errno, "cannot look at '%s'", target);
	if (attach_name(st.st_dev, name))
		dev = attach_open(name, 0);
	if (dev >= 0)
		r = io_pread_full(dev, super, sizeof(super), SUPER_OFFSET);
	if (r == 0)
		r = limit_shape(super, ret);
	return r < 0 ? err_errno(err, r, "cannot read the file system on '%s'", target) : 0;
}

/* The smallest disk, in whole clusters, that has room for that; the larger the disk, the more fits. */
static uint64_t disk_for(const struct limit_shape *s, const struct limit_room *used, uint64_t low,
			 uint64_t high, uint64_t cluster)
{
	while (low + cluster < high) {
		uint64_t middle = low + (high - low) / 2 / cluster * cluster;
		struct limit_room room = room_on(s, middle);

		if (room.bytes >= used->bytes && room.inodes >= used->inodes)
			high = middle;
		else
			low = middle;
	}
	return high;
}

static int limit(struct ploop_disk *disk, const char *target, uint64_t size_bytes, struct err *err)
{
	struct limit_shape shape = {.blocks = 0};
	struct limit_room room, used = {0, 0};
	int r = shape_of(target, &shape, err);

	if (r < 0)
		return r;
	room = room_on(&shape, size_bytes);
	r = limit_set(target, &room, &used, err);
	if (r == -ENOSPC)
		return err_set(err, ENOSPC,
			       "what is on '%s' needs a disk of %" PRIu64 " bytes at least",
			       disk->path,
			       disk_for(&shape, &used, size_bytes, disk->img.size_bytes,
					disk->img.cluster_bytes));
	return r;
}

int later_shrink(struct edit *e, struct ploop_disk *disk, const char *target, uint64_t size_bytes,
		 struct err *err)
{
	int r = limit(disk, target, size_bytes, err);

	if (r < 0)
		return r;
	e->loc.desc.pending_bytes = size_bytes;
	return edit_store(e, err);
}

int later_limit(struct ploop_disk *disk, const char *target, struct err *err)
{
	return limit(disk, target, disk->pending_bytes, err);
}

static int begin(const char *dir, struct edit *e, struct err *err)
{
	int r = edit_begin(dir, e, err);

	if (r == 0 && !e->loc.desc.pending_bytes) {
		edit_end(e);
		return -ENOENT;
	}
	return r;
}

/* A disk that went back to a snapshot may be as small already. */
static int finish(struct edit *e, struct err *err)
{
	uint64_t size_bytes = e->loc.desc.pending_bytes;

	snapshot_finish(e);
	if (size_bytes < e->loc.desc.size_bytes)
		return shrink_disk(e, size_bytes, NULL, err);
	e->loc.desc.pending_bytes = 0;
	return edit_store(e, err);
}

int ploop_finish_resize(const char *path, struct err *err)
{
	uint64_t freed;
	struct edit e;
	int r = begin(path, &e, err);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	r = finish(&e, err);
	edit_end(&e);
	if (r == 0)
		(void)ploop_compact(path, &freed, NULL);
	return r;
}

/* Whoever holds the lock on a disk where nothing is pending is not to be waited for. */
static bool is_pending(const char *dir)
{
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct descriptor d;
	bool is;

	if (fd < 0 || descriptor_load(fd, dir, &d, NULL) < 0)
		return false;
	is = d.pending_bytes != 0;
	descriptor_free(&d);
	return is;
}

void later_settle(const char *dir)
{
	const struct timespec pause = {.tv_nsec = SETTLE_NS};
	int i, r = is_pending(dir) ? ploop_finish_resize(dir, NULL) : 0;

	for (i = 0; r == -EBUSY && i < SETTLE_TRIES; i++) {
		nanosleep(&pause, NULL);
		r = ploop_finish_resize(dir, NULL);
	}
}
