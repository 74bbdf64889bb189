/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images when memory or files fail. If this fails, a full disk or a machine
 * without memory leaves half an image, loses memory, or says nothing.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cleanup.h"
#include "descriptor.h"
#include "disk.h"
#include "err.h"
#include "faults.h"
#include "image.h"
#include "io.h"

#define CLUSTER 32768u
#define MIB	(1ull << 20)

static void only(struct fixture *f, const char *want)
{
	_cleanup_free_ char *names = fixture_list(f);

	assert_string_equal(names, want);
}

/* --- the descriptor ------------------------------------------------------- */

static const struct descriptor old = {64 * MIB, CLUSTER, PLOOP_FORMAT_RAW, (char *)"old"};
static const struct descriptor new = {32 * MIB, CLUSTER, PLOOP_FORMAT_RAW, (char *)"new"};

static void store_old(struct fixture *f)
{
	assert_int_equal(descriptor_store(f->dirfd, &old, NULL), 0);
}

static int store_new(struct fixture *f, struct err *err)
{
	return descriptor_store(f->dirfd, &new, err);
}

static void is_old_or_new(struct fixture *f, int r)
{
	struct descriptor d;

	only(f, DESCRIPTOR_NAME);
	assert_int_equal(descriptor_load(f->dirfd, "D", &d, NULL), 0);
	if (r == 0)
		assert_string_equal(d.file, "new");
	assert_true(d.size_bytes == (strcmp(d.file, "new") == 0 ? new : old).size_bytes);
	descriptor_free(&d);
}

static int load_old(struct fixture *f, struct err *err)
{
	struct descriptor d;
	int r = descriptor_load(f->dirfd, "D", &d, err);

	if (r == 0) {
		assert_string_equal(d.file, "old");
		descriptor_free(&d);
	}
	return r;
}

static void the_descriptor(void **state)
{
	static const struct fault_op store = {"store a descriptor", store_old, store_new,
					      is_old_or_new};
	static const struct fault_op load = {"load a descriptor", store_old, load_old, NULL};

	faults_each(*state, &store);
	faults_each(*state, &load);
}

/* --- an image file -------------------------------------------------------- */

static void no_image(struct fixture *f)
{
	unlinkat(f->dirfd, "i", 0);
}

static int make_image(struct fixture *f, struct err *err)
{
	struct image img = {.fd = -EBADF};
	struct ploop_disk *disk;
	int r = image_create(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 4 * CLUSTER, CLUSTER, &img, err);

	if (r < 0)
		return r;
	if (disk_new(&img, &disk) < 0) {
		image_close(&img);
		return err_set(err, ENOMEM, "no disk");
	}
	r = disk_write(disk, CLUSTER, "old", 4);
	if (r == 0)
		r = disk_flush(disk);
	if (r == 0)
		r = image_finish(&disk->img, true, err);
	else
		(void)err_set(err, r, "cannot write");
	disk_free(disk);
	return r;
}

static void made_image(struct fixture *f)
{
	no_image(f);
	assert_int_equal(make_image(f, NULL), 0);
}

static int change_image(struct fixture *f, struct err *err)
{
	struct image img = {.fd = -EBADF};
	struct ploop_disk *disk;
	int r = image_open(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 0, true, &img, err);

	if (r < 0)
		return r;
	if (disk_new(&img, &disk) < 0) {
		image_close(&img);
		return err_set(err, ENOMEM, "no disk");
	}
	disk->sync = true;
	r = disk_write(disk, 3 * CLUSTER, "new", 4);
	if (r == 0)
		r = disk_flush(disk);
	if (r == 0)
		r = image_finish(&disk->img, true, err);
	else
		(void)err_set(err, r, "cannot write");
	disk_free(disk);
	return r;
}

/* Whatever the marker says, nothing of the old data is lost and the map is sound. */
static void old_data_is_there(struct fixture *f, int r)
{
	static const uint32_t closed = 0;
	_cleanup_close_ int fd = openat(f->dirfd, "i", O_WRONLY | O_CLOEXEC);
	char got[4] = "";
	struct ploop_disk *disk;
	struct image img;

	assert_int_equal(io_pwrite_full(fd, &closed, 4, 0x2c), 0);
	assert_int_equal(image_open(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 0, false, &img, NULL), 0);
	assert_int_equal(disk_new(&img, &disk), 0);
	assert_int_equal(disk_read(disk, CLUSTER, got, 4), 0);
	assert_string_equal(got, "old");
	assert_int_equal(disk_read(disk, 3 * CLUSTER, got, 4), 0);
	if (r == 0)
		assert_string_equal(got, "new");
	disk_free(disk);
}

static void an_image_file(void **state)
{
	static const struct fault_op make = {"fill an image file", no_image, make_image, NULL};
	static const struct fault_op change = {"change an image file", made_image, change_image,
					       old_data_is_there};

	faults_each(*state, &make);
	faults_each(*state, &change);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(the_descriptor),
		fixture_test(an_image_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
