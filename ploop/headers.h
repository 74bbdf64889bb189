/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_HEADERS_H
#define PLOOP_HEADERS_H

/*
 * The bytes of a tar around where it is read, to look at a header again that
 * libarchive was content with.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct archive_entry;

#define HEADERS_TAIL (64u << 10)

struct headers {
	uint8_t tail[HEADERS_TAIL]; /* in front of the block, tail_len at its end */
	size_t tail_len;
	const uint8_t *block; /* borrowed until headers_leave() */
	size_t len;
	uint64_t at; /* of the block */
};

/* The block is about to go: keep its end. */
void headers_leave(struct headers *h);
void headers_block(struct headers *h, const void *block, size_t len);

/*
 * Does @e have all that its header at @start says, as far as libarchive leaves
 * out with a warning? "No" as well where that cannot be told.
 */
bool headers_agree(const struct headers *h, uint64_t start, struct archive_entry *e);

/*
 * Times of @e before 1970 with a part of a second, of which libarchive takes that
 * part for one that goes the other way. False where they cannot be told.
 */
bool headers_mend_times(const struct headers *h, uint64_t start, struct archive_entry *e);

#endif
