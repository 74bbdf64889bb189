/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 *   1  all that is there, or was written since a point
 *   2  what was told as written, as often as that gets less
 *   3  the copy is flushed; the disk stops
 *   4  what was told, until nothing is; the disk goes on
 *
 * A cluster is read after it was told, so whatever is written to it after that is
 * told again: at the end of step 4 the copy is the disk as it was stopped.
 */
#include "passes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "err.h"
#include "ploop.h"

/* So little that the disk may stand still for it. */
#define SMALL_BYTES (16u << 20)
#define PASSES_MAX  16
/* A file system that was stopped may still have discards under way. */
#define STOPPED_MAX 8
#define BATCH_BYTES (1u << 20)
#define ALIGN_BYTES 4096

struct run {
	const struct passes_from *from;
	const struct passes_to *to;
	uint32_t clusters;
	uint8_t *marks; /* clusters to be copied; owned */
	void *buf;	/* owned */
	struct ploop_copied done;
};

static bool is_zero(const uint8_t *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

static bool is_marked(const struct run *c, uint32_t cluster)
{
	return c->marks[cluster / 8] & (1u << (cluster % 8));
}

static void mark(struct run *c, uint32_t cluster)
{
	c->marks[cluster / 8] |= (uint8_t)(1u << (cluster % 8));
}

static size_t length_of(const struct run *c, uint32_t first, uint32_t n)
{
	uint64_t at = (uint64_t)first * c->from->cluster_bytes;
	uint64_t len = (uint64_t)n * c->from->cluster_bytes, left = c->from->size_bytes - at;

	return (size_t)(len < left ? len : left);
}

static int put_range(struct run *c, uint32_t first, uint32_t n, bool zeros_too, struct err *err)
{
	uint8_t *p = c->buf;
	uint32_t i;
	int r = c->from->read(c->from->arg, first, p, length_of(c, first, n), err);

	for (i = 0; r == 0 && i < n; i++, p += c->from->cluster_bytes) {
		size_t len = length_of(c, first + i, 1);
		bool zero = is_zero(p, len);

		if (!zero || zeros_too)
			r = c->to->put(c->to->arg, first + i, zero ? NULL : p, len, err);
		if (!zero)
			c->done.bytes += len;
	}
	return r;
}

/* The next clusters that are marked, those after each other at once; *ret_n 0: there are no more. */
static uint32_t next_range(const struct run *c, uint32_t at, uint32_t *ret_n)
{
	uint32_t max = BATCH_BYTES / c->from->cluster_bytes, n = 0;

	while (at < c->clusters && !is_marked(c, at))
		at = c->marks[at / 8] ? at + 1 : (at | 7) + 1;
	while (at < c->clusters && at + n < c->clusters && n < (max ? max : 1) &&
	       is_marked(c, at + n))
		n++;
	*ret_n = n;
	return at;
}

static int copy_marked(struct run *c, bool zeros_too, struct err *err)
{
	uint32_t at = 0, n;
	int r = 0;

	for (;;) {
		at = next_range(c, at, &n);
		if (r < 0 || !n)
			break;
		r = put_range(c, at, n, zeros_too, err);
		at += n;
	}
	memset(c->marks, 0, c->clusters / 8 + 1);
	c->done.passes++;
	return r;
}

static int copy_all(struct run *c, struct err *err)
{
	uint32_t i;

	for (i = 0; i < c->clusters; i++)
		if (c->from->has(c->from->arg, i))
			mark(c, i);
	return copy_marked(c, c->from->zeros_too, err);
}

/* All that was told once; what is told again meanwhile belongs to the next pass. */
static int collect(struct run *c, uint64_t *ret_bytes, struct err *err)
{
	uint32_t cluster;
	int r;

	*ret_bytes = 0;
	while ((r = c->from->next(c->from->arg, &cluster, err)) == 0) {
		if (cluster >= c->clusters)
			return err_set(err, EIO,
				       "cluster %u is said to be written, of a disk of %u", cluster,
				       c->clusters);
		if (is_marked(c, cluster))
			break;
		mark(c, cluster);
		*ret_bytes += c->from->cluster_bytes;
	}
	return r == -EAGAIN ? 0 : r;
}

static int copy_written(struct run *c, struct err *err)
{
	uint64_t bytes, before = UINT64_MAX;
	int i, r;

	for (i = 0; i < PASSES_MAX; i++) {
		c->from->sync(c->from->arg);
		r = collect(c, &bytes, err);
		if (r == 0)
			r = copy_marked(c, true, err);
		if (r < 0 || bytes <= SMALL_BYTES || bytes >= before)
			return r;
		before = bytes;
	}
	return 0;
}

static int copy_rest(struct run *c, struct err *err)
{
	uint64_t bytes;
	int i, r;

	for (i = 0; i < STOPPED_MAX; i++) {
		r = collect(c, &bytes, err);
		if (r < 0 || !bytes)
			return r;
		r = copy_marked(c, true, err);
		if (r < 0)
			return r;
	}
	return err_set(err, EBUSY, "the disk is still written to after it was stopped");
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int finish(struct run *c, struct err *err)
{
	const struct passes_from *from = c->from;
	uint64_t since = now_ns();
	struct err why = ERR_INIT;
	int r = from->stop(from->arg, err), r2;

	if (r < 0)
		return r;
	r = copy_rest(c, err);
	r2 = from->go_on(from->arg, r < 0 ? &why : err);
	c->done.stopped_ns = now_ns() - since;
	return r < 0 ? r : r2;
}

int passes_run(const struct passes_from *from, const struct passes_to *to,
	       struct ploop_copied *ret_copied, struct err *err)
{
	size_t bytes = from->cluster_bytes > BATCH_BYTES ? from->cluster_bytes : BATCH_BYTES;
	struct run c = {.from = from, .to = to};
	_cleanup_free_ void *buf = aligned_alloc(ALIGN_BYTES, bytes);
	_cleanup_free_ uint8_t *marks = NULL;
	int r;

	c.clusters = (uint32_t)((from->size_bytes + from->cluster_bytes - 1) / from->cluster_bytes);
	c.marks = marks = calloc(1, c.clusters / 8 + 1);
	c.buf = buf;
	if (!buf || !marks)
		return err_errno(err, ENOMEM, "cannot copy the disk");
	r = copy_all(&c, err);
	if (r == 0)
		r = copy_written(&c, err);
	if (r == 0)
		r = to->flush(to->arg, err);
	if (r == 0)
		r = finish(&c, err);
	if (r == 0 && ret_copied)
		*ret_copied = c.done;
	return r;
}
