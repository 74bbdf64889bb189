/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include <errno.h>

#include "disk.h"
#include "err.h"
#include "ext_io.h"
#include "mkfs.h"

#define MIB (1ull << 20)

static int make(uint64_t bytes, const struct mkfs_opts *opts, struct ext_io_range *range,
		ext2_filsys *fs, struct err *err)
{
	struct image img;
	int r;

	assert_int_equal(image_create_trial(bytes, &img, NULL), 0);
	assert_int_equal(disk_new(&img, &range->disk), 0);
	range->offset_bytes = 0;
	range->length_bytes = bytes;
	r = mkfs_create(range, opts, fs, err);
	if (r < 0)
		disk_free(range->disk);
	return r;
}

static void has_what_a_server_expects(void **state)
{
	const struct mkfs_opts opts = {.uuid = {1}, .hash_seed = {2}, .label = "root", .now = 77};
	struct ext_io_range range;
	struct err err = ERR_INIT;
	struct ext2_super_block *s;
	ext2_filsys fs;
	dgrp_t g;

	(void)state;
	assert_int_equal(make(2048 * MIB, &opts, &range, &fs, &err), 0);
	s = fs->super;
	assert_true(ext2fs_has_feature_journal(s) && ext2fs_has_feature_extents(s));
	assert_true(ext2fs_has_feature_64bit(s) && ext2fs_has_feature_metadata_csum(s));
	assert_true(ext2fs_has_feature_flex_bg(s) && ext2fs_has_feature_dir_index(s));
	assert_true(ext2fs_has_feature_huge_file(s) && ext2fs_has_feature_extra_isize(s));
	assert_true(ext2fs_has_feature_resize_inode(s) && s->s_reserved_gdt_blocks > 0);
	assert_int_equal(s->s_inode_size, 256);
	assert_int_equal(s->s_log_block_size, 2);
	assert_int_equal(s->s_mkfs_time, 77);
	assert_int_equal(s->s_uuid[0], 1);
	assert_int_equal(s->s_hash_seed[0], 2);
	assert_string_equal((char *)s->s_volume_name, "root");
	assert_true(s->s_journal_inum != 0);
	/* Nothing is left for the kernel's lazy initialisation. */
	for (g = 0; g < fs->group_desc_count; g++)
		assert_true(ext2fs_bg_flags_test(fs, g, EXT2_BG_INODE_ZEROED));
	assert_int_equal(mkfs_close(fs, &err), 0);
	disk_free(range.disk);
}

static void refuses_what_is_too_small_or_too_long(void **state)
{
	struct mkfs_opts opts = {.now = 1};
	struct ext_io_range range;
	struct err err = ERR_INIT;
	ext2_filsys fs;

	(void)state;
	assert_int_equal(make(1 * MIB, &opts, &range, &fs, &err), -ENOSPC);
	assert_int_equal(make(4 * MIB, &opts, &range, &fs, &err), -ENOSPC);
	opts.label = "seventeen letters";
	assert_int_equal(make(64 * MIB, &opts, &range, &fs, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "seventeen letters"));
	opts.label = "sixteen  letters";
	assert_int_equal(make(64 * MIB, &opts, &range, &fs, &err), 0);
	mkfs_abandon(fs);
	disk_free(range.disk);
}

static void size_for_is_enough_and_hardly_more(void **state)
{
	static const struct {
		uint64_t blocks, inodes;
	} needs[] = {{1, 1}, {50000, 100}, {1000, 200000}, {1000000, 60000}};
	const struct mkfs_opts opts = {.now = 1};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		struct ext_io_range range;
		struct err err = ERR_INIT;
		ext2_filsys fs;
		uint64_t bytes;

		assert_int_equal(mkfs_size_for(needs[i].blocks, needs[i].inodes, MIB, &bytes, &err),
				 0);
		assert_int_equal(bytes % MIB, 0);
		assert_int_equal(make(bytes - 2 * MIB, &opts, &range, &fs, &err), 0);
		assert_true(ext2fs_free_blocks_count(fs->super) >= needs[i].blocks);
		assert_true(fs->super->s_free_inodes_count >= needs[i].inodes);
		mkfs_abandon(fs);
		disk_free(range.disk);
		/* Data plus at most a sixth and the journal; or what the inodes ask for. */
		assert_true(bytes < needs[i].blocks * 4096 * 7 / 6 + 160 * MIB ||
			    bytes < needs[i].inodes * 16384 * 7 / 6 + 160 * MIB);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_what_a_server_expects),
		cmocka_unit_test(refuses_what_is_too_small_or_too_long),
		cmocka_unit_test(size_for_is_enough_and_hardly_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
