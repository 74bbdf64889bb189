/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream.h"

#include <endian.h>
#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <stdbool.h>
#include <string.h>

#include "err.h"
#include "format.h"
#include "io.h"

uint32_t stream_crc(const void *data, size_t len)
{
	return ~ext2fs_crc32c_le(~0u, data, len);
}

static bool is_zero(const uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

static int broken(struct err *err, const char *what)
{
	return err_set(err, EPROTO, "the stream %s", what);
}

static int read_all(int fd, void *buf, size_t len, struct err *err)
{
	int r = io_read_full(fd, buf, len);

	if (r == -EIO)
		return broken(err, "ends before its end mark");
	return r < 0 ? err_errno(err, r, "cannot read the stream") : 0;
}

static int write_all(int fd, const void *buf, size_t len, struct err *err)
{
	int r = io_write_full(fd, buf, len);

	return r < 0 ? err_errno(err, r, "cannot write the stream") : 0;
}

/* --- header ---------------------------------------------------------------------------- */

static int begin(struct stream *s, int fd, uint64_t size_bytes, uint32_t cluster_bytes,
		 uint32_t version, struct err *err)
{
	struct stream_header h = {
		.version = htole32(version),
		.cluster_sectors = htole32(cluster_bytes / PLOOP_SECTOR),
		.disk_sectors = htole64(size_bytes / PLOOP_SECTOR),
	};

	memcpy(h.magic, STREAM_MAGIC, STREAM_MAGIC_BYTES);
	h.crc = htole32(stream_crc(&h, offsetof(struct stream_header, crc)));
	*s = (struct stream){.fd = fd, .size_bytes = size_bytes, .cluster_bytes = cluster_bytes};
	return write_all(fd, &h, sizeof(h), err);
}

int stream_begin(struct stream *s, int fd, uint64_t size_bytes, uint32_t cluster_bytes,
		 struct err *err)
{
	return begin(s, fd, size_bytes, cluster_bytes, STREAM_VERSION, err);
}

int stream_begin_since(struct stream *s, int fd, uint64_t size_bytes, uint32_t cluster_bytes,
		       const uint8_t since[16], const uint8_t *point, struct err *err)
{
	struct stream_since h = {.crc = 0};
	int r = begin(s, fd, size_bytes, cluster_bytes, STREAM_VERSION_SINCE, err);

	if (r < 0)
		return r;
	memcpy(h.since, since, sizeof(h.since));
	if (point)
		memcpy(h.point, point, sizeof(h.point));
	h.crc = htole32(stream_crc(&h, offsetof(struct stream_since, crc)));
	return write_all(fd, &h, sizeof(h), err);
}

static int open_since(struct stream *s, struct err *err)
{
	struct stream_since h;
	int r = read_all(s->fd, &h, sizeof(h), err);

	if (r < 0)
		return r;
	if (le32toh(h.crc) != stream_crc(&h, offsetof(struct stream_since, crc)))
		return broken(err, "has a damaged header");
	if (is_zero(h.since, sizeof(h.since)) || !is_zero(h.reserved, sizeof(h.reserved)))
		return broken(err, "is of a point that is not possible");
	s->increment = true;
	memcpy(s->since, h.since, sizeof(h.since));
	memcpy(s->point, h.point, sizeof(h.point));
	return 0;
}

int stream_open(struct stream *s, int fd, struct err *err)
{
	struct stream_header h;
	uint64_t cluster, sectors;
	int r = read_all(fd, &h, sizeof(h), err);

	if (r < 0)
		return r;
	if (memcmp(h.magic, STREAM_MAGIC, STREAM_MAGIC_BYTES) != 0)
		return broken(err, "is none of 'ploop copy'");
	if (le32toh(h.version) != STREAM_VERSION && le32toh(h.version) != STREAM_VERSION_SINCE)
		return err_set(err, EPROTO, "the stream is of version %u, and not of %u or %u",
			       le32toh(h.version), STREAM_VERSION, STREAM_VERSION_SINCE);
	if (le32toh(h.crc) != stream_crc(&h, offsetof(struct stream_header, crc)))
		return broken(err, "has a damaged header");
	cluster = (uint64_t)le32toh(h.cluster_sectors) * PLOOP_SECTOR;
	sectors = le64toh(h.disk_sectors);
	if (cluster < PLOOP_CLUSTER_MIN || cluster > PLOOP_CLUSTER_MAX ||
	    (cluster & (cluster - 1)) || !sectors || sectors > PLOOP_SIZE_MAX / PLOOP_SECTOR ||
	    !is_zero(h.reserved, sizeof(h.reserved)))
		return broken(err, "is of a disk that is not possible");
	*s = (struct stream){
		.fd = fd, .size_bytes = sectors * PLOOP_SECTOR, .cluster_bytes = (uint32_t)cluster};
	return le32toh(h.version) == STREAM_VERSION_SINCE ? open_since(s, err) : 0;
}

/* --- frames ---------------------------------------------------------------------------- */

/* 0: the disk has no such cluster. */
static uint32_t length_of(const struct stream *s, uint32_t cluster)
{
	uint64_t at = (uint64_t)cluster * s->cluster_bytes;

	if (at >= s->size_bytes)
		return 0;
	return s->size_bytes - at < s->cluster_bytes ? (uint32_t)(s->size_bytes - at)
						     : s->cluster_bytes;
}

int stream_put(struct stream *s, const struct stream_frame *frame, const void *buf, struct err *err)
{
	bool data = frame->type == STREAM_DATA;
	struct stream_frame_header h = {
		.magic = htole32(STREAM_FRAME_MAGIC),
		.type = htole32(frame->type),
		.number = htole64(s->number++),
		.cluster = htole32(frame->cluster),
		.length = htole32(data ? frame->length : 0),
		.data_crc = htole32(data ? stream_crc(buf, frame->length) : 0),
	};
	int r;

	h.crc = htole32(stream_crc(&h, offsetof(struct stream_frame_header, crc)));
	r = write_all(s->fd, &h, sizeof(h), err);
	return r < 0 || !data ? r : write_all(s->fd, buf, frame->length, err);
}

static int parse_frame(const struct stream *s, const struct stream_frame_header *h,
		       struct stream_frame *ret, struct err *err)
{
	uint32_t type = le32toh(h->type), cluster = le32toh(h->cluster);
	bool has_cluster = type == STREAM_DATA || type == STREAM_ZERO;
	uint32_t length = has_cluster ? length_of(s, cluster) : 0;

	if (le32toh(h->magic) != STREAM_FRAME_MAGIC ||
	    le32toh(h->crc) != stream_crc(h, offsetof(struct stream_frame_header, crc)))
		return broken(err, "has a damaged frame");
	if (le64toh(h->number) != s->number)
		return broken(err, "has lost a frame, or has one twice");
	if (type < STREAM_DATA || type > STREAM_END)
		return err_set(err, EPROTO, "the stream has a frame of the unknown type %u", type);
	if ((has_cluster && !length) || (!has_cluster && cluster))
		return err_set(err, EPROTO,
			       "the stream has a frame of cluster %u, which the disk has not",
			       cluster);
	if (le32toh(h->length) != (type == STREAM_DATA ? length : 0))
		return err_set(err, EPROTO, "the stream has a frame of %u bytes, which is wrong",
			       le32toh(h->length));
	*ret = (struct stream_frame){(enum stream_type)type, cluster, length};
	return 0;
}

int stream_get(struct stream *s, struct stream_frame *ret, void *buf, struct err *err)
{
	struct stream_frame_header h;
	int r = read_all(s->fd, &h, sizeof(h), err);

	if (r == 0)
		r = parse_frame(s, &h, ret, err);
	if (r < 0)
		return r;
	s->number++;
	if (ret->type != STREAM_DATA)
		return 0;
	r = read_all(s->fd, buf, ret->length, err);
	if (r == 0 && stream_crc(buf, ret->length) != le32toh(h.data_crc))
		r = err_set(err, EPROTO, "the stream has damaged data of cluster %u", ret->cluster);
	return r;
}

/* --- answers --------------------------------------------------------------------------- */

int stream_answer(const struct stream *s, int fd, const struct err *failed)
{
	struct stream_answer a = {
		.magic = htole32(STREAM_ANSWER_MAGIC),
		.status = htole32(failed ? (uint32_t)-failed->code : 0),
		.number = htole64(s->number),
	};

	if (failed)
		memcpy(a.text, failed->msg, strnlen(failed->msg, sizeof(a.text) - 1));
	a.crc = htole32(stream_crc(&a, offsetof(struct stream_answer, crc)));
	return io_write_full(fd, &a, sizeof(a));
}

/* It goes to somebody's terminal. */
static void copy_text(const uint8_t *from, char to[STREAM_TEXT_BYTES])
{
	size_t i;

	for (i = 0; i < STREAM_TEXT_BYTES - 1 && from[i]; i++)
		to[i] = from[i] >= ' ' && from[i] < 0x7f ? (char)from[i] : '?';
	to[i] = '\0';
}

int stream_await(const struct stream *s, int fd, struct err *err)
{
	char text[STREAM_TEXT_BYTES];
	struct stream_answer a;
	int r = io_read_full(fd, &a, sizeof(a));

	if (r == -EIO)
		return err_set(err, EREMOTEIO, "the receiver ended without an answer");
	if (r < 0)
		return err_errno(err, r, "cannot read the receiver's answer");
	if (le32toh(a.magic) != STREAM_ANSWER_MAGIC ||
	    le32toh(a.crc) != stream_crc(&a, offsetof(struct stream_answer, crc)))
		return err_set(err, EPROTO, "the receiver's answer is none");
	copy_text(a.text, text);
	if (a.status)
		return err_set(err, EREMOTEIO, "the receiver failed: %s", text);
	if (le64toh(a.number) != s->number)
		return err_set(err, EPROTO, "the receiver's answer is not about the last frame");
	return 0;
}
