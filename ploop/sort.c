/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Merge sort with runs in a file.
 *
 *   add    records into the arena; when it is full they are sorted and
 *          written to the file as a run
 *   begin  without runs the arena is sorted and that is all; else the rest
 *          is the last run, and the arena becomes the runs' read buffers
 *   next   the least of the runs' first records, from a heap
 *
 *   arena, adding:   | record | record | ... free ... | keys, downwards |
 *   arena, merging:  | buffer of run 0 | of run 1 | ...                 |
 *
 * SORT_RUNS_MAX leaves each run a buffer of 2 KiB, so one pass over the file
 * is always enough.
 */
#include "sort.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"

#define ARENA_FIRST (64u << 10)
#define OUT_BYTES   (64u << 10)

struct record {
	uint32_t hash, minor, ino;
	uint8_t len, type;
	char text[];
};

/* What is sorted: most comparisons end with the hash. */
struct key {
	uint32_t hash, at; /* of the record in the arena */
};

struct run {
	uint64_t off, end; /* in the file, of what is not in the buffer */
	uint8_t *buf;	   /* borrowed from the arena */
	uint32_t at, len;  /* the first record in it; what is there */
};

struct sort {
	int dirfd;	/* borrowed */
	int fd;		/* owned */
	uint8_t *arena; /* owned */
	size_t arena_bytes, used;
	size_t n, next;	  /* keys in the arena; the next to give out */
	struct run *runs; /* owned */
	size_t nruns;
	uint32_t *heap; /* runs, the one with the least record first; owned */
	size_t nheap;
	bool given; /* the first one's record was given out */
	uint64_t file_bytes;
	int file_error;
};

struct sort *sort_new(int dirfd)
{
	struct sort *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->dirfd = dirfd;
	s->fd = -EBADF;
	return s;
}

void sort_reset(struct sort *s)
{
	s->used = s->n = s->next = 0;
	s->nruns = s->nheap = 0;
	s->given = false;
	s->file_bytes = 0;
}

void sort_free(struct sort *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	free(s->arena);
	free(s->runs);
	free(s->heap);
	free(s);
}

static uint32_t record_bytes(uint8_t len)
{
	return ((uint32_t)offsetof(struct record, text) + len + 3) & ~3u;
}

static const struct record *record_at(const uint8_t *buf, size_t off)
{
	return (const struct record *)(buf + off);
}

/* Keys grow down from the end, so that the last one added is the first of the array. */
static struct key *keys(const struct sort *s)
{
	return (struct key *)(s->arena + s->arena_bytes) - s->n;
}

static int compare_records(const struct record *x, const struct record *y)
{
	int c;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	if (x->minor != y->minor)
		return x->minor < y->minor ? -1 : 1;
	/* Only for the same bytes on every run. */
	c = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);
	return c ? c : (int)x->len - (int)y->len;
}

static int compare(const void *a, const void *b, void *arg)
{
	const struct key *x = a, *y = b;
	const uint8_t *arena = arg;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return compare_records(record_at(arena, x->at), record_at(arena, y->at));
}

static int grow(struct sort *s)
{
	size_t bytes = s->arena_bytes ? s->arena_bytes * 2 : ARENA_FIRST;
	struct key *old;
	uint8_t *p = realloc(s->arena, bytes);

	if (!p)
		return -ENOMEM;
	old = (struct key *)(p + s->arena_bytes) - s->n;
	s->arena = p;
	s->arena_bytes = bytes;
	memmove(keys(s), old, s->n * sizeof(*old));
	return 0;
}

static int write_records(struct sort *s)
{
	const struct key *key = keys(s);
	uint64_t off = s->file_bytes;
	uint8_t *out = malloc(OUT_BYTES);
	size_t len = 0, i;
	int r = out ? 0 : -ENOMEM;

	for (i = 0; i < s->n && r == 0; i++) {
		const struct record *rec = record_at(s->arena, key[i].at);
		uint32_t n = record_bytes(rec->len);

		if (len + n > OUT_BYTES) {
			r = io_pwrite_full(s->fd, out, len, off);
			off += len;
			len = 0;
		}
		memcpy(out + len, rec, n);
		len += n;
	}
	if (r == 0)
		r = io_pwrite_full(s->fd, out, len, off);
	free(out);
	return r;
}

int sort_file_error(const struct sort *s)
{
	return s->file_error;
}

static int write_run(struct sort *s)
{
	int r = 0;

	if (s->fd < 0)
		s->fd = r = io_unnamed_file(s->dirfd);
	if (r >= 0)
		r = write_records(s);
	if (r < 0 && !s->file_error)
		s->file_error = r;
	return r;
}

/* The arena's records, sorted, become the next run. */
static int spill(struct sort *s)
{
	int r;

	if (!s->runs)
		s->runs = calloc(SORT_RUNS_MAX, sizeof(*s->runs));
	if (!s->runs)
		return -ENOMEM;
	if (s->nruns == SORT_RUNS_MAX)
		return -E2BIG;
	qsort_r(keys(s), s->n, sizeof(struct key), compare, s->arena);
	r = write_run(s);
	if (r < 0)
		return r;
	s->runs[s->nruns++] = (struct run){.off = s->file_bytes, .end = s->file_bytes + s->used};
	s->file_bytes += s->used;
	s->used = s->n = 0;
	return 0;
}

int sort_add(struct sort *s, const struct sort_name *name)
{
	uint32_t bytes = record_bytes(name->len);
	struct record *rec;
	int r = 0;

	while (r == 0 && s->used + bytes + (s->n + 1) * sizeof(struct key) > s->arena_bytes)
		r = s->arena_bytes < SORT_BYTES ? grow(s) : spill(s);
	if (r < 0)
		return r;
	rec = (struct record *)(s->arena + s->used);
	*rec = (struct record){name->hash, name->minor, name->ino, name->len, name->type};
	memcpy(rec->text, name->text, name->len);
	s->n++;
	*keys(s) = (struct key){name->hash, (uint32_t)s->used};
	s->used += bytes;
	return 0;
}

/* Whether the run has a whole record in its buffer after this: 1, 0 at its end, or -errno. */
static int fill(struct sort *s, struct run *run)
{
	size_t room = s->arena_bytes / s->nruns & ~(size_t)3, left = run->len - run->at, n;
	int r;

	if (left >= sizeof(struct record) &&
	    left >= record_bytes(record_at(run->buf, run->at)->len))
		return 1;
	memmove(run->buf, run->buf + run->at, left);
	n = run->end - run->off < room - left ? (size_t)(run->end - run->off) : room - left;
	r = io_pread_full(s->fd, run->buf + left, n, run->off);
	if (r < 0)
		return r;
	run->off += n;
	run->at = 0;
	run->len = (uint32_t)(left + n);
	return run->len > 0;
}

static const struct record *head(const struct sort *s, size_t i)
{
	const struct run *run = &s->runs[s->heap[i]];

	return record_at(run->buf, run->at);
}

static void sift_down(struct sort *s, size_t i)
{
	for (;;) {
		size_t least = i, child;
		uint32_t swap;

		for (child = 2 * i + 1; child <= 2 * i + 2 && child < s->nheap; child++)
			if (compare_records(head(s, child), head(s, least)) < 0)
				least = child;
		if (least == i)
			return;
		swap = s->heap[i];
		s->heap[i] = s->heap[least];
		s->heap[least] = swap;
		i = least;
	}
}

static int begin_merge(struct sort *s)
{
	size_t room, i;
	int r = spill(s);

	if (r < 0)
		return r;
	if (!s->heap)
		s->heap = calloc(SORT_RUNS_MAX, sizeof(*s->heap));
	if (!s->heap)
		return -ENOMEM;
	room = s->arena_bytes / s->nruns & ~(size_t)3;
	for (i = 0; i < s->nruns; i++) {
		s->runs[i].buf = s->arena + i * room;
		r = fill(s, &s->runs[i]);
		if (r < 0)
			return r;
		s->heap[s->nheap++] = (uint32_t)i;
	}
	for (i = s->nheap / 2; i-- > 0;)
		sift_down(s, i);
	return 0;
}

int sort_begin(struct sort *s)
{
	if (s->nruns)
		return begin_merge(s);
	if (s->n)
		qsort_r(keys(s), s->n, sizeof(struct key), compare, s->arena);
	return 0;
}

/* Past the record that was given out: it must stay in its buffer until now. */
static int advance(struct sort *s)
{
	struct run *run = &s->runs[s->heap[0]];
	int r;

	run->at += record_bytes(record_at(run->buf, run->at)->len);
	r = fill(s, run);
	if (r < 0)
		return r;
	if (r == 0)
		s->heap[0] = s->heap[--s->nheap];
	sift_down(s, 0);
	return 0;
}

int sort_next(struct sort *s, struct sort_name *ret)
{
	const struct record *rec;
	int r;

	if (s->nruns) {
		r = s->given ? advance(s) : 0;
		if (r < 0 || !s->nheap)
			return r;
		s->given = true;
		rec = head(s, 0);
	} else {
		if (s->next == s->n)
			return 0;
		rec = record_at(s->arena, keys(s)[s->next++].at);
	}
	*ret = (struct sort_name){rec->hash, rec->minor, rec->ino, rec->len, rec->type, rec->text};
	return 1;
}
