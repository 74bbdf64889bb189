/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * If this fails, a disk that is made smaller loses what is on it, at the latest
 * when the power goes in the middle. What resize2fs does: tests/guest/ploop-shrink.sh.
 */
#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ext2fs/ext2fs.h>

#include "attach.h"
#include "cleanup.h"
#include "disk.h"
#include "edit.h"
#include "err.h"
#include "faults.h"
#include "image.h"
#include "ploop.h"
#include "shrink.h"
#include "super.h"

#define CLUSTER 65536u
#define OLD	(40ull * CLUSTER + (8u << 20))
#define NEW	(8ull * CLUSTER + (6u << 20))
#define PART	(1u << 20)
#define OTHER	"{11111111-1111-1111-1111-111111111111}"

enum { PLACES = 6 };

/* Clusters that hold something, and those that are to be gone. */
static const struct {
	uint32_t cluster;
	uint8_t old, new;
} places[PLACES] = {
	{20, 1, 1}, {40, 2, 12}, {90, 3, 3}, {91, 0, 13}, {120, 4, 0}, {150, 5, 0},
};

static bool raw, below;

static void write_places(struct ploop_disk *disk)
{
	uint8_t buf[512];
	int i;

	for (i = 0; i < PLACES; i++) {
		memset(buf, places[i].old, sizeof(buf));
		if (places[i].old)
			assert_int_equal(disk_write(disk, (uint64_t)places[i].cluster * CLUSTER,
						    buf, sizeof(buf)),
					 0);
	}
}

static void set_blocks(struct ploop_disk *disk, uint32_t blocks)
{
	struct ext2_super_block sb;

	assert_int_equal(disk_read(disk, PART + SUPER_OFFSET, &sb, sizeof(sb)), 0);
	sb.s_blocks_count = htole32(blocks);
	assert_int_equal(disk_write(disk, PART + SUPER_OFFSET, &sb, sizeof(sb)), 0);
}

static void fill(struct fixture *f)
{
	struct location loc;
	struct ploop_disk *disk;

	assert_int_equal(location_find(&loc, fixture_path(f, "d"), NULL, NULL), 0);
	assert_int_equal(location_open(&loc, OPEN_WRITE, &disk, NULL), 0);
	write_places(disk);
	assert_int_equal(disk_flush(disk), 0);
	assert_int_equal(image_finish(&disk->img, false, NULL), 0);
	disk_free(disk);
	location_free(&loc);
}

static void make_disk(struct fixture *f)
{
	const struct ploop_create_opts opts = {.size_bytes = OLD,
					       .cluster_bytes = CLUSTER,
					       .format = raw ? PLOOP_FORMAT_RAW
							     : PLOOP_FORMAT_EXPANDED};
	char guid[PLOOP_GUID_BYTES] = OTHER;

	assert_int_equal(ploop_create(fixture_path(f, "d"), &opts, NULL), 0);
	if (below)
		assert_int_equal(ploop_snapshot(fixture_path(f, "d"), guid, NULL), 0);
	fill(f);
}

static void remove_disk(struct fixture *f)
{
	_cleanup_closedir_ DIR *d = opendir(fixture_path(f, "d"));
	struct dirent *e;

	while (d && (e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	rmdir(fixture_path(f, "d"));
}

/* In the place of resize2fs. */
static int change(struct attach *a, uint64_t size_bytes, struct err *err)
{
	uint8_t buf[512];
	int i, r = image_take(&a->disk->img, a->image, err);

	assert_int_equal(size_bytes, NEW);
	if (r < 0)
		return r;
	for (i = 0; i < PLACES; i++) {
		memset(buf, places[i].new, sizeof(buf));
		if (places[i].new != places[i].old && places[i].new)
			r = r
				    ?: disk_write(a->disk, (uint64_t)places[i].cluster * CLUSTER,
						  buf, sizeof(buf));
	}
	if (r == 0)
		set_blocks(a->disk, (uint32_t)((NEW - 2 * PART) / 4096));
	if (r == 0)
		r = disk_flush(a->disk);
	return r < 0 ? err_errno(err, r, "cannot write") : image_finish(&a->disk->img, true, err);
}

static int change_not_enough(struct attach *a, uint64_t size_bytes, struct err *err)
{
	(void)a;
	(void)size_bytes;
	(void)err;
	return 0;
}

static int shrink(struct fixture *f, shrink_fs_fn fs, struct err *err)
{
	struct edit e;
	int r = edit_begin(fixture_path(f, "d"), &e, err);

	if (r < 0)
		return r;
	r = shrink_disk(&e, NEW, fs, err);
	edit_end(&e);
	return r;
}

static void told(void *arg, const char *sentence)
{
	(void)arg;
	if (!strstr(sentence, "belong to no block"))
		fail_msg("%s", sentence);
}

static void check_sound(struct fixture *f)
{
	struct err err = ERR_INIT;
	unsigned int findings;

	if (ploop_drop_in_use(fixture_path(f, "d"), &err) < 0)
		fail_msg("mend: %s", err.msg);
	if (ploop_check(fixture_path(f, "d"), told, NULL, &findings, &err) < 0)
		fail_msg("check: %s", err.msg);
}

/* Is it the smaller one? All of it is one of the two. */
static bool look(struct fixture *f)
{
	struct ploop_disk *disk;
	uint64_t offset, length;
	uint8_t got;
	bool small;
	int i;

	check_sound(f);
	assert_int_equal(ploop_open(fixture_path(f, "d"), &disk, NULL), 0);
	small = ploop_size_bytes(disk) == NEW;
	assert_int_equal(ploop_size_bytes(disk), small ? NEW : OLD);
	assert_int_equal(ploop_partition(disk, &offset, &length, NULL), 0);
	assert_true(offset + length <= ploop_size_bytes(disk));
	for (i = 0; i < PLACES; i++) {
		uint64_t at = (uint64_t)places[i].cluster * CLUSTER;

		if (at >= ploop_size_bytes(disk))
			continue;
		assert_int_equal(disk_read(disk, at, &got, 1), 0);
		if (got != (small ? places[i].new : places[i].old))
			fail_msg("cluster %u has %u, the disk is %s", places[i].cluster, got,
				 small ? "small" : "large");
	}
	ploop_close(disk);
	return small;
}

static unsigned int files(struct fixture *f)
{
	_cleanup_closedir_ DIR *d = opendir(fixture_path(f, "d"));
	unsigned int n = 0;
	struct dirent *e;

	while ((e = readdir(d)))
		n += *e->d_name != '.';
	return n;
}

static bool cut(struct fixture *f, unsigned int at, unsigned int *small)
{
	int status;
	pid_t pid;

	make_disk(f);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		faults_arm(FAULT_CRASH, at);
		_exit(shrink(f, change, NULL) < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	faults_arm(FAULT_FILE, UINT32_MAX); /* no flushes */
	if (look(f)) {
		++*small;
		/* Any resize does that first, as an unmount does; without a device it does no more. */
		assert_true(ploop_resize(fixture_path(f, "d"), NEW / 2, NULL) < 0);
	} else {
		assert_int_equal(shrink(f, change, NULL), 0);
	}
	assert_true(look(f));
	if (WEXITSTATUS(status) != FAULTS_CRASHED)
		assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(files(f), below ? 3 : 2);
	faults_disarm();
	remove_disk(f);
	return WEXITSTATUS(status) == FAULTS_CRASHED;
}

static void cut_each(struct fixture *f, unsigned int step)
{
	unsigned int at, n = 0, small = 0;

	for (at = 0; cut(f, at, &small); at += step)
		n++;
	print_message("%u cuts, after %u of them it was smaller\n", n, small - 1);
	assert_true(at > 100);
	assert_true(small > 10 && small < n);
}

static void a_cut_anywhere_leaves_the_old_or_the_new_disk(void **state)
{
	raw = below = false;
	cut_each(*state, 1);
}

static void nor_of_a_raw_one(void **state)
{
	raw = true;
	below = false;
	cut_each(*state, 3);
}

static void nor_of_one_that_stands_on_a_snapshot(void **state)
{
	raw = false;
	below = true;
	cut_each(*state, 3);
}

static void going_back_to_a_larger_one_makes_it_larger(void **state)
{
	struct fixture *f = *state;
	struct ploop_disk *disk;
	uint8_t got;

	raw = false;
	below = true;
	make_disk(f);
	assert_int_equal(shrink(f, change, NULL), 0);
	assert_int_equal(ploop_clone(fixture_path(f, "d"), OTHER, fixture_path(f, "c"), NULL), 0);
	assert_int_equal(ploop_open(fixture_path(f, "c"), &disk, NULL), 0);
	assert_int_equal(ploop_size_bytes(disk), OLD);
	ploop_close(disk);
	assert_int_equal(ploop_snapshot_switch(fixture_path(f, "d"), OTHER, NULL), 0);
	check_sound(f);
	assert_int_equal(ploop_open(fixture_path(f, "d"), &disk, NULL), 0);
	assert_int_equal(ploop_size_bytes(disk), OLD);
	assert_int_equal(disk_read(disk, 20 * CLUSTER, &got, 1), 0);
	assert_int_equal(got, 0);
	ploop_close(disk);
}

static void a_larger_snapshot_is_deleted_below_it(void **state)
{
	struct fixture *f = *state;
	unsigned int findings;

	raw = false;
	below = true;
	make_disk(f);
	assert_int_equal(shrink(f, change, NULL), 0);
	assert_int_equal(ploop_snapshot_delete(fixture_path(f, "d"), OTHER, NULL), 0);
	assert_true(look(f));
	assert_int_equal(files(f), 2);
	assert_int_equal(ploop_check(fixture_path(f, "d"), told, NULL, &findings, NULL), 0);
	assert_int_equal(findings, 0);
}

static void a_file_system_that_stays_large_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	raw = below = false;
	make_disk(f);
	assert_int_equal(shrink(f, change_not_enough, &err), -EIO);
	assert_non_null(strstr(err.msg, "did not get smaller"));
	assert_false(look(f));
	assert_int_equal(files(f), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(a_cut_anywhere_leaves_the_old_or_the_new_disk),
		fixture_test(nor_of_a_raw_one),
		fixture_test(nor_of_one_that_stands_on_a_snapshot),
		fixture_test(going_back_to_a_larger_one_makes_it_larger),
		fixture_test(a_larger_snapshot_is_deleted_below_it),
		fixture_test(a_file_system_that_stays_large_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
