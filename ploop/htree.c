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
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "dirs.h"
#include "ext_io.h"

#define BLOCK	    MKFS_BLOCK_BYTES
#define BLOCK_END   (BLOCK - (uint32_t)sizeof(struct ext2_dir_entry_tail))
#define LEAF_FILL   (BLOCK_END / 4 * 3)
#define INDEX_BYTES 8u
#define ROOT_START  32u
#define NODE_START  8u
/* One index entry's place is kept for the checksum. */
#define ROOT_LIMIT  ((BLOCK - ROOT_START - 8) / INDEX_BYTES)
#define NODE_LIMIT  ((BLOCK - NODE_START - 8) / INDEX_BYTES)

struct name {
	uint32_t hash, minor;
	uint32_t ino, text; /* offset into names.text */
	uint8_t len, type;
};

struct leaf {
	uint32_t hash;	   /* of its first entry, bit 0: goes on from the leaf before */
	size_t first, end; /* entries */
};

struct tree {
	ext2_filsys fs;
	struct name *names;
	size_t n, cap;
	char *text;
	size_t text_len, text_cap;
	ext2_ino_t parent;
	struct leaf *leaves;
	size_t nleaves;
	int error;
};

static void tree_free(struct tree *t)
{
	free(t->names);
	free(t->text);
	free(t->leaves);
}

static int reserve(void **p, size_t *cap, size_t need, size_t size)
{
	size_t n = *cap ? *cap : 512;
	void *q;

	if (need <= *cap)
		return 0;
	while (n < need)
		n *= 2;
	q = reallocarray(*p, n, size);
	if (!q)
		return -ENOMEM;
	*p = q;
	*cap = n;
	return 0;
}

static int collect(ext2_ino_t dir, int entry, struct ext2_dir_entry *de, int offset, int blocksize,
		   char *buf, void *arg)
{
	struct ext2_super_block *s;
	struct tree *t = arg;
	uint8_t len = de->name_len & 0xff;
	struct name *nm;

	(void)dir;
	(void)offset;
	(void)blocksize;
	(void)buf;
	if (entry == DIRENT_DOT_DOT_FILE)
		t->parent = de->inode;
	if (entry != DIRENT_OTHER_FILE || !de->inode)
		return 0;
	t->error = reserve((void **)&t->names, &t->cap, t->n + 1, sizeof(*t->names));
	if (!t->error)
		t->error = reserve((void **)&t->text, &t->text_cap, t->text_len + len, 1);
	if (t->error)
		return DIRENT_ABORT;
	s = t->fs->super;
	nm = &t->names[t->n++];
	*nm = (struct name){.ino = de->inode, .len = len, .type = (uint8_t)(de->name_len >> 8)};
	nm->text = (uint32_t)t->text_len;
	memcpy(t->text + t->text_len, de->name, len);
	t->text_len += len;
	if (ext2fs_dirhash2(s->s_def_hash_version, de->name, len, NULL, 0, s->s_hash_seed,
			    &nm->hash, &nm->minor))
		t->error = -EIO;
	return t->error ? DIRENT_ABORT : 0;
}

static int compare(const void *a, const void *b, void *arg)
{
	const struct name *x = a, *y = b;
	const struct tree *t = arg;
	int c;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	if (x->minor != y->minor)
		return x->minor < y->minor ? -1 : 1;
	/* Only for the same bytes on every run. */
	c = memcmp(t->text + x->text, t->text + y->text, x->len < y->len ? x->len : y->len);
	return c ? c : (int)x->len - (int)y->len;
}

static uint32_t name_bytes(const struct name *nm)
{
	return (8u + nm->len + 3) & ~3u;
}

static int cut_leaves(struct tree *t)
{
	uint32_t used = BLOCK;
	size_t cap = 0, i;

	for (i = 0; i < t->n; i++) {
		if (used + name_bytes(&t->names[i]) > LEAF_FILL) {
			bool on = i && t->names[i - 1].hash == t->names[i].hash;

			if (reserve((void **)&t->leaves, &cap, t->nleaves + 1, sizeof(*t->leaves)) <
			    0)
				return -ENOMEM;
			t->leaves[t->nleaves++] =
				(struct leaf){t->names[i].hash | (on ? 1u : 0), i, i};
			used = 0;
		}
		used += name_bytes(&t->names[i]);
		t->leaves[t->nleaves - 1].end = i + 1;
	}
	return 0;
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

static void fill_leaf(const struct tree *t, const struct leaf *leaf, uint8_t *buf)
{
	uint32_t off = 0;
	size_t i;

	memset(buf, 0, BLOCK);
	for (i = leaf->first; i < leaf->end; i++) {
		const struct name *nm = &t->names[i];
		uint32_t len = i + 1 == leaf->end ? BLOCK_END - off : name_bytes(nm);

		put(buf, off, len, t->text + nm->text, nm->len, nm->ino, nm->type);
		off += len;
	}
	ext2fs_initialize_dirent_tail(t->fs, EXT2_DIRENT_TAIL(buf, BLOCK));
}

/* (hash, block) pairs from @start on; the first hash's place holds limit and count. */
static void fill_index(uint8_t *buf, uint32_t start, uint32_t limit, const struct leaf *of,
		       const uint32_t *block, size_t n)
{
	struct ext2_dx_countlimit *cl = (struct ext2_dx_countlimit *)(buf + start);
	struct ext2_dx_entry *e = (struct ext2_dx_entry *)(buf + start);
	size_t i;

	for (i = 0; i < n; i++) {
		e[i].hash = ext2fs_cpu_to_le32(of[i].hash);
		e[i].block = ext2fs_cpu_to_le32(block[i]);
	}
	cl->limit = ext2fs_cpu_to_le16((uint16_t)limit);
	cl->count = ext2fs_cpu_to_le16((uint16_t)n);
}

static void fill_root(const struct tree *t, ext2_ino_t ino, bool nodes, uint8_t *buf)
{
	struct ext2_dx_root_info *info = (struct ext2_dx_root_info *)(buf + 24);

	memset(buf, 0, BLOCK);
	put(buf, 0, 12, ".", 1, ino, EXT2_FT_DIR);
	put(buf, 12, BLOCK - 12, "..", 2, t->parent, EXT2_FT_DIR);
	info->hash_version = t->fs->super->s_def_hash_version;
	info->info_length = 8;
	info->indirect_levels = nodes ? 1 : 0;
}

static errcode_t write_at(const struct tree *t, const struct extents *ext, uint32_t lblk,
			  ext2_ino_t ino, uint8_t *buf)
{
	uint32_t len;

	return ext2fs_write_dir_block4(t->fs, extents_find(ext, lblk, &len), buf, 0, ino);
}

static errcode_t write_nodes(const struct tree *t, const struct extents *ext, ext2_ino_t ino,
			     const uint32_t *blocks, uint8_t *root, uint8_t *buf)
{
	size_t n = (t->nleaves + NODE_LIMIT - 1) / NODE_LIMIT, i;
	struct leaf heads[ROOT_LIMIT];
	uint32_t where[ROOT_LIMIT];
	errcode_t e = 0;

	for (i = 0; i < n && !e; i++) {
		size_t first = i * NODE_LIMIT;
		size_t count = t->nleaves - first < NODE_LIMIT ? t->nleaves - first : NODE_LIMIT;

		memset(buf, 0, BLOCK);
		((struct ext2_dir_entry *)buf)->rec_len = BLOCK;
		fill_index(buf, NODE_START, NODE_LIMIT, t->leaves + first, blocks + first, count);
		heads[i] = t->leaves[first];
		where[i] = (uint32_t)(1 + t->nleaves + i);
		e = write_at(t, ext, where[i], ino, buf);
	}
	fill_index(root, ROOT_START, ROOT_LIMIT, heads, where, n);
	return e;
}

static errcode_t write_blocks(const struct tree *t, const struct extents *ext, ext2_ino_t ino)
{
	_cleanup_free_ uint32_t *blocks = calloc(t->nleaves, sizeof(*blocks));
	uint8_t root[BLOCK] __attribute__((aligned(8))), buf[BLOCK] __attribute__((aligned(8)));
	bool nodes = t->nleaves > ROOT_LIMIT;
	errcode_t e = 0;
	size_t i;

	if (!blocks)
		return EXT2_ET_NO_MEMORY;
	for (i = 0; i < t->nleaves && !e; i++) {
		blocks[i] = (uint32_t)(1 + i);
		fill_leaf(t, &t->leaves[i], buf);
		e = write_at(t, ext, blocks[i], ino, buf);
	}
	if (e)
		return e;
	fill_root(t, ino, nodes, root);
	if (nodes)
		e = write_nodes(t, ext, ino, blocks, root, buf);
	else
		fill_index(root, ROOT_START, ROOT_LIMIT, t->leaves, blocks, t->nleaves);
	return e ? e : write_at(t, ext, 0, ino, root);
}

static void give_back(ext2_filsys fs, const struct extents *ext)
{
	size_t i;

	for (i = 0; i < ext->n; i++)
		ext2fs_block_alloc_stats_range(fs, ext->runs[i].pblk, ext->runs[i].len, -1);
}

static int take_blocks(struct space *space, uint32_t count, struct extents *ext)
{
	uint32_t done = 0;

	while (done < count) {
		uint32_t len;
		blk64_t start;
		int r = space_take(space, count - done, &start, &len);

		if (r == 0)
			r = extents_add(ext, done, start, len);
		if (r < 0) {
			give_back(space->fs, ext);
			return r;
		}
		done += len;
	}
	return 0;
}

/* The old map goes (tree blocks too), the new one comes. */
static int switch_over(ext2_filsys fs, ext2_ino_t ino, const struct extents *ext, uint32_t blocks)
{
	struct ext2_inode_large inode;
	struct ext2_inode *small = (struct ext2_inode *)&inode;
	errcode_t e = ext2fs_read_inode_full(fs, ino, small, sizeof(inode));
	int r;

	if (!e)
		e = ext2fs_punch(fs, ino, small, NULL, 0, ~0ULL);
	if (e)
		return ext_io_errno(e);
	inode.i_flags |= EXT2_INDEX_FL;
	r = extents_store(fs, ino, ext, &inode);
	if (r < 0)
		return r;
	ext2fs_inode_size_set(fs, small, (ext2_off64_t)blocks * BLOCK);
	e = ext2fs_write_inode_full(fs, ino, small, sizeof(inode));
	return e ? ext_io_errno(e) : 0;
}

static int rewrite(struct dirs *dirs, struct tree *t, ext2_ino_t ino)
{
	struct extents ext = {.n = 0};
	size_t nodes = t->nleaves > ROOT_LIMIT ? (t->nleaves + NODE_LIMIT - 1) / NODE_LIMIT : 0;
	uint32_t blocks = (uint32_t)(1 + t->nleaves + nodes);
	errcode_t e;
	int r;

	/* A third level would need large_dir; linear is slow and right. */
	if (nodes > ROOT_LIMIT)
		return 0;
	r = take_blocks(dirs->space, blocks, &ext);
	if (r == 0) {
		e = write_blocks(t, &ext, ino);
		r = e ? ext_io_errno(e) : switch_over(t->fs, ino, &ext, blocks);
	} else if (r == -ENOSPC) {
		r = 0;
	}
	extents_free(&ext);
	return r;
}

int htree_build(struct dirs *dirs, ext2_ino_t ino)
{
	struct tree t = {.fs = dirs->fs};
	errcode_t e = ext2fs_dir_iterate2(dirs->fs, ino, 0, NULL, collect, &t);
	int r = e ? ext_io_errno(e) : t.error;

	if (r == 0 && t.n > 0) {
		qsort_r(t.names, t.n, sizeof(*t.names), compare, &t);
		r = cut_leaves(&t);
		if (r == 0)
			r = rewrite(dirs, &t, ino);
	}
	tree_free(&t);
	return r;
}
