/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_VZTMPL_SIEVE_H
#define VESPER_VZTMPL_SIEVE_H

/*
 * The bytes of a tar, entry by entry, unchanged or not at all:
 *
 *   sieve_add()      all bytes in order, as they are read
 *   sieve_between()  the reader looks for the next entry
 *   sieve_entry()    it found one, starting at @start: keep it or not
 *   sieve_end()      no more entries; writes the end mark
 *
 * Zeros between entries and at the end are padding and end marks of the tar
 * that is read, and are replaced by one end mark. Memory holds what the reader
 * has read ahead.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

typedef int (*sieve_write_fn)(void *arg, const void *buf, size_t len);

struct sieve {
	sieve_write_fn write; /* 0 or -errno */
	void *arg;
	uint8_t *buf; /* owned; from at on, bytes that are not decided yet */
	size_t at, len, cap;
	uint64_t start; /* of these in what is read */
	uint64_t written;
	bool keep, between;
};

void sieve_init(struct sieve *s, sieve_write_fn write, void *arg);
void sieve_done(struct sieve *s);

/* @position: where the reader is, so that what is before it is decided. 0 or -errno; -E2BIG: an endless header. */
int sieve_add(struct sieve *s, uint64_t position, const void *buf, size_t len);
int sieve_between(struct sieve *s, uint64_t position);
int sieve_entry(struct sieve *s, uint64_t start, bool keep);
/* Bytes of our own behind the entry at hand. */
int sieve_insert(struct sieve *s, const void *buf, size_t len);
int sieve_end(struct sieve *s);

#endif
