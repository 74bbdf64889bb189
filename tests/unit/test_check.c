/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each kind of damage is found and told; a sound image has no finding. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "io.h"
#include "path.h"
#include "ploop.h"

#define MIB (1u << 20)

static void make_image(struct fixture *f, enum ploop_format format)
{
	const struct ploop_create_opts opts = {.size_bytes = 16 * MIB, .format = format, .now = 1};
	struct err err = ERR_INIT;

	if (ploop_create(fixture_path(f, "i"), &opts, &err) < 0)
		fail_msg("%s", err.msg);
}

static void collect(void *arg, const char *sentence)
{
	strncat(arg, sentence, 2000);
	strncat(arg, "\n", 2);
}

static unsigned int check(struct fixture *f, char told[10000])
{
	struct err err = ERR_INIT;
	unsigned int n = 99;

	told[0] = '\0';
	if (ploop_check(fixture_path(f, "i"), collect, told, &n, &err) < 0)
		fail_msg("%s", err.msg);
	return n;
}

static void patch(struct fixture *f, uint64_t off, const void *data, size_t len)
{
	_cleanup_close_ int fd = open(fixture_path(f, "i/root.hds"), O_WRONLY | O_CLOEXEC);

	assert_int_equal(io_pwrite_full(fd, data, len, off), 0);
}

static void a_sound_image_has_no_finding(void **state)
{
	struct fixture *f = *state;
	char told[10000];

	make_image(f, PLOOP_FORMAT_EXPANDED);
	assert_int_equal(check(f, told), 0);
	assert_int_equal(path_remove_tree(f->dirfd, "i", NULL), 0);
	make_image(f, PLOOP_FORMAT_RAW);
	assert_int_equal(check(f, told), 0);
}

struct damage {
	uint64_t offset;
	uint32_t value;
	const char *why;
};

static void damage_and_check(void **state, enum ploop_format format, const struct damage *d,
			     size_t n)
{
	struct fixture *f = *state;
	char told[10000];
	size_t i;

	make_image(f, format);
	for (i = 0; i < n; i++) {
		_cleanup_close_ int fd = open(fixture_path(f, "i/root.hds"), O_RDONLY | O_CLOEXEC);
		uint32_t old;

		assert_int_equal(io_pread_full(fd, &old, 4, d[i].offset), 0);
		patch(f, d[i].offset, &d[i].value, 4);
		if (check(f, told) == 0 || !strstr(told, d[i].why))
			fail_msg("0x%llx: '%s'", (unsigned long long)d[i].offset, told);
		patch(f, d[i].offset, &old, 4);
		assert_int_equal(check(f, told), 0);
	}
}

static void damage_to_the_map_is_found(void **state)
{
	static const struct damage damages[] = {
		{0x00, 0x12345678, "not an expanded ploop image"},
		{0x1c, 3, "clusters of 3 sectors"},
		{0x2c, 0x746F6E59, "marked as in use"},
		{0x34, 2, "conversion"},
		{0x34, 0x80, "unknown flags"},
		{0x40, 0x7fffffff, "block 0 is said to be in cluster 2147483647"},
		{0x40, 2, "both said to be in cluster 2"},
		{0x40, 0, "belong to no block"},
		/* The primary partition table is in the first data cluster. */
		{0x100000 + 512, 0, "no partition table at sector 1"},
		{0x100000 + 1024 + 32, 4096, "partition entries at sector 2 have a wrong checksum"},
		{0x100000 + 508, 0, "MBR"},
	};

	damage_and_check(state, PLOOP_FORMAT_EXPANDED, damages,
			 sizeof(damages) / sizeof(damages[0]));
}

static void damage_to_the_partition_tables_is_found(void **state)
{
	static const struct damage damages[] = {
		{508, 0, "MBR"},
		{512 + 24, 9, "sector 1 has a wrong header checksum"},
		{1024, 0xffffffff, "sector 2 have a wrong checksum"},
		{16 * MIB - 512, 0, "no partition table at sector 32767"},
		{16 * MIB - 33 * 512, 1, "have a wrong checksum"},
	};

	damage_and_check(state, PLOOP_FORMAT_RAW, damages, sizeof(damages) / sizeof(damages[0]));
}

static void length_and_holes_are_found(void **state)
{
	struct fixture *f = *state;
	char told[10000];
	struct stat st;
	_cleanup_close_ int fd = -EBADF;

	make_image(f, PLOOP_FORMAT_EXPANDED);
	assert_int_equal(stat(fixture_path(f, "i/root.hds"), &st), 0);
	assert_int_equal(truncate(fixture_path(f, "i/root.hds"), st.st_size + 1000), 0);
	assert_true(check(f, told) >= 1);
	assert_non_null(strstr(told, "ends 1000 bytes into a cluster"));
	assert_int_equal(truncate(fixture_path(f, "i/root.hds"), st.st_size - 1), 0);
	assert_true(check(f, told) >= 1);
	assert_non_null(strstr(told, "outside of the data"));
	assert_int_equal(truncate(fixture_path(f, "i/root.hds"), 32), 0);
	assert_int_equal(check(f, told), 1);
	assert_non_null(strstr(told, "too short"));
	assert_int_equal(truncate(fixture_path(f, "i/root.hds"), 0), 0);
	assert_int_equal(check(f, told), 1);
}

static void a_hole_is_found(void **state)
{
	struct fixture *f = *state;
	char told[10000];
	_cleanup_close_ int fd = -EBADF;

	make_image(f, PLOOP_FORMAT_EXPANDED);
	fd = open(fixture_path(f, "i/root.hds"), O_WRONLY | O_CLOEXEC);
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2 * MIB + 65536, 65536) < 0)
		skip();
	assert_int_equal(check(f, told), 1);
	assert_non_null(strstr(told, "hole in the image file at byte 2162688"));
}

static void a_descriptor_of_another_image_is_found(void **state)
{
	struct fixture *f = *state;
	char told[10000];

	make_image(f, PLOOP_FORMAT_RAW);
	assert_int_equal(truncate(fixture_path(f, "i/root.hds"), 17 * MIB), 0);
	assert_int_equal(check(f, told), 1);
	assert_non_null(strstr(told, "descriptor"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(a_sound_image_has_no_finding),
		fixture_test(damage_to_the_map_is_found),
		fixture_test(damage_to_the_partition_tables_is_found),
		fixture_test(length_and_holes_are_found),
		fixture_test(a_hole_is_found),
		fixture_test(a_descriptor_of_another_image_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
