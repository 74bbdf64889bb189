/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_SOURCE_H
#define PLOOP_SOURCE_H

/* Where the bytes of a tar come from: a file, through gzip where it is compressed so. */

#include <stdint.h>

struct archive;
struct err;
struct source;

/*
 * Open @path and give it to a fresh reader @a. *ret must outlive the reader;
 * free with source_close() after it.
 */
int source_open(const char *path, struct archive *a, struct source **ret, struct err *err);

/* Bytes of the file that have been read. */
uint64_t source_bytes(const struct source *s);

void source_close(struct source *s);

#endif
