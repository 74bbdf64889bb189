/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libarchive reads gzip without looking at its checksum: a flipped bit in a
 * template would end up in a container without a word. So gzip is taken apart
 * here, by zlib, which does look; the other compressions check themselves.
 */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <zlib.h>

#include "cleanup.h"
#include "err.h"

#define IN_BYTES    (512u << 10)
#define OUT_BYTES   (512u << 10)
#define GZIP_WINDOW (16 + MAX_WBITS)

struct source {
	int fd; /* owned */
	uint64_t bytes;
	uint8_t *in, *out; /* owned; out for gzip only */
	z_stream z;
	bool gzip, inflating; /* inflating: inside of a member */
};

/* More input; 0 at the end of the file. */
static ssize_t read_more(struct source *s)
{
	ssize_t n;

	do
		n = read(s->fd, s->in, IN_BYTES);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		s->bytes += (uint64_t)n;
	return n;
}

static la_ssize_t fail(struct archive *a, int code, const char *why)
{
	archive_set_error(a, code, "%s", why);
	return ARCHIVE_FATAL;
}

static la_ssize_t read_plain(struct archive *a, void *arg, const void **ret)
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
static int step(struct archive *a, struct source *s)
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

static la_ssize_t read_gzip(struct archive *a, void *arg, const void **ret)
{
	struct source *s = arg;
	int r = 1;

	s->z.next_out = s->out;
	s->z.avail_out = OUT_BYTES;
	while (r == 1 && s->z.avail_out == OUT_BYTES)
		r = step(a, s);
	*ret = s->out;
	return r < 0 ? r : (la_ssize_t)(OUT_BYTES - s->z.avail_out);
}

static int prepare(struct source *s)
{
	uint8_t magic[2];

	s->in = malloc(IN_BYTES);
	if (!s->in)
		return -ENOMEM;
	/* What cannot be read at a place (a pipe) is left to libarchive. */
	if (pread(s->fd, magic, 2, 0) != 2 || magic[0] != 0x1f || magic[1] != 0x8b)
		return 0;
	s->out = malloc(OUT_BYTES);
	if (!s->out || inflateInit2(&s->z, GZIP_WINDOW) != Z_OK)
		return -ENOMEM;
	s->gzip = true;
	s->inflating = true;
	return 0;
}

int source_open(const char *path, struct archive *a, struct source **ret, struct err *err)
{
	struct source *s = calloc(1, sizeof(*s));
	struct stat st;
	int r = 0;

	if (!s)
		return err_errno(err, ENOMEM, "cannot read '%s'", path);
	s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (s->fd < 0 || fstat(s->fd, &st) < 0)
		r = err_errno(err, errno, "cannot open '%s'", path);
	else if (S_ISDIR(st.st_mode))
		r = err_set(err, EISDIR, "'%s' is a directory and not a tar archive", path);
	else if (prepare(s) < 0)
		r = err_errno(err, ENOMEM, "cannot read '%s'", path);
	else if (archive_read_open(a, s, NULL, s->gzip ? read_gzip : read_plain, NULL) !=
		 ARCHIVE_OK)
		r = err_set(err, EINVAL, "'%s' is no tar archive or a damaged one: %s", path,
			    archive_error_string(a));
	if (r < 0) {
		source_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

uint64_t source_bytes(const struct source *s)
{
	return s->bytes;
}

void source_close(struct source *s)
{
	if (!s)
		return;
	if (s->gzip)
		inflateEnd(&s->z);
	if (s->fd >= 0)
		close(s->fd);
	free(s->in);
	free(s->out);
	free(s);
}
