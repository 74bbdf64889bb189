/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Next fit: data goes where the last data ended, so that a tar is written to
 * the image in one sweep and small files lie together. Only when the end is
 * reached does the search start again from the front, for what was freed.
 */
#include "space.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ext_io.h"

#define RUN_MAX	    32768u /* blocks of one initialised extent */
#define DIR_STRETCH 64u
#define INLINE_RUNS 4

void space_init(struct space *space, ext2_filsys fs)
{
	*space = (struct space){
		.fs = fs,
		.cursor = fs->super->s_first_data_block,
		.next_ino = EXT2_FIRST_INODE(fs->super),
	};
}

/* A free stretch at or behind @from, not longer than @want. */
static int find(const struct space *space, blk64_t from, uint32_t want, blk64_t *ret_start,
		uint32_t *ret_len)
{
	blk64_t last = ext2fs_blocks_count(space->fs->super) - 1, start, stop, end;

	if (from > last ||
	    ext2fs_find_first_zero_block_bitmap2(space->fs->block_map, from, last, &start))
		return -ENOSPC;
	stop = start + want - 1 > last ? last : start + want - 1;
	if (ext2fs_find_first_set_block_bitmap2(space->fs->block_map, start, stop, &end))
		end = stop + 1;
	*ret_start = start;
	*ret_len = (uint32_t)(end - start);
	return 0;
}

int space_take(struct space *space, uint32_t want, blk64_t *ret_start, uint32_t *ret_len)
{
	int r;

	if (want > RUN_MAX)
		want = RUN_MAX;
	r = find(space, space->cursor, want, ret_start, ret_len);
	if (r < 0) {
		space->dir_next = space->dir_end = 0;
		r = find(space, space->fs->super->s_first_data_block, want, ret_start, ret_len);
	}
	if (r < 0)
		return r;
	ext2fs_block_alloc_stats_range(space->fs, *ret_start, *ret_len, 1);
	space->cursor = *ret_start + *ret_len;
	return 0;
}

int space_take_dir_block(struct space *space, blk64_t *ret_blk)
{
	uint32_t len;
	int r;

	/* The stretch is only a wish: its blocks are free until they are taken. */
	while (space->dir_next < space->dir_end &&
	       ext2fs_test_block_bitmap2(space->fs->block_map, space->dir_next))
		space->dir_next++;
	if (space->dir_next < space->dir_end) {
		*ret_blk = space->dir_next++;
		ext2fs_block_alloc_stats2(space->fs, *ret_blk, 1);
		return 0;
	}
	r = find(space, space->cursor, DIR_STRETCH, ret_blk, &len);
	if (r < 0)
		return space_take(space, 1, ret_blk, &len);
	ext2fs_block_alloc_stats2(space->fs, *ret_blk, 1);
	space->dir_next = *ret_blk + 1;
	space->dir_end = *ret_blk + len;
	space->cursor = *ret_blk + len;
	return 0;
}

int space_take_inode(struct space *space, int is_dir, ext2_ino_t *ret_ino)
{
	ext2_filsys fs = space->fs;

	while (space->next_ino <= fs->super->s_inodes_count &&
	       ext2fs_test_inode_bitmap2(fs->inode_map, space->next_ino))
		space->next_ino++;
	if (space->next_ino <= fs->super->s_inodes_count)
		*ret_ino = space->next_ino++;
	else if (ext2fs_new_inode(fs, EXT2_ROOT_INO, 0, NULL, ret_ino))
		return -ENOSPC;
	ext2fs_inode_alloc_stats2(fs, *ret_ino, 1, is_dir);
	return 0;
}

int extents_add(struct extents *ext, uint32_t lblk, blk64_t pblk, uint32_t len)
{
	struct extent_run *last = ext->n ? &ext->runs[ext->n - 1] : NULL;

	ext->blocks += len;
	if (last && last->lblk + last->len == lblk && last->pblk + last->len == pblk &&
	    last->len + len <= RUN_MAX) {
		last->len += len;
		return 0;
	}
	if (ext->n == ext->cap) {
		size_t cap = ext->cap ? ext->cap * 2 : 8;
		void *p = reallocarray(ext->runs, cap, sizeof(*ext->runs));

		if (!p)
			return -ENOMEM;
		ext->runs = p;
		ext->cap = cap;
	}
	ext->runs[ext->n++] = (struct extent_run){lblk, len, pblk};
	return 0;
}

blk64_t extents_find(const struct extents *ext, uint32_t lblk, uint32_t *ret_len)
{
	size_t lo = 0, hi = ext->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		const struct extent_run *run = &ext->runs[mid];

		if (lblk < run->lblk) {
			hi = mid;
		} else if (lblk - run->lblk >= run->len) {
			lo = mid + 1;
		} else {
			*ret_len = run->len - (lblk - run->lblk);
			return run->pblk + (lblk - run->lblk);
		}
	}
	return 0;
}

static void store_inline(const struct extents *ext, struct ext2_inode_large *inode)
{
	struct ext3_extent_header *h = (struct ext3_extent_header *)inode->i_block;
	struct ext3_extent *e = (struct ext3_extent *)(h + 1);
	size_t i;

	memset(inode->i_block, 0, sizeof(inode->i_block));
	h->eh_magic = ext2fs_cpu_to_le16(EXT3_EXT_MAGIC);
	h->eh_entries = ext2fs_cpu_to_le16((uint16_t)ext->n);
	h->eh_max = ext2fs_cpu_to_le16(INLINE_RUNS);
	for (i = 0; i < ext->n; i++) {
		e[i].ee_block = ext2fs_cpu_to_le32(ext->runs[i].lblk);
		e[i].ee_len = ext2fs_cpu_to_le16((uint16_t)ext->runs[i].len);
		e[i].ee_start_hi = ext2fs_cpu_to_le16((uint16_t)(ext->runs[i].pblk >> 32));
		e[i].ee_start = ext2fs_cpu_to_le32((uint32_t)ext->runs[i].pblk);
	}
}

static errcode_t store_tree(ext2_filsys fs, ext2_ino_t ino, const struct extents *ext,
			    struct ext2_inode *inode)
{
	ext2_extent_handle_t h;
	errcode_t e = ext2fs_extent_open2(fs, ino, inode, &h);
	size_t i;

	if (e)
		return e;
	for (i = 0; i < ext->n && !e; i++) {
		struct ext2fs_extent x = {
			.e_pblk = ext->runs[i].pblk,
			.e_lblk = ext->runs[i].lblk,
			.e_len = ext->runs[i].len,
		};

		e = ext2fs_extent_insert(h, i ? EXT2_EXTENT_INSERT_AFTER : 0, &x);
		if (!e && i)
			e = ext2fs_extent_fix_parents(h);
	}
	ext2fs_extent_free(h);
	return e;
}

int extents_store(ext2_filsys fs, ext2_ino_t ino, const struct extents *ext,
		  struct ext2_inode_large *inode)
{
	struct ext2_inode *small = (struct ext2_inode *)inode;
	struct extents none = {.n = 0};
	errcode_t e;

	inode->i_flags |= EXT4_EXTENTS_FL;
	e = ext2fs_iblk_set(fs, small, ext->blocks);
	if (e)
		return ext_io_errno(e);
	store_inline(ext->n <= INLINE_RUNS ? ext : &none, inode);
	if (ext->n <= INLINE_RUNS)
		return 0;
	/* Counts its own tree blocks in on top. */
	e = store_tree(fs, ino, ext, small);
	return e ? ext_io_errno(e) : 0;
}

void extents_free(struct extents *ext)
{
	free(ext->runs);
	*ext = (struct extents){.n = 0};
}
