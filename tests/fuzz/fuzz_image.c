/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An expanded image: header, block table, length of the file. Input: the
 * length in units of 4096 bytes (two bytes), a byte that is added to it, then
 * the bytes of the file from its start; the rest of it is a hole.
 *
 * ploop_check() may find anything, but a table that it finds wrong must not
 * open. An image that opens reads everywhere; one that opens for writing reads
 * back what was written into it, after it was closed and opened again, and
 * still holds what was elsewhere.
 */
#include "common.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "disk.h"
#include "err.h"
#include "format.h"
#include "image.h"
#include "io.h"
#include "ploop.h"

#define NAME	"i"
#define HEAD	3u
#define PROBES	32u
#define MEM_MAX (64ull << 20) /* of the largest input that is worth its time */

static void note_finding(void *arg, const char *sentence)
{
	fuzz_check(*sentence);
	if (strstr(sentence, "outside of the data") || strstr(sentence, "are both said to be"))
		*(bool *)arg = true;
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

static void check_writing(uint8_t pick)
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
	unsigned int findings;
	bool wrong = false;
	uint64_t bytes;

	if (len < HEAD)
		return 0;
	bytes = 4096ull * (data[0] | data[1] << 8) + data[2];
	fuzz_write(NAME, data + HEAD, len - HEAD);
	fuzz_check(truncate(fuzz_path(NAME), (off_t)bytes) == 0);

	if (ploop_check(fuzz_path(NAME), note_finding, &wrong, &findings, &err) < 0)
		fuzz_fail("cannot be looked at: %s", err.msg);
	disk = open_disk(false, &err);
	if (!disk)
		return 0;
	fuzz_check(!wrong);
	read_places(disk, got);
	bytes = (uint64_t)disk->img.cluster_bytes * (disk->img.bat.first + 2);
	disk_free(disk);
	if (bytes < MEM_MAX)
		check_writing(data[len - 1]);
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

void fuzz_seeds(void)
{
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
	/* Version 1 counts sectors: one that is none of a cluster. */
	seed(1, 64, 32768, 20, 0, 0);
	seed(1, 4, 65536, 2, 0x44, 129);
}
