/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fsck.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "cleanup.h"
#include "disk.h"
#include "err.h"
#include "format.h"
#include "io.h"
#include "limit.h"
#include "run.h"
#include "strbuf.h"
#include "super.h"

#define E2FSCK_TAIL_BYTES 4096
#define MIB		  (1u << 20)
#define OWN_BLOCKS	  64
#define OWN_INODES	  16

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
static int check_super(const struct attach *a, int dev, struct err *err)
{
	const char *path = a->disk->path;
	uint8_t buf[SUPER_BYTES];
	int r = io_pread_full(dev, buf, sizeof(buf), SUPER_OFFSET);

	if (r < 0)
		return err_errno(err, r, "cannot read the file system of '%s'", path);
	r = super_check(buf, err);
	/* The device may go on behind the partition. */
	if (r == 0 && super_size_bytes(buf) > a->length)
		r = err_set(err, EUCLEAN, "has a file system that is larger than its partition");
	return r < 0 ? err_prefix(err, "'%s'", path) : 0;
}

int fsck_device(const struct attach *a, int dev, const char *node, bool first, bool fsck,
		struct err *err)
{
	const char *path = a->disk->path;
	int r = check_super(a, dev, err);

	if (r < 0 || (!first && (!fsck || a->read_only)))
		return r;
	r = run_e2fsck(a->read_only ? "-fn" : first ? "-fp" : "-p", node, path, err);
	/* Its repair may be a super block from a copy, with other features. */
	return r < 0 ? r : check_super(a, dev, err);
}

/* --- a smaller file system --------------------------------------------------------- */

/* It goes with us: what it writes to nobody would want. */
static int run_resize2fs(const char *const *argv, char **ret_out, const char *path, struct err *err)
{
	const struct run_opts opts = {.ret_out = ret_out,
				      .out_max_bytes = E2FSCK_TAIL_BYTES,
				      .out_tail = true,
				      .no_stderr = true,
				      .dies_with_us = true};
	int r = run_program(argv, &opts, err);

	if (r < 0)
		return err_prefix(err, "cannot make the file system of '%s' smaller", path);
	return r == 0 ? 0
		      : err_set(err, EIO,
				"resize2fs cannot make the file system of '%s' smaller: status %d",
				path, r);
}

/* The least that resize2fs would make of it. */
static int least_bytes(const struct attach *a, int dev, const char *node, uint64_t *ret,
		       struct err *err)
{
	const char *const argv[] = {"resize2fs", "-P", node, NULL};
	_cleanup_free_ char *out = NULL;
	uint8_t super[SUPER_BYTES];
	const char *number;
	uint64_t blocks;
	int r = run_resize2fs(argv, &out, a->disk->path, err);

	if (r < 0)
		return r;
	r = io_pread_full(dev, super, sizeof(super), SUPER_OFFSET);
	if (r < 0)
		return err_errno(err, r, "cannot read the file system of '%s'", a->disk->path);
	number = strrchr(out, ':');
	if (!number || sscanf(number, ": %" SCNu64, &blocks) != 1 ||
	    blocks > UINT64_MAX / super_block_bytes(super))
		return err_set(err, EIO, "resize2fs does not tell how small '%s' can be",
			       a->disk->path);
	*ret = blocks * super_block_bytes(super);
	return 0;
}

/* Its estimate may be far too large, by a quarter with a few groups: what is there is counted, too. */
static bool surely_fits(int dev, uint64_t bytes)
{
	uint8_t super[SUPER_BYTES];
	struct limit_shape shape;
	struct limit_room room, used;

	if (io_pread_full(dev, super, sizeof(super), SUPER_OFFSET) < 0 ||
	    limit_shape(super, &shape) < 0)
		return false;
	used = limit_used(super, &shape);
	room = limit_room(&shape, bytes);
	/* A few blocks are of the file system's own inodes, which no limit counts. */
	room.bytes += (uint64_t)OWN_BLOCKS * shape.block_bytes;
	return used.bytes <= room.bytes && used.inodes <= room.inodes + OWN_INODES;
}

/* A disk of so many bytes has a partition of @bytes. */
static uint64_t disk_for(const struct attach *a, uint64_t bytes)
{
	uint64_t cluster = a->disk->img.cluster_bytes;
	uint64_t end = (a->offset + bytes + MIB - 1) / MIB * MIB + MIB;

	return (end + cluster - 1) / cluster * cluster;
}

int fsck_shrink(const struct attach *a, int dev, const char *node, uint64_t bytes, struct err *err)
{
	char size[32];
	const char *const argv[] = {"resize2fs", node, size, NULL};
	const char *const anyway[] = {"resize2fs", "-f", node, size, NULL};
	_cleanup_free_ char *out = NULL;
	uint64_t least = 0;
	int r = least_bytes(a, dev, node, &least, err);

	if (r < 0)
		return r;
	if (least > bytes && !surely_fits(dev, bytes))
		return err_set(err, ENOSPC,
			       "what is on '%s' needs a disk of %" PRIu64 " bytes at least",
			       a->disk->path, disk_for(a, least));
	snprintf(size, sizeof(size), "%" PRIu64 "s", bytes / PLOOP_SECTOR);
	return run_resize2fs(least > bytes ? anyway : argv, &out, a->disk->path, err);
}
