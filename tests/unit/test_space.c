/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include <errno.h>

#include "disk.h"
#include "ext_io.h"
#include "mkfs.h"
#include "space.h"

static void runs_join_and_are_found(void **state)
{
	struct extents x = {.n = 0};
	uint32_t len;
	int i;

	(void)state;
	assert_int_equal(extents_add(&x, 0, 100, 10), 0);
	assert_int_equal(extents_add(&x, 10, 110, 5), 0);
	assert_int_equal(x.n, 1);
	assert_int_equal(extents_add(&x, 20, 115, 5), 0);
	assert_int_equal(extents_add(&x, 25, 200, 32768), 0);
	assert_int_equal(extents_add(&x, 25 + 32768, 200 + 32768, 1), 0);
	assert_int_equal(x.n, 4);
	assert_int_equal(x.blocks, 20 + 32769);
	assert_int_equal(extents_find(&x, 0, &len), 100);
	assert_int_equal(len, 15);
	assert_int_equal(extents_find(&x, 14, &len), 114);
	assert_int_equal(len, 1);
	for (i = 15; i < 20; i++)
		assert_int_equal(extents_find(&x, (uint32_t)i, &len), 0);
	assert_int_equal(extents_find(&x, 24, &len), 119);
	assert_int_equal(extents_find(&x, 25 + 32768, &len), 200 + 32768);
	assert_int_equal(extents_find(&x, 25 + 32769, &len), 0);
	extents_free(&x);
}

static ext2_filsys make_fs(struct ext_io_range *range)
{
	const struct mkfs_opts opts = {.now = 1};
	struct image img;
	ext2_filsys fs;

	assert_int_equal(image_create_trial(16 << 20, &img, NULL), 0);
	assert_int_equal(disk_new(&img, &range->disk), 0);
	range->offset_bytes = 0;
	range->length_bytes = 16 << 20;
	assert_int_equal(mkfs_create(range, &opts, &fs, NULL), 0);
	return fs;
}

/* All of it is handed out exactly once, then no more; what is given back is found again. */
static void every_free_block_is_taken_once(void **state)
{
	struct ext_io_range range;
	ext2_filsys fs = make_fs(&range);
	uint64_t had = ext2fs_free_blocks_count(fs->super), taken = 0;
	struct space space;
	blk64_t start, blk;
	uint32_t len, want;

	(void)state;
	space_init(&space, fs);
	for (want = 1; space_take(&space, want, &start, &len) == 0; want = want * 3 % 501 + 1) {
		assert_true(len >= 1 && len <= want);
		taken += len;
		if (taken < had && space_take_dir_block(&space, &blk) == 0)
			taken++;
	}
	assert_int_equal(taken, had);
	assert_int_equal(ext2fs_free_blocks_count(fs->super), 0);
	assert_int_equal(space_take_dir_block(&space, &blk), -ENOSPC);
	ext2fs_block_alloc_stats2(fs, 1000, -1);
	assert_int_equal(space_take(&space, 10, &start, &len), 0);
	assert_int_equal(start, 1000);
	assert_int_equal(len, 1);
	mkfs_abandon(fs);
	disk_free(range.disk);
}

static void inodes_end_and_come_back(void **state)
{
	struct ext_io_range range;
	ext2_filsys fs = make_fs(&range);
	uint32_t had = fs->super->s_free_inodes_count, n = 0;
	struct space space;
	ext2_ino_t ino;

	(void)state;
	space_init(&space, fs);
	while (space_take_inode(&space, 0, &ino) == 0)
		n++;
	assert_int_equal(n, had);
	ext2fs_inode_alloc_stats2(fs, 100, -1, 0);
	assert_int_equal(space_take_inode(&space, 0, &ino), 0);
	assert_int_equal(ino, 100);
	mkfs_abandon(fs);
	disk_free(range.disk);
}

/* More runs than the inode holds: the tree names the same blocks. */
static void long_maps_get_a_tree(void **state)
{
	struct ext_io_range range;
	ext2_filsys fs = make_fs(&range);
	struct ext2_inode_large inode = {.i_mode = LINUX_S_IFREG, .i_links_count = 1};
	struct extents x = {.n = 0};
	struct space space;
	ext2_ino_t ino;
	uint32_t i, len;
	blk64_t blk;

	(void)state;
	space_init(&space, fs);
	assert_int_equal(space_take_inode(&space, 0, &ino), 0);
	for (i = 0; i < 1000; i++) {
		blk64_t skipped;

		assert_int_equal(space_take(&space, 1, &blk, &len), 0);
		assert_int_equal(extents_add(&x, 3 * i, blk, 1), 0);
		assert_int_equal(space_take(&space, 1, &skipped, &len), 0);
	}
	assert_int_equal(
		ext2fs_write_inode_full(fs, ino, (struct ext2_inode *)&inode, sizeof(inode)), 0);
	assert_int_equal(extents_store(fs, ino, &x, &inode), 0);
	assert_int_equal(
		ext2fs_write_inode_full(fs, ino, (struct ext2_inode *)&inode, sizeof(inode)), 0);
	for (i = 0; i < 1000; i++) {
		assert_int_equal(ext2fs_bmap2(fs, ino, NULL, NULL, 0, 3 * i, NULL, &blk), 0);
		assert_int_equal(blk, extents_find(&x, 3 * i, &len));
		assert_int_equal(ext2fs_bmap2(fs, ino, NULL, NULL, 0, 3 * i + 1, NULL, &blk), 0);
		assert_int_equal(blk, 0);
	}
	assert_true(inode.i_blocks > 1000 * 8);
	extents_free(&x);
	mkfs_abandon(fs);
	disk_free(range.disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_join_and_are_found),
		cmocka_unit_test(every_free_block_is_taken_once),
		cmocka_unit_test(inodes_end_and_come_back),
		cmocka_unit_test(long_maps_get_a_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
