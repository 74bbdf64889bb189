/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * If this fails, a container fills its disk with what does not fit into the smaller
 * one that it is about to get, or gets much less than that. What the kernel does
 * with the limit: tests/guest/ploop-online-shrink.sh.
 */
#include "fixture.h"

#include <endian.h>
#include <errno.h>

#include <ext2fs/ext2_fs.h>

#include "limit.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

/* 10 GiB as mkfs.c makes it: 80 groups, their tables together by 16, a journal of 64 MiB. */
static struct ext2_super_block sample(void)
{
	return (struct ext2_super_block){
		.s_magic = htole16(EXT2_SUPER_MAGIC),
		.s_rev_level = htole32(EXT2_DYNAMIC_REV),
		.s_blocks_count = htole32(10 * GIB / 4096),
		.s_log_block_size = htole32(2),
		.s_blocks_per_group = htole32(32768),
		.s_inodes_per_group = htole32(8192),
		.s_inode_size = htole16(256),
		.s_log_groups_per_flex = 4,
		.s_overhead_clusters = htole32(80 * 514 + 16384 + 1000),
	};
}

static struct limit_shape shape(void)
{
	struct ext2_super_block sb = sample();
	struct limit_shape s;

	assert_int_equal(limit_shape(&sb, &s), 0);
	return s;
}

static void reads_a_super_block(void **state)
{
	struct limit_shape s = shape();

	(void)state;
	assert_int_equal(s.blocks, 10 * GIB / 4096);
	assert_int_equal(s.groups, 80);
	assert_int_equal(s.flex_groups, 16);
	assert_int_equal(s.table_blocks, 514);
}

static void refuses_one_that_makes_no_sense(void **state)
{
	struct ext2_super_block sb = sample();
	struct limit_shape s;

	(void)state;
	sb.s_blocks_per_group = 0;
	assert_int_equal(limit_shape(&sb, &s), -EINVAL);
	sb = sample();
	sb.s_inodes_per_group = 0;
	assert_int_equal(limit_shape(&sb, &s), -EINVAL);
	sb = sample();
	sb.s_log_groups_per_flex = 200;
	assert_int_equal(limit_shape(&sb, &s), -EINVAL);
	sb = sample();
	sb.s_inode_size = 0;
	assert_int_equal(limit_shape(&sb, &s), -EINVAL);
	sb = sample();
	sb.s_overhead_clusters = sb.s_blocks_count + 1;
	assert_int_equal(limit_shape(&sb, &s), -EINVAL);
	sb = sample();
	sb.s_blocks_count = 0;
	assert_int_equal(limit_shape(&sb, &s), -EINVAL);
	sb = sample();
	sb.s_log_block_size = htole32(77);
	(void)limit_shape(&sb, &s);
}

/* Of 2 GiB: 16 groups of tables, the journal, 1 %, and 0.2 % of the 8 GiB that go. */
static void takes_off_what_is_no_files(void **state)
{
	struct limit_shape s = shape();
	struct limit_room room = limit_room(&s, 2 * GIB);
	uint64_t blocks = 2 * GIB / 4096;

	(void)state;
	assert_int_equal(room.bytes,
			 (blocks - 16 * 514 - 17384 - blocks / 100 - (8 * GIB / 4096) / 500) *
				 4096);
	assert_int_equal(room.inodes, 16 * 8192 - 12);
	/* All tables of a flex group stay where they are. */
	assert_int_equal(limit_room(&s, 2 * GIB + 128 * MIB).bytes / MIB,
			 (room.bytes + 128 * MIB - 16 * 514 * 4096) / MIB - 1);
}

static void counts_what_is_used(void **state)
{
	struct ext2_super_block sb = sample();
	struct limit_shape s = shape();

	(void)state;
	sb.s_free_blocks_count = htole32(10 * GIB / 4096 - 80 * 514 - 17384 - 777);
	sb.s_inodes_count = htole32(80 * 8192);
	sb.s_free_inodes_count = htole32(80 * 8192 - 55);
	assert_int_equal(limit_used(&sb, &s).bytes, 777 * 4096);
	assert_int_equal(limit_used(&sb, &s).inodes, 55);
	sb.s_free_blocks_count = htole32(~0u);
	assert_int_equal(limit_used(&sb, &s).bytes, 0);
}

static void more_fits_into_more(void **state)
{
	struct limit_shape s = shape();
	uint64_t bytes, last = 0;

	(void)state;
	assert_int_equal(limit_room(&s, 0).bytes, 0);
	assert_int_equal(limit_room(&s, 60 * MIB).bytes, 0);
	for (bytes = 64 * MIB; bytes <= 12 * GIB; bytes += 128 * MIB) {
		struct limit_room room = limit_room(&s, bytes);

		assert_true(room.bytes < bytes);
		if (bytes % (2 * GIB) > 256 * MIB)
			assert_true(room.bytes >= last);
		last = room.bytes;
	}
	assert_true(last <= (s.blocks - s.overhead_blocks) * 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_super_block),
		cmocka_unit_test(refuses_one_that_makes_no_sense),
		cmocka_unit_test(takes_off_what_is_no_files),
		cmocka_unit_test(counts_what_is_used),
		cmocka_unit_test(more_fits_into_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
