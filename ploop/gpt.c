/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 *   LBA 0      protective MBR
 *   1          primary header          last-32 .. last-1   backup entries
 *   2..33      primary entries         last                backup header
 *   2048 ..    the partition, up to the last whole MiB before the backup
 *
 * Both tables name the same partition; the backup is read where the primary
 * does not check out, and never written from a damaged primary.
 */
#include <stddef.h>

#include "gpt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "disk.h"
#include "err.h"
#include "format.h"

/* 0FC63DAF-8483-4772-8E79-3D69D8477DE4, Linux file system, as the disk has it. */
static const uint8_t linux_type[16] = {0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47,
				       0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4};

struct table {
	struct gpt_header header;
	struct gpt_entry entries[GPT_ENTRIES];
};

uint32_t gpt_crc32(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t crc = 0xffffffff;

	while (len--) {
		int bit;

		crc ^= *p++;
		for (bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (0xedb88320 & -(crc & 1));
	}
	return ~crc;
}

int gpt_layout(uint64_t disk_bytes, uint64_t *ret_first_lba, uint64_t *ret_last_lba)
{
	uint64_t sectors = disk_bytes / PLOOP_SECTOR, end;

	if (sectors < 2 * GPT_ALIGN_SECTORS)
		return -ENOSPC;
	/* The backup takes the last 33 sectors. */
	end = (sectors - 1 - GPT_TABLE_SECTORS) / GPT_ALIGN_SECTORS * GPT_ALIGN_SECTORS;
	if (end <= GPT_ALIGN_SECTORS)
		return -ENOSPC;
	*ret_first_lba = GPT_ALIGN_SECTORS;
	*ret_last_lba = end - 1;
	return 0;
}

/* Two different GUIDs from one. A GUID's first three fields are little endian on the disk. */
static void derive_guid(const uint8_t *uuid, uint8_t salt, uint8_t *ret)
{
	static const uint8_t from[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	size_t i;

	for (i = 0; i < 16; i++)
		ret[i] = uuid[from[i]];
	ret[15] ^= salt;
	ret[14] ^= (uint8_t)(salt << 4);
}

static void fill_table(struct table *t, const uint8_t *uuid, uint64_t sectors, uint64_t first,
		       uint64_t last)
{
	static const char name[] = "root";
	size_t i;

	memset(t, 0, sizeof(*t));
	memcpy(t->entries[0].type_guid, linux_type, 16);
	derive_guid(uuid, 2, t->entries[0].guid);
	t->entries[0].first_lba = htole64(first);
	t->entries[0].last_lba = htole64(last);
	for (i = 0; name[i]; i++)
		t->entries[0].name[i] = htole16((uint16_t)name[i]);

	memcpy(t->header.signature, GPT_SIGNATURE, 8);
	t->header.revision = htole32(GPT_REVISION);
	t->header.header_bytes = htole32(GPT_HEADER_BYTES);
	t->header.first_usable_lba = htole64(GPT_FIRST_USABLE);
	t->header.last_usable_lba = htole64(sectors - 2 - GPT_TABLE_SECTORS);
	derive_guid(uuid, 1, t->header.disk_guid);
	t->header.entries = htole32(GPT_ENTRIES);
	t->header.entry_bytes = htole32(GPT_ENTRY_BYTES);
	t->header.entries_crc32 = htole32(gpt_crc32(t->entries, sizeof(t->entries)));
}

static int write_table(struct ploop_disk *disk, struct table *t, uint64_t my_lba,
		       uint64_t alternate_lba, uint64_t entries_lba)
{
	int r;

	t->header.my_lba = htole64(my_lba);
	t->header.alternate_lba = htole64(alternate_lba);
	t->header.entries_lba = htole64(entries_lba);
	t->header.header_crc32 = 0;
	t->header.header_crc32 = htole32(gpt_crc32(&t->header, GPT_HEADER_BYTES));
	r = disk_write(disk, entries_lba * PLOOP_SECTOR, t->entries, sizeof(t->entries));
	if (r < 0)
		return r;
	return disk_write(disk, my_lba * PLOOP_SECTOR, &t->header, GPT_HEADER_BYTES);
}

static int write_mbr(struct ploop_disk *disk, uint64_t sectors)
{
	uint32_t size = sectors - 1 > UINT32_MAX ? UINT32_MAX : (uint32_t)(sectors - 1);
	uint8_t mbr[PLOOP_SECTOR] = {0};
	uint8_t *e = mbr + MBR_ENTRY_OFFSET;
	uint32_t start = htole32(1);

	size = htole32(size);
	e[2] = 0x02; /* CHS 0/0/2 to the end of what CHS can say */
	e[4] = MBR_TYPE_GPT;
	memset(e + 5, 0xff, 3);
	memcpy(e + 8, &start, 4);
	memcpy(e + 12, &size, 4);
	mbr[MBR_MARK_OFFSET] = 0x55;
	mbr[MBR_MARK_OFFSET + 1] = 0xaa;
	return disk_write(disk, 0, mbr, sizeof(mbr));
}

int gpt_create(struct ploop_disk *disk, const uint8_t *uuid, uint64_t *ret_offset_bytes,
	       uint64_t *ret_length_bytes, struct err *err)
{
	_cleanup_free_ struct table *t = malloc(sizeof(*t));
	uint64_t sectors = disk->img.size_bytes / PLOOP_SECTOR, first, last;
	int r;

	if (!t)
		return err_errno(err, ENOMEM, "cannot write a partition table");
	r = gpt_layout(disk->img.size_bytes, &first, &last);
	if (r < 0)
		return err_set(err, ENOSPC, "a disk of %llu bytes is too small for a partition",
			       (unsigned long long)disk->img.size_bytes);

	fill_table(t, uuid, sectors, first, last);
	r = write_table(disk, t, sectors - 1, 1, sectors - 1 - GPT_TABLE_SECTORS);
	if (r == 0)
		r = write_table(disk, t, 1, sectors - 1, 2);
	if (r == 0)
		r = write_mbr(disk, sectors);
	if (r < 0)
		return err_errno(err, r, "cannot write the partition table");
	*ret_offset_bytes = first * PLOOP_SECTOR;
	*ret_length_bytes = (last - first + 1) * PLOOP_SECTOR;
	return 0;
}

static void header_to_host(struct gpt_header *h)
{
	h->revision = le32toh(h->revision);
	h->header_bytes = le32toh(h->header_bytes);
	h->header_crc32 = le32toh(h->header_crc32);
	h->my_lba = le64toh(h->my_lba);
	h->alternate_lba = le64toh(h->alternate_lba);
	h->first_usable_lba = le64toh(h->first_usable_lba);
	h->last_usable_lba = le64toh(h->last_usable_lba);
	h->entries_lba = le64toh(h->entries_lba);
	h->entries = le32toh(h->entries);
	h->entry_bytes = le32toh(h->entry_bytes);
	h->entries_crc32 = le32toh(h->entries_crc32);
}

static int read_header(struct ploop_disk *disk, uint64_t lba, struct gpt_header *ret,
		       struct err *err)
{
	uint64_t sectors = disk->img.size_bytes / PLOOP_SECTOR;
	uint8_t sector[PLOOP_SECTOR];
	struct gpt_header h;
	uint32_t bytes, zero = 0;
	int r = disk_read(disk, lba * PLOOP_SECTOR, sector, sizeof(sector));

	if (r < 0)
		return err_errno(err, r, "cannot read the partition table at sector %llu",
				 (unsigned long long)lba);
	memcpy(&h, sector, sizeof(h));
	header_to_host(&h);
	if (memcmp(h.signature, GPT_SIGNATURE, 8) != 0)
		return err_set(err, EINVAL, "there is no partition table at sector %llu",
			       (unsigned long long)lba);
	bytes = h.header_bytes;
	if (bytes < GPT_HEADER_BYTES || bytes > PLOOP_SECTOR)
		return err_set(err, EINVAL,
			       "the partition table at sector %llu has a header of %u bytes",
			       (unsigned long long)lba, bytes);
	memcpy(sector + offsetof(struct gpt_header, header_crc32), &zero, 4);
	if (gpt_crc32(sector, bytes) != h.header_crc32)
		return err_set(err, EINVAL,
			       "the partition table at sector %llu has a wrong header checksum",
			       (unsigned long long)lba);
	if (h.my_lba != lba || h.entry_bytes != GPT_ENTRY_BYTES || h.entries == 0 ||
	    h.entries > GPT_ENTRIES || h.entries_lba >= sectors || h.first_usable_lba >= sectors ||
	    h.last_usable_lba >= sectors || h.first_usable_lba > h.last_usable_lba)
		return err_set(err, EINVAL, "the partition table at sector %llu makes no sense",
			       (unsigned long long)lba);
	*ret = h;
	return 0;
}

int gpt_read(struct ploop_disk *disk, uint64_t lba, struct gpt_header *ret_header,
	     uint64_t *ret_first_lba, uint64_t *ret_last_lba, struct err *err)
{
	static const uint8_t unused[16];
	_cleanup_free_ struct gpt_entry *e = calloc(GPT_ENTRIES, sizeof(*e));
	struct gpt_header h;
	uint32_t i;
	int r;

	if (!e)
		return err_errno(err, ENOMEM, "cannot read the partition table");
	r = read_header(disk, lba, &h, err);
	if (r < 0)
		return r;
	r = disk_read(disk, h.entries_lba * PLOOP_SECTOR, e, h.entries * sizeof(*e));
	if (r < 0)
		return err_errno(err, r, "cannot read the partition entries at sector %llu",
				 (unsigned long long)h.entries_lba);
	if (gpt_crc32(e, h.entries * sizeof(*e)) != h.entries_crc32)
		return err_set(err, EINVAL,
			       "the partition entries at sector %llu have a wrong checksum",
			       (unsigned long long)h.entries_lba);

	for (i = 0; i < h.entries; i++) {
		uint64_t first = le64toh(e[i].first_lba), last = le64toh(e[i].last_lba);

		if (memcmp(e[i].type_guid, unused, 16) == 0)
			continue;
		if (first < h.first_usable_lba || last > h.last_usable_lba || first > last)
			return err_set(err, EINVAL, "partition %u lies outside of the disk", i + 1);
		*ret_header = h;
		*ret_first_lba = first;
		*ret_last_lba = last;
		return 0;
	}
	return err_set(err, EINVAL, "there is no partition in the table at sector %llu",
		       (unsigned long long)lba);
}

int gpt_find(struct ploop_disk *disk, uint64_t *ret_offset_bytes, uint64_t *ret_length_bytes,
	     struct err *err)
{
	uint64_t sectors = disk->img.size_bytes / PLOOP_SECTOR, first, last;
	struct gpt_header h;
	int r;

	if (sectors < 2 * GPT_FIRST_USABLE)
		return err_set(err, EINVAL, "the disk is too small for a partition table");
	r = gpt_read(disk, 1, &h, &first, &last, err);
	if (r < 0 && gpt_read(disk, sectors - 1, &h, &first, &last, NULL) < 0)
		return r;
	err_clear(err);
	*ret_offset_bytes = first * PLOOP_SECTOR;
	*ret_length_bytes = (last - first + 1) * PLOOP_SECTOR;
	return 0;
}

bool gpt_is_settled(struct ploop_disk *disk)
{
	uint64_t last_lba = disk->img.size_bytes / PLOOP_SECTOR - 1, first, last;
	struct gpt_header primary, backup;
	int p = gpt_read(disk, 1, &primary, &first, &last, NULL);
	int b = gpt_read(disk, last_lba, &backup, &first, &last, NULL);

	/* Where there is none at all, there is nothing to make them of. */
	if (p < 0 || b < 0)
		return p < 0 && b < 0;
	return primary.alternate_lba == last_lba && backup.alternate_lba == 1 &&
	       primary.entries_crc32 == backup.entries_crc32;
}

/* As it is on the disk, the primary one if it is whole. */
static int load_table(struct ploop_disk *disk, struct table *t, struct err *err)
{
	uint64_t first, last, lba = 1;
	struct gpt_header h;
	int r = gpt_read(disk, lba, &h, &first, &last, err);

	if (r < 0) {
		lba = disk->img.size_bytes / PLOOP_SECTOR - 1;
		if (gpt_read(disk, lba, &h, &first, &last, NULL) < 0)
			return r;
		err_clear(err);
	}
	memset(t, 0, sizeof(*t));
	r = disk_read(disk, lba * PLOOP_SECTOR, &t->header, sizeof(t->header));
	if (r == 0)
		r = disk_read(disk, h.entries_lba * PLOOP_SECTOR, t->entries,
			      h.entries * sizeof(t->entries[0]));
	return r < 0 ? err_errno(err, r, "cannot read the partition table") : 0;
}

static int write_tables(struct ploop_disk *disk, struct table *t, uint64_t sectors)
{
	int r = write_table(disk, t, sectors - 1, 1, sectors - 1 - GPT_TABLE_SECTORS);

	/* One of the two is whole whatever is cut; the old backup may be the file system's. */
	if (r == 0)
		r = disk_flush(disk);
	if (r == 0)
		r = write_table(disk, t, 1, sectors - 1, 2);
	return r < 0 ? r : write_mbr(disk, sectors);
}

int gpt_fit(struct ploop_disk *disk, uint64_t disk_bytes, struct err *err)
{
	static const uint8_t unused[16];
	_cleanup_free_ struct table *t = malloc(sizeof(*t));
	uint64_t sectors = disk_bytes / PLOOP_SECTOR, first, last = 0;
	unsigned int i;
	int r = t ? load_table(disk, t, err)
		  : err_errno(err, ENOMEM, "cannot write a partition table");

	if (r == 0 && gpt_layout(disk_bytes, &first, &last) < 0)
		r = err_set(err, ENOSPC, "the disk is too small for a partition");
	if (r < 0)
		return r;
	for (i = 0; i < GPT_ENTRIES && memcmp(t->entries[i].type_guid, unused, 16) == 0; i++)
		continue;
	if (i < GPT_ENTRIES && (le64toh(t->entries[i].last_lba) < last ||
				le64toh(t->entries[i].last_lba) > sectors - 2 - GPT_TABLE_SECTORS))
		t->entries[i].last_lba = htole64(last);
	t->header.header_bytes = htole32(GPT_HEADER_BYTES);
	t->header.entries = htole32(GPT_ENTRIES);
	t->header.last_usable_lba = htole64(sectors - 2 - GPT_TABLE_SECTORS);
	t->header.entries_crc32 = htole32(gpt_crc32(t->entries, sizeof(t->entries)));
	r = write_tables(disk, t, sectors);
	return r < 0 ? err_errno(err, r, "cannot write the partition table") : 0;
}
