/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_NAMES_H
#define PLOOP_NAMES_H

/*
 * Which name is in which directory: the index that makes looking up a path
 * while filling a file system a matter of memory, 16 bytes an entry. Names
 * themselves are not kept; a keyed 64-bit hash of (directory, name) stands for
 * them. The key is random, so nobody can build a tar whose names collide.
 */

#include <stddef.h>
#include <stdint.h>

struct names_entry {
	uint64_t hash; /* 0: empty slot */
	uint32_t ino;  /* 0: was removed */
	uint32_t type; /* EXT2_FT_* */
};

struct names {
	struct names_entry *slots; /* owned */
	size_t cap, used;
	uint64_t key[2];
};

/* 0 or -errno. */
int names_init(struct names *names);
void names_free(struct names *names);

/* The entry, NULL when there is none; valid until the next names_set(). */
struct names_entry *names_find(struct names *names, uint32_t dir, const char *name, size_t len);

/* Add or change. 0 or -ENOMEM. */
int names_set(struct names *names, uint32_t dir, const char *name, size_t len, uint32_t ino,
	      uint32_t type);

#endif
