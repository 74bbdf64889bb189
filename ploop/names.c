/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Open addressing over SipHash-2-4 of directory number and name. Two names
 * that share 64 bits of keyed hash would be taken for one: at a million
 * entries that is one chance in some ten millions of runs, and not to be
 * provoked, since the key is drawn for each run.
 */
#include "names.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define CAP_FIRST 4096

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

int names_init(struct names *names)
{
	*names = (struct names){.cap = CAP_FIRST};
	if (getrandom(names->key, sizeof(names->key), 0) != (ssize_t)sizeof(names->key))
		return -EIO;
	names->slots = calloc(names->cap, sizeof(*names->slots));
	return names->slots ? 0 : -ENOMEM;
}

void names_free(struct names *names)
{
	free(names->slots);
	*names = (struct names){.cap = 0};
}

static struct names_entry *probe(struct names_entry *slots, size_t cap, uint64_t hash)
{
	size_t i = (size_t)hash & (cap - 1);

	while (slots[i].hash && slots[i].hash != hash)
		i = (i + 1) & (cap - 1);
	return &slots[i];
}

struct names_entry *names_find(struct names *names, uint32_t dir, const char *name, size_t len)
{
	struct names_entry *e = probe(names->slots, names->cap, hash_name(names, dir, name, len));

	return e->hash && e->ino ? e : NULL;
}

static int grow(struct names *names)
{
	size_t cap = names->cap * 2, i;
	struct names_entry *slots = calloc(cap, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (i = 0; i < names->cap; i++)
		if (names->slots[i].hash)
			*probe(slots, cap, names->slots[i].hash) = names->slots[i];
	free(names->slots);
	names->slots = slots;
	names->cap = cap;
	return 0;
}

int names_set(struct names *names, uint32_t dir, const char *name, size_t len, uint32_t ino,
	      uint32_t type)
{
	uint64_t hash = hash_name(names, dir, name, len);
	struct names_entry *e;

	if (names->used >= names->cap / 4 * 3 && grow(names) < 0)
		return -ENOMEM;
	e = probe(names->slots, names->cap, hash);
	if (!e->hash)
		names->used++;
	*e = (struct names_entry){hash, ino, type};
	return 0;
}
