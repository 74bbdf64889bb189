/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libarchive has one text for all warnings of an entry, the last one's, and
 * those about the characters of names come last. So what they may hide is
 * looked for here, in the pax records: an attribute that was not taken, a map of
 * holes, records that are none. Of an ACL libarchive says nothing either way. And
 * of "-1.5" it makes one second before 1970 and half a second after that.
 */
#include "headers.h"

#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#define TAR_BLOCK     512u
#define TAR_SIZE      124 /* offset of the field */
#define TAR_SIZE_LEN  12
#define TAR_TYPE      156
#define RECORD_DIGITS 8
#define NSEC	      1000000000L

void headers_leave(struct headers *h)
{
	size_t n = h->len < HEADERS_TAIL ? h->len : HEADERS_TAIL;
	size_t old = h->tail_len < HEADERS_TAIL - n ? h->tail_len : HEADERS_TAIL - n;

	if (!h->len)
		return;
	memmove(h->tail + HEADERS_TAIL - n - old, h->tail + HEADERS_TAIL - old, old);
	memcpy(h->tail + HEADERS_TAIL - n, h->block + h->len - n, n);
	h->tail_len = n + old;
	h->at += h->len;
	h->block = NULL;
	h->len = 0;
}

void headers_block(struct headers *h, const void *block, size_t len)
{
	h->block = block;
	h->len = len;
}

static bool get(const struct headers *h, uint64_t at, void *buf, size_t len)
{
	uint8_t *p = buf;
	size_t n;

	if (at + h->tail_len < h->at || at > h->at + h->len)
		return false;
	if (at < h->at) {
		n = h->at - at < len ? (size_t)(h->at - at) : len;
		memcpy(p, h->tail + HEADERS_TAIL - (h->at - at), n);
		p += n;
		len -= n;
		at = h->at;
	}
	if (len > h->at + h->len - at)
		return false;
	if (len)
		memcpy(p, h->block + (at - h->at), len);
	return true;
}

/* An octal field; more than any header has when it is none. */
static uint64_t octal(const uint8_t *p, size_t len)
{
	uint64_t n = 0;

	while (len && *p == ' ') {
		p++;
		len--;
	}
	for (; len && *p >= '0' && *p <= '7'; p++, len--)
		n = n * 8 + (uint64_t)(*p - '0');
	return len && *p && *p != ' ' ? UINT64_MAX : n;
}

static bool starts(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

/* One "key=value\n". */
typedef bool (*record_fn)(const char *record, void *arg);

/* "LENGTH key=value\n", one behind the other, in @len bytes with a NUL behind them. */
static bool take_records(char *p, size_t len, record_fn take, void *arg)
{
	while (len) {
		char *blank = memchr(p, ' ', len < RECORD_DIGITS ? len : RECORD_DIGITS), *end;
		unsigned long n = blank ? strtoul(p, &end, 10) : 0;

		if (!n || end != blank || n > len || n < (size_t)(blank - p) + 4 ||
		    p[n - 1] != '\n' || !memchr(blank, '=', n - (size_t)(blank - p)))
			return false;
		if (!take(blank + 1, arg))
			return false;
		p += n;
		len -= n;
	}
	return true;
}

static bool take_pax(const struct headers *h, uint64_t at, size_t len, record_fn take, void *arg)
{
	char *p = calloc(1, len + 1);
	bool good = p && get(h, at, p, len) && take_records(p, len, take, arg);

	free(p);
	return good;
}

static bool is_zero(const uint8_t block[TAR_BLOCK])
{
	return block[0] == 0 && memcmp(block, block + 1, TAR_BLOCK - 1) == 0;
}

/* All records of the entry whose first header is at @start. */
static bool each_record(const struct headers *h, uint64_t start, record_fn take, void *arg)
{
	uint8_t block[TAR_BLOCK];
	uint64_t len;

	for (;;) {
		if (!get(h, start, block, sizeof(block)))
			return false;
		start += TAR_BLOCK;
		if (is_zero(block)) /* the mark in front of a further archive */
			continue;
		if (!block[TAR_TYPE] || !strchr("xXgLK", block[TAR_TYPE]))
			return true;
		len = octal(block + TAR_SIZE, TAR_SIZE_LEN);
		if (len > HEADERS_TAIL)
			return false;
		if ((block[TAR_TYPE] | 0x20) == 'x' && !take_pax(h, start, (size_t)len, take, arg))
			return false;
		start += (len + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	}
}

static bool count_attribute(const char *record, void *arg)
{
	size_t *attributes = arg;

	if (starts(record, "SCHILY.xattr.") || starts(record, "LIBARCHIVE.xattr."))
		++*attributes;
	return !starts(record, "GNU.sparse.map=");
}

bool headers_agree(const struct headers *h, uint64_t start, struct archive_entry *e)
{
	size_t attributes = 0;

	return each_record(h, start, count_attribute, &attributes) &&
	       attributes == (size_t)archive_entry_xattr_count(e);
}

struct negative {
	bool mtime, atime;
};

/* The last one of a key is what the entry has. */
static bool look_at_time(const char *record, void *arg)
{
	struct negative *n = arg;

	if (starts(record, "mtime="))
		n->mtime = starts(record, "mtime=-");
	if (starts(record, "atime="))
		n->atime = starts(record, "atime=-");
	return true;
}

bool headers_mend_times(const struct headers *h, uint64_t start, struct archive_entry *e)
{
	long mtime = archive_entry_mtime_nsec(e), atime = archive_entry_atime_nsec(e);
	struct negative is = {0};

	if ((!mtime || archive_entry_mtime(e) > 0) && (!atime || archive_entry_atime(e) > 0))
		return true;
	if (!each_record(h, start, look_at_time, &is))
		return false;
	/* The seconds are right but for their part, which goes the other way. */
	if (is.mtime && mtime)
		archive_entry_set_mtime(e, archive_entry_mtime(e) - 1, NSEC - mtime);
	if (is.atime && atime)
		archive_entry_set_atime(e, archive_entry_atime(e) - 1, NSEC - atime);
	return true;
}
