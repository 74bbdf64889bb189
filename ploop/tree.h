/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_TREE_H
#define PLOOP_TREE_H

/*
 * The tree of files that populate.c builds, by what the parts do:
 *   tree.c   paths: find, make, replace, link
 *   attr.c   owner, mode, times, device numbers; extended attributes and ACLs
 *   data.c   contents of regular files and symbolic links
 * A failure's sentence starts with the entry's name in the tar.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <ext2fs/ext2fs.h>

#include "dirs.h"
#include "names.h"
#include "space.h"

struct archive;
struct archive_entry;
struct err;
struct ploop_disk;

/*
 * Without a file system (fs NULL) the tree is only an index of names: what
 * cannot be put into an image is refused all the same, nothing is written.
 */
struct tree {
	ext2_filsys fs;		 /* borrowed; NULL: index only */
	struct ploop_disk *disk; /* borrowed */
	uint64_t offset_bytes;	 /* of the file system on the disk */
	int dirfd;		 /* where what does not fit into memory goes; negative: nowhere */
	time_t now;
	uint32_t max_id; /* 0: any */
	struct space space;
	struct dirs dirs;
	struct names names;
	uint32_t last_ino; /* the last number given away without a file system */
	uint32_t devices;  /* device nodes so far */
	const char *entry; /* name of the entry in work, for messages; borrowed */
};

/* A place in the tree; ino 0: nothing there yet. */
struct place {
	ext2_ino_t parent, ino;
	uint32_t type;	  /* EXT2_FT_*, of what is there */
	const char *name; /* last component, not terminated; points into the path */
	size_t len;
};

int tree_init(struct tree *t, struct err *err);
/* Write what is still in memory. */
int tree_finish(struct tree *t, struct err *err);
void tree_free(struct tree *t);

/* "'entry' ...": the sentence of a failure that concerns the entry in work. */
int tree_fail(const struct tree *t, struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* As tree_fail() for libext2fs's codes; -ENOSPC is told as such. */
int tree_fail_ext(const struct tree *t, struct err *err, errcode_t code, const char *doing);

/*
 * Find @path, which may not be absolute, have "..", or pass anything but
 * directories; "." and empty components count for nothing. The tree's own top
 * is the place with len 0. @make: directories on the way are made.
 */
int tree_find(struct tree *t, const char *path, bool make, struct place *ret, struct err *err);

/* A number for a new file, and an empty directory made of one with this inode. Errors: -errno. */
int tree_take_inode(struct tree *t, bool is_dir, ext2_ino_t *ret_ino);
int tree_new_dir(struct tree *t, ext2_ino_t ino, ext2_ino_t parent,
		 const struct ext2_inode_large *inode);

/* Put a new inode (its file counted once in i_links_count) at @at, in place of a file that is there. */
int tree_put(struct tree *t, const struct place *at, ext2_ino_t ino, uint32_t type,
	     struct err *err);

/* Another name for what is at @target. */
int tree_link(struct tree *t, const struct place *at, const struct place *target, struct err *err);

/* attr.c */

/* Inode without contents from the entry's metadata; refuses what ext4 cannot hold. */
int attr_inode(struct tree *t, struct archive_entry *e, struct ext2_inode_large *ret,
	       struct err *err);
/* Inode of a directory that no tar names. */
void attr_default_dir(const struct tree *t, struct ext2_inode_large *ret);
/* Set the entry's extended attributes and ACLs on @ino, whose inode is written; @replace: drop others. */
int attr_xattrs(struct tree *t, ext2_ino_t ino, struct archive_entry *e, bool replace,
		struct err *err);
/* EXT2_FT_* of the entry's type, 0 for one that has no place in a file system. */
uint32_t attr_type(struct archive_entry *e);

/* data.c */

/* Read the entry's data into blocks; size, block map and count go into @inode. */
int data_file(struct tree *t, struct archive *a, struct archive_entry *e, ext2_ino_t ino,
	      struct ext2_inode_large *inode, struct err *err);
int data_symlink(struct tree *t, const char *target, ext2_ino_t ino, struct ext2_inode_large *inode,
		 struct err *err);
/* Blocks that the entry's contents take, without its directory entry. */
uint64_t data_blocks(struct archive_entry *e);

#endif
