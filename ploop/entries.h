/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_ENTRIES_H
#define PLOOP_ENTRIES_H

/* The entries of a tar, one after the other, and that it is whole to its end mark. */

#include <stddef.h>
#include <stdint.h>

/*
 * Of one sparse file. libarchive has 80 bytes of memory for each, the file's map
 * some 20: with all else these are 32 MB.
 */
#define ENTRIES_PIECES_MAX 100000

struct archive;
struct archive_entry;
struct entries;
struct err;
struct source;

/* Sees all bytes of the uncompressed tar before they are read as entries; 0, or -errno to stop. */
typedef int (*entries_tap_fn)(void *arg, const void *buf, size_t len);

/* Read @source, which stays the caller's and must live longer; @tap may be NULL. Free with entries_close(). */
int entries_open(struct source *source, entries_tap_fn tap, void *arg, struct entries **ret,
		 struct err *err);

/*
 * 1 and the next entry, valid until the next call; 0 at the end, which must be marked; -EINVAL: damaged;
 * -E2BIG: its headers would take much memory. One of somewhat more than ENTRIES_PIECES_MAX pieces is
 * still given: the caller knows its name.
 */
int entries_next(struct entries *in, struct archive_entry **ret, struct err *err);

/* Leave out what has not been read of the entry's data; needed before the next entry. */
int entries_skip(struct entries *in, struct err *err);

/* For the data of the entry at hand: archive_read_data_block(). */
struct archive *entries_archive(struct entries *in);

/* Where in the tar: the first byte of the entry at hand (its first header), and the first that is not read yet. */
uint64_t entries_start(const struct entries *in);
uint64_t entries_position(const struct entries *in);

void entries_close(struct entries *in);

#endif
