/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel counts for a quota from a mount to its end, so what was there before
 * must have been counted by whoever put it there. The file is one of the format
 * "vfsv1", a radix tree of blocks of 1 KiB; with one id in it, 0, it is always
 * these six:
 *
 *   0       header
 *   1 .. 4  the tree, a byte of the id each: the first entry points to the next one
 *   5       entries, of which the first is used
 *
 * That a directory shows in df(1) what its project may have is a flag of its
 * inode, which new ones inherit.
 */
#include "prjquota.h"

#include <assert.h>
#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define BLOCK	      1024u
#define BLOCKS	      6u
#define MAGIC	      0xd9c03f14u /* of projects */
#define VERSION_1     1u
#define GRACE_SECONDS 604800u
#define ENTRIES_BLOCK (BLOCKS - 1)

struct header {
	uint32_t magic, version;
	uint32_t block_grace, inode_grace;
	uint32_t flags;
	uint32_t blocks;
	uint32_t free_block; /* 0: none */
	uint32_t free_entry; /* a block with an entry that is free */
};

struct entries {
	uint32_t next_free, prev_free;
	uint16_t used, pad;
	uint32_t pad2;
};

struct entry {
	uint32_t id, pad;
	uint64_t inode_hard, inode_soft, inodes;
	uint64_t space_hard, space_soft, space;
	uint64_t space_time, inode_time;
};

static_assert(sizeof(struct header) == 32, "the header of a quota file");
static_assert(sizeof(struct entries) == 16, "the head of its entries");
static_assert(sizeof(struct entry) == 72, "one of its entries");

struct usage {
	uint64_t inodes, bytes;
};

static errcode_t write_file(ext2_filsys fs, const void *buf)
{
	unsigned int done = 0;
	ext2_file_t file;
	errcode_t e, closed;

	e = ext2fs_file_open(fs, fs->super->s_prj_quota_inum, EXT2_FILE_WRITE, &file);
	if (e)
		return e;
	e = ext2fs_file_write(file, buf, BLOCK * BLOCKS, &done);
	closed = ext2fs_file_close(file);
	if (!e && done != BLOCK * BLOCKS)
		e = EXT2_ET_SHORT_WRITE;
	return e ? e : closed;
}

errcode_t prjquota_make(ext2_filsys fs)
{
	static const char zeros[BLOCK * BLOCKS];
	struct ext2_inode inode = {.i_mode = LINUX_S_IFREG | 0600, .i_links_count = 1};
	ext2_ino_t ino;
	errcode_t e = ext2fs_new_inode(fs, EXT2_ROOT_INO, inode.i_mode, NULL, &ino);

	if (e)
		return e;
	inode.i_flags = EXT4_EXTENTS_FL | EXT2_IMMUTABLE_FL;
	inode.i_atime = inode.i_ctime = inode.i_mtime = (uint32_t)fs->now;
	ext2fs_inode_alloc_stats2(fs, ino, 1, 0);
	e = ext2fs_write_new_inode(fs, ino, &inode);
	if (e)
		return e;
	fs->super->s_prj_quota_inum = ino;
	ext2fs_set_feature_quota(fs->super);
	ext2fs_set_feature_project(fs->super);
	return write_file(fs, zeros);
}

/* The kernel and e2fsck(8) count neither the file system's own inodes nor the quota's. */
static bool is_counted(ext2_filsys fs, ext2_ino_t ino, const struct ext2_inode *inode)
{
	return inode->i_links_count && ino != fs->super->s_prj_quota_inum &&
	       (ino == EXT2_ROOT_INO || ino >= EXT2_FIRST_INODE(fs->super));
}

static errcode_t count_inode(ext2_filsys fs, ext2_ino_t ino, struct ext2_inode_large *large,
			     struct usage *u)
{
	struct ext2_inode *inode = (struct ext2_inode *)large;

	if (!is_counted(fs, ino, inode))
		return 0;
	u->inodes++;
	u->bytes += ext2fs_get_stat_i_blocks(fs, inode) * 512;
	if (!LINUX_S_ISDIR(inode->i_mode))
		return 0;
	inode->i_flags |= EXT4_PROJINHERIT_FL;
	return ext2fs_write_inode_full(fs, ino, inode, sizeof(*large));
}

static errcode_t count(ext2_filsys fs, struct usage *u)
{
	struct ext2_inode_large inode;
	ext2_inode_scan scan;
	ext2_ino_t ino = 0;
	errcode_t e = ext2fs_open_inode_scan(fs, 0, &scan);

	if (e)
		return e;
	do {
		e = ext2fs_get_next_inode_full(scan, &ino, (struct ext2_inode *)&inode,
					       sizeof(inode));
		if (!e && ino)
			e = count_inode(fs, ino, &inode, u);
	} while (!e && ino);
	ext2fs_close_inode_scan(scan);
	return e;
}

static void put_file(char *buf, const struct usage *u)
{
	const struct header head = {
		.magic = htole32(MAGIC),
		.version = htole32(VERSION_1),
		.block_grace = htole32(GRACE_SECONDS),
		.inode_grace = htole32(GRACE_SECONDS),
		.blocks = htole32(BLOCKS),
		.free_entry = htole32(ENTRIES_BLOCK),
	};
	const struct entries entries = {.used = htole16(1)};
	const struct entry entry = {.inodes = htole64(u->inodes), .space = htole64(u->bytes)};
	uint32_t i;

	memcpy(buf, &head, sizeof(head));
	for (i = 1; i < ENTRIES_BLOCK; i++) {
		uint32_t next = htole32(i + 1);

		memcpy(buf + i * BLOCK, &next, sizeof(next));
	}
	buf += ENTRIES_BLOCK * BLOCK;
	memcpy(buf, &entries, sizeof(entries));
	memcpy(buf + sizeof(entries), &entry, sizeof(entry));
}

errcode_t prjquota_count(ext2_filsys fs)
{
	char buf[BLOCK * BLOCKS] = {0};
	struct usage u = {0, 0};
	errcode_t e = count(fs, &u);

	if (e)
		return e;
	put_file(buf, &u);
	return write_file(fs, buf);
}
