/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_MKFS_H
#define PLOOP_MKFS_H

/* A new ext4 in a fresh image, without root and without a device. */

#include <stdint.h>
#include <time.h>

#include <ext2fs/ext2fs.h>

struct err;
struct ext_io_range;

#define MKFS_BLOCK_BYTES 4096u

struct mkfs_opts {
	uint8_t uuid[16];
	uint8_t hash_seed[16];
	const char *label; /* NULL: none; at most 16 bytes */
	time_t now;
};

/*
 * Make the file system in @range, which must read as zeros, and leave it open
 * for filling. Close it with mkfs_close(), or mkfs_abandon() after a failure.
 */
int mkfs_create(struct ext_io_range *range, const struct mkfs_opts *opts, ext2_filsys *ret_fs,
		struct err *err);

/* Write out and close; @fs is gone even after a failure. */
int mkfs_close(ext2_filsys fs, struct err *err);
void mkfs_abandon(ext2_filsys fs);

/*
 * The smallest virtual disk, in whole @step_bytes, whose fresh file system has
 * room for @blocks blocks and @inodes inodes: found by making it, in memory.
 */
int mkfs_size_for(uint64_t blocks, uint64_t inodes, uint64_t step_bytes, uint64_t *ret_bytes,
		  struct err *err);

#endif
