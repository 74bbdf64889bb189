/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_POPULATE_H
#define PLOOP_POPULATE_H

/* Filling a fresh file system from tar streams. */

#include <stdint.h>
#include <time.h>

#include <ext2fs/ext2fs.h>

#include "ploop.h"

struct archive;
struct archive_entry;
struct err;
struct ext_io_range;
struct tree;

struct populate_opts {
	const char *const *tars; /* paths, NULL-terminated, laid over each other in order */
	uint32_t max_id;	 /* 0: no check */
	int dirfd;		 /* borrowed: where what does not fit into memory goes */
	time_t now;
	ploop_progress_fn progress;
	void *progress_arg;
	ploop_tap_fn tap; /* NULL: none */
	void *tap_arg;
};

/* What the tars take, as far as they were read. */
struct populate_need {
	uint64_t blocks, inodes;
};

/*
 * -ENOSPC when the file system is too small; then the rest of the tars has
 * been read all the same, so that *ret_need says how much is needed. With a
 * NULL @fs nothing is filled, only counted, and the answer is -ENOSPC too.
 */
int populate(ext2_filsys fs, const struct ext_io_range *range, const struct populate_opts *opts,
	     struct populate_need *ret_need, struct err *err);

/* One entry into the tree, its data from @a; what it refuses, it refuses by name. */
int populate_entry(struct tree *t, struct archive *a, struct archive_entry *e, struct err *err);

#endif
