/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Contents. A file's blocks are taken before its data comes, a dense file's in
 * one go, so that it lies in one piece; where the tar has a hole there is one
 * in the file. The ends of a stretch that the data does not cover are zeroed:
 * the blocks may have belonged to a file that a later tar replaced.
 */
#include "tree.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "disk.h"
#include "err.h"
#include "ext_io.h"

#define BLOCK	       MKFS_BLOCK_BYTES
/* Logical block numbers are 32 bits and the last one is not used. */
#define FILE_MAX_BYTES (((uint64_t)UINT32_MAX - 1) * BLOCK)

struct writer {
	struct tree *t;
	struct extents ext;
	uint64_t next_lblk; /* everything below is mapped or a hole */
};

static uint64_t blocks_for(uint64_t bytes)
{
	return (bytes + BLOCK - 1) / BLOCK;
}

static uint64_t disk_offset(const struct tree *t, blk64_t blk)
{
	return t->offset_bytes + blk * BLOCK;
}

static int zero_rest(struct writer *w, uint64_t from, uint64_t to)
{
	uint32_t len;
	blk64_t blk = extents_find(&w->ext, (uint32_t)(from / BLOCK), &len);

	if (from == to || !blk)
		return 0;
	return disk_zero(w->t->disk, disk_offset(w->t, blk) + from % BLOCK, to - from);
}

/* Blocks for the bytes [from, to), which come in ascending order. */
static int reserve(struct writer *w, uint64_t from, uint64_t to)
{
	uint64_t lblk = from / BLOCK, end = blocks_for(to), first;
	int r = 0;

	if (lblk < w->next_lblk)
		lblk = w->next_lblk;
	first = lblk;
	while (lblk < end && r == 0) {
		uint64_t want = end - lblk;
		blk64_t start;
		uint32_t len;

		r = space_take(&w->t->space, want > UINT32_MAX ? UINT32_MAX : (uint32_t)want,
			       &start, &len);
		if (r == 0)
			r = extents_add(&w->ext, (uint32_t)lblk, start, len);
		if (r == 0)
			lblk += len;
	}
	if (lblk > w->next_lblk)
		w->next_lblk = lblk;
	if (r == 0 && first < end) {
		if (from / BLOCK == first)
			r = zero_rest(w, first * BLOCK, from);
		if (r == 0)
			r = zero_rest(w, to, end * BLOCK);
	}
	return r;
}

static int write_at(struct writer *w, uint64_t off, const uint8_t *buf, size_t len)
{
	int r = 0;

	while (len > 0 && r == 0) {
		uint32_t blocks;
		blk64_t blk = extents_find(&w->ext, (uint32_t)(off / BLOCK), &blocks);
		uint64_t n = (uint64_t)blocks * BLOCK - off % BLOCK;

		if (!blk)
			return -EIO;
		if (n > len)
			n = len;
		r = disk_write(w->t->disk, disk_offset(w->t, blk) + off % BLOCK, buf, n);
		buf += n;
		off += n;
		len -= n;
	}
	return r;
}

static bool is_sparse(struct archive_entry *e)
{
	return archive_entry_sparse_count(e) > 0;
}

static int reserve_known(struct writer *w, struct archive_entry *e, uint64_t size)
{
	la_int64_t off, len;
	int r = 0;

	if (!is_sparse(e))
		return 0;
	archive_entry_sparse_reset(e);
	while (r == 0 && archive_entry_sparse_next(e, &off, &len) == ARCHIVE_OK)
		if (len > 0 && (uint64_t)off < size)
			r = reserve(w, (uint64_t)off,
				    (uint64_t)len > size - (uint64_t)off ? size
									 : (uint64_t)(off + len));
	return r;
}

/* 0 at the end of the data, 1 for "more", or an error with its sentence. */
static int copy_block(struct writer *w, struct archive *a, uint64_t size, bool sparse,
		      struct err *err)
{
	const void *buf;
	la_int64_t at;
	uint64_t off;
	size_t len;
	int r = archive_read_data_block(a, &buf, &len, &at);

	if (r == ARCHIVE_EOF)
		return 0;
	if (r != ARCHIVE_OK)
		return tree_fail(w->t, err, EINVAL, "cannot be read from the archive: %s",
				 archive_error_string(a));
	off = (uint64_t)at;
	if (at < 0 || off > size || len > size - off)
		return tree_fail(w->t, err, EINVAL, "has more data than its size");
	if (len == 0)
		return 1;
	/* Dense: all of it at once, when its first byte comes. */
	r = reserve(w, off, !sparse && off == 0 ? size : off + len);
	if (r == 0)
		r = write_at(w, off, buf, len);
	if (r < 0)
		return tree_fail(w->t, err, r, "cannot be written: %s", strerror(-r));
	return 1;
}

int data_file(struct tree *t, struct archive *a, struct archive_entry *e, ext2_ino_t ino,
	      struct ext2_inode_large *inode, struct err *err)
{
	struct writer w = {.t = t};
	uint64_t size = (uint64_t)archive_entry_size(e);
	/* Once: libarchive goes through the whole list to count it. */
	bool sparse = is_sparse(e);
	int r;

	if (archive_entry_size(e) < 0 || size > FILE_MAX_BYTES)
		return tree_fail(t, err, EFBIG, "is larger than a file can be");
	if (!t->fs)
		return 0;
	r = reserve_known(&w, e, size);
	if (r < 0)
		r = tree_fail(t, err, r, "cannot be written: %s", strerror(-r));
	else
		while ((r = copy_block(&w, a, size, sparse, err)) == 1)
			continue;
	if (r == 0) {
		errcode_t code = ext2fs_inode_size_set(t->fs, (struct ext2_inode *)inode,
						       (ext2_off64_t)size);

		r = code ? ext_io_errno(code) : extents_store(t->fs, ino, &w.ext, inode);
		if (r < 0)
			r = tree_fail(t, err, r, "cannot be written: %s", strerror(-r));
	}
	extents_free(&w.ext);
	return r;
}

int data_symlink(struct tree *t, const char *target, ext2_ino_t ino, struct ext2_inode_large *inode,
		 struct err *err)
{
	struct writer w = {.t = t};
	size_t len = target ? strlen(target) : 0;
	int r;

	if (len == 0)
		return tree_fail(t, err, EINVAL, "is a symbolic link to nowhere");
	if (len >= BLOCK)
		return tree_fail(t, err, ENAMETOOLONG, "is a symbolic link of %zu bytes", len);
	if (!t->fs)
		return 0;
	ext2fs_inode_size_set(t->fs, (struct ext2_inode *)inode, (ext2_off64_t)len);
	if (len < sizeof(inode->i_block)) {
		memcpy(inode->i_block, target, len);
		return 0;
	}
	r = reserve(&w, 0, len);
	if (r == 0)
		r = write_at(&w, 0, (const uint8_t *)target, len);
	if (r == 0)
		r = extents_store(t->fs, ino, &w.ext, inode);
	extents_free(&w.ext);
	return r < 0 ? tree_fail(t, err, r, "cannot be written: %s", strerror(-r)) : 0;
}

uint64_t data_blocks(struct archive_entry *e)
{
	uint64_t blocks = 0, size = (uint64_t)archive_entry_size(e);
	const char *target = archive_entry_symlink(e);
	la_int64_t off, len;

	if (archive_entry_filetype(e) == AE_IFLNK)
		return target && strlen(target) >= sizeof(((struct ext2_inode *)0)->i_block);
	if (archive_entry_filetype(e) != AE_IFREG || archive_entry_hardlink(e) ||
	    size > FILE_MAX_BYTES)
		return 0;
	if (!is_sparse(e))
		return blocks_for(size);
	archive_entry_sparse_reset(e);
	while (archive_entry_sparse_next(e, &off, &len) == ARCHIVE_OK)
		if (len > 0)
			blocks += blocks_for((uint64_t)(off % BLOCK) + (uint64_t)len);
	/* A map that does not fit into the inode takes tree blocks. */
	return blocks + (uint64_t)archive_entry_sparse_count(e) / 300;
}
