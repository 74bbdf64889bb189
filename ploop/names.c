/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Extendible hashing over SipHash-2-4 of directory number and name.
 *
 *   leading bits of the hash -> index[] -> page of 256 slots -> open addressing
 *
 * A page that is full is split by the next bit of the hash; only where it was
 * the one page of its index entry the index doubles. So nothing is ever moved
 * but one page's entries, and the index is four bytes for each of the pages, a
 * few times over. Pages are in memory as long as there are frames; then the
 * clock's hand picks one that was not used for a while, and its page goes to
 * the file. A tar's entries come with their directory, whose own page is hot.
 *
 * Two names that share 64 bits of keyed hash would be taken for one: at a
 * million entries that is one chance in some ten millions of runs, and not to
 * be provoked, since the key is drawn for each run.
 */
#include "names.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "io.h"

#define DEPTH_FIRST 4u
#define DEPTH_MAX   32u
/* Open addressing gets slow beyond; from here on a page is split. */
#define PAGE_FULL   (NAMES_PAGE_SLOTS / 4 * 3)
#define PAGE_BYTES  (NAMES_PAGE_SLOTS * sizeof(struct names_entry))
#define NONE	    UINT32_MAX

static uint64_t rotl(uint64_t x, int b)
{
	return (x << b) | (x >> (64 - b));
}

static void round_once(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static void absorb(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	round_once(v);
	round_once(v);
	v[0] ^= word;
}

static uint64_t hash_name(const struct names *names, uint32_t dir, const char *name, size_t len)
{
	uint64_t v[4] = {
		names->key[0] ^ 0x736f6d6570736575ull,
		names->key[1] ^ 0x646f72616e646f6dull,
		names->key[0] ^ 0x6c7967656e657261ull,
		names->key[1] ^ 0x7465646279746573ull,
	};
	uint64_t word;
	size_t left;
	int i;

	absorb(v, dir);
	for (left = len; left >= 8; left -= 8, name += 8) {
		memcpy(&word, name, 8);
		absorb(v, le64toh(word));
	}
	word = 0;
	memcpy(&word, name, left);
	absorb(v, le64toh(word) | (uint64_t)len << 56);
	v[2] ^= 0xff;
	for (i = 0; i < 4; i++)
		round_once(v);
	word = v[0] ^ v[1] ^ v[2] ^ v[3];
	return word ? word : 1;
}

static int reserve(void *array, size_t *cap, size_t need, size_t size)
{
	size_t n = *cap ? *cap * 2 : 64;
	void *p;

	if (need <= *cap)
		return 0;
	p = reallocarray(*(void **)array, n, size);
	if (!p)
		return -ENOMEM;
	*(void **)array = p;
	*cap = n;
	return 0;
}

static uint64_t page_offset(uint32_t page)
{
	return (uint64_t)page * PAGE_BYTES;
}

static int write_out(struct names *names, struct names_frame *f)
{
	int r = 0;

	if (names->fd < 0) {
		r = io_unnamed_file(names->dirfd);
		if (r < 0)
			return r;
		names->fd = r;
	}
	if (f->dirty)
		r = io_pwrite_full(names->fd, f->slots, PAGE_BYTES, page_offset(f->page));
	if (r == 0)
		f->dirty = false;
	return r;
}

/* The frame whose page shall go; @keep must stay. */
static struct names_frame *pick(struct names *names, uint32_t keep)
{
	for (;;) {
		struct names_frame *f = &names->frames[names->hand];

		names->hand = names->hand + 1 == names->nframes ? 0 : names->hand + 1;
		if (!f->recent && f->page != keep)
			return f;
		f->recent = false;
	}
}

/* A frame without a page, its slots as they were left. */
static int get_frame(struct names *names, uint32_t keep, struct names_frame **ret)
{
	struct names_frame *f;
	int r;

	if (names->nframes < NAMES_FRAMES || names->dirfd < 0) {
		r = reserve(&names->frames, &names->frames_cap, names->nframes + 1,
			    sizeof(*names->frames));
		if (r < 0)
			return r;
		f = &names->frames[names->nframes];
		*f = (struct names_frame){.slots = malloc(PAGE_BYTES), .page = NONE};
		if (!f->slots)
			return -ENOMEM;
		names->nframes++;
	} else {
		f = pick(names, keep);
		if (f->page != NONE) {
			r = write_out(names, f);
			if (r < 0)
				return r;
			names->pages[f->page].frame = 0;
			f->page = NONE;
		}
	}
	*ret = f;
	return 0;
}

static void give_frame(struct names *names, struct names_frame *f, uint32_t page)
{
	f->page = page;
	f->recent = true;
	names->pages[page].frame = (uint32_t)(f - names->frames) + 1;
}

/* The page in memory, valid until the next call that needs a frame. */
static int load(struct names *names, uint32_t page, struct names_frame **ret)
{
	struct names_frame *f;
	int r;

	if (names->pages[page].frame) {
		f = &names->frames[names->pages[page].frame - 1];
		f->recent = true;
		*ret = f;
		return 0;
	}
	r = get_frame(names, NONE, &f);
	if (r == 0)
		r = io_pread_full(names->fd, f->slots, PAGE_BYTES, page_offset(page));
	if (r < 0)
		return r;
	f->dirty = false;
	give_frame(names, f, page);
	*ret = f;
	return 0;
}

/* An empty page in memory. */
static int add_page(struct names *names, uint8_t depth, uint32_t keep)
{
	uint32_t page = (uint32_t)names->npages;
	struct names_frame *f;
	int r = reserve(&names->pages, &names->pages_cap, names->npages + 1, sizeof(*names->pages));

	if (r == 0)
		r = get_frame(names, keep, &f);
	if (r < 0)
		return r;
	names->pages[names->npages++] = (struct names_page){.depth = depth};
	memset(f->slots, 0, PAGE_BYTES);
	f->dirty = true;
	give_frame(names, f, page);
	return 0;
}

int names_init(struct names *names, int dirfd)
{
	uint32_t i;
	int r;

	*names = (struct names){.depth = DEPTH_FIRST, .dirfd = dirfd, .fd = -EBADF};
	if (getrandom(names->key, sizeof(names->key), 0) != (ssize_t)sizeof(names->key))
		return -EIO;
	names->index = calloc(1u << DEPTH_FIRST, sizeof(*names->index));
	if (!names->index)
		return -ENOMEM;
	for (i = 0; i < 1u << DEPTH_FIRST; i++) {
		names->index[i] = i;
		r = add_page(names, DEPTH_FIRST, NONE);
		if (r < 0)
			return r;
	}
	return 0;
}

void names_free(struct names *names)
{
	size_t i;

	for (i = 0; i < names->nframes; i++)
		free(names->frames[i].slots);
	free(names->frames);
	free(names->pages);
	free(names->index);
	/* A tree that was never begun is all zeros and has no file either. */
	if (names->nframes && names->fd >= 0)
		close(names->fd);
	*names = (struct names){.fd = -EBADF};
}

static size_t index_of(const struct names *names, uint64_t hash)
{
	return (size_t)(hash >> (64 - names->depth));
}

static struct names_entry *probe(struct names_entry *slots, uint64_t hash)
{
	size_t i = (size_t)hash & (NAMES_PAGE_SLOTS - 1);

	while (slots[i].hash && slots[i].hash != hash)
		i = (i + 1) & (NAMES_PAGE_SLOTS - 1);
	return &slots[i];
}

int names_find(struct names *names, uint32_t dir, const char *name, size_t len,
	       struct names_entry *ret)
{
	uint64_t hash = hash_name(names, dir, name, len);
	struct names_frame *f;
	struct names_entry *e;
	int r = load(names, names->index[index_of(names, hash)], &f);

	if (r < 0)
		return r;
	e = probe(f->slots, hash);
	if (!e->hash || !e->ino)
		return 0;
	*ret = *e;
	return 1;
}

static int double_index(struct names *names)
{
	size_t n = (size_t)1 << names->depth, i;
	uint32_t *p;

	if (names->depth == DEPTH_MAX)
		return -ENOMEM;
	p = reallocarray(names->index, n * 2, sizeof(*p));
	if (!p)
		return -ENOMEM;
	for (i = n; i-- > 0;)
		p[2 * i] = p[2 * i + 1] = p[i];
	names->index = p;
	names->depth++;
	return 0;
}

/* Entries whose bit behind the page's own depth is set move to the other page; removed ones go. */
static void distribute(struct names *names, struct names_frame *from, struct names_frame *to)
{
	struct names_page *low = &names->pages[from->page], *high = &names->pages[to->page];
	struct names_entry old[NAMES_PAGE_SLOTS];
	size_t i;

	memcpy(old, from->slots, sizeof(old));
	memset(from->slots, 0, PAGE_BYTES);
	low->used = 0;
	for (i = 0; i < NAMES_PAGE_SLOTS; i++) {
		bool is_high = old[i].hash >> (64 - high->depth) & 1;

		if (!old[i].ino)
			continue;
		*probe(is_high ? to->slots : from->slots, old[i].hash) = old[i];
		(is_high ? high : low)->used++;
	}
	low->depth = high->depth;
	from->dirty = to->dirty = true;
}

/* The full page of @hash becomes two. */
static int split(struct names *names, uint64_t hash)
{
	uint32_t page = names->index[index_of(names, hash)], other = (uint32_t)names->npages;
	uint8_t depth = (uint8_t)(names->pages[page].depth + 1);
	size_t first, n, i;
	int r = depth > names->depth ? double_index(names) : 0;

	if (r == 0)
		r = add_page(names, depth, page);
	if (r < 0)
		return r;
	distribute(names, &names->frames[names->pages[page].frame - 1],
		   &names->frames[names->pages[other].frame - 1]);
	n = (size_t)1 << (names->depth - depth);
	first = index_of(names, hash) & ~(2 * n - 1);
	for (i = first + n; i < first + 2 * n; i++)
		names->index[i] = other;
	return 0;
}

int names_set(struct names *names, uint32_t dir, const char *name, size_t len, uint32_t ino,
	      uint32_t type)
{
	uint64_t hash = hash_name(names, dir, name, len);
	struct names_frame *f;
	struct names_entry *e;
	int r;

	for (;;) {
		uint32_t page = names->index[index_of(names, hash)];

		r = load(names, page, &f);
		if (r < 0)
			return r;
		e = probe(f->slots, hash);
		if (e->hash || names->pages[page].used < PAGE_FULL)
			break;
		r = split(names, hash);
		if (r < 0)
			return r;
	}
	if (!e->hash)
		names->pages[f->page].used++;
	*e = (struct names_entry){hash, ino, type};
	f->dirty = true;
	return 0;
}
