/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libarchive takes a stream out of its compression, with two exceptions. It
 * reads gzip without looking at its checksum, and a flipped bit in a template
 * would end up in a container without a word: so gzip is taken apart here, by
 * zlib, which does look. And it gives xz the memory that the file asks for, up
 * to 4 GiB for a file of some bytes: so xz is taken apart here, by liblzma with
 * a limit. Of zstd libarchive takes windows up to 128 MiB, of bzip2 there are
 * none above 900 kB. xz and bzip2 check themselves; a .zst does where it was
 * written with a checksum, which libarchive's writer, and so vztmpl, has no
 * option for: the manifest's sha256 is what `vztmpl verify` and `vzctl create`
 * go by. The tap is for that.
 *
 *   file -- read_more() --+-- step_gzip(), step_xz() ------+-- source_read()
 *                         +-- libarchive's filters, "raw" -+
 */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <lzma.h>
#include <zlib.h>

#include "err.h"

#define IN_BYTES    (512u << 10)
#define OUT_BYTES   (512u << 10)
#define GZIP_WINDOW (16 + MAX_WBITS)
/* For a dictionary of 128 MiB, twice that of xz -9, and what goes with it. */
#define XZ_MEMORY   (UINT64_C(129) << 20)
#define MAGIC_BYTES 6

enum kind {
	RAW,
	GZIP,
	XZ,
};

struct source {
	int fd; /* owned */
	uint64_t bytes;
	uint8_t *in, *out; /* owned; out not for RAW */
	size_t first;	   /* bytes in @in that were read to see what it is */
	enum kind kind;
	struct archive *raw;
	z_stream z;
	lzma_stream x;
	bool inflating; /* gzip: inside of a member */
	bool at_eof;	/* xz: of the file */
	bool ended;
	source_tap_fn tap;
	void *tap_arg;
};

static ssize_t read_at(struct source *s, size_t at)
{
	ssize_t n;

	do
		n = read(s->fd, s->in + at, IN_BYTES - at);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		s->bytes += (uint64_t)n;
	if (n > 0 && s->tap)
		s->tap(s->tap_arg, s->in + at, (size_t)n);
	return n;
}

/* More input; 0 at the end of the file. */
static ssize_t read_more(struct source *s)
{
	ssize_t n = (ssize_t)s->first;

	s->first = 0;
	return n > 0 ? n : read_at(s, 0);
}

/* As much as tells what it is: a pipe may give it in pieces. 0 or -errno. */
static int read_first(struct source *s)
{
	ssize_t n;

	do {
		n = read_at(s, s->first);
		if (n < 0)
			return -errno;
		s->first += (size_t)n;
	} while (n > 0 && s->first < MAGIC_BYTES);
	return 0;
}

static ssize_t fail(struct archive *a, int code, const char *why)
{
	archive_set_error(a, code, "%s", why ? why : "it cannot be read");
	return ARCHIVE_FATAL;
}

static la_ssize_t read_compressed(struct archive *a, void *arg, const void **ret)
{
	struct source *s = arg;
	ssize_t n = read_more(s);

	*ret = s->in;
	return n < 0 ? fail(a, errno, strerror(errno)) : n;
}

/* gzip pads with zeros on tapes; anything else behind a member must be another one. */
static bool only_padding(const struct source *s)
{
	unsigned int i;

	for (i = 0; i < s->z.avail_in; i++)
		if (s->z.next_in[i])
			return false;
	return true;
}

/* One step of inflate; 1 when there is output or more to do, 0 at the end. */
static int step_gzip(struct archive *a, struct source *s)
{
	int r;

	if (!s->z.avail_in) {
		ssize_t n = read_more(s);

		if (n < 0)
			return (int)fail(a, errno, strerror(errno));
		if (n == 0 && s->inflating)
			return (int)fail(a, EINVAL, "the gzip stream is cut off");
		if (n == 0)
			return 0;
		s->z.next_in = s->in;
		s->z.avail_in = (unsigned int)n;
	}
	if (!s->inflating) {
		if (only_padding(s)) {
			s->z.avail_in = 0;
			return 1;
		}
		inflateReset(&s->z);
		s->inflating = true;
	}
	r = inflate(&s->z, Z_NO_FLUSH);
	if (r == Z_STREAM_END)
		s->inflating = false;
	else if (r != Z_OK && r != Z_BUF_ERROR)
		return (int)fail(a, EINVAL, "the gzip stream is damaged");
	return 1;
}

static int xz_failed(struct archive *a, struct source *s, lzma_ret why)
{
	char text[128];

	switch (why) {
	case LZMA_MEMLIMIT_ERROR:
		snprintf(text, sizeof(text),
			 "the xz stream takes %" PRIu64 " MiB of memory and may take %" PRIu64,
			 (lzma_memusage(&s->x) >> 20) + 1, XZ_MEMORY >> 20);
		return (int)fail(a, E2BIG, text);
	case LZMA_MEM_ERROR:
		return (int)fail(a, ENOMEM, strerror(ENOMEM));
	case LZMA_BUF_ERROR:
		return (int)fail(a, EINVAL, "the xz stream is cut off");
	default:
		return (int)fail(a, EINVAL, "the xz stream is damaged");
	}
}

/* The same for xz: of several streams too, with padding between. */
static int step_xz(struct archive *a, struct source *s)
{
	lzma_ret r;

	if (!s->x.avail_in && !s->at_eof) {
		ssize_t n = read_more(s);

		if (n < 0)
			return (int)fail(a, errno, strerror(errno));
		s->at_eof = n == 0;
		s->x.next_in = s->in;
		s->x.avail_in = (size_t)n;
	}
	r = lzma_code(&s->x, s->at_eof ? LZMA_FINISH : LZMA_RUN);
	if (r == LZMA_STREAM_END)
		return 0;
	return r == LZMA_OK ? 1 : xz_failed(a, s, r);
}

static ssize_t read_gzip(struct source *s, struct archive *a, const void **ret)
{
	int r = 1;

	s->z.next_out = s->out;
	s->z.avail_out = OUT_BYTES;
	while (r == 1 && s->z.avail_out == OUT_BYTES)
		r = step_gzip(a, s);
	*ret = s->out;
	return r < 0 ? r : (ssize_t)(OUT_BYTES - s->z.avail_out);
}

static ssize_t read_xz(struct source *s, struct archive *a, const void **ret)
{
	int r = 1;

	s->x.next_out = s->out;
	s->x.avail_out = OUT_BYTES;
	while (r == 1 && s->x.avail_out == OUT_BYTES)
		r = step_xz(a, s);
	*ret = s->out;
	/* At the end it may not be asked again. */
	s->ended = r == 0;
	return r < 0 ? r : (ssize_t)(OUT_BYTES - s->x.avail_out);
}

static ssize_t read_raw(struct source *s, struct archive *a, const void **ret)
{
	la_int64_t offset;
	size_t len = 0;
	int r;

	do
		r = archive_read_data_block(s->raw, ret, &len, &offset);
	while (r == ARCHIVE_OK && len == 0);
	if (r == ARCHIVE_EOF)
		return 0;
	if (r != ARCHIVE_OK)
		return fail(a, archive_errno(s->raw), archive_error_string(s->raw));
	return (ssize_t)len;
}

ssize_t source_read(struct source *s, struct archive *a, const void **ret)
{
	ssize_t n;

	if (s->ended)
		return 0;
	if (s->kind == XZ)
		return read_xz(s, a, ret);
	n = s->kind == GZIP ? read_gzip(s, a, ret) : read_raw(s, a, ret);
	s->ended = n == 0;
	return n;
}

static int prepare_gzip(struct source *s, struct err *err)
{
	s->out = malloc(OUT_BYTES);
	if (!s->out || inflateInit2(&s->z, GZIP_WINDOW) != Z_OK)
		return err_errno(err, ENOMEM, "cannot read gzip");
	s->kind = GZIP;
	s->inflating = true;
	return 0;
}

static int prepare_xz(struct source *s, struct err *err)
{
	s->out = malloc(OUT_BYTES);
	if (!s->out || lzma_stream_decoder(&s->x, XZ_MEMORY, LZMA_CONCATENATED) != LZMA_OK)
		return err_errno(err, ENOMEM, "cannot read xz");
	s->kind = XZ;
	return 0;
}

int source_drain(struct source *s)
{
	ssize_t n;

	do
		n = read_more(s);
	while (n > 0);
	return n < 0 ? -errno : 0;
}

/* Only what is built into libarchive: it runs programs for the others. */
static int prepare_raw(struct source *s, const char *name, struct err *err)
{
	struct archive_entry *e;
	int r;

	s->raw = archive_read_new();
	if (!s->raw || archive_read_support_format_raw(s->raw) != ARCHIVE_OK ||
	    archive_read_support_format_empty(s->raw) != ARCHIVE_OK ||
	    archive_read_support_filter_bzip2(s->raw) != ARCHIVE_OK ||
	    archive_read_support_filter_zstd(s->raw) != ARCHIVE_OK)
		return err_set(err, ENOMEM, "libarchive cannot read compressed files here");
	r = archive_read_open(s->raw, s, NULL, read_compressed, NULL);
	if (r == ARCHIVE_OK)
		r = archive_read_next_header(s->raw, &e);
	if (r == ARCHIVE_EOF)
		s->ended = true;
	else if (r != ARCHIVE_OK)
		return err_set(err, EINVAL, "'%s' is no tar archive or a damaged one: %s", name,
			       archive_error_string(s->raw));
	return 0;
}

static int prepare(struct source *s, const char *name, struct err *err)
{
	struct stat st;
	int r;

	if (fstat(s->fd, &st) < 0)
		return err_errno(err, errno, "cannot open '%s'", name);
	if (S_ISDIR(st.st_mode))
		return err_set(err, EISDIR, "'%s' is a directory and not a tar archive", name);
	s->in = malloc(IN_BYTES);
	if (!s->in)
		return err_errno(err, ENOMEM, "cannot read '%s'", name);
	r = read_first(s);
	if (r < 0)
		return err_errno(err, r, "cannot read '%s'", name);
	if (s->first >= 2 && s->in[0] == 0x1f && s->in[1] == 0x8b)
		return prepare_gzip(s, err);
	if (s->first >= MAGIC_BYTES && memcmp(s->in,
					      "\xfd"
					      "7zXZ",
					      MAGIC_BYTES) == 0)
		return prepare_xz(s, err);
	return prepare_raw(s, name, err);
}

static int take(int fd, const char *name, source_tap_fn tap, void *arg, struct source **ret,
		struct err *err)
{
	struct source *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		close(fd);
		return err_errno(err, ENOMEM, "cannot read '%s'", name);
	}
	s->fd = fd;
	s->x = (lzma_stream)LZMA_STREAM_INIT;
	s->tap = tap;
	s->tap_arg = arg;
	r = prepare(s, name, err);
	if (r < 0) {
		if (tap && s->in)
			(void)source_drain(s);
		source_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

int source_take(int fd, const char *name, struct source **ret, struct err *err)
{
	return take(fd, name, NULL, NULL, ret, err);
}

int source_open_tapped(const char *path, source_tap_fn tap, void *arg, struct source **ret,
		       struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return err_errno(err, errno, "cannot open '%s'", path);
	return take(fd, path, tap, arg, ret, err);
}

int source_open(const char *path, struct source **ret, struct err *err)
{
	return source_open_tapped(path, NULL, NULL, ret, err);
}

uint64_t source_bytes(const struct source *s)
{
	return s->bytes;
}

void source_close(struct source *s)
{
	if (!s)
		return;
	/* The reader first: it may look at its input until it is gone. */
	archive_read_free(s->raw);
	if (s->kind == GZIP)
		inflateEnd(&s->z);
	lzma_end(&s->x);
	free(s->in);
	free(s->out);
	close(s->fd);
	free(s);
}
