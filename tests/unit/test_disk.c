/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "disk.h"
#include "err.h"
#include "format.h"
#include "io.h"

#define CLUSTER	 32768u
#define CLUSTERS 40u

static struct ploop_disk *make_disk(struct fixture *f, enum ploop_format format)
{
	struct err err = ERR_INIT;
	struct ploop_disk *disk;
	struct image img;

	assert_int_equal(
		image_create(f->dirfd, "i", format, CLUSTERS * CLUSTER, CLUSTER, &img, &err), 0);
	assert_int_equal(disk_new(&img, &disk), 0);
	return disk;
}

static struct ploop_disk *open_disk(struct fixture *f, enum ploop_format format, bool writable)
{
	struct err err = ERR_INIT;
	struct ploop_disk *disk;
	struct image img;

	if (image_open(f->dirfd, "i", format, CLUSTER, writable, &img, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(disk_new(&img, &disk), 0);
	return disk;
}

static uint32_t rnd(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* More clusters than the cache has slots, so that most of this goes through the file. */
static void reads_back_what_was_written(void **state)
{
	struct fixture *f = *state;
	static const enum ploop_format formats[] = {PLOOP_FORMAT_RAW, PLOOP_FORMAT_EXPANDED};
	_cleanup_free_ uint8_t *model = NULL, *got = malloc(CLUSTERS * CLUSTER);
	uint32_t seed = 1;
	int i, k;

	for (k = 0; k < 2; k++) {
		struct ploop_disk *disk = make_disk(f, formats[k]);

		free(model);
		model = calloc(1, CLUSTERS * CLUSTER);
		for (i = 0; i < 600; i++) {
			uint32_t off = rnd(&seed) % (CLUSTERS * CLUSTER);
			uint32_t len = rnd(&seed) % (i % 10 ? 5000 : 100000);

			if (len > CLUSTERS * CLUSTER - off)
				len = CLUSTERS * CLUSTER - off;
			if (i % 5 == 0) {
				memset(model + off, 0, len);
				assert_int_equal(disk_zero(disk, off, len), 0);
			} else {
				memset(model + off, i, len);
				assert_int_equal(disk_write(disk, off, model + off, len), 0);
			}
			if (i % 100 == 0)
				assert_int_equal(disk_flush(disk), 0);
		}
		assert_int_equal(disk_read(disk, 0, got, CLUSTERS * CLUSTER), 0);
		assert_memory_equal(got, model, CLUSTERS * CLUSTER);
		assert_int_equal(disk_flush(disk), 0);
		assert_int_equal(image_finish(&disk->img, false, NULL), 0);
		disk_free(disk);

		disk = open_disk(f, formats[k], false);
		assert_int_equal(disk_read(disk, 0, got, CLUSTERS * CLUSTER), 0);
		assert_memory_equal(got, model, CLUSTERS * CLUSTER);
		assert_int_equal(disk_write(disk, 0, "x", 1), -EROFS);
		disk_free(disk);
		unlinkat(f->dirfd, "i", 0);
	}
}

static void zeros_cost_nothing(void **state)
{
	struct fixture *f = *state;
	struct ploop_disk *disk = make_disk(f, PLOOP_FORMAT_EXPANDED);
	_cleanup_free_ uint8_t *zeros = calloc(1, 3 * CLUSTER);
	struct stat st;

	assert_int_equal(disk_write(disk, 100, zeros, 3 * CLUSTER - 100), 0);
	assert_int_equal(disk_write(disk, 5 * CLUSTER, "x", 1), 0);
	assert_int_equal(disk_flush(disk), 0);
	assert_int_equal(fstat(disk->img.fd, &st), 0);
	assert_int_equal(st.st_size, 2 * CLUSTER);
	assert_int_equal(bat_lookup(&disk->img.bat, 0), 0);
	assert_int_equal(bat_lookup(&disk->img.bat, 5), 1);
	disk_free(disk);
}

static void stays_inside_of_the_disk(void **state)
{
	struct fixture *f = *state;
	struct ploop_disk *disk = make_disk(f, PLOOP_FORMAT_EXPANDED);
	uint64_t end = CLUSTERS * CLUSTER;
	char c = 'x';

	assert_int_equal(disk_write(disk, end - 1, &c, 1), 0);
	assert_int_equal(disk_write(disk, end, &c, 1), -ERANGE);
	assert_int_equal(disk_write(disk, end - 1, "xy", 2), -ERANGE);
	assert_int_equal(disk_read(disk, UINT64_MAX, &c, 1), -ERANGE);
	assert_int_equal(disk_read(disk, end - 1, &c, SIZE_MAX), -ERANGE);
	assert_int_equal(disk_zero(disk, 1, UINT64_MAX), -ERANGE);
	disk_free(disk);
}

static void a_full_host_is_told_from_a_full_image(void **state)
{
	struct fixture *f = *state;
	struct ploop_disk *disk = make_disk(f, PLOOP_FORMAT_EXPANDED);

	assert_int_equal(disk_write(disk, 0, "x", 1), 0);
	fixture_cut_writes(0, ENOSPC);
	assert_int_equal(disk_flush(disk), -ENOSPC);
	assert_int_equal(disk->io_error, -ENOSPC);
	disk_free(disk);
}

static void write_old(struct fixture *f)
{
	struct ploop_disk *disk = make_disk(f, PLOOP_FORMAT_EXPANDED);
	uint32_t i;

	for (i = 0; i < CLUSTERS; i += 2)
		assert_int_equal(disk_write(disk, i * CLUSTER, "old", 3), 0);
	assert_int_equal(disk_flush(disk), 0);
	assert_int_equal(image_finish(&disk->img, false, NULL), 0);
	disk_free(disk);
}

/* New data over half of the old and into clusters that were not there, cut at write @n. */
static int write_new(struct fixture *f, int n)
{
	struct ploop_disk *disk = open_disk(f, PLOOP_FORMAT_EXPANDED, true);
	uint32_t i;
	int r = 0;

	disk->sync = true;
	fixture_cut_writes(n, EIO);
	for (i = 0; i < CLUSTERS && r == 0; i++)
		if (i % 4 < 2)
			r = disk_write(disk, i * CLUSTER, "new", 3);
	if (r == 0)
		r = disk_flush(disk);
	if (r == 0)
		r = image_finish(&disk->img, true, NULL);
	fixture_cut_writes(-1, 0);
	disk_free(disk);
	return r;
}

static void clear_marker(struct fixture *f)
{
	_cleanup_close_ int fd = openat(f->dirfd, "i", O_WRONLY | O_CLOEXEC);
	uint32_t closed = 0;

	assert_int_equal(io_pwrite_full(fd, &closed, 4, 0x2c), 0);
}

/* header, data, map, header, each stable before the next (docs/ploop-format.md). */
static void each_step_is_stable_before_the_next(void **state)
{
	struct fixture *f = *state;
	struct ploop_disk *disk;

	write_old(f);
	fixture_cut_writes(-1, 0);
	disk = open_disk(f, PLOOP_FORMAT_EXPANDED, true);
	disk->sync = true;
	assert_int_equal(disk_write(disk, 3 * CLUSTER, "new", 3), 0);
	assert_int_equal(disk_write(disk, 7 * CLUSTER, "new", 3), 0);
	assert_int_equal(disk_flush(disk), 0);
	assert_int_equal(image_finish(&disk->img, true, NULL), 0);
	disk_free(disk);
	assert_string_equal(fixture_order(CLUSTER), "hsddsmssh");
}

/* Whatever write is the last: the map is right, and every block is old or new. */
static void a_cut_at_any_write_leaves_old_or_new(void **state)
{
	struct fixture *f = *state;
	int n, r = -EIO;

	for (n = 0; r != 0; n++) {
		struct ploop_disk *disk;
		struct err err = ERR_INIT;
		struct image img;
		uint32_t i;

		unlinkat(f->dirfd, "i", 0);
		write_old(f);
		r = write_new(f, n);
		if (r < 0)
			assert_int_equal(image_open(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 0, false,
						    &img, &err),
					 -EBUSY);
		clear_marker(f);
		disk = open_disk(f, PLOOP_FORMAT_EXPANDED, false);
		for (i = 0; i < CLUSTERS; i++) {
			char got[3];
			bool is_new, is_old;

			assert_int_equal(disk_read(disk, i * CLUSTER, got, 3), 0);
			is_new = i % 4 < 2 && memcmp(got, "new", 3) == 0;
			is_old = memcmp(got, i % 2 ? "\0\0\0" : "old", 3) == 0;
			if (!is_new && (!is_old || (r == 0 && i % 4 < 2)))
				fail_msg("cut at %d: block %u is neither old nor new", n, i);
		}
		disk_free(disk);
	}
	assert_true(n > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(reads_back_what_was_written),
		fixture_test(zeros_cost_nothing),
		fixture_test(stays_inside_of_the_disk),
		fixture_test(a_full_host_is_told_from_a_full_image),
		fixture_test(each_step_is_stable_before_the_next),
		fixture_test(a_cut_at_any_write_leaves_old_or_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
