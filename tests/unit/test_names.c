/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include "names.h"

static void finds_every_name_after_it_has_grown(void **state)
{
	struct names names;
	uint32_t i;

	(void)state;
	assert_int_equal(names_init(&names), 0);
	for (i = 1; i <= 50000; i++) {
		char name[32];
		int len = snprintf(name, sizeof(name), "n%u", i / 3);

		assert_int_equal(names_set(&names, i % 3, name, (size_t)len, i, i % 7), 0);
	}
	for (i = 1; i <= 50000; i++) {
		char name[32];
		int len = snprintf(name, sizeof(name), "n%u", i / 3);
		struct names_entry *e = names_find(&names, i % 3, name, (size_t)len);

		assert_non_null(e);
		assert_int_equal(e->ino, i);
		assert_int_equal(e->type, i % 7);
	}
	assert_null(names_find(&names, 3, "n1", 2));
	assert_null(names_find(&names, 0, "n", 1));
	names_free(&names);
}

static void changes_and_removes(void **state)
{
	struct names names;

	(void)state;
	assert_int_equal(names_init(&names), 0);
	assert_int_equal(names_set(&names, 2, "a\0b", 3, 5, 1), 0);
	assert_int_equal(names_set(&names, 2, "a\0b", 3, 6, 2), 0);
	assert_int_equal(names_find(&names, 2, "a\0b", 3)->ino, 6);
	assert_null(names_find(&names, 2, "a\0c", 3));
	assert_null(names_find(&names, 2, "a", 1));
	assert_int_equal(names_set(&names, 2, "a\0b", 3, 0, 0), 0);
	assert_null(names_find(&names, 2, "a\0b", 3));
	names_free(&names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_every_name_after_it_has_grown),
		cmocka_unit_test(changes_and_removes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
