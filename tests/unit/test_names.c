/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The index of names, in memory and beyond it. If this fails, a file of a tar
 * goes into the wrong directory, or a large tar takes the host's memory.
 */
#include "fixture.h"

#include <errno.h>

#include "cleanup.h"
#include "names.h"

#define MANY 500000u

static size_t name_of(uint32_t i, char name[32])
{
	return (size_t)snprintf(name, 32, "n%u", i / 3);
}

static int set(struct names *names, uint32_t i, uint32_t ino)
{
	char name[32];
	size_t len = name_of(i, name);

	return names_set(names, i % 3, name, len, ino, i % 7);
}

static void is(struct names *names, uint32_t i, uint32_t ino)
{
	struct names_entry e = {.ino = 0};
	char name[32];
	size_t len = name_of(i, name);

	assert_int_equal(names_find(names, i % 3, name, len, &e), ino != 0);
	assert_int_equal(e.ino, ino);
	assert_int_equal(e.type, ino ? i % 7 : 0);
}

static bool has(struct names *names, uint32_t dir, const char *name, size_t len)
{
	struct names_entry e;
	int r = names_find(names, dir, name, len, &e);

	assert_in_range(r, 0, 1);
	return r == 1;
}

static void finds_every_name_after_it_has_grown(void **state)
{
	struct names names;
	uint32_t i;

	(void)state;
	assert_int_equal(names_init(&names, -EBADF), 0);
	for (i = 1; i <= MANY; i++)
		assert_int_equal(set(&names, i, i), 0);
	for (i = 1; i <= MANY; i++)
		is(&names, i, i);
	assert_false(has(&names, 3, "n1", 2));
	assert_false(has(&names, 0, "n", 1));
	assert_true(names.nframes == names.npages && names.fd < 0);
	names_free(&names);
}

static void most_of_many_are_in_a_file(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *files = NULL;
	struct names names;
	uint32_t i;

	assert_int_equal(names_init(&names, f->dirfd), 0);
	for (i = 1; i <= MANY; i++)
		assert_int_equal(set(&names, i, i), 0);
	assert_int_equal(names.nframes, NAMES_FRAMES);
	assert_true(names.npages > 2 * NAMES_FRAMES);
	assert_true(names.npages * NAMES_PAGE_SLOTS < 3 * MANY);
	/* Every page is changed once more, some entries are removed. */
	for (i = 1; i <= MANY; i += 5)
		assert_int_equal(set(&names, i, i % 2 ? i + 1 : 0), 0);
	for (i = 1; i <= MANY; i++)
		is(&names, i, i % 5 != 1 ? i : i % 2 ? i + 1 : 0);
	assert_false(has(&names, 3, "n1", 2));
	files = fixture_list(f);
	assert_string_equal(files, "");
	names_free(&names);
}

static void few_need_no_file(void **state)
{
	struct names names;
	uint32_t i;

	(void)state;
	/* No directory at all: a file could not be made. */
	assert_int_equal(names_init(&names, 1 << 20), 0);
	for (i = 1; i <= 90000; i++)
		assert_int_equal(set(&names, i, i), 0);
	while (i < MANY && set(&names, i, i) == 0)
		i++;
	assert_int_equal(set(&names, i, i), -EBADF);
	names_free(&names);
}

static void a_full_disk_loses_nothing(void **state)
{
	struct fixture *f = *state;
	struct names names;
	uint32_t i, n = 1;
	int r = 0;

	assert_int_equal(names_init(&names, f->dirfd), 0);
	fixture_cut_writes(100, ENOSPC);
	while (n < MANY && (r = set(&names, n, n)) == 0)
		n++;
	assert_int_equal(r, -ENOSPC);
	fixture_cut_writes(-1, 0);
	for (i = 1; i < n; i++)
		is(&names, i, i);
	for (; n <= MANY; n++)
		assert_int_equal(set(&names, n, n), 0);
	for (i = 1; i <= MANY; i++)
		is(&names, i, i);
	names_free(&names);
}

static void changes_and_removes(void **state)
{
	struct names names;
	struct names_entry e;

	(void)state;
	assert_int_equal(names_init(&names, -EBADF), 0);
	assert_int_equal(names_set(&names, 2, "a\0b", 3, 5, 1), 0);
	assert_int_equal(names_set(&names, 2, "a\0b", 3, 6, 2), 0);
	assert_int_equal(names_find(&names, 2, "a\0b", 3, &e), 1);
	assert_int_equal(e.ino, 6);
	assert_false(has(&names, 2, "a\0c", 3));
	assert_false(has(&names, 2, "a", 1));
	assert_int_equal(names_set(&names, 2, "a\0b", 3, 0, 0), 0);
	assert_false(has(&names, 2, "a\0b", 3));
	names_free(&names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_every_name_after_it_has_grown),
		fixture_test(most_of_many_are_in_a_file),
		cmocka_unit_test(few_need_no_file),
		fixture_test(a_full_disk_loses_nothing),
		cmocka_unit_test(changes_and_removes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
