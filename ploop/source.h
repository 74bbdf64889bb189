/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_SOURCE_H
#define PLOOP_SOURCE_H

/* Where the bytes of a tar come from: a file or a pipe, taken out of gzip, bzip2, xz or zstd. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct archive;
struct err;
struct source;

/* Sees the file's bytes as they are read, still compressed. */
typedef void (*source_tap_fn)(void *arg, const void *buf, size_t len);

/* Free with source_close(). */
int source_open(const char *path, struct source **ret, struct err *err);

/* As source_open(), with a tap (NULL: none) that is open from the first byte on. */
int source_open_tapped(const char *path, source_tap_fn tap, void *arg, struct source **ret,
		       struct err *err);

/* As source_open() for an open descriptor, which is the source's from here on, also on failure. */
int source_take(int fd, const char *name, struct source **ret, struct err *err);

/*
 * The next uncompressed bytes, 0 at the end; *ret is valid until the next call.
 * Negative after a failure, whose code and text are set on @a: this is what a
 * read callback of libarchive has to do.
 */
ssize_t source_read(struct source *s, struct archive *a, const void **ret);

/* Read what is left of the file, past the end of what it holds too: nothing is kept from the tap. 0 or -errno. */
int source_drain(struct source *s);

/* Bytes of the file that have been read, compressed as they are there. */
uint64_t source_bytes(const struct source *s);

void source_close(struct source *s);

#endif
