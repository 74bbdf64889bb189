/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a client of `ploop serve` says. Input: a byte, then the client's words. With
 * the byte's lowest bit the export is read-only. With the next one the words are
 * requests only: the handshake goes before them, and their magic is put right.
 *
 * Nothing outside of the export is asked for, and nothing is written to one that is
 * read-only. Of requests only, each has its answer, what is read is what was
 * written, and what is refused changes nothing.
 */
#include "common.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "nbd.h"

#define EXPORT_BYTES 1024u
/* All answers to that fit into a socket, which nobody reads before the end. */
#define WORDS_MAX    2048u
#define ANSWERS_MAX  (512u << 10)

#define REQUEST_BYTES 28u
#define ANSWER_BYTES  16u
#define GREETING      18u
#define GO_ANSWERS    (20u + 12u + 20u)

enum { READ, WRITE, DISC, FLUSH, ZEROES = 6 };

static uint8_t store[EXPORT_BYTES];
static bool read_only;

static void check_range(uint64_t off, uint64_t len)
{
	fuzz_check(off <= EXPORT_BYTES && len <= EXPORT_BYTES - off);
}

static int read_store(void *arg, uint64_t off, void *buf, size_t len)
{
	(void)arg;
	check_range(off, len);
	memcpy(buf, store + off, len);
	return 0;
}

static int write_store(void *arg, uint64_t off, const void *buf, size_t len)
{
	(void)arg;
	fuzz_check(!read_only);
	check_range(off, len);
	memcpy(store + off, buf, len);
	return 0;
}

static int zero_store(void *arg, uint64_t off, uint64_t len)
{
	(void)arg;
	fuzz_check(!read_only);
	check_range(off, len);
	memset(store + off, 0, len);
	return 0;
}

static int flush_store(void *arg)
{
	(void)arg;
	return 0;
}

/* What the server says to @words, as long as the buffer; how much that is. */
static size_t serve(const uint8_t *words, size_t len, uint8_t *answers, int *ret)
{
	const struct nbd_export export = {EXPORT_BYTES, read_only,  NULL,	read_store,
					  write_store,	zero_store, flush_store};
	struct err err = ERR_INIT;
	int pair[2], room = 4 << 20;
	size_t got = 0;
	ssize_t n;

	fuzz_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	if (setsockopt(pair[1], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) < 0)
		(void)setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	fuzz_check(send(pair[0], words, len, 0) == (ssize_t)len);
	fuzz_check(shutdown(pair[0], SHUT_WR) == 0);
	*ret = nbd_serve(&export, pair[1], -1, &err);
	fuzz_check(*ret == 0 || (*ret == -EPROTO && err.msg[0]));
	close(pair[1]);
	while ((n = read(pair[0], answers + got, ANSWERS_MAX - got)) > 0)
		got += (size_t)n;
	close(pair[0]);
	fuzz_check(got >= GREETING && memcmp(answers, "NBDMAGICIHAVEOPT", 16) == 0);
	return got;
}

static uint64_t number(const uint8_t *p, unsigned int bytes)
{
	uint64_t n = 0;

	while (bytes--)
		n = n << 8 | *p++;
	return n;
}

/* Of the client: its flags, and GO without a name and without wishes. */
static size_t shake_hands(uint8_t *words)
{
	static const char hands[] = "\0\0\0\3IHAVEOPT\0\0\0\7\0\0\0\6\0\0\0\0\0";

	memcpy(words, hands, sizeof(hands));
	return sizeof(hands);
}

static void put_magics(uint8_t *p, size_t len)
{
	static const uint8_t magic[] = {0x25, 0x60, 0x95, 0x13};
	size_t size;

	for (; len >= REQUEST_BYTES; p += size, len -= size) {
		memcpy(p, magic, sizeof(magic));
		size = REQUEST_BYTES + (number(p + 6, 2) == WRITE ? number(p + 24, 4) : 0);
		if (size > len)
			return;
	}
}

/* Does the protocol allow it of this export? */
static bool is_good(const uint8_t *q)
{
	uint64_t flags = number(q + 4, 2), type = number(q + 6, 2), off = number(q + 16, 8);
	uint64_t len = number(q + 24, 4);
	bool writes = type == WRITE || type == ZEROES;

	if (flags & ~(type == ZEROES ? 3u : 1u) || (writes && read_only))
		return false;
	if (type == FLUSH)
		return off == 0 && len == 0;
	return (type == READ || writes) && off <= EXPORT_BYTES && len <= EXPORT_BYTES - off;
}

/* The answers to the requests @q, on a store that was all @model. */
static void check_answers(const uint8_t *q, size_t len, const uint8_t *a, size_t got,
			  uint8_t model[EXPORT_BYTES])
{
	while (len >= REQUEST_BYTES) {
		uint64_t type = number(q + 6, 2), off = number(q + 16, 8), n = number(q + 24, 4);
		size_t size = REQUEST_BYTES + (type == WRITE ? n : 0);
		bool good = is_good(q);

		if (type == DISC || size > len)
			break;
		fuzz_check(got >= ANSWER_BYTES && number(a, 4) == 0x67446698u);
		fuzz_check(memcmp(a + 8, q + 8, 8) == 0);
		fuzz_check((number(a + 4, 4) == 0) == good);
		a += ANSWER_BYTES;
		got -= ANSWER_BYTES;
		if (good && type == READ) {
			fuzz_check(got >= n && memcmp(a, model + off, n) == 0);
			a += n;
			got -= n;
		} else if (good && type == WRITE) {
			memcpy(model + off, q + REQUEST_BYTES, n);
		} else if (good && type == ZEROES) {
			memset(model + off, 0, n);
		}
		q += size;
		len -= size;
	}
	fuzz_check(got == 0);
	fuzz_check(memcmp(model, store, EXPORT_BYTES) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t answers[ANSWERS_MAX], words[WORDS_MAX + 64], model[EXPORT_BYTES];
	size_t begin = 0, got;
	int r;

	if (len < 1 || len - 1 > WORDS_MAX)
		return 0;
	read_only = data[0] & 1;
	memset(store, 'a', sizeof(store));
	memset(model, 'a', sizeof(model));
	if (data[0] & 2)
		begin = shake_hands(words);
	memcpy(words + begin, data + 1, len - 1);
	if (data[0] & 2)
		put_magics(words + begin, len - 1);
	got = serve(words, begin + len - 1, answers, &r);
	if (!(data[0] & 2))
		return 0;
	fuzz_check(got >= GREETING + GO_ANSWERS);
	check_answers(words + begin, len - 1, answers + GREETING + GO_ANSWERS,
		      got - GREETING - GO_ANSWERS, model);
	return 0;
}

static size_t put_request(uint8_t *p, unsigned int type, unsigned int off, unsigned int len)
{
	memset(p, 0, REQUEST_BYTES);
	p[7] = (uint8_t)type;
	p[15] = (uint8_t)off;
	p[22] = (uint8_t)(off >> 8);
	p[23] = (uint8_t)off;
	p[26] = (uint8_t)(len >> 8);
	p[27] = (uint8_t)len;
	if (type != WRITE)
		return REQUEST_BYTES;
	memset(p + REQUEST_BYTES, 'w', len);
	return REQUEST_BYTES + len;
}

void fuzz_seeds(void)
{
	uint8_t p[1024] = {2};
	size_t n = 1, hands;

	n += put_request(p + n, WRITE, 100, 50);
	n += put_request(p + n, READ, 90, 70);
	n += put_request(p + n, ZEROES, 110, 10);
	n += put_request(p + n, FLUSH, 0, 0);
	n += put_request(p + n, READ, 0, 1024);
	n += put_request(p + n, READ, 1000, 25);
	n += put_request(p + n, DISC, 0, 0);
	fuzz_seed(p, n);
	p[0] = 3;
	fuzz_seed(p, n);
	p[0] = 0;
	hands = 1 + shake_hands(p + 1);
	fuzz_seed(p, hands);
	p[16] = 3;
	fuzz_seed(p, hands);
	p[16] = 1;
	memset(p + 17, 0, 4);
	fuzz_seed(p, 21);
}
