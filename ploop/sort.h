/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_SORT_H
#define PLOOP_SORT_H

/*
 * The names of one directory in the order of their hashes, however many they
 * are: at most SORT_BYTES are in memory, the rest in an unnamed file.
 */

#include <stddef.h>
#include <stdint.h>

#define SORT_BYTES    (2u << 20)
#define SORT_RUNS_MAX 1024u

struct sort;

struct sort_name {
	uint32_t hash, minor, ino;
	uint8_t len, type;
	const char *text; /* not terminated; from sort_next(): valid until its next call */
};

/* The file is made in @dirfd, which is borrowed until sort_free(). NULL: no memory. */
struct sort *sort_new(int dirfd);
void sort_free(struct sort *sort);

/* Forget all names, for the next directory. */
void sort_reset(struct sort *sort);

/* 0, -ENOMEM, -E2BIG beyond SORT_RUNS_MAX times SORT_BYTES, or what the file says. */
int sort_add(struct sort *sort, const struct sort_name *name);

/* After the last sort_add(): the names by hash, minor hash and text; 1, 0 at the end, or -errno. */
int sort_begin(struct sort *sort);
int sort_next(struct sort *sort, struct sort_name *ret);

/* -errno of the file's first failure, so that a full host is told from a full image; else 0. */
int sort_file_error(const struct sort *sort);

#endif
