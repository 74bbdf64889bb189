/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading a tar by libarchive, which is lenient: it takes the plain end of a
 * file for the end of the archive. Here a tar ends with its mark and nothing
 * but zeros, or further archives, behind it, down to the last byte, so that
 * the checksum of the compression has been seen.
 */
#include "entries.h"

#include <errno.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "err.h"
#include "headers.h"
#include "source.h"

#define TAR_BLOCK   512
/* libarchive may ask for one more before the headers in this one have been counted. */
#define CHUNK_BYTES (64u << 10)
/* Of one entry: names, attributes, maps of holes. A map in GNU's old headers has 24 bytes a piece. */
#define HEAD_BYTES  (4u << 20)

struct entries {
	struct archive *a;
	struct source *source; /* borrowed */
	entries_tap_fn tap;
	void *arg;
	char why[256];	/* of the source's failure, which libarchive would replace by its own */
	int code;	/* its number */
	la_int64_t end; /* of the last entry */
	locale_t utf8, old;
	struct headers headers;
	const uint8_t *rest; /* of what the source gave */
	size_t rest_len;
	bool heading; /* libarchive reads headers, from @head on */
	uint64_t head;
	size_t head_bytes, numbers;
};

static bool is_zero(const uint8_t *p, size_t len)
{
	return !len || (!*p && memcmp(p, p + 1, len - 1) == 0);
}

/*
 * libarchive keeps all headers of an entry in memory, whatever they are: a map of
 * holes in GNU's format 1.0 is lines of numbers in front of the data, as many as
 * there are. So they are counted as they go by. Zeros are between archives.
 */
static const char *count_headers(struct entries *in)
{
	const struct headers *h = &in->headers;
	size_t i = in->head > h->at ? (size_t)(in->head - h->at) : 0;

	if (i >= h->len || is_zero(h->block + i, h->len - i))
		return NULL;
	in->head_bytes += h->len - i;
	for (; i < h->len; i++)
		if (h->block[i] == '\n')
			in->numbers++;
		else if (h->block[i] < '0' || h->block[i] > '9')
			in->numbers = 0;
	if (in->numbers > 2 * ENTRIES_PIECES_MAX + 1)
		return "a sparse file is in more pieces than are possible here";
	return in->head_bytes > HEAD_BYTES ? "the headers of one entry are too long" : NULL;
}

static ssize_t read_chunk(struct entries *in, struct archive *a, const void **ret)
{
	const void *block = NULL;
	ssize_t n;

	if (!in->rest_len) {
		n = source_read(in->source, a, &block);
		if (n <= 0)
			return n;
		in->rest = block;
		in->rest_len = (size_t)n;
	}
	*ret = in->rest;
	n = (ssize_t)(in->rest_len < CHUNK_BYTES ? in->rest_len : CHUNK_BYTES);
	in->rest += n;
	in->rest_len -= (size_t)n;
	return n;
}

static la_ssize_t read_block(struct archive *a, void *arg, const void **ret)
{
	struct entries *in = arg;
	const char *much = in->heading ? count_headers(in) : NULL;
	ssize_t n;
	int r;

	headers_leave(&in->headers);
	if (much)
		archive_set_error(a, E2BIG, "%s", much);
	n = much ? ARCHIVE_FATAL : read_chunk(in, a, ret);
	if (n > 0)
		headers_block(&in->headers, *ret, (size_t)n);
	if (n < 0) {
		snprintf(in->why, sizeof(in->why), "%s", archive_error_string(a));
		in->code = archive_errno(a);
	}
	if (n <= 0 || !in->tap)
		return n;
	r = in->tap(in->arg, *ret, (size_t)n);
	if (r < 0) {
		archive_set_error(a, -r, "%s", strerror(-r));
		return ARCHIVE_FATAL;
	}
	return n;
}

static const char *reason(const struct entries *in)
{
	return in->why[0] ? in->why : archive_error_string(in->a);
}

static int damaged(struct entries *in, struct err *err)
{
	if (in->code == E2BIG)
		return err_set(err, E2BIG, "cannot be unpacked: %s", reason(in));
	return err_set(err, EINVAL, "is no tar archive or a damaged one: %s", reason(in));
}

int entries_open(struct source *source, entries_tap_fn tap, void *arg, struct entries **ret,
		 struct err *err)
{
	struct entries *in = calloc(1, sizeof(*in));
	int r = 0;

	if (!in)
		return err_errno(err, ENOMEM, "cannot be read");
	in->source = source;
	in->tap = tap;
	in->arg = arg;
	/* Names are bytes: in this locale libarchive hands over the UTF-8 of pax headers as it is. */
	in->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	in->old = in->utf8 ? uselocale(in->utf8) : (locale_t)0;
	in->a = archive_read_new();
	if (!in->a || archive_read_support_format_tar(in->a) != ARCHIVE_OK ||
	    archive_read_set_options(in->a, "read_concatenated_archives") != ARCHIVE_OK)
		r = err_set(err, ENOMEM, "libarchive cannot read tar archives here");
	else if (archive_read_open(in->a, in, NULL, read_block, NULL) != ARCHIVE_OK)
		r = damaged(in, err);
	if (r < 0) {
		entries_close(in);
		return r;
	}
	*ret = in;
	return 0;
}

/*
 * A name's characters are kept as they are, whatever it is told of them. All
 * other warnings are of something that was left out: a name, an attribute, an
 * ACL. Only the text tells them apart, and it is the last one's: see headers.c.
 */
static bool is_about_characters(const struct entries *in)
{
	const char *why = archive_error_string(in->a);

	return why && (strstr(why, "can't be converted") || strstr(why, "cannot be converted"));
}

static int take_header(struct entries *in, bool warned, struct archive_entry *e, struct err *err)
{
	uint64_t start = entries_start(in);

	if (warned && !headers_agree(&in->headers, start, e))
		return err_set(err, EINVAL,
			       "has an entry of which only a part can be read, and a name that is "
			       "no UTF-8");
	if (!headers_mend_times(&in->headers, start, e))
		return err_set(err, EINVAL, "has an entry with a time that cannot be told");
	return 1;
}

int entries_next(struct entries *in, struct archive_entry **ret, struct err *err)
{
	int r;

	in->head = entries_position(in);
	in->head_bytes = in->numbers = 0;
	in->heading = true;
	r = archive_read_next_header(in->a, ret);
	in->heading = false;
	if (r == ARCHIVE_OK || (r == ARCHIVE_WARN && is_about_characters(in)))
		return take_header(in, r == ARCHIVE_WARN, *ret, err);
	if (r == ARCHIVE_WARN)
		return err_set(err, EINVAL, "has an entry of which only a part can be read: %s",
			       reason(in));
	if (r != ARCHIVE_EOF)
		return damaged(in, err);
	if (archive_filter_bytes(in->a, 0) - in->end < TAR_BLOCK)
		return err_set(err, EINVAL, "is cut off: the end mark is missing");
	return 0;
}

int entries_skip(struct entries *in, struct err *err)
{
	if (archive_read_data_skip(in->a) < ARCHIVE_WARN)
		return err_set(err, EINVAL, "cannot be read from the archive: %s", reason(in));
	in->end = archive_filter_bytes(in->a, 0);
	return 0;
}

struct archive *entries_archive(struct entries *in)
{
	return in->a;
}

uint64_t entries_start(const struct entries *in)
{
	return (uint64_t)archive_read_header_position(in->a);
}

uint64_t entries_position(const struct entries *in)
{
	return (uint64_t)archive_filter_bytes(in->a, 0);
}

void entries_close(struct entries *in)
{
	if (!in)
		return;
	archive_read_free(in->a);
	if (in->utf8) {
		uselocale(in->old);
		freelocale(in->utf8);
	}
	free(in);
}
