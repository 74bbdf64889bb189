/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include <errno.h>

#include "disk.h"
#include "err.h"
#include "format.h"
#include "gpt.h"

#define MIB (1ull << 20)

static const uint8_t uuid[16] = "0123456789abcdef";

static struct ploop_disk *make_disk(uint64_t bytes)
{
	struct ploop_disk *disk;
	struct image img;

	assert_int_equal(image_create_trial(bytes, &img, NULL), 0);
	assert_int_equal(disk_new(&img, &disk), 0);
	return disk;
}

static void crc_is_the_usual_one(void **state)
{
	(void)state;
	assert_int_equal(gpt_crc32("123456789", 9), 0xcbf43926);
	assert_int_equal(gpt_crc32("", 0), 0);
}

static void partition_is_aligned_and_inside(void **state)
{
	uint64_t mib, first, last;

	(void)state;
	assert_int_equal(gpt_layout(1 * MIB, &first, &last), -ENOSPC);
	assert_int_equal(gpt_layout(2 * MIB, &first, &last), -ENOSPC);
	for (mib = 3; mib < 5000; mib = mib * 3 / 2 + 1) {
		assert_int_equal(gpt_layout(mib * MIB, &first, &last), 0);
		assert_int_equal(first % GPT_ALIGN_SECTORS, 0);
		assert_int_equal((last + 1) % GPT_ALIGN_SECTORS, 0);
		assert_true(last < mib * 2048 - 33);
	}
}

static void finds_what_it_made_by_either_table(void **state)
{
	static const uint8_t junk[512] = {1};
	struct ploop_disk *disk = make_disk(64 * MIB);
	struct err err = ERR_INIT;
	uint64_t off, len, off2, len2;

	(void)state;
	assert_int_equal(gpt_create(disk, uuid, &off, &len, &err), 0);
	assert_true(off == MIB && len == 62 * MIB);
	assert_int_equal(gpt_find(disk, &off2, &len2, &err), 0);
	assert_true(off == off2 && len == len2);

	/* The primary entries, then the primary header too. */
	assert_int_equal(disk_write(disk, 2 * 512 + 40, junk, 1), 0);
	assert_int_equal(gpt_find(disk, &off2, &len2, &err), 0);
	assert_int_equal(disk_write(disk, 512, junk, 512), 0);
	assert_int_equal(gpt_find(disk, &off2, &len2, &err), 0);
	assert_true(off == off2 && len == len2);
	assert_int_equal(disk_write(disk, 64 * MIB - 512 + 24, junk, 1), 0);
	assert_int_equal(gpt_find(disk, &off2, &len2, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "no partition table"));
	disk_free(disk);
}

/* Header fields that lie, with a checksum that is right. */
static void refuses_tables_that_point_outside(void **state)
{
	static const struct {
		size_t offset;
		uint64_t value;
		size_t len;
	} cases[] = {
		{offsetof(struct gpt_header, entries_lba), UINT64_MAX / 512, 8},
		{offsetof(struct gpt_header, entries), 1u << 31, 4},
		{offsetof(struct gpt_header, entries), 0, 4},
		{offsetof(struct gpt_header, entry_bytes), 1, 4},
		{offsetof(struct gpt_header, my_lba), 7, 8},
		{offsetof(struct gpt_header, last_usable_lba), 1ull << 40, 8},
		{offsetof(struct gpt_header, first_usable_lba), 1ull << 40, 8},
		{offsetof(struct gpt_header, header_bytes), 4096, 4},
		{offsetof(struct gpt_header, header_bytes), 0, 4},
	};
	struct err err = ERR_INIT;
	uint64_t off, len;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ploop_disk *disk = make_disk(8 * MIB);
		struct gpt_header h, got;

		assert_int_equal(gpt_create(disk, uuid, &off, &len, &err), 0);
		assert_int_equal(disk_read(disk, 512, &h, sizeof(h)), 0);
		memcpy((char *)&h + cases[i].offset, &cases[i].value, cases[i].len);
		h.header_crc32 = 0;
		h.header_crc32 = gpt_crc32(&h, sizeof(h));
		assert_int_equal(disk_write(disk, 512, &h, sizeof(h)), 0);
		if (gpt_read(disk, 1, &got, &off, &len, &err) != -EINVAL)
			fail_msg("case %zu was taken", i);
		disk_free(disk);
	}
}

static void refuses_a_partition_outside(void **state)
{
	struct ploop_disk *disk = make_disk(8 * MIB);
	struct err err = ERR_INIT;
	struct gpt_entry e[GPT_ENTRIES];
	struct gpt_header h, got;
	uint64_t off, len;

	(void)state;
	assert_int_equal(gpt_create(disk, uuid, &off, &len, &err), 0);
	assert_int_equal(disk_read(disk, 1024, e, sizeof(e)), 0);
	assert_int_equal(disk_read(disk, 512, &h, sizeof(h)), 0);
	e[0].last_lba = htole64(1ull << 50);
	h.entries_crc32 = gpt_crc32(e, sizeof(e));
	h.header_crc32 = 0;
	h.header_crc32 = gpt_crc32(&h, sizeof(h));
	assert_int_equal(disk_write(disk, 1024, e, sizeof(e)), 0);
	assert_int_equal(disk_write(disk, 512, &h, sizeof(h)), 0);
	assert_int_equal(gpt_read(disk, 1, &got, &off, &len, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "outside"));
	disk_free(disk);
}

static void guids_differ_and_follow_the_uuid(void **state)
{
	struct ploop_disk *disk = make_disk(8 * MIB);
	struct gpt_entry e;
	struct gpt_header h;
	uint64_t off, len;

	(void)state;
	assert_int_equal(gpt_create(disk, uuid, &off, &len, NULL), 0);
	assert_int_equal(disk_read(disk, 512, &h, sizeof(h)), 0);
	assert_int_equal(disk_read(disk, 1024, &e, sizeof(e)), 0);
	assert_memory_not_equal(h.disk_guid, e.guid, 16);
	/* Mixed endian: the first field is turned round. */
	assert_memory_equal(h.disk_guid, "3210", 4);
	assert_memory_equal(h.disk_guid + 8, "89abcd", 6);
	disk_free(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc_is_the_usual_one),
		cmocka_unit_test(partition_is_aligned_and_inside),
		cmocka_unit_test(finds_what_it_made_by_either_table),
		cmocka_unit_test(refuses_tables_that_point_outside),
		cmocka_unit_test(refuses_a_partition_outside),
		cmocka_unit_test(guids_differ_and_follow_the_uuid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
