/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tar streams into the tree, entry by entry and in one pass: memory holds one
 * entry, a part of the index of names and the directories in work, never a file.
 *
 * Several tars: a later entry replaces a file and joins a directory. A
 * directory never gives way to a file nor a file to a directory: that is a
 * mistake in the tars ('lib' as a link here, as a directory there) and would
 * leave a tree that nobody meant.
 *
 * When the image is full, the rest is only counted, so that the message can
 * say how large the image would have to be.
 */
#include "populate.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "disk.h"
#include "entries.h"
#include "err.h"
#include "ext_io.h"
#include "source.h"
#include "tree.h"

#define PROGRESS_EVERY	    64 /* entries */
/* A directory's leaf is filled to three quarters; some blocks for maps and luck. */
#define DIR_BYTES_PER_BLOCK 3000
#define SLACK_BLOCKS	    64
/* A full /dev of old has some hundreds; more is a flood. */
#define DEVICES_MAX	    4096

struct filling {
	struct tree t;
	const struct populate_opts *opts;
	struct populate_need need;
	uint64_t dirent_bytes;
	bool full;
	struct source *source; /* of the tar in work; owned */
	uint64_t done, total;  /* bytes of the tar files, for the progress */
	uint64_t entries;
};

static void count(struct filling *f, struct archive_entry *e)
{
	const char *path = archive_entry_pathname(e);

	f->t.entry = path && *path ? path : "(no name)";
	f->dirent_bytes += 12 + strlen(f->t.entry);
	if (archive_entry_hardlink(e))
		return;
	f->need.inodes++;
	f->need.blocks += data_blocks(e);
	if (archive_entry_filetype(e) == AE_IFDIR || archive_entry_xattr_count(e) > 0)
		f->need.blocks++;
}

static int write_inode(struct tree *t, ext2_ino_t ino, const struct ext2_inode_large *inode,
		       struct err *err)
{
	/* Whole, so that nothing of a former owner of the number is left behind it. */
	uint8_t buf[256] __attribute__((aligned(8))) = {0};
	errcode_t e;

	if (!t->fs)
		return 0;
	memcpy(buf, inode, sizeof(*inode));
	e = ext2fs_write_inode_full(t->fs, ino, (struct ext2_inode *)buf, sizeof(buf));
	return e ? tree_fail_ext(t, err, e, "cannot be written") : 0;
}

static bool has_xattrs(struct archive_entry *e)
{
	return archive_entry_xattr_count(e) > 0 || archive_entry_acl_types(e) != 0;
}

static int new_dir(struct tree *t, const struct place *at, struct archive_entry *e, struct err *err)
{
	struct ext2_inode_large inode;
	ext2_ino_t ino = 0;
	int r = attr_inode(t, e, &inode, err);

	if (r < 0)
		return r;
	r = tree_take_inode(t, true, &ino);
	if (r == 0)
		r = write_inode(t, ino, &inode, err);
	if (r == 0)
		r = tree_new_dir(t, ino, at->parent, &inode);
	if (r < 0)
		return tree_fail(t, err, r, "cannot be made: %s", strerror(-r));
	r = tree_put(t, at, ino, EXT2_FT_DIR, err);
	if (r < 0 || !has_xattrs(e))
		return r;
	r = t->fs ? dirs_release(&t->dirs, ino) : 0;
	if (r < 0)
		return tree_fail(t, err, r, "cannot be written: %s", strerror(-r));
	return attr_xattrs(t, ino, e, false, err);
}

/* A directory that is there takes the attributes of the later entry. */
static int merge_dir(struct tree *t, ext2_ino_t ino, struct archive_entry *e, struct err *err)
{
	struct ext2_inode_large inode;
	struct dir *d;
	int r = attr_inode(t, e, &inode, err);

	if (r < 0)
		return r;
	if (!t->fs)
		return attr_xattrs(t, ino, e, true, err);
	r = dirs_get(&t->dirs, ino, &d);
	if (r == 0) {
		memcpy(inode.i_block, d->inode.i_block, sizeof(inode.i_block));
		inode.i_flags |= d->inode.i_flags & EXT4_EXTENTS_FL;
		inode.i_size = d->inode.i_size;
		inode.i_size_high = d->inode.i_size_high;
		inode.i_blocks = d->inode.i_blocks;
		inode.osd2.linux2.l_i_blocks_hi = d->inode.osd2.linux2.l_i_blocks_hi;
		inode.i_links_count = d->inode.i_links_count;
		inode.i_file_acl = d->inode.i_file_acl;
		inode.osd2.linux2.l_i_file_acl_high = d->inode.osd2.linux2.l_i_file_acl_high;
		d->inode = inode;
		r = dirs_release(&t->dirs, ino);
	}
	if (r < 0)
		return tree_fail(t, err, r, "cannot be written: %s", strerror(-r));
	return attr_xattrs(t, ino, e, true, err);
}

static int put_dir(struct tree *t, const struct place *at, struct archive_entry *e, struct err *err)
{
	if (!at->ino)
		return new_dir(t, at, e, err);
	if (at->type != EXT2_FT_DIR)
		return tree_fail(t, err, ENOTDIR, "is a directory here and %s before",
				 at->type == EXT2_FT_SYMLINK ? "a symbolic link" : "a file");
	return merge_dir(t, at->ino, e, err);
}

static int put_file(struct tree *t, const struct place *at, struct archive *a,
		    struct archive_entry *e, uint32_t type, struct err *err)
{
	struct ext2_inode_large inode;
	ext2_ino_t ino = 0;
	int r = attr_inode(t, e, &inode, err);

	if (r < 0)
		return r;
	if ((type == EXT2_FT_CHRDEV || type == EXT2_FT_BLKDEV) && ++t->devices > DEVICES_MAX)
		return tree_fail(t, err, E2BIG, "is one device too many: %d are possible",
				 DEVICES_MAX);
	if (type == EXT2_FT_REG_FILE && archive_entry_sparse_count(e) > ENTRIES_PIECES_MAX)
		return tree_fail(t, err, E2BIG, "is a sparse file in more than %d pieces",
				 ENTRIES_PIECES_MAX);
	r = tree_take_inode(t, false, &ino);
	if (r < 0)
		return tree_fail(t, err, r, "finds no free inode");
	if (type == EXT2_FT_REG_FILE)
		r = data_file(t, a, e, ino, &inode, err);
	else if (type == EXT2_FT_SYMLINK)
		r = data_symlink(t, archive_entry_symlink(e), ino, &inode, err);
	if (r == 0)
		r = write_inode(t, ino, &inode, err);
	if (r == 0 && has_xattrs(e))
		r = attr_xattrs(t, ino, e, false, err);
	return r < 0 ? r : tree_put(t, at, ino, type, err);
}

static int put_link(struct tree *t, const struct place *at, const char *to, struct err *err)
{
	struct place target;
	int r = tree_find(t, to, false, &target, err);

	if (r < 0)
		return r;
	if (!target.ino)
		return tree_fail(t, err, ENOENT, "is a hard link to '%s', which is not there", to);
	if (target.type == EXT2_FT_DIR)
		return tree_fail(t, err, EPERM, "is a hard link to the directory '%s'", to);
	return tree_link(t, at, &target, err);
}

int populate_entry(struct tree *t, struct archive *a, struct archive_entry *e, struct err *err)
{
	const char *path = archive_entry_pathname(e), *hardlink = archive_entry_hardlink(e);
	uint32_t type = attr_type(e);
	struct place at;
	int r;

	t->entry = path && *path ? path : "(no name)";
	if (!path || !*path)
		return tree_fail(t, err, EINVAL, "cannot be put into the image");
	r = tree_find(t, path, true, &at, err);
	if (r < 0)
		return r;
	if (at.len == 0 && type != EXT2_FT_DIR)
		return tree_fail(t, err, EINVAL, "is the top directory and not a directory here");
	if (at.ino && at.type == EXT2_FT_DIR && (hardlink || type != EXT2_FT_DIR))
		return tree_fail(t, err, EISDIR, "is a file here and a directory before");
	if (hardlink)
		return put_link(t, &at, hardlink, err);
	if (!type)
		return tree_fail(t, err, EINVAL, "is of a kind that no file system holds");
	if (type == EXT2_FT_DIR)
		return put_dir(t, &at, e, err);
	return put_file(t, &at, a, e, type, err);
}

static int take_entry(struct filling *f, struct entries *in, struct archive_entry *e,
		      struct err *err)
{
	struct err why = ERR_INIT;
	int r;

	count(f, e);
	if (!f->full) {
		r = populate_entry(&f->t, entries_archive(in), e, err);
		/* A full host is an error as any other; a full image is counted to the end. */
		if (r == -ENOSPC && !f->t.disk->io_error) {
			f->full = true;
			err_clear(err);
		} else if (r < 0) {
			return r;
		}
	}
	if (entries_skip(in, &why) < 0)
		return tree_fail(&f->t, err, EINVAL, "%s", why.msg);
	if (f->opts->progress && ++f->entries % PROGRESS_EVERY == 0)
		f->opts->progress(f->opts->progress_arg, f->done + source_bytes(f->source),
				  f->total);
	return 0;
}

static int read_entries(struct filling *f, struct err *err)
{
	struct archive_entry *e;
	struct entries *in;
	int r = entries_open(f->source, NULL, NULL, &in, err);

	if (r < 0)
		return r;
	while ((r = entries_next(in, &e, err)) == 1) {
		r = take_entry(f, in, e, err);
		if (r < 0)
			break;
	}
	entries_close(in);
	return r;
}

static int read_tar(struct filling *f, const char *path, struct err *err)
{
	int drained, r = source_open_tapped(path, f->opts->tap, f->opts->tap_arg, &f->source, err);

	if (r < 0)
		return r;
	r = read_entries(f, err);
	if (r < 0)
		err_prefix(err, "'%s'", path);
	drained = f->opts->tap ? source_drain(f->source) : 0;
	if (drained < 0)
		r = err_errno(err, drained, "cannot read '%s'", path);
	f->done += source_bytes(f->source);
	source_close(f->source);
	f->source = NULL;
	return r;
}

/* 0 when one of them has no length. */
static uint64_t total_bytes(const char *const *tars)
{
	uint64_t sum = 0;
	struct stat st;

	for (; *tars; tars++) {
		if (stat(*tars, &st) < 0 || !S_ISREG(st.st_mode))
			return 0;
		sum += (uint64_t)st.st_size;
	}
	return sum;
}

static int fill(struct filling *f, struct err *err)
{
	const char *const *tar;
	int r = 0;

	f->total = total_bytes(f->opts->tars);
	for (tar = f->opts->tars; *tar && r == 0; tar++)
		r = read_tar(f, *tar, err);
	if (r == 0 && !f->full) {
		r = tree_finish(&f->t, err);
		if (r == -ENOSPC && !f->t.disk->io_error) {
			f->full = true;
			r = 0;
		}
	}
	if (f->opts->progress && r == 0)
		f->opts->progress(f->opts->progress_arg, f->total, f->total);
	return r;
}

int populate(ext2_filsys fs, const struct ext_io_range *range, const struct populate_opts *opts,
	     struct populate_need *ret_need, struct err *err)
{
	struct filling f = {
		.t = {.fs = fs,
		      .disk = range->disk,
		      .offset_bytes = range->offset_bytes,
		      .dirfd = opts->dirfd,
		      .now = opts->now,
		      .max_id = opts->max_id},
		.opts = opts,
	};
	int r = fs ? tree_init(&f.t, err) : 0;

	f.full = !fs;
	if (r == 0)
		r = fill(&f, err);
	tree_free(&f.t);
	f.need.blocks += f.dirent_bytes / DIR_BYTES_PER_BLOCK + SLACK_BLOCKS;
	*ret_need = f.need;
	if (r == 0 && f.full)
		return err_set(err, ENOSPC, "the image is too small");
	return r;
}
