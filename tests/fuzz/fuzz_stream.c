/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stream of a copy. Input: a byte, then the stream. With the byte's lowest
 * bit its checksums are put right first, and with the next one the numbers of its
 * frames, so that what lies behind them is reached.
 *
 * One of what was written since a point comes to a copy of the disk at that point.
 *
 * What is received has its name if and only if that came off, is an image that
 * has nothing wrong with it, and is as large as the stream said; else nothing is
 * left, and such a copy is as it was. What is wrong with a stream that is taken whole is wrong without its last
 * byte.
 */
#include "common.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "descriptor.h"
#include "err.h"
#include "extension.h"
#include "format.h"
#include "image.h"
#include "io.h"
#include "path.h"
#include "ploop.h"
#include "stream.h"

#define CLUSTER	  32768u
#define TABLE_MAX (1u << 16) /* clusters: of the largest disk that is worth its time */
/* Clusters of a copy that is made for each try. */
#define COPY_MAX  4096

static void note_finding(void *arg, const char *sentence)
{
	(void)arg;
	/* The disk's own contents may be anything. */
	if (!strstr(sentence, "partition") && !strstr(sentence, "MBR"))
		fuzz_fail("received, and %s", sentence);
}

static bool is_since(const uint8_t *p, size_t len)
{
	struct stream_header h;

	if (len < sizeof(h) + sizeof(struct stream_since))
		return false;
	memcpy(&h, p, sizeof(h));
	return le32toh(h.version) == STREAM_VERSION_SINCE;
}

/* Where the frames begin. */
static size_t mend_since(uint8_t *p, size_t len)
{
	struct stream_since h;

	if (!is_since(p, len))
		return sizeof(struct stream_header);
	p += sizeof(struct stream_header);
	memcpy(&h, p, sizeof(h));
	h.crc = htole32(stream_crc(&h, offsetof(struct stream_since, crc)));
	memcpy(p, &h, sizeof(h));
	return sizeof(struct stream_header) + sizeof(h);
}

static void mend(uint8_t *p, size_t len, bool numbers)
{
	struct stream_header h;
	uint64_t n;
	size_t at;

	if (len < sizeof(h))
		return;
	memcpy(&h, p, sizeof(h));
	h.crc = htole32(stream_crc(&h, offsetof(struct stream_header, crc)));
	memcpy(p, &h, sizeof(h));
	at = mend_since(p, len);
	for (n = 0; len - at >= sizeof(struct stream_frame_header); n++) {
		struct stream_frame_header f;
		uint32_t length;

		memcpy(&f, p + at, sizeof(f));
		length = le32toh(f.length);
		if (numbers)
			f.number = htole64(n);
		if (length <= len - at - sizeof(f))
			f.data_crc = htole32(stream_crc(p + at + sizeof(f), length));
		f.crc = htole32(stream_crc(&f, offsetof(struct stream_frame_header, crc)));
		memcpy(p + at, &f, sizeof(f));
		if (length > len - at - sizeof(f))
			return;
		at += sizeof(f) + length;
	}
}

static bool is_worth_it(const uint8_t *p, size_t len)
{
	struct stream_header h;

	if (len < sizeof(h))
		return true;
	memcpy(&h, p, sizeof(h));
	return !h.cluster_sectors ||
	       le64toh(h.disk_sectors) / le32toh(h.cluster_sectors) < TABLE_MAX;
}

/* A copy of an empty disk at the point that the stream names; false: there is no such disk. */
static bool make_copy(const uint8_t *p)
{
	_cleanup_close_ int dirfd = -EBADF;
	struct stream_header h;
	struct stream_since since;
	struct descriptor d;
	struct image img;
	uint64_t size;
	uint32_t cluster;
	int r;

	memcpy(&h, p, sizeof(h));
	memcpy(&since, p + sizeof(h), sizeof(since));
	size = le64toh(h.disk_sectors) * PLOOP_SECTOR;
	cluster = le32toh(h.cluster_sectors) * PLOOP_SECTOR;
	if (cluster < PLOOP_CLUSTER_MIN || cluster > PLOOP_CLUSTER_MAX ||
	    (cluster & (cluster - 1)) || !size || size / cluster >= COPY_MAX)
		return false;
	fuzz_check(mkdirat(fuzz_dirfd(), "i", 0700) == 0);
	dirfd = openat(fuzz_dirfd(), "i", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (image_create(dirfd, "root.hds", PLOOP_FORMAT_EXPANDED, size, cluster, &img, NULL) < 0)
		return false;
	r = extension_add(&img.ext, since.since, size / PLOOP_SECTOR, cluster);
	if (r == 0)
		r = image_finish(&img, false, NULL);
	image_close(&img);
	if (r < 0 || descriptor_init(&d, size, cluster, PLOOP_FORMAT_EXPANDED, "root.hds") < 0)
		return false;
	fuzz_check(descriptor_store(dirfd, &d, NULL) == 0);
	descriptor_free(&d);
	return true;
}

static void check_copy(bool got)
{
	struct ploop_snapshot *list;
	struct ploop_point *points;
	size_t n;

	fuzz_check(ploop_snapshots(fuzz_path("i"), &list, &n, NULL) == 0);
	ploop_snapshots_free(list, n);
	fuzz_check(n == (got ? 2 : 1));
	fuzz_check(ploop_points(fuzz_path("i"), &points, &n, NULL) == 0);
	fuzz_check(got || (n == 1 && points[0].written_bytes == 0));
	free(points);
}

/* The file with the stream, at its start, is all that is there before, but for that copy. */
static int receive(const uint8_t *p, size_t len, size_t *ret_used, struct err *err)
{
	_cleanup_close_ int fd = openat(fuzz_dirfd(), "s", O_RDONLY | O_CLOEXEC);
	bool copy = false;
	int r;

	fuzz_check(fd >= 0);
	(void)path_remove_tree(fuzz_dirfd(), "i", NULL);
	if (is_since(p, len) && !(copy = make_copy(p)))
		(void)path_remove_tree(fuzz_dirfd(), "i", NULL);
	r = ploop_copy_receive(fuzz_path("i"), fd, -1, err);
	*ret_used = (size_t)lseek(fd, 0, SEEK_CUR);
	fuzz_check(fuzz_entries() == (r == 0 || copy ? 2 : 1));
	fuzz_check(r == 0 || (r < 0 && err->msg[0]));
	if (copy)
		check_copy(r == 0);
	return r;
}

static void check_received(const uint8_t *p)
{
	struct err err = ERR_INIT;
	struct stream_header h;
	struct ploop_disk *disk;
	unsigned int n;

	memcpy(&h, p, sizeof(h));
	if (ploop_check(fuzz_path("i"), note_finding, NULL, &n, &err) < 0 ||
	    ploop_open(fuzz_path("i"), &disk, &err) < 0)
		fuzz_fail("received, and %s", err.msg);
	fuzz_check(ploop_size_bytes(disk) == le64toh(h.disk_sectors) * PLOOP_SECTOR);
	fuzz_check(ploop_cluster_bytes(disk) == le32toh(h.cluster_sectors) * PLOOP_SECTOR);
	ploop_close(disk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	_cleanup_free_ uint8_t *p = NULL;
	struct err err = ERR_INIT;
	size_t used;

	if (len < 1)
		return 0;
	p = malloc(len);
	fuzz_check(p);
	memcpy(p, data + 1, len - 1);
	if (data[0] & 1)
		mend(p, len - 1, data[0] & 2);
	if (!is_worth_it(p, len - 1))
		return 0;
	fuzz_write("s", p, len - 1);
	if (receive(p, len - 1, &used, &err) < 0)
		return 0;
	check_received(p);
	fuzz_check(used <= len - 1);
	fuzz_check(truncate(fuzz_path("s"), (off_t)used - 1) == 0);
	fuzz_check(receive(p, len - 1, &used, &err) == -EPROTO);
	return 0;
}

static const uint8_t since[16] = "since that point", point[16] = "and another one.";

static int begin(struct stream *s, int fd, uint64_t size_bytes, unsigned int points)
{
	return points ? stream_begin_since(s, fd, size_bytes, CLUSTER, since,
					   points > 1 ? point : NULL, NULL)
		      : stream_begin(s, fd, size_bytes, CLUSTER, NULL);
}

/* A disk whose last cluster is short; @frames of its clusters, an end or none; since one of @points. */
static void seed(uint8_t head, uint64_t size_bytes, unsigned int points,
		 const struct stream_frame *frames, size_t n)
{
	_cleanup_close_ int fd =
		openat(fuzz_dirfd(), "s", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	_cleanup_free_ uint8_t *buf = malloc(CLUSTER);
	_cleanup_free_ char *text = NULL;
	struct stream s;
	size_t i, len;

	fuzz_check(fd >= 0 && buf && begin(&s, fd, size_bytes, points) == 0);
	memset(buf, 'x', CLUSTER);
	for (i = 0; i < n; i++)
		fuzz_check(stream_put(&s, &frames[i], buf, NULL) == 0);
	fuzz_check(io_read_file(fuzz_dirfd(), "s", 1 << 20, &text, &len, NULL) == 0);
	text = realloc(text, len + 1);
	fuzz_check(text);
	memmove(text + 1, text, len);
	text[0] = (char)head;
	fuzz_seed(text, len + 1);
	unlinkat(fuzz_dirfd(), "s", 0);
}

void fuzz_seeds(void)
{
	const struct stream_frame short_one[] = {
		{STREAM_DATA, 2, 512}, {STREAM_ZERO, 1, CLUSTER}, {STREAM_FLUSH, 0, 0},
		{STREAM_ZERO, 2, 512}, {STREAM_END, 0, 0},
	};
	const struct stream_frame whole[] = {
		{STREAM_DATA, 1, CLUSTER},
		{STREAM_END, 0, 0},
	};

	unsigned int points;

	for (points = 0; points < 3; points++) {
		seed(3, 2 * CLUSTER + 512, points, short_one, 5);
		seed(0, 2 * CLUSTER + 512, points, short_one, 5);
		seed(3, 2 * CLUSTER + 512, points, short_one, 4);
		seed(1, 2 * CLUSTER, points, whole, 2);
		seed(3, 100 * CLUSTER, points, &short_one[4], 1);
	}
}
