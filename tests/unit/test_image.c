/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "disk.h"
#include "err.h"
#include "format.h"
#include "image.h"
#include "io.h"

#define CLUSTER 65536u

/* A disk of four clusters whose cluster 2 alone holds data. */
static void make_image(struct fixture *f, const char *name)
{
	struct err err = ERR_INIT;
	struct ploop_disk *disk;
	struct image img;

	assert_int_equal(image_create(f->dirfd, name, PLOOP_FORMAT_EXPANDED, 4 * CLUSTER, CLUSTER,
				      &img, &err),
			 0);
	assert_int_equal(disk_new(&img, &disk), 0);
	assert_int_equal(disk_write(disk, 2 * CLUSTER + 5, "data", 4), 0);
	assert_int_equal(disk_flush(disk), 0);
	assert_int_equal(image_finish(&disk->img, true, &err), 0);
	disk_free(disk);
}

/* The bytes of docs/ploop-format.md. */
static void golden_image_byte_by_byte(void **state)
{
	static const uint8_t golden[64 + 16] = {
		/* 00 */ 'W',
		'i',
		't',
		'h',
		'o',
		'u',
		'F',
		'r',
		'e',
		'S',
		'p',
		'a',
		'c',
		'E',
		'x',
		't',
		/* 10 type 2, heads 16 */ 2,
		0,
		0,
		0,
		16,
		0,
		0,
		0,
		/* 18 cylinders, cluster */ 1,
		0,
		0,
		0,
		128,
		0,
		0,
		0,
		/* 20 entries, sectors */ 4,
		0,
		0,
		0,
		0,
		2,
		0,
		0,
		0,
		0,
		0,
		0,
		/* 2c closed, data at */ 0,
		0,
		0,
		0,
		128,
		0,
		0,
		0,
		/* 34 flags, extension */ 0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		/* 40 table */ 0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		1,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
	};
	struct fixture *f = *state;
	_cleanup_free_ uint8_t *want = calloc(1, 2 * CLUSTER);
	_cleanup_free_ char *got = NULL;
	size_t len;

	make_image(f, "i");
	memcpy(want, golden, sizeof(golden));
	memcpy(want + CLUSTER + 5, "data", 4);
	assert_int_equal(io_read_file(f->dirfd, "i", 1 << 20, &got, &len, NULL), 0);
	assert_int_equal(len, 2 * CLUSTER);
	assert_memory_equal(got, want, 2 * CLUSTER);
}

static void marker_follows_the_life_of_a_writer(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	struct image a, b;
	_cleanup_close_ int fd = -EBADF;
	uint32_t mark;

	make_image(f, "i");
	fd = openat(f->dirfd, "i", O_RDONLY | O_CLOEXEC);
	assert_int_equal(image_open(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 0, true, &a, &err), 0);
	assert_int_equal(io_pread_full(fd, &mark, 4, 0x2c), 0);
	assert_int_equal(le32toh(mark), PLOOP_INUSE);
	assert_int_equal(image_open(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 0, true, &b, &err),
			 -EBUSY);
	assert_int_equal(image_open(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 0, false, &b, &err),
			 -EBUSY);
	/* A writer that died: the mark stays. */
	image_close(&a);
	assert_int_equal(image_open(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 0, true, &b, &err),
			 -EBUSY);
	assert_non_null(strstr(err.msg, "in use"));
}

static void a_raw_image_has_one_writer(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	struct image a, b;

	assert_int_equal(image_create(f->dirfd, "r", PLOOP_FORMAT_RAW, CLUSTER, CLUSTER, &a, &err),
			 0);
	image_close(&a);
	assert_int_equal(image_open(f->dirfd, "r", PLOOP_FORMAT_RAW, 0, true, &a, &err), 0);
	assert_int_equal(image_open(f->dirfd, "r", PLOOP_FORMAT_RAW, 0, true, &b, &err), -EBUSY);
	image_close(&a);
	assert_int_equal(image_open(f->dirfd, "r", PLOOP_FORMAT_RAW, 0, true, &b, &err), 0);
	image_close(&b);
}

static void refuses_what_it_cannot_trust(void **state)
{
	static const struct {
		uint32_t offset, value;
		int code;
		const char *why;
	} cases[] = {
		{0x00, 0, EINVAL, "not an expanded"},
		{0x10, 7, EINVAL, "type 7"},
		{0x1c, 0, EINVAL, "clusters of 0"},
		{0x1c, 129, EINVAL, "clusters of 129"},
		{0x1c, 65536, EINVAL, "clusters"},
		{0x20, 5, EINVAL, "5 block table"},
		{0x20, 0xffffffff, EINVAL, "block table"},
		{0x24, 0, EINVAL, "sectors"},
		{0x28, 0xffff, EINVAL, "sectors"},
		{0x2c, 1, EINVAL, "marker"},
		{0x2c, PLOOP_INUSE, EBUSY, "in use"},
		{0x30, 0, EINVAL, "starts at sector 0"},
		{0x30, 129, EINVAL, "starts at"},
		{0x30, 1280, EINVAL, "ends inside"},
		{0x34, 4, EOPNOTSUPP, "flags"},
		{0x34, 2, EUCLEAN, "conversion"},
		{0x40, 9, EUCLEAN, "outside"},
		{0x44, 1, EUCLEAN, "twice"},
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t v = htole32(cases[i].value);
		struct err err = ERR_INIT;
		struct image img;
		int fd;

		unlinkat(f->dirfd, "i", 0);
		make_image(f, "i");
		fd = openat(f->dirfd, "i", O_WRONLY | O_CLOEXEC);
		assert_int_equal(io_pwrite_full(fd, &v, 4, cases[i].offset), 0);
		close(fd);
		if (image_open(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 0, false, &img, &err) !=
			    -cases[i].code ||
		    !strstr(err.msg, cases[i].why))
			fail_msg("0x%x=%u: %d %s", cases[i].offset, cases[i].value, err.code,
				 err.msg);
	}
}

/* Its table counts sectors, and half of the size is not read. */
static void version_1_byte_by_byte(void **state)
{
	static const uint8_t entries[16] = {[8] = 128};
	_cleanup_close_ int fd = -EBADF;
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	struct ploop_disk *disk;
	uint8_t got[80];
	struct image img;
	char data[5] = "";
	int i;

	assert_int_equal(image_create(f->dirfd, "v1", PLOOP_FORMAT_EXPANDED, 4 * CLUSTER, CLUSTER,
				      &img, &err),
			 0);
	assert_int_equal(image_set_version(&img, 1, &err), 0);
	assert_int_equal(disk_new(&img, &disk), 0);
	assert_int_equal(disk_write(disk, 2 * CLUSTER + 5, "data", 4), 0);
	assert_int_equal(disk_flush(disk), 0);
	assert_int_equal(image_finish(&disk->img, true, &err), 0);
	disk_free(disk);

	fd = openat(f->dirfd, "v1", O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, got, sizeof(got), 0), sizeof(got));
	assert_memory_equal(got, "WithoutFreeSpace", 16);
	assert_memory_equal(got + 64, entries, sizeof(entries));
	assert_int_equal(pwrite(fd, "rest", 4, 0x28), 4);
	for (i = 0; i < 2; i++) {
		if (image_open(f->dirfd, "v1", PLOOP_FORMAT_EXPANDED, 0, i, &img, &err) < 0)
			fail_msg("%s", err.msg);
		assert_int_equal(img.version, 1);
		assert_int_equal(disk_new(&img, &disk), 0);
		assert_int_equal(disk_read(disk, 2 * CLUSTER + 5, data, 4), 0);
		assert_string_equal(data, "data");
		assert_int_equal(image_finish(&disk->img, true, &err), 0);
		disk_free(disk);
	}
	/* A writer leaves it of its version, and closed. */
	assert_int_equal(pread(fd, got, sizeof(got), 0), sizeof(got));
	assert_memory_equal(got, "WithoutFreeSpace", 16);
	assert_memory_equal(got + 0x2c, "\0\0\0\0", 4);
	assert_memory_equal(got + 64, entries, sizeof(entries));
	assert_int_equal(pwrite(fd, "\x81", 1, 64 + 8), 1);
	assert_int_equal(image_open(f->dirfd, "v1", PLOOP_FORMAT_EXPANDED, 0, false, &img, &err),
			 -EUCLEAN);
}

static void version_1_ends_below_2_tib(void **state)
{
	static const uint64_t t2 = 2ull << 40, big = 1 << 20;
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	struct image img;
	int i;

	for (i = 0; i < 2; i++) {
		/* The table of 2 M entries has 9 clusters. */
		assert_int_equal(image_create(f->dirfd, "i", PLOOP_FORMAT_EXPANDED,
					      t2 - (9 + !i) * big, big, &img, &err),
				 0);
		assert_int_equal(image_set_version(&img, 1, &err), i ? -EFBIG : 0);
		image_close(&img);
		assert_int_equal(unlinkat(f->dirfd, "i", 0), 0);
	}
	assert_non_null(strstr(err.msg, "2T"));
}

static void refuses_short_files_and_what_is_no_file(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	struct image img;

	fixture_write(f, "v1", "WithoutFreeSpace................................................",
		      64);
	assert_int_equal(image_open(f->dirfd, "v1", PLOOP_FORMAT_EXPANDED, 0, false, &img, &err),
			 -EINVAL);
	fixture_write(f, "short", "WithouFreSpacExt", 16);
	assert_int_equal(image_open(f->dirfd, "short", PLOOP_FORMAT_EXPANDED, 0, false, &img, &err),
			 -EINVAL);
	assert_int_equal(image_open(f->dirfd, "v1", PLOOP_FORMAT_RAW, 0, false, &img, &err),
			 -EINVAL);
	assert_int_equal(mkfifoat(f->dirfd, "fifo", 0600), 0);
	assert_int_equal(image_open(f->dirfd, "fifo", PLOOP_FORMAT_RAW, 0, false, &img, &err),
			 -EINVAL);
	assert_int_equal(symlinkat("v1", f->dirfd, "link"), 0);
	assert_int_equal(image_open(f->dirfd, "link", PLOOP_FORMAT_RAW, 0, false, &img, &err),
			 -ELOOP);
	fixture_write(f, "odd", "123", 3);
	assert_int_equal(image_open(f->dirfd, "odd", PLOOP_FORMAT_RAW, 0, false, &img, &err),
			 -EINVAL);
}

static void an_existing_file_is_never_overwritten(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	struct image img;

	fixture_write(f, "i", "mine", 4);
	assert_int_equal(image_create(f->dirfd, "i", PLOOP_FORMAT_RAW, CLUSTER, CLUSTER, &img,
				      &err),
			 -EEXIST);
}

/* Header and table of 32 KiB clusters need more than one: the data starts behind. */
static void a_long_table_moves_the_data(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	struct image img;

	assert_int_equal(image_create(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 20000ull * 32768, 32768,
				      &img, &err),
			 0);
	assert_int_equal(img.bat.first, 3);
	assert_int_equal(image_finish(&img, false, &err), 0);
	image_close(&img);
	assert_int_equal(image_open(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 0, false, &img, &err), 0);
	assert_int_equal(img.bat.first, 3);
	image_close(&img);
}

/* It is opened to tell about it, and read only as of some moment. */
static void one_in_use_opens_unmapped(void **state)
{
	struct fixture *f = *state;
	const uint32_t marks[] = {htole32(PLOOP_INUSE), htole32(PLOOP_CLOSED)};
	const uint32_t wrong = htole32(77), right = htole32(1);
	_cleanup_close_ int fd = -EBADF;
	struct err err = ERR_INIT;
	struct ploop_disk *disk;
	struct image img;
	char got[4];

	make_image(f, "i");
	assert_int_equal(image_open_any(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 0, &img, &err), 0);
	assert_false(img.unmapped);
	image_close(&img);
	fd = openat(f->dirfd, "i", O_RDWR | O_CLOEXEC);
	assert_int_equal(io_pwrite_full(fd, &marks[0], 4, 0x2c), 0);
	assert_int_equal(image_open(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 0, false, &img, &err),
			 -EBUSY);
	assert_int_equal(image_open_any(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 0, &img, &err), 0);
	assert_true(img.unmapped);
	assert_int_equal(img.size_bytes, 4 * CLUSTER);
	assert_int_equal(disk_new(&img, &disk), 0);
	assert_int_equal(disk_read(disk, 2 * CLUSTER + 5, got, 4), -EBUSY);
	assert_int_equal(io_pwrite_full(fd, &wrong, 4, 0x48), 0);
	assert_int_equal(image_map_now(&disk->img, &err), -EUCLEAN);
	assert_int_equal(disk_read(disk, 2 * CLUSTER + 5, got, 4), -EBUSY);
	assert_int_equal(io_pwrite_full(fd, &right, 4, 0x48), 0);
	assert_int_equal(image_map_now(&disk->img, &err), 0);
	assert_int_equal(image_map_now(&disk->img, &err), 0);
	assert_int_equal(disk_read(disk, 2 * CLUSTER + 5, got, 4), 0);
	assert_memory_equal(got, "data", 4);
	disk_free(disk);
	assert_int_equal(io_pwrite_full(fd, &marks[1], 4, 0x2c), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(golden_image_byte_by_byte),
		fixture_test(marker_follows_the_life_of_a_writer),
		fixture_test(one_in_use_opens_unmapped),
		fixture_test(a_raw_image_has_one_writer),
		fixture_test(refuses_what_it_cannot_trust),
		fixture_test(version_1_byte_by_byte),
		fixture_test(version_1_ends_below_2_tib),
		fixture_test(refuses_short_files_and_what_is_no_file),
		fixture_test(an_existing_file_is_never_overwritten),
		fixture_test(a_long_table_moves_the_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
