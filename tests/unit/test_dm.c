/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * If this fails, a device on an image is not seen, and the image is mounted a
 * second time; or a container whose disk gets another table is frozen for good.
 * What needs the kernel: tests/guest/ploop-expanded.sh.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "attach.h"
#include "attach_dm.h"
#include "cleanup.h"
#include "disk.h"
#include "dm.h"
#include "err.h"
#include "faults.h"
#include "io.h"
#include "ploop.h"

#define MIB	 (1u << 20)
#define OLD_SIZE (48 * MIB)
#define NEW_SIZE (64 * MIB)

static void deltas_of_a_status(void **state)
{
	static const struct {
		const char *status;
		unsigned int levels;
	} rows[] = {
		{"1 v2 2048 o", 1},
		{"254 v2 128 fs off=2048", 254},
		{"255 v2 128 o", 0},
		{"0 v2 2048 o", 0},
		{"-1 v2 2048 o", 0},
		{" 1 v2 2048 o", 0},
		{"3 v3 2048 o", 0},
		{"3v2 2048 o", 0},
		{"99999999999999999999 v2 2048 o", 0},
		{"18446744073709551617 v2 2048 o", 0},
		{"", 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (dm_ploop_levels(rows[i].status) != rows[i].levels)
			fail_msg("'%s': %u", rows[i].status, dm_ploop_levels(rows[i].status));
}

/* --- another table ------------------------------------------------------------------ */

struct table {
	uint64_t mib;	     /* 0: none */
	unsigned int deltas; /* files in it */
};

/* A device of the device mapper, as it is switched from a table to another. */
static struct {
	struct table live, loaded;
	bool frozen;
	unsigned int resumes, fail_from, fail_to;
	bool swapped; /* what fails has the new table already */
} device;

static int resume(void)
{
	unsigned int n = device.resumes++;
	bool fails = n >= device.fail_from && n < device.fail_to;

	if (device.loaded.mib && (!fails || device.swapped))
		device.live = device.loaded;
	device.loaded.mib = 0;
	device.frozen = fails;
	errno = EIO;
	return fails ? -1 : 0;
}

static int load_table(struct dm_ioctl *io)
{
	const struct dm_target_spec *spec = (const void *)((const char *)io + io->data_start);
	const char *words = (const char *)(spec + 1), *p;

	device.loaded = (struct table){.mib = spec->length / 2048};
	for (p = strstr(words, "off="); (p = strchr(p, ' ')); p++)
		device.loaded.deltas++;
	return 0;
}

static int device_mapper(int fd, unsigned long request, void *arg)
{
	(void)fd;
	switch (request) {
	case DM_TABLE_LOAD:
		return load_table(arg);
	case DM_TABLE_CLEAR:
		device.loaded.mib = 0;
		return 0;
	case DM_DEV_SUSPEND:
		return resume();
	default:
		errno = ENOTTY;
		return -1;
	}
}

static void make_disk(struct fixture *f, struct ploop_disk **ret)
{
	const struct ploop_create_opts opts = {.size_bytes = OLD_SIZE,
					       .format = PLOOP_FORMAT_EXPANDED};

	assert_int_equal(ploop_create(fixture_path(f, "d"), &opts, NULL), 0);
	assert_int_equal(ploop_open(fixture_path(f, "d"), ret, NULL), 0);
}

static void remove_disk(struct fixture *f)
{
	unlink(fixture_path(f, "d/root.hds"));
	unlink(fixture_path(f, "d/new"));
	unlink(fixture_path(f, "d/DiskDescriptor.xml"));
	rmdir(fixture_path(f, "d"));
}

static void grow_file(struct fixture *f)
{
	_cleanup_close_ int fd = open(fixture_path(f, "d/root.hds"), O_RDWR | O_CLOEXEC);
	uint32_t entries = htole32(NEW_SIZE / MIB);
	uint64_t sectors = htole64(NEW_SIZE / 512);

	assert_int_equal(io_pwrite_full(fd, &entries, 4, 0x20), 0);
	assert_int_equal(io_pwrite_full(fd, &sectors, 8, 0x24), 0);
}

static void set_device(unsigned int fails, bool swapped)
{
	memset(&device, 0, sizeof(device));
	device.live = (struct table){OLD_SIZE / MIB - 1, 1};
	device.fail_to = fails;
	device.swapped = swapped;
}

static void a_table_that_is_not_taken_freezes_nothing(void **state)
{
	struct fixture *f = *state;
	struct ploop_disk *was, *now;
	unsigned int fails;
	int swapped;

	make_disk(f, &was);
	grow_file(f);
	assert_int_equal(ploop_open(fixture_path(f, "d"), &now, NULL), 0);
	faults_ioctl = device_mapper;
	for (fails = 0; fails < 5; fails++)
		for (swapped = 0; swapped < 2; swapped++) {
			struct err err = ERR_INIT;
			int r;

			set_device(fails, swapped);
			r = attach_dm_reload(0, was, now, 0, &err);
			assert_int_equal(r, fails ? -EIO : 0);
			assert_int_equal(device.frozen, fails >= 3);
			assert_int_equal(strstr(err.msg, "frozen") != NULL, fails >= 3);
			assert_int_equal(device.live.mib, (fails ? OLD_SIZE : NEW_SIZE) / MIB - 1);
		}
	faults_ioctl = NULL;
	ploop_close(was);
	ploop_close(now);
	remove_disk(f);
}

/* With a top that the descriptor is about to lose again nothing may ever be written. */
static void a_new_top_that_is_not_taken_is_not_written_to(void **state)
{
	struct fixture *f = *state;
	struct ploop_disk *disk;
	unsigned int fails;
	int swapped;

	make_disk(f, &disk);
	close(open(fixture_path(f, "d/new"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	faults_ioctl = device_mapper;
	for (fails = 0; fails < 4; fails++)
		for (swapped = 0; swapped < 2; swapped++) {
			struct attach_push *push;
			struct err err = ERR_INIT;
			bool frozen;
			int r;

			set_device(fails, swapped);
			assert_int_equal(attach_push_load(disk, 0, "new", &push, NULL), 0);
			r = attach_push_switch(push, &frozen, &err);
			assert_int_equal(r, fails ? -EIO : 0);
			assert_int_equal(device.frozen, fails >= 2);
			assert_int_equal(frozen, fails >= 2);
			assert_int_equal(strstr(err.msg, "frozen") != NULL, fails >= 2);
			if (fails == 1)
				assert_int_equal(device.live.deltas, 1);
			else if (!fails)
				assert_int_equal(device.live.deltas, 2);
		}
	faults_ioctl = NULL;
	ploop_close(disk);
	remove_disk(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deltas_of_a_status),
		fixture_test(a_table_that_is_not_taken_freezes_nothing),
		fixture_test(a_new_top_that_is_not_taken_is_not_written_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
