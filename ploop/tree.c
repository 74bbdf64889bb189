/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Paths. No name is ever handed to the host's file system: a path is walked
 * component by component through the index of what was made here, and only
 * through directories, so that nothing in a tar can lead out of the image.
 */
#include "tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"
#include "err.h"
#include "ext_io.h"
#include "sort.h"
#include "strbuf.h"

#define LINKS_MAX	 65000u
#define NAME_SHOWN_BYTES 300

int tree_init(struct tree *t, struct err *err)
{
	int r = names_init(&t->names, t->dirfd);

	t->last_ino = EXT2_GOOD_OLD_FIRST_INO;
	if (r == 0 && t->fs) {
		space_init(&t->space, t->fs);
		dirs_init(&t->dirs, t->fs, &t->space, t->dirfd);
		t->last_ino = EXT2_FIRST_INODE(t->fs->super);
	}
	/* What mkfs made. */
	if (r == 0)
		r = names_set(&t->names, EXT2_ROOT_INO, "lost+found", 10, t->last_ino, EXT2_FT_DIR);
	return r < 0 ? err_errno(err, r, "cannot prepare the file system") : 0;
}

/* Index and sorting have files beside the image: where these find no room, it is the host that is full. */
static void note_failure(struct tree *t, int r)
{
	if (t->disk && !t->disk->io_error)
		t->disk->io_error = r;
}

int tree_finish(struct tree *t, struct err *err)
{
	int r;

	/* Its memory is for sorting now. */
	names_free(&t->names);
	r = dirs_finish(&t->dirs);
	if (r < 0 && t->dirs.sort && sort_file_error(t->dirs.sort))
		note_failure(t, r);
	return r < 0 ? err_errno(err, r, "cannot write the directories of the image") : 0;
}

void tree_free(struct tree *t)
{
	dirs_free(&t->dirs);
	names_free(&t->names);
}

/* Any byte may be in a name; a terminal or a log shall not see all of them. */
static char *printable(const char *name, size_t max, const char *escape)
{
	struct strbuf b = STRBUF_INIT;
	size_t len = strnlen(name, max);

	strbuf_add_printable(&b, name, len, escape);
	if (name[len])
		strbuf_add(&b, "...");
	return strbuf_steal(&b);
}

int tree_fail(const struct tree *t, struct err *err, int code, const char *fmt, ...)
{
	char msg[ERR_MSG_MAX], *name = printable(t->entry, NAME_SHOWN_BYTES, "\\'"), *reason;
	va_list ap;
	int r;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	/* Other names of the archive are in the reason. */
	reason = printable(msg, sizeof(msg), "\\");
	r = err_set(err, code, "'%s' %s", name ? name : "?", reason ? reason : "cannot be read");
	free(name);
	free(reason);
	return r;
}

int tree_fail_ext(const struct tree *t, struct err *err, errcode_t code, const char *doing)
{
	struct err text = ERR_INIT;
	int r = ext_io_err(&text, code, "%s", doing);

	return tree_fail(t, err, -r, "%s", text.msg);
}

int tree_take_inode(struct tree *t, bool is_dir, ext2_ino_t *ret_ino)
{
	if (t->fs)
		return space_take_inode(&t->space, is_dir, ret_ino);
	if (t->last_ino == UINT32_MAX)
		return -ENOSPC;
	*ret_ino = ++t->last_ino;
	return 0;
}

int tree_new_dir(struct tree *t, ext2_ino_t ino, ext2_ino_t parent,
		 const struct ext2_inode_large *inode)
{
	return t->fs ? dirs_create(&t->dirs, ino, parent, inode) : 0;
}

static int find_name(struct tree *t, uint32_t dir, const char *name, size_t len,
		     struct names_entry *ret, struct err *err)
{
	int r = names_find(&t->names, dir, name, len, ret);

	if (r >= 0)
		return r;
	note_failure(t, r);
	return tree_fail(t, err, r, "cannot be looked up: %s", strerror(-r));
}

static int set_name(struct tree *t, uint32_t dir, const char *name, size_t len, ext2_ino_t ino,
		    uint32_t type)
{
	int r = names_set(&t->names, dir, name, len, ino, type);

	if (r < 0)
		note_failure(t, r);
	return r;
}

static int add_name(struct tree *t, ext2_ino_t parent, const char *name, size_t len, ext2_ino_t ino,
		    uint32_t type)
{
	int r = t->fs ? dirs_add(&t->dirs, parent, name, len, ino, type) : 0;

	return r < 0 ? r : set_name(t, parent, name, len, ino, type);
}

static int make_dir(struct tree *t, ext2_ino_t parent, const char *name, size_t len,
		    ext2_ino_t *ret_ino, struct err *err)
{
	struct ext2_inode_large inode;
	ext2_ino_t ino = 0;
	int r = tree_take_inode(t, true, &ino);

	attr_default_dir(t, &inode);
	if (r == 0)
		r = tree_new_dir(t, ino, parent, &inode);
	if (r == 0)
		r = add_name(t, parent, name, len, ino, EXT2_FT_DIR);
	if (r < 0)
		return tree_fail(t, err, r, "cannot be put into the image: %s", strerror(-r));
	*ret_ino = ino;
	return 0;
}

/* One step down; @last: what is there may be anything. */
static int step(struct tree *t, struct place *p, bool last, bool make, struct err *err)
{
	struct names_entry e = {.ino = 0};
	int r = find_name(t, p->parent, p->name, p->len, &e, err);

	if (r < 0)
		return r;
	p->ino = e.ino;
	p->type = e.type;
	if (last)
		return 0;
	if (p->ino && p->type == EXT2_FT_SYMLINK)
		return tree_fail(t, err, ELOOP, "goes through the symbolic link '%.*s'",
				 (int)p->len, p->name);
	if (p->ino && p->type != EXT2_FT_DIR)
		return tree_fail(t, err, ENOTDIR, "goes through '%.*s', which is not a directory",
				 (int)p->len, p->name);
	if (!p->ino && !make)
		return tree_fail(t, err, ENOENT, "needs '%.*s', which is not there", (int)p->len,
				 p->name);
	if (!p->ino)
		return make_dir(t, p->parent, p->name, p->len, &p->ino, err);
	return 0;
}

int tree_find(struct tree *t, const char *path, bool make, struct place *ret, struct err *err)
{
	struct place p = {.parent = EXT2_ROOT_INO, .ino = EXT2_ROOT_INO, .type = EXT2_FT_DIR};

	if (*path == '/')
		return tree_fail(t, err, EINVAL, "is an absolute name");
	for (;;) {
		const char *name = path + strspn(path, "/"), *rest;
		size_t len = strcspn(name, "/");
		int r;

		if (!len)
			break;
		rest = name + len;
		path = rest;
		if (len == 1 && name[0] == '.')
			continue;
		if (len == 2 && name[0] == '.' && name[1] == '.')
			return tree_fail(t, err, EINVAL, "has '..' in its name");
		if (len > EXT2_NAME_LEN)
			return tree_fail(t, err, ENAMETOOLONG, "has a component of %zu bytes", len);
		/* What the last round found must be a directory after all. */
		if (p.len) {
			r = step(t, &p, false, make, err);
			if (r < 0)
				return r;
			p.parent = p.ino;
		}
		p.name = name;
		p.len = len;
	}
	if (p.len) {
		int r = step(t, &p, true, false, err);

		if (r < 0)
			return r;
	}
	*ret = p;
	return 0;
}

/* Drop one name of a file; the last one frees its blocks. */
static int drop_file(struct tree *t, ext2_ino_t ino, struct err *err)
{
	struct ext2_inode_large inode;
	struct ext2_inode *small = (struct ext2_inode *)&inode;
	errcode_t e = ext2fs_read_inode_full(t->fs, ino, small, sizeof(inode));

	if (!e && --inode.i_links_count == 0) {
		e = ext2fs_free_ext_attr(t->fs, ino, &inode);
		if (!e && ext2fs_inode_has_valid_blocks2(t->fs, small))
			e = ext2fs_punch(t->fs, ino, small, NULL, 0, ~0ULL);
		inode.i_dtime = (uint32_t)t->now;
		ext2fs_inode_alloc_stats2(t->fs, ino, -1, 0);
	}
	if (!e)
		e = ext2fs_write_inode_full(t->fs, ino, small, sizeof(inode));
	return e ? tree_fail_ext(t, err, e, "cannot replace what was there") : 0;
}

int tree_put(struct tree *t, const struct place *at, ext2_ino_t ino, uint32_t type, struct err *err)
{
	int r = 0;

	if (at->ino && t->fs) {
		r = dirs_remove(&t->dirs, at->parent, at->name, at->len);
		if (r < 0)
			return tree_fail(t, err, r, "cannot be replaced: %s", strerror(-r));
		r = drop_file(t, at->ino, err);
		if (r < 0)
			return r;
	}
	r = add_name(t, at->parent, at->name, at->len, ino, type);
	if (r < 0)
		return tree_fail(t, err, r, "cannot be put into the image: %s", strerror(-r));
	return 0;
}

/* Without inodes the links are counted in the index, under a name that no file can have. */
static int count_link(struct tree *t, const struct place *target, struct err *err)
{
	struct names_entry e = {.ino = 1};
	int r = find_name(t, target->ino, "", 0, &e, err);
	uint32_t links = e.ino;

	if (r < 0)
		return r;
	if (links >= LINKS_MAX)
		return tree_fail(t, err, EMLINK, "is one name too many for its file");
	r = set_name(t, target->ino, "", 0, links + 1, target->type);
	return r < 0 ? tree_fail(t, err, r, "cannot be linked: %s", strerror(-r)) : 0;
}

static int raise_links(struct tree *t, const struct place *target, struct err *err)
{
	struct ext2_inode_large inode;
	struct ext2_inode *small = (struct ext2_inode *)&inode;
	errcode_t e = ext2fs_read_inode_full(t->fs, target->ino, small, sizeof(inode));

	if (e)
		return tree_fail_ext(t, err, e, "cannot be linked");
	if (inode.i_links_count >= LINKS_MAX)
		return tree_fail(t, err, EMLINK, "is one name too many for its file");
	inode.i_links_count++;
	e = ext2fs_write_inode_full(t->fs, target->ino, small, sizeof(inode));
	return e ? tree_fail_ext(t, err, e, "cannot be linked") : 0;
}

int tree_link(struct tree *t, const struct place *at, const struct place *target, struct err *err)
{
	int r;

	if (target->ino == at->ino)
		return 0;
	r = t->fs ? raise_links(t, target, err) : count_link(t, target, err);
	return r < 0 ? r : tree_put(t, at, target->ino, target->type, err);
}
