/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Partition tables. Input: a byte of which checksums are put right, sector 1,
 * the first entries, the last sector; the rest of the disk is zeros.
 *
 * The partition that is found lies in the disk, and one of the two tables
 * names it.
 */
#include "common.h"

#include <stdbool.h>
#include <string.h>

#include "disk.h"
#include "err.h"
#include "format.h"
#include "gpt.h"
#include "image.h"

#define DISK_BYTES (4ull << 20)
#define SECTORS	   (DISK_BYTES / PLOOP_SECTOR)
#define ENTRIES	   8u /* that come from the input */

enum { FIX_PRIMARY = 1, FIX_BACKUP = 2, FIX_ENTRIES = 4 };

struct table {
	uint8_t primary[PLOOP_SECTOR];
	struct gpt_entry entries[ENTRIES];
	uint8_t backup[PLOOP_SECTOR];
};

static void fix_header(uint8_t *sector, const struct gpt_entry *entries, bool fix_entries)
{
	struct gpt_entry all[GPT_ENTRIES] = {0};
	struct gpt_header h;
	uint32_t n, bytes;

	memcpy(&h, sector, sizeof(h));
	n = le32toh(h.entries);
	bytes = le32toh(h.header_bytes);
	if (fix_entries && n <= GPT_ENTRIES) {
		memcpy(all, entries, ENTRIES * sizeof(*entries));
		h.entries_crc32 = htole32(gpt_crc32(all, n * sizeof(*entries)));
	}
	h.header_crc32 = 0;
	memcpy(sector, &h, sizeof(h));
	if (bytes >= sizeof(h) && bytes <= PLOOP_SECTOR)
		h.header_crc32 = htole32(gpt_crc32(sector, bytes));
	memcpy(sector, &h, sizeof(h));
}

static struct ploop_disk *new_disk(void)
{
	struct ploop_disk *disk;
	struct image img;

	fuzz_check(image_create_trial(DISK_BYTES, &img, NULL) == 0);
	fuzz_check(disk_new(&img, &disk) == 0);
	return disk;
}

/* Does the table at @lba name this partition? */
static bool names(struct ploop_disk *disk, uint64_t lba, uint64_t offset, uint64_t length)
{
	uint64_t first, last;
	struct gpt_header h;

	return gpt_read(disk, lba, &h, &first, &last, NULL) == 0 &&
	       first * PLOOP_SECTOR == offset && (last - first + 1) * PLOOP_SECTOR == length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct ploop_disk *disk;
	static struct table t;
	uint64_t offset, length;
	struct err err = ERR_INIT;

	if (!disk)
		disk = new_disk();
	if (len == 0 || len - 1 > sizeof(t))
		return 0;
	memset(&t, 0, sizeof(t));
	memcpy(&t, data + 1, len - 1);
	if (data[0] & FIX_PRIMARY)
		fix_header(t.primary, t.entries, data[0] & FIX_ENTRIES);
	if (data[0] & FIX_BACKUP)
		fix_header(t.backup, t.entries, data[0] & FIX_ENTRIES);
	fuzz_check(disk_write(disk, PLOOP_SECTOR, t.primary, PLOOP_SECTOR) == 0);
	fuzz_check(disk_write(disk, 2ull * PLOOP_SECTOR, t.entries, sizeof(t.entries)) == 0);
	fuzz_check(disk_write(disk, DISK_BYTES - PLOOP_SECTOR, t.backup, PLOOP_SECTOR) == 0);

	if (gpt_find(disk, &offset, &length, &err) < 0) {
		fuzz_check(err.code < 0 && err.msg[0]);
		return 0;
	}
	fuzz_check(offset < DISK_BYTES && length > 0 && length <= DISK_BYTES - offset);
	fuzz_check(names(disk, 1, offset, length) || names(disk, SECTORS - 1, offset, length));
	return 0;
}

static void set_entries(struct table *t, uint32_t n)
{
	n = htole32(n);
	memcpy(t->primary + offsetof(struct gpt_header, entries), &n, 4);
	memcpy(t->backup + offsetof(struct gpt_header, entries), &n, 4);
}

void fuzz_seeds(void)
{
	static const uint8_t uuid[16] = "0123456789abcdef";
	struct ploop_disk *disk = new_disk();
	struct {
		uint8_t fix;
		struct table t;
	} __attribute__((packed)) seed = {.fix = 0};
	uint64_t offset, length;

	fuzz_check(gpt_create(disk, uuid, &offset, &length, NULL) == 0);
	fuzz_check(disk_read(disk, PLOOP_SECTOR, seed.t.primary, PLOOP_SECTOR) == 0);
	fuzz_check(disk_read(disk, 2ull * PLOOP_SECTOR, seed.t.entries, sizeof(seed.t.entries)) ==
		   0);
	fuzz_check(disk_read(disk, DISK_BYTES - PLOOP_SECTOR, seed.t.backup, PLOOP_SECTOR) == 0);
	fuzz_seed(&seed, sizeof(seed));
	seed.fix = FIX_PRIMARY | FIX_BACKUP | FIX_ENTRIES;
	/* Fewer of them, for the time that their checksum takes; and more than there may be. */
	set_entries(&seed.t, ENTRIES);
	fuzz_seed(&seed, sizeof(seed));
	memset(seed.t.primary, 0, PLOOP_SECTOR);
	fuzz_seed(&seed, sizeof(seed));
	set_entries(&seed.t, GPT_ENTRIES + 1);
	fuzz_seed(&seed, sizeof(seed));
	disk_free(disk);
}
