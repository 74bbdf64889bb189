/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_NAMES_H
#define PLOOP_NAMES_H

/*
 * Which name is in which directory: the index by which a path is looked up
 * while a file system is filled. Names themselves are not kept; a keyed 64-bit
 * hash of (directory, name) stands for them. The key is random, so nobody can
 * build a tar whose names collide.
 *
 * An entry takes 16 bytes in pages that are 37 to 75 per cent full, so 21 to
 * 43 bytes. NAMES_FRAMES pages, 4 MiB, are in memory, which is enough for some
 * 150 000 entries; the others are in an unnamed file, and an entry takes a
 * fifth of a byte of memory at most, for the list of pages.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAMES_FRAMES	 1024u
#define NAMES_PAGE_SLOTS 256u

struct names_entry {
	uint64_t hash; /* 0: empty slot */
	uint32_t ino;  /* 0: was removed */
	uint32_t type; /* EXT2_FT_* */
};

struct names_page {
	uint32_t frame; /* number + 1; 0: only in the file */
	uint16_t used;	/* slots */
	uint8_t depth;	/* leading bits of the hash that all its entries share */
};

struct names_frame {
	struct names_entry *slots; /* owned */
	uint32_t page;
	bool dirty;  /* differs from the file */
	bool recent; /* used since the clock's hand passed */
};

struct names {
	uint32_t *index; /* leading bits of the hash -> page; owned */
	unsigned int depth;
	struct names_page *pages; /* owned */
	size_t npages, pages_cap;
	struct names_frame *frames; /* owned */
	size_t nframes, frames_cap, hand;
	int dirfd; /* borrowed */
	int fd;	   /* of the pages that are not in memory; owned */
	uint64_t key[2];
};

/*
 * What does not fit into memory goes to an unnamed file in @dirfd, which is
 * borrowed until names_free(); with a negative one all stays in memory. 0 or
 * -errno; names_free() is fine after both.
 */
int names_init(struct names *names, int dirfd);
void names_free(struct names *names);

/* 1 and a copy of the entry, 0 when there is none, -errno when the file fails. */
int names_find(struct names *names, uint32_t dir, const char *name, size_t len,
	       struct names_entry *ret);

/* Add or change. 0, -ENOMEM, or what the file says. */
int names_set(struct names *names, uint32_t dir, const char *name, size_t len, uint32_t ino,
	      uint32_t type);

#endif
