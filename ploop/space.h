/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_SPACE_H
#define PLOOP_SPACE_H

/* Blocks and inodes for a file system that is being filled, and files' extents. */

#include <stddef.h>
#include <stdint.h>

#include <ext2fs/ext2fs.h>

struct space {
	ext2_filsys fs;		   /* borrowed */
	blk64_t cursor;		   /* where data goes on */
	blk64_t dir_next, dir_end; /* a stretch kept for directory blocks */
	ext2_ino_t next_ino;
};

struct extent_run {
	uint32_t lblk, len;
	blk64_t pblk;
};

/* A file's blocks in logical order. */
struct extents {
	struct extent_run *runs; /* owned */
	size_t n, cap;
	uint64_t blocks; /* sum of the lengths */
};

void space_init(struct space *space, ext2_filsys fs);

/* Take up to @want free blocks that lie together; -ENOSPC. */
int space_take(struct space *space, uint32_t want, blk64_t *ret_start, uint32_t *ret_len);

/* Take one block for a directory, near other directories' blocks. */
int space_take_dir_block(struct space *space, blk64_t *ret_blk);

int space_take_inode(struct space *space, int is_dir, ext2_ino_t *ret_ino);

/* Append blocks, joining them to the last run where they continue it. 0 or -ENOMEM. */
int extents_add(struct extents *ext, uint32_t lblk, blk64_t pblk, uint32_t len);

/* Where @lblk is, and how many blocks follow it there; 0 when it is a hole. */
blk64_t extents_find(const struct extents *ext, uint32_t lblk, uint32_t *ret_len);

/*
 * Write the map into @inode: in the inode itself where four runs suffice, else
 * a tree by libext2fs. Sets flags and block count, writes tree blocks only.
 */
int extents_store(ext2_filsys fs, ext2_ino_t ino, const struct extents *ext,
		  struct ext2_inode_large *inode);

void extents_free(struct extents *ext);

#endif
