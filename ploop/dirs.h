/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_DIRS_H
#define PLOOP_DIRS_H

/*
 * Directories of a file system that is being filled: entries are appended, the
 * few directories in work are kept in memory, long ones get their hash tree at
 * the end.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ext2fs/ext2fs.h>

#include "mkfs.h"
#include "space.h"

#define DIRS_OPEN_MAX 24

struct dir {
	ext2_ino_t ino;		       /* 0: free slot */
	struct ext2_inode_large inode; /* the truth while the slot is in use */
	uint32_t blocks;
	blk64_t blk;   /* of the last block */
	uint32_t tail; /* offset of the last entry in it */
	bool block_dirty;
	uint64_t stamp;
	uint8_t buf[MKFS_BLOCK_BYTES];
};

struct dirs {
	ext2_filsys fs;	     /* borrowed */
	struct space *space; /* borrowed */
	int dirfd;	     /* borrowed: where files for sorting are made */
	struct dir open[DIRS_OPEN_MAX];
	uint64_t clock;
	ext2_ino_t *large; /* directories of more than one block; owned */
	size_t nlarge, large_cap;
	struct sort *sort; /* while they are indexed; owned */
};

void dirs_init(struct dirs *dirs, ext2_filsys fs, struct space *space, int dirfd);
void dirs_free(struct dirs *dirs);

/* The directory in memory, valid until the next call here. Errors: -errno. */
int dirs_get(struct dirs *dirs, ext2_ino_t ino, struct dir **ret_dir);

/* Make an empty directory with this inode (mode, owner, times set by the caller) below @parent. */
int dirs_create(struct dirs *dirs, ext2_ino_t ino, ext2_ino_t parent,
		const struct ext2_inode_large *inode);

/* Append an entry; the name must not be there. A directory's entry counts in the parent's links. */
int dirs_add(struct dirs *dirs, ext2_ino_t dir, const char *name, size_t len, ext2_ino_t ino,
	     uint32_t type);

/* Take the entry away. */
int dirs_remove(struct dirs *dirs, ext2_ino_t dir, const char *name, size_t len);

/* Write the directory out and forget it, so that others may change its inode. */
int dirs_release(struct dirs *dirs, ext2_ino_t ino);

/* Write everything, and index the directories of more than one block. */
int dirs_finish(struct dirs *dirs);

/*
 * htree.c: rewrite a directory with its hash tree, sorted by @dirs->sort; leaves
 * it linear where no space is left for that, and where two levels do not do.
 */
int htree_build(struct dirs *dirs, ext2_ino_t ino);

#endif
