/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An expanded image: header, block table, length of the file. Input: the
 * length in units of 4096 bytes (two bytes), a byte that is added to it, then
 * the bytes of the file from its start; the rest of it is a hole. The checksum of an
 * extension is put right first, so that what lies behind it is reached.
 *
 * ploop_check() may find anything, but a table that it finds wrong must not
 * open. An image that opens reads everywhere; one that opens for writing reads
 * back what was written into it, after it was closed and opened again, and
 * still holds what was elsewhere; each point that it has is one of it afterwards, and
 * knows of that. A point is told if and only if check finds the extension sound.
 */
#include "common.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/md5.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "disk.h"
#include "err.h"
#include "extension.h"
#include "format.h"
#include "image.h"
#include "io.h"
#include "ploop.h"

#define NAME	"i"
#define HEAD	3u
#define PROBES	32u
#define MEM_MAX (64ull << 20) /* of the largest input that is worth its time */

struct found {
	bool wrong;	/* the table */
	bool extension; /* is not sound */
};

static void note_finding(void *arg, const char *sentence)
{
	fuzz_check(*sentence);
	if (strstr(sentence, "said to be in cluster"))
		((struct found *)arg)->wrong = true;
	if (strstr(sentence, "extension of") || strstr(sentence, "a bitmap of") ||
	    strstr(sentence, "unknown feature"))
		((struct found *)arg)->extension = true;
}

/* Where the header says that it is. */
static void seal_extension(void)
{
	_cleanup_close_ int fd = openat(fuzz_dirfd(), NAME, O_RDWR | O_CLOEXEC);
	uint8_t head[sizeof(struct ploop_header)], sum[MD5_DIGEST_SIZE];
	struct md5_ctx md5;
	_cleanup_free_ uint8_t *buf = NULL;
	struct ploop_header h;
	uint64_t at, len;

	fuzz_check(fd >= 0);
	if (io_pread_full(fd, head, sizeof(head), 0) < 0)
		return;
	memcpy(&h, head, sizeof(h));
	at = le64toh(h.extension_sectors) * PLOOP_SECTOR;
	len = (uint64_t)le32toh(h.cluster_sectors) * PLOOP_SECTOR;
	if (!at || at > (1u << 30) || len < sizeof(struct ploop_extension) || len > (1u << 20))
		return;
	buf = malloc(len);
	fuzz_check(buf);
	if (io_pread_full(fd, buf, len, at) < 0)
		return;
	md5_init(&md5);
	md5_update(&md5, len - sizeof(struct ploop_extension),
		   buf + sizeof(struct ploop_extension));
	md5_digest(&md5, sizeof(sum), sum);
	fuzz_check(io_pwrite_full(fd, sum, sizeof(sum), at + 8) == 0);
}

static struct ploop_disk *open_disk(bool writable, struct err *err)
{
	struct image img = {.fd = -EBADF};
	struct ploop_disk *disk;

	if (image_open(fuzz_dirfd(), NAME, PLOOP_FORMAT_EXPANDED, 0, writable, &img, err) < 0) {
		fuzz_check(err->code < 0 && err->msg[0]);
		return NULL;
	}
	fuzz_check(disk_new(&img, &disk) == 0);
	return disk;
}

/* Some places all over the disk, its ends among them. */
static uint64_t place(const struct ploop_disk *disk, unsigned int i)
{
	uint64_t last = disk->img.size_bytes - PLOOP_SECTOR;

	return i == PROBES - 1 ? last : last / PROBES * i / PLOOP_SECTOR * PLOOP_SECTOR;
}

static void read_places(struct ploop_disk *disk, uint8_t (*ret)[PLOOP_SECTOR])
{
	unsigned int i;

	for (i = 0; i < PROBES; i++)
		fuzz_check(disk_read(disk, place(disk, i), ret[i], PLOOP_SECTOR) == 0);
	fuzz_check(disk_read(disk, disk->img.size_bytes, ret[0], 1) < 0);
}

/* As many as there were, or none of what is not sound. */
static void check_points(const struct extension *was, uint64_t where)
{
	struct err err = ERR_INIT;
	struct ploop_disk *disk = open_disk(false, &err);
	unsigned int i;

	if (!disk || image_load_extension(&disk->img, &err) < 0)
		fuzz_fail("was written and its points are wrong: %s", err.msg);
	fuzz_check(disk->img.ext.n == was->n);
	for (i = 0; i < was->n; i++) {
		const struct point *p = extension_find(&disk->img.ext, was->points[i].id);
		uint64_t k;

		fuzz_check(p && p->bytes == was->points[i].bytes);
		fuzz_check(point_has(p, where, 1));
		for (k = 0; k < p->bytes; k++)
			fuzz_check((was->points[i].bits[k] & ~p->bits[k]) == 0);
	}
	disk_free(disk);
}

/* -EUCLEAN, or -EOPNOTSUPP for one that keeps writers away. */
static int load_points(struct extension *ret, bool told)
{
	struct err err = ERR_INIT;
	struct ploop_disk *disk = open_disk(false, &err);
	int r;

	fuzz_check(disk);
	r = image_load_extension(&disk->img, &err);
	fuzz_check(r == 0 || ((r == -EUCLEAN || r == -EOPNOTSUPP) && err.msg[0]));
	fuzz_check((r < 0) == told);
	*ret = disk->img.ext;
	disk->img.ext = (struct extension){.n = 0};
	disk_free(disk);
	return r;
}

static void check_writing(uint8_t pick, const struct extension *was)
{
	static uint8_t before[PROBES][PLOOP_SECTOR], after[PROBES][PLOOP_SECTOR];
	struct err err = ERR_INIT;
	struct ploop_disk *disk = open_disk(true, &err);
	unsigned int i, at = pick % PROBES;
	uint64_t where;

	if (!disk)
		fuzz_fail("opens for reading and not for writing: %s", err.msg);
	where = place(disk, at);
	read_places(disk, before);
	memset(before[at], pick | 1, PLOOP_SECTOR);
	fuzz_check(disk_write(disk, where, before[at], PLOOP_SECTOR) == 0);
	fuzz_check(disk_flush(disk) == 0);
	fuzz_check(image_finish(&disk->img, false, &err) == 0);
	disk_free(disk);
	check_points(was, where);

	disk = open_disk(false, &err);
	if (!disk)
		fuzz_fail("was written and does not open any more: %s", err.msg);
	read_places(disk, after);
	for (i = 0; i < PROBES; i++)
		if (i == at || place(disk, i) != where)
			fuzz_check(memcmp(before[i], after[i], PLOOP_SECTOR) == 0);
	disk_free(disk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t got[PROBES][PLOOP_SECTOR];
	struct err err = ERR_INIT;
	struct ploop_disk *disk;
	struct found found = {false, false};
	struct extension points;
	unsigned int findings;
	uint64_t bytes;
	int r;

	if (len < HEAD)
		return 0;
	bytes = 4096ull * (data[0] | data[1] << 8) + data[2];
	fuzz_write(NAME, data + HEAD, len - HEAD);
	fuzz_check(truncate(fuzz_path(NAME), (off_t)bytes) == 0);

	seal_extension();
	if (ploop_check(fuzz_path(NAME), note_finding, &found, &findings, &err) < 0)
		fuzz_fail("cannot be looked at: %s", err.msg);
	disk = open_disk(false, &err);
	if (!disk)
		return 0;
	fuzz_check(!found.wrong);
	read_places(disk, got);
	bytes = (uint64_t)disk->img.cluster_bytes * (disk->img.bat.first + 2);
	disk_free(disk);
	r = load_points(&points, found.extension);
	if (bytes < MEM_MAX && r != -EOPNOTSUPP)
		check_writing(data[len - 1], &points);
	extension_free(&points);
	return 0;
}

/* A disk of that format version with @clusters, of which @used have data; then the word at @at becomes @word. */
static void seed(unsigned int version, uint32_t clusters, uint32_t cluster_bytes, uint32_t used,
		 uint32_t at, uint32_t word)
{
	struct ploop_disk *disk;
	_cleanup_free_ char *text = NULL;
	struct image img;
	uint32_t i;
	size_t len, pages;

	unlinkat(fuzz_dirfd(), NAME, 0);
	fuzz_check(image_create(fuzz_dirfd(), NAME, PLOOP_FORMAT_EXPANDED,
				(uint64_t)clusters * cluster_bytes, cluster_bytes, &img,
				NULL) == 0);
	fuzz_check(image_set_version(&img, version, NULL) == 0);
	fuzz_check(disk_new(&img, &disk) == 0);
	for (i = 0; i < used; i++)
		fuzz_check(disk_write(disk, 2ull * i * cluster_bytes, "data", 4) == 0);
	fuzz_check(disk_flush(disk) == 0);
	fuzz_check(image_finish(&disk->img, false, NULL) == 0);
	disk_free(disk);
	fuzz_check(io_read_file(fuzz_dirfd(), NAME, 1 << 30, &text, &len, NULL) == 0);
	word = htole32(word);
	if (at)
		memcpy(text + at, &word, 4);
	pages = len / 4096;
	len = HEAD + 64 + 4 * (size_t)clusters;
	memmove(text + HEAD, text, len - HEAD);
	text[0] = (char)(pages & 0xff);
	text[1] = (char)(pages >> 8);
	text[2] = 0;
	fuzz_seed(text, len);
}

/* Four clusters and two points; in the first one's feature the 8 bytes at @at become @value. */
static void seed_points(uint32_t at, uint64_t value)
{
	static const uint8_t ids[2][POINT_ID_BYTES] = {{1}, {2}};
	const uint32_t size = PLOOP_CLUSTER_MIN;
	struct ploop_disk *disk;
	_cleanup_free_ char *text = NULL;
	struct ploop_header h;
	struct image img;
	size_t len;

	unlinkat(fuzz_dirfd(), NAME, 0);
	fuzz_check(image_create(fuzz_dirfd(), NAME, PLOOP_FORMAT_EXPANDED, 4ull * size, size, &img,
				NULL) == 0);
	fuzz_check(disk_new(&img, &disk) == 0);
	fuzz_check(extension_add(&disk->img.ext, ids[0], 4ull * size / 512, size) == 0);
	fuzz_check(disk_write(disk, size, "data", 4) == 0);
	fuzz_check(disk_flush(disk) == 0);
	fuzz_check(extension_add(&disk->img.ext, ids[1], 4ull * size / 512, size) == 0);
	fuzz_check(image_finish(&disk->img, false, NULL) == 0);
	disk_free(disk);
	fuzz_check(io_read_file(fuzz_dirfd(), NAME, 1 << 30, &text, &len, NULL) == 0);
	memcpy(&h, text, sizeof(h));
	value = htole64(value);
	if (at)
		memcpy(text + le64toh(h.extension_sectors) * 512 + sizeof(struct ploop_extension) +
			       at,
		       &value, sizeof(value));
	text = realloc(text, len + HEAD);
	fuzz_check(text);
	memmove(text + HEAD, text, len);
	text[0] = (char)(len / 4096);
	text[1] = 0;
	text[2] = 0;
	fuzz_seed(text, len + HEAD);
}

void fuzz_seeds(void)
{
	seed_points(0, 0);
	/* Size of the disk, name, granularity and table: no power of two, another's cluster, outside. */
	seed_points(24, 5);
	seed_points(32, 2);
	seed_points(48, 96 | 1ull << 32);
	seed_points(48, 1ull << 32);
	seed_points(48, 64 | 7ull << 32);
	seed_points(56, 1);
	seed_points(56, 64);
	seed_points(56, 1 << 20);
	seed_points(80, 77);
	seed_points(16, UINT32_MAX);
	seed(2, 4, 65536, 2, 0, 0);
	seed(2, 64, 32768, 1, 0, 0);
	seed(2, 1, 1 << 20, 1, 0, 0);
	seed(2, 8, 32768, 0, 0, 0);
	seed(2, 200, 32768, 100, 0, 0);
	/* Twice the same cluster, one past the end, one of the table; in use; too many entries. */
	seed(2, 4, 65536, 2, 0x44, 1);
	seed(2, 4, 65536, 2, 0x44, 3);
	seed(2, 20000, 32768, 1, 0x44, 2);
	seed(2, 4, 65536, 2, 0x2c, PLOOP_INUSE);
	seed(2, 4, 65536, 2, 0x20, 5);
	/* Closed by who knows the extension, which is somewhere, or nowhere. */
	seed(2, 4, 65536, 2, 0x2c, PLOOP_CLOSED_V21);
	seed(2, 4, 65536, 2, 0x38, 128);
	seed(2, 4, 65536, 2, 0x38, UINT32_MAX);
	/* Version 1 counts sectors: one that is none of a cluster. */
	seed(1, 64, 32768, 20, 0, 0);
	seed(1, 4, 65536, 2, 0x44, 129);
}
