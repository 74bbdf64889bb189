/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A directory block, with the checksum tail of metadata_csum:
 *
 *   | entry | entry | ... last entry, rec_len up to the tail | tail (12) |
 *
 * Only the last block of a directory ever gets entries; it is in memory while
 * the directory is. The inode in memory is the truth, the one on disk is
 * written when the slot is needed for another directory.
 */
#include "dirs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ext_io.h"
#include "sort.h"

#define BLOCK	      MKFS_BLOCK_BYTES
#define TAIL_BYTES    sizeof(struct ext2_dir_entry_tail)
#define BLOCK_END     (BLOCK - (uint32_t)TAIL_BYTES)
#define DIR_LINKS_MAX 65000u

void dirs_init(struct dirs *dirs, ext2_filsys fs, struct space *space, int dirfd)
{
	memset(dirs, 0, sizeof(*dirs));
	dirs->fs = fs;
	dirs->space = space;
	dirs->dirfd = dirfd;
}

void dirs_free(struct dirs *dirs)
{
	free(dirs->large);
	dirs->large = NULL;
	sort_free(dirs->sort);
	dirs->sort = NULL;
}

static struct ext2_dir_entry *entry_at(struct dir *dir, uint32_t off)
{
	return (struct ext2_dir_entry *)(dir->buf + off);
}

static uint32_t entry_bytes(size_t name_len)
{
	return (uint32_t)(8 + name_len + 3) & ~3u;
}

static void put_entry(struct dir *dir, uint32_t off, uint32_t rec_len, const char *name, size_t len,
		      ext2_ino_t ino, uint32_t type)
{
	struct ext2_dir_entry *de = entry_at(dir, off);

	memset(de, 0, rec_len);
	de->inode = ino;
	de->rec_len = (uint16_t)rec_len;
	de->name_len = (uint16_t)(len | type << 8);
	memcpy(de->name, name, len);
}

static int store(struct dirs *dirs, struct dir *dir)
{
	errcode_t e = 0;

	if (!dir->ino)
		return 0;
	if (dir->block_dirty)
		e = ext2fs_write_dir_block4(dirs->fs, dir->blk, dir->buf, 0, dir->ino);
	if (!e)
		e = ext2fs_write_inode_full(dirs->fs, dir->ino, (struct ext2_inode *)&dir->inode,
					    sizeof(dir->inode));
	if (e)
		return ext_io_errno(e);
	dir->block_dirty = false;
	return 0;
}

static struct dir *find(struct dirs *dirs, ext2_ino_t ino)
{
	size_t i;

	for (i = 0; i < DIRS_OPEN_MAX; i++)
		if (dirs->open[i].ino == ino)
			return &dirs->open[i];
	return NULL;
}

/* A free slot; the longest unused directory makes room. */
static int get_slot(struct dirs *dirs, struct dir **ret)
{
	struct dir *d = &dirs->open[0];
	size_t i;
	int r;

	for (i = 1; i < DIRS_OPEN_MAX && d->ino; i++)
		if (!dirs->open[i].ino || dirs->open[i].stamp < d->stamp)
			d = &dirs->open[i];
	r = store(dirs, d);
	if (r < 0)
		return r;
	d->ino = 0;
	*ret = d;
	return 0;
}

static int find_tail(struct dir *dir)
{
	uint32_t off = 0;

	for (;;) {
		uint32_t len = entry_at(dir, off)->rec_len;

		if (len < 8 || len % 4 || len > BLOCK_END - off)
			return -EIO;
		if (off + len == BLOCK_END)
			break;
		off += len;
	}
	dir->tail = off;
	return 0;
}

static errcode_t load(ext2_filsys fs, ext2_ino_t ino, struct dir *d)
{
	struct ext2_inode *small = (struct ext2_inode *)&d->inode;
	errcode_t e = ext2fs_read_inode_full(fs, ino, small, sizeof(d->inode));

	if (e)
		return e;
	d->blocks = (uint32_t)(EXT2_I_SIZE(small) / BLOCK);
	if (!LINUX_S_ISDIR(d->inode.i_mode) || !d->blocks)
		return EXT2_ET_NO_DIRECTORY;
	e = ext2fs_bmap2(fs, ino, small, NULL, 0, d->blocks - 1, NULL, &d->blk);
	if (e)
		return e;
	e = ext2fs_read_dir_block4(fs, d->blk, d->buf, 0, ino);
	if (e)
		return e;
	return find_tail(d) < 0 ? EXT2_ET_DIR_CORRUPTED : 0;
}

int dirs_get(struct dirs *dirs, ext2_ino_t ino, struct dir **ret_dir)
{
	struct dir *d = find(dirs, ino);
	errcode_t e;
	int r;

	if (!d) {
		r = get_slot(dirs, &d);
		if (r < 0)
			return r;
		e = load(dirs->fs, ino, d);
		if (e)
			return ext_io_errno(e);
		d->ino = ino;
		d->block_dirty = false;
	}
	d->stamp = ++dirs->clock;
	*ret_dir = d;
	return 0;
}

/* An empty last block: what follows writes the first entry over all of it. */
static void new_block(struct dirs *dirs, struct dir *dir, blk64_t blk)
{
	memset(dir->buf, 0, BLOCK);
	ext2fs_initialize_dirent_tail(dirs->fs, EXT2_DIRENT_TAIL(dir->buf, BLOCK));
	entry_at(dir, 0)->rec_len = (uint16_t)BLOCK_END;
	dir->tail = 0;
	dir->blk = blk;
	dir->blocks++;
	dir->block_dirty = true;
	ext2fs_inode_size_set(dirs->fs, (struct ext2_inode *)&dir->inode,
			      (ext2_off64_t)dir->blocks * BLOCK);
}

int dirs_create(struct dirs *dirs, ext2_ino_t ino, ext2_ino_t parent,
		const struct ext2_inode_large *inode)
{
	struct extents ext = {.n = 0};
	struct dir *d;
	blk64_t blk;
	int r = space_take_dir_block(dirs->space, &blk);

	if (r == 0)
		r = get_slot(dirs, &d);
	if (r == 0)
		r = extents_add(&ext, 0, blk, 1);
	if (r < 0)
		return r;
	d->inode = *inode;
	d->inode.i_links_count = 2;
	d->blocks = 0;
	r = extents_store(dirs->fs, ino, &ext, &d->inode);
	extents_free(&ext);
	if (r < 0)
		return r;
	new_block(dirs, d, blk);
	put_entry(d, 0, 12, ".", 1, ino, EXT2_FT_DIR);
	put_entry(d, 12, BLOCK_END - 12, "..", 2, parent, EXT2_FT_DIR);
	d->tail = 12;
	d->ino = ino;
	d->stamp = ++dirs->clock;
	return 0;
}

static int note_large(struct dirs *dirs, ext2_ino_t ino)
{
	if (dirs->nlarge == dirs->large_cap) {
		size_t cap = dirs->large_cap ? dirs->large_cap * 2 : 64;
		void *p = reallocarray(dirs->large, cap, sizeof(*dirs->large));

		if (!p)
			return -ENOMEM;
		dirs->large = p;
		dirs->large_cap = cap;
	}
	dirs->large[dirs->nlarge++] = ino;
	return 0;
}

static int expand(struct dirs *dirs, struct dir *dir)
{
	struct ext2_inode *small = (struct ext2_inode *)&dir->inode;
	blk64_t blk;
	errcode_t e;
	int r;

	if (dir->blocks == 1) {
		r = note_large(dirs, dir->ino);
		if (r < 0)
			return r;
	}
	r = store(dirs, dir);
	if (r == 0)
		r = space_take_dir_block(dirs->space, &blk);
	if (r < 0)
		return r;
	e = ext2fs_iblk_add_blocks(dirs->fs, small, 1);
	if (!e)
		e = ext2fs_bmap2(dirs->fs, dir->ino, small, NULL, BMAP_SET, dir->blocks, NULL,
				 &blk);
	if (e)
		return ext_io_errno(e);
	new_block(dirs, dir, blk);
	return 0;
}

/* Room for @need bytes: make it behind the last entry, or give its offset when it is empty. */
static bool make_room(struct dir *dir, uint32_t need, uint32_t *ret_off)
{
	struct ext2_dir_entry *last = entry_at(dir, dir->tail);
	uint32_t own = last->inode ? entry_bytes(last->name_len & 0xff) : 0;

	if (BLOCK_END - dir->tail - own < need)
		return false;
	if (own)
		last->rec_len = (uint16_t)own;
	*ret_off = dir->tail + own;
	return true;
}

int dirs_add(struct dirs *dirs, ext2_ino_t dir_ino, const char *name, size_t len, ext2_ino_t ino,
	     uint32_t type)
{
	uint32_t off;
	struct dir *d;
	int r = dirs_get(dirs, dir_ino, &d);

	if (r < 0)
		return r;
	if (!make_room(d, entry_bytes(len), &off)) {
		r = expand(dirs, d);
		if (r < 0)
			return r;
		off = 0;
	}
	put_entry(d, off, BLOCK_END - off, name, len, ino, type);
	d->tail = off;
	d->block_dirty = true;
	/* dir_nlink: a count of 1 stands for "too many to count". */
	if (type == EXT2_FT_DIR && d->inode.i_links_count != 1 &&
	    ++d->inode.i_links_count >= DIR_LINKS_MAX)
		d->inode.i_links_count = 1;
	return 0;
}

int dirs_release(struct dirs *dirs, ext2_ino_t ino)
{
	struct dir *d = find(dirs, ino);
	int r;

	if (!d)
		return 0;
	r = store(dirs, d);
	if (r == 0)
		d->ino = 0;
	return r;
}

struct removal {
	const char *name;
	size_t len;
	bool done;
};

static int remove_entry(ext2_ino_t dir, int entry, struct ext2_dir_entry *de, int offset,
			int blocksize, char *buf, void *arg)
{
	struct removal *rm = arg;

	(void)dir;
	(void)entry;
	(void)offset;
	(void)blocksize;
	(void)buf;
	if (!de->inode || (de->name_len & 0xffu) != rm->len ||
	    memcmp(de->name, rm->name, rm->len) != 0)
		return 0;
	/* An entry without an inode is free space; it stays where it is. */
	de->inode = 0;
	rm->done = true;
	return DIRENT_CHANGED | DIRENT_ABORT;
}

int dirs_remove(struct dirs *dirs, ext2_ino_t dir, const char *name, size_t len)
{
	struct removal rm = {name, len, false};
	errcode_t e;
	int r = dirs_release(dirs, dir);

	if (r < 0)
		return r;
	e = ext2fs_dir_iterate2(dirs->fs, dir, 0, NULL, remove_entry, &rm);
	if (e)
		return ext_io_errno(e);
	return rm.done ? 0 : -ENOENT;
}

int dirs_finish(struct dirs *dirs)
{
	size_t i;
	int r;

	for (i = 0; i < DIRS_OPEN_MAX; i++) {
		r = store(dirs, &dirs->open[i]);
		if (r < 0)
			return r;
		dirs->open[i].ino = 0;
	}
	if (dirs->nlarge && !dirs->sort)
		dirs->sort = sort_new(dirs->dirfd);
	if (dirs->nlarge && !dirs->sort)
		return -ENOMEM;
	for (i = 0; i < dirs->nlarge; i++) {
		r = htree_build(dirs, dirs->large[i]);
		if (r < 0)
			return r;
	}
	return 0;
}
