/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hash tree of a long directory. Without it the kernel searches such a
 * directory linearly for ever: it builds a tree only while a directory grows
 * from its first block to its second.
 *
 *   block 0       root: ".", "..", info, (hash, block) of leaves or nodes
 *   1 .. n        leaves: entries in the order of their hash
 *   n+1 .. n+m    nodes, where the root cannot name all leaves
 *
 * The directory is written anew in one stretch of blocks, then the old blocks
 * are freed. Bit 0 of an index hash says that the leaf before it ends with
 * the same hash (a collision goes on). Leaves are filled to three quarters, so
 * that the first files made there do not split every one.
 *
 * Memory holds what sort.c allows, one leaf, and four bytes for each leaf.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "dirs.h"
#include "ext_io.h"
#include "sort.h"

#define BLOCK	    MKFS_BLOCK_BYTES
#define BLOCK_END   (BLOCK - (uint32_t)sizeof(struct ext2_dir_entry_tail))
#define LEAF_FILL   (BLOCK_END / 4 * 3)
#define INDEX_BYTES 8u
#define ROOT_START  32u
#define NODE_START  8u
/* One index entry's place is kept for the checksum. */
#define ROOT_LIMIT  ((BLOCK - ROOT_START - 8) / INDEX_BYTES)
#define NODE_LIMIT  ((BLOCK - NODE_START - 8) / INDEX_BYTES)
#define LEAVES_MAX  ((size_t)ROOT_LIMIT * NODE_LIMIT)

struct tree {
	ext2_filsys fs;
	struct space *space;
	struct sort *sort;
	ext2_ino_t ino, parent;
	struct extents ext; /* of the new directory: every block below @blocks */
	uint32_t blocks;
	uint32_t *hashes; /* of the leaves' first entries, bit 0: goes on from the leaf before */
	size_t nleaves, cap;
	uint8_t *buf;	     /* the leaf in work; owned */
	uint32_t used, last; /* bytes in it; where its last entry is */
	bool any;	     /* names at all */
	bool full;	     /* no block was left */
	int error;	     /* in collect() */
};

static void tree_free(struct tree *t)
{
	extents_free(&t->ext);
	free(t->hashes);
	free(t->buf);
}

static int collect(ext2_ino_t dir, int entry, struct ext2_dir_entry *de, int offset, int blocksize,
		   char *buf, void *arg)
{
	struct sort_name nm = {.ino = de->inode, .text = de->name};
	struct ext2_super_block *s;
	struct tree *t = arg;

	(void)dir;
	(void)offset;
	(void)blocksize;
	(void)buf;
	if (entry == DIRENT_DOT_DOT_FILE)
		t->parent = de->inode;
	if (entry != DIRENT_OTHER_FILE || !de->inode)
		return 0;
	nm.len = de->name_len & 0xff;
	nm.type = (uint8_t)(de->name_len >> 8);
	s = t->fs->super;
	if (ext2fs_dirhash2(s->s_def_hash_version, de->name, nm.len, NULL, 0, s->s_hash_seed,
			    &nm.hash, &nm.minor))
		t->error = -EIO;
	else
		t->error = sort_add(t->sort, &nm);
	t->any = true;
	return t->error ? DIRENT_ABORT : 0;
}

static void put(uint8_t *buf, uint32_t off, uint32_t rec_len, const char *text, uint8_t len,
		uint32_t ino, uint8_t type)
{
	struct ext2_dir_entry *de = (struct ext2_dir_entry *)(buf + off);

	de->inode = ino;
	de->rec_len = (uint16_t)rec_len;
	de->name_len = (uint16_t)(len | type << 8);
	memcpy(de->name, text, len);
}

/* (hash, block) pairs from @start on; the first hash's place holds limit and count. */
static void fill_index(uint8_t *buf, uint32_t start, uint32_t limit, const uint32_t *hashes,
		       uint32_t block, size_t n)
{
	struct ext2_dx_countlimit *cl = (struct ext2_dx_countlimit *)(buf + start);
	struct ext2_dx_entry *e = (struct ext2_dx_entry *)(buf + start);
	size_t i;

	for (i = 0; i < n; i++) {
		e[i].hash = ext2fs_cpu_to_le32(hashes[i]);
		e[i].block = ext2fs_cpu_to_le32(block + (uint32_t)i);
	}
	cl->limit = ext2fs_cpu_to_le16((uint16_t)limit);
	cl->count = ext2fs_cpu_to_le16((uint16_t)n);
}

static void fill_root(const struct tree *t, bool nodes, uint8_t *buf)
{
	struct ext2_dx_root_info *info = (struct ext2_dx_root_info *)(buf + 24);

	memset(buf, 0, BLOCK);
	put(buf, 0, 12, ".", 1, t->ino, EXT2_FT_DIR);
	put(buf, 12, BLOCK - 12, "..", 2, t->parent, EXT2_FT_DIR);
	info->hash_version = t->fs->super->s_def_hash_version;
	info->info_length = 8;
	info->indirect_levels = nodes ? 1 : 0;
}

/* One more block at the end of the new directory. */
static int take_block(struct tree *t)
{
	uint32_t len;
	blk64_t start;
	int r = space_take(t->space, 1, &start, &len);

	t->full = r == -ENOSPC;
	if (r < 0)
		return r;
	r = extents_add(&t->ext, t->blocks, start, 1);
	if (r < 0) {
		ext2fs_block_alloc_stats2(t->fs, start, -1);
		return r;
	}
	t->blocks++;
	return 0;
}

static int write_at(const struct tree *t, uint32_t lblk, uint8_t *buf)
{
	uint32_t len;
	errcode_t e =
		ext2fs_write_dir_block4(t->fs, extents_find(&t->ext, lblk, &len), buf, 0, t->ino);

	return e ? ext_io_errno(e) : 0;
}

static int append(struct tree *t, uint8_t *buf)
{
	int r = take_block(t);

	return r < 0 ? r : write_at(t, t->blocks - 1, buf);
}

static int end_leaf(struct tree *t)
{
	struct ext2_dir_entry *last = (struct ext2_dir_entry *)(t->buf + t->last);

	if (!t->used)
		return 0;
	last->rec_len = (uint16_t)(BLOCK_END - t->last);
	ext2fs_initialize_dirent_tail(t->fs, EXT2_DIRENT_TAIL(t->buf, BLOCK));
	return append(t, t->buf);
}

static int begin_leaf(struct tree *t, uint32_t hash)
{
	/* A third level would need large_dir; linear is slow and right. */
	if (t->nleaves == LEAVES_MAX)
		return -E2BIG;
	if (t->nleaves == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 512;
		uint32_t *p = reallocarray(t->hashes, cap, sizeof(*p));

		if (!p)
			return -ENOMEM;
		t->hashes = p;
		t->cap = cap;
	}
	t->hashes[t->nleaves++] = hash;
	memset(t->buf, 0, BLOCK);
	t->used = 0;
	return 0;
}

static int write_leaves(struct tree *t)
{
	uint32_t before = 0;
	struct sort_name nm;
	int r;

	while ((r = sort_next(t->sort, &nm)) == 1) {
		uint32_t bytes = (8u + nm.len + 3) & ~3u;

		if (!t->nleaves || t->used + bytes > LEAF_FILL) {
			bool on = t->nleaves && before == nm.hash;

			r = end_leaf(t);
			if (r == 0)
				r = begin_leaf(t, nm.hash | (on ? 1u : 0));
			if (r < 0)
				return r;
		}
		put(t->buf, t->used, bytes, nm.text, nm.len, nm.ino, nm.type);
		t->last = t->used;
		t->used += bytes;
		before = nm.hash;
	}
	return r < 0 ? r : end_leaf(t);
}

static int write_nodes(struct tree *t, uint8_t *root)
{
	uint32_t heads[ROOT_LIMIT], first_node = t->blocks;
	size_t n = 0, first;
	int r = 0;

	for (first = 0; first < t->nleaves && r == 0; first += NODE_LIMIT) {
		size_t left = t->nleaves - first;

		memset(t->buf, 0, BLOCK);
		((struct ext2_dir_entry *)t->buf)->rec_len = BLOCK;
		fill_index(t->buf, NODE_START, NODE_LIMIT, t->hashes + first, 1 + (uint32_t)first,
			   left < NODE_LIMIT ? left : NODE_LIMIT);
		heads[n++] = t->hashes[first];
		r = append(t, t->buf);
	}
	fill_index(root, ROOT_START, ROOT_LIMIT, heads, first_node, n);
	return r;
}

static int write_blocks(struct tree *t)
{
	uint8_t root[BLOCK] __attribute__((aligned(8)));
	bool nodes;
	int r = take_block(t);

	if (r == 0)
		r = write_leaves(t);
	if (r < 0)
		return r;
	nodes = t->nleaves > ROOT_LIMIT;
	fill_root(t, nodes, root);
	if (nodes)
		r = write_nodes(t, root);
	else
		fill_index(root, ROOT_START, ROOT_LIMIT, t->hashes, 1, t->nleaves);
	return r < 0 ? r : write_at(t, 0, root);
}

static void give_back(ext2_filsys fs, const struct extents *ext)
{
	size_t i;

	for (i = 0; i < ext->n; i++)
		ext2fs_block_alloc_stats_range(fs, ext->runs[i].pblk, ext->runs[i].len, -1);
}

/* The old map goes (tree blocks too), the new one comes. */
static int switch_over(struct tree *t)
{
	struct ext2_inode_large inode;
	struct ext2_inode *small = (struct ext2_inode *)&inode;
	errcode_t e = ext2fs_read_inode_full(t->fs, t->ino, small, sizeof(inode));
	int r;

	if (!e)
		e = ext2fs_punch(t->fs, t->ino, small, NULL, 0, ~0ULL);
	if (e)
		return ext_io_errno(e);
	inode.i_flags |= EXT2_INDEX_FL;
	r = extents_store(t->fs, t->ino, &t->ext, &inode);
	if (r < 0)
		return r;
	ext2fs_inode_size_set(t->fs, small, (ext2_off64_t)t->blocks * BLOCK);
	e = ext2fs_write_inode_full(t->fs, t->ino, small, sizeof(inode));
	return e ? ext_io_errno(e) : 0;
}

static int rewrite(struct tree *t)
{
	int r = write_blocks(t);

	if (r == 0)
		return switch_over(t);
	give_back(t->fs, &t->ext);
	return r;
}

int htree_build(struct dirs *dirs, ext2_ino_t ino)
{
	struct tree t = {
		.fs = dirs->fs,
		.space = dirs->space,
		.sort = dirs->sort,
		.ino = ino,
		.buf = malloc(BLOCK),
	};
	errcode_t e;
	int r;

	if (!t.buf)
		return -ENOMEM;
	sort_reset(t.sort);
	e = ext2fs_dir_iterate2(dirs->fs, ino, 0, NULL, collect, &t);
	r = e ? ext_io_errno(e) : t.error;
	if (r == 0)
		r = sort_begin(t.sort);
	if (r == 0 && t.any)
		r = rewrite(&t);
	tree_free(&t);
	return r == -E2BIG || (r == -ENOSPC && t.full) ? 0 : r;
}
