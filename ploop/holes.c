/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Some kernels' drivers map files by extents and stop at a hole. Room that was
 * made and is not written yet has its blocks and is none; SEEK_HOLE, which
 * takes it for one, is for file systems without extents.
 */
#include "holes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXTENTS 64 /* at a time */

/* -errno: this file system does not tell. */
static int find_extents(int fd, uint64_t end, uint64_t *ret)
{
	union {
		struct fiemap map;
		uint8_t bytes[sizeof(struct fiemap) + EXTENTS * sizeof(struct fiemap_extent)];
	} q;
	uint64_t at = 0;
	uint32_t i;

	while (at < end) {
		memset(&q, 0, sizeof(q));
		q.map.fm_start = at;
		q.map.fm_length = end - at;
		q.map.fm_flags = FIEMAP_FLAG_SYNC;
		q.map.fm_extent_count = EXTENTS;
		if (ioctl(fd, FS_IOC_FIEMAP, &q) < 0)
			return -errno;
		*ret = at;
		for (i = 0; i < q.map.fm_mapped_extents; i++) {
			const struct fiemap_extent *e = &q.map.fm_extents[i];

			if (e->fe_logical > at)
				return 1;
			at = e->fe_logical + e->fe_length;
			*ret = at;
		}
		if (at >= end)
			return 0;
		if (!i)
			return 1;
	}
	return 0;
}

int holes_find(int image, uint64_t end, uint64_t *ret)
{
	int r = find_extents(image, end, ret);
	off_t hole;

	if (r >= 0)
		return r;
	hole = lseek(image, 0, SEEK_HOLE);
	if (hole < 0)
		return errno == EINVAL || errno == EOPNOTSUPP ? 0 : -errno;
	*ret = (uint64_t)hole;
	return *ret < end;
}

void holes_fill(int image)
{
	struct stat st;

	if (fstat(image, &st) == 0 && st.st_size > 0)
		(void)fallocate(image, 0, 0, st.st_size);
}
