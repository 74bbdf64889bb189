/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "bat.h"
#include "cleanup.h"
#include "err.h"
#include "format.h"
#include "io.h"

static int new_file(struct fixture *f, uint64_t bytes)
{
	int fd = openat(f->dirfd, "bat", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	return fd;
}

static void header_and_table_share_clusters(void **state)
{
	(void)state;
	assert_int_equal(bat_clusters(1, 32768), 1);
	assert_int_equal(bat_clusters((32768 - 64) / 4, 32768), 1);
	assert_int_equal(bat_clusters((32768 - 64) / 4 + 1, 32768), 2);
	assert_int_equal(bat_clusters(10240, 1 << 20), 1);
}

/* Entries around the edges of the pages in which the table is written. */
static void stores_and_loads_every_entry(void **state)
{
	static const uint32_t at[] = {0, 1, 1007, 1008, 1009, 2031, 2032, 4999};
	struct fixture *f = *state;
	_cleanup_close_ int fd = new_file(f, 32768);
	struct bat bat, back;
	uint32_t raw, i;

	assert_int_equal(bat_init(&bat, 5000, 32768), 0);
	assert_int_equal(bat.first, 1);
	for (i = 0; i < 8; i++)
		bat_set(&bat, at[i], bat_allocate(&bat));
	assert_int_equal(bat_store(&bat, fd), 0);
	assert_false(bat_is_dirty(&bat));
	for (i = 0; i < 8; i++) {
		assert_int_equal(io_pread_full(fd, &raw, 4, 64 + 4ull * at[i]), 0);
		assert_int_equal(le32toh(raw), i + 1);
	}
	assert_int_equal(bat_load(&back, fd, 5000, 1, 1, 9, "x", NULL), 0);
	assert_memory_equal(bat.entries, back.entries, 5000 * 4);
	assert_int_equal(back.next, 9);

	/* A change writes its page and no other. */
	fixture_cut_writes(-1, 0);
	bat_set(&back, 1008, bat_allocate(&back));
	assert_true(bat_is_dirty(&back));
	assert_int_equal(bat_store(&back, fd), 0);
	assert_int_equal(fixture_writes(), 1);
	bat_free(&bat);
	bat_free(&back);
}

static void refuses_entries_that_cannot_be(void **state)
{
	static const struct {
		uint32_t a, b;
		const char *why;
	} cases[] = {
		{5, 5, "twice"},
		{1, 10, "outside"},
		{0xffffffff, 1, "outside"},
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < 3; i++) {
		_cleanup_close_ int fd = new_file(f, 32768);
		uint32_t e[2] = {htole32(cases[i].a), htole32(cases[i].b)};
		struct err err = ERR_INIT;
		struct bat bat;

		assert_int_equal(io_pwrite_full(fd, e, 8, 64), 0);
		assert_int_equal(bat_load(&bat, fd, 100, 1, 1, 10, "img", &err), -EUCLEAN);
		assert_non_null(strstr(err.msg, cases[i].why));
		assert_non_null(strstr(err.msg, "'img'"));
		/* check reads it all the same. */
		assert_int_equal(bat_read(&bat, fd, 100, 1, 1), 0);
		assert_int_equal(bat_lookup(&bat, 0), cases[i].a);
		bat_free(&bat);
	}
}

static void a_table_inside_itself_is_refused(void **state)
{
	struct fixture *f = *state;
	_cleanup_close_ int fd = new_file(f, 4 * 32768);
	uint32_t e = htole32(1);
	struct err err = ERR_INIT;
	struct bat bat;

	assert_int_equal(io_pwrite_full(fd, &e, 4, 64), 0);
	assert_int_equal(bat_load(&bat, fd, 10000, 2, 1, 4, "img", &err), -EUCLEAN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_and_table_share_clusters),
		fixture_test(stores_and_loads_every_entry),
		fixture_test(refuses_entries_that_cannot_be),
		fixture_test(a_table_inside_itself_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
