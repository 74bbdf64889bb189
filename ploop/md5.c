/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "md5.h"

#include <endian.h>
#include <string.h>

#define BLOCK 64u

static uint32_t rotate(uint32_t x, unsigned int n)
{
	return x << n | x >> (32 - n);
}

/* The function and the word of step @i, by its round. */
static uint32_t mix(unsigned int i, uint32_t b, uint32_t c, uint32_t d, unsigned int *ret_word)
{
	switch (i / 16) {
	case 0:
		*ret_word = i;
		return (b & c) | (~b & d);
	case 1:
		*ret_word = (5 * i + 1) % 16;
		return (b & d) | (c & ~d);
	case 2:
		*ret_word = (3 * i + 5) % 16;
		return b ^ c ^ d;
	default:
		*ret_word = 7 * i % 16;
		return c ^ (b | ~d);
	}
}

static void add_block(uint32_t state[4], const uint8_t *block)
{
	static const uint8_t shifts[4][4] = {
		{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
	/* The 32 bits behind the point of |sin(i + 1)|. */
	static const uint32_t sines[64] = {
		0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613,
		0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193,
		0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d,
		0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed,
		0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122,
		0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
		0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244,
		0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
		0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb,
		0xeb86d391,
	};
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3], words[16];
	unsigned int i, w;

	memcpy(words, block, BLOCK);
	for (i = 0; i < 64; i++) {
		uint32_t f = mix(i, b, c, d, &w);
		uint32_t next =
			b + rotate(a + f + sines[i] + le32toh(words[w]), shifts[i / 16][i % 4]);

		a = d;
		d = c;
		c = b;
		b = next;
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
}

void md5(const void *data, size_t len, uint8_t ret[MD5_BYTES])
{
	uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
	uint64_t bits = htole64((uint64_t)len * 8);
	uint8_t tail[2 * BLOCK] = {0};
	const uint8_t *p = data;
	size_t left = len, end, i;

	for (; left >= BLOCK; left -= BLOCK, p += BLOCK)
		add_block(state, p);
	memcpy(tail, p, left);
	tail[left] = 0x80;
	end = left + 9 > BLOCK ? sizeof(tail) : BLOCK;
	memcpy(tail + end - sizeof(bits), &bits, sizeof(bits));
	for (i = 0; i < end; i += BLOCK)
		add_block(state, tail + i);
	for (i = 0; i < 4; i++)
		state[i] = htole32(state[i]);
	memcpy(ret, state, MD5_BYTES);
}
