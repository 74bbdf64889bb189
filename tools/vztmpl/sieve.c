/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reader is ahead of its own knowledge: it asks for a block before it says
 * which entry the block belongs to. So bytes wait in a buffer until the reader
 * has passed them, inside of an entry whose fate is known; between entries
 * they wait until the next one is, all but zeros.
 */
#include "sieve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAR_BLOCK  512u
#define TAR_RECORD (20 * TAR_BLOCK)
/* Headers of one entry: libarchive takes names and attributes up to 1 MiB each. */
#define WAIT_MAX   (16u << 20)
#define CAP_FIRST  (1u << 20)

void sieve_init(struct sieve *s, sieve_write_fn write, void *arg)
{
	*s = (struct sieve){.write = write, .arg = arg, .between = true};
}

void sieve_done(struct sieve *s)
{
	free(s->buf);
	s->buf = NULL;
}

static int put(struct sieve *s, const void *buf, size_t len)
{
	s->written += len;
	return s->write(s->arg, buf, len);
}

static void drop(struct sieve *s, size_t len)
{
	s->start += len;
	s->at += len;
	s->len -= len;
}

/* Everything before @position leaves the buffer. */
static int leave(struct sieve *s, uint64_t position, bool keep)
{
	size_t len = position <= s->start ? 0 : (size_t)(position - s->start);
	int r = 0;

	if (len > s->len)
		len = s->len;
	if (len > 0 && keep)
		r = put(s, s->buf + s->at, len);
	drop(s, len);
	return r;
}

static void drop_zeros(struct sieve *s)
{
	static const uint8_t zeros[TAR_BLOCK];

	while (s->len >= TAR_BLOCK && memcmp(s->buf + s->at, zeros, TAR_BLOCK) == 0)
		drop(s, TAR_BLOCK);
}

static int make_room(struct sieve *s, size_t len)
{
	size_t cap = s->cap ? s->cap : CAP_FIRST;
	uint8_t *buf;

	if (s->len + len > WAIT_MAX)
		return -E2BIG;
	if (s->at > 0)
		memmove(s->buf, s->buf + s->at, s->len);
	s->at = 0;
	while (cap < s->len + len)
		cap *= 2;
	if (cap == s->cap)
		return 0;
	buf = realloc(s->buf, cap);
	if (!buf)
		return -ENOMEM;
	s->buf = buf;
	s->cap = cap;
	return 0;
}

int sieve_add(struct sieve *s, uint64_t position, const void *buf, size_t len)
{
	int r = s->between ? 0 : leave(s, position, s->keep);

	if (r == 0)
		r = make_room(s, len);
	if (r < 0)
		return r;
	memcpy(s->buf + s->len, buf, len);
	s->len += len;
	if (s->between)
		drop_zeros(s);
	return 0;
}

int sieve_between(struct sieve *s, uint64_t position)
{
	int r = s->between ? 0 : leave(s, position, s->keep);

	s->between = true;
	if (r == 0)
		drop_zeros(s);
	return r;
}

int sieve_entry(struct sieve *s, uint64_t start, bool keep)
{
	s->keep = keep;
	s->between = false;
	/* In front of the entry there can be padding only. */
	return leave(s, start, false);
}

int sieve_insert(struct sieve *s, const void *buf, size_t len)
{
	return put(s, buf, len);
}

int sieve_end(struct sieve *s)
{
	static const uint8_t zeros[TAR_RECORD + 2 * TAR_BLOCK];
	size_t rest = (size_t)((s->written + 2 * TAR_BLOCK) % TAR_RECORD);

	return put(s, zeros, 2 * TAR_BLOCK + (rest ? TAR_RECORD - rest : 0));
}
