/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include "cleanup.h"
#include "strv.h"

static void splits_joins_and_drops_empty_parts(void **state)
{
	_cleanup_strv_ char **v = NULL;
	_cleanup_free_ char *s = NULL;

	(void)state;
	assert_int_equal(strv_split("  a, b,,c ", ", ", &v), 0);
	assert_int_equal(strv_length(v), 3);
	s = strv_join(v, ":");
	assert_string_equal(s, "a:b:c");
	assert_true(strv_contains(v, "b"));
	assert_false(strv_contains(v, "d"));
}

static void null_is_the_empty_list(void **state)
{
	char **v = NULL;
	_cleanup_free_ char *s = NULL;

	(void)state;
	assert_int_equal(strv_split("", ",", &v), 0);
	assert_null(v);
	assert_int_equal(strv_length(NULL), 0);
	assert_int_equal(strv_remove(NULL, "a"), 0);
	assert_false(strv_contains(NULL, "a"));
	s = strv_join(NULL, ",");
	assert_string_equal(s, "");
	strv_free(NULL);
}

static void removes_every_equal_string(void **state)
{
	_cleanup_strv_ char **v = NULL;
	_cleanup_free_ char *s = NULL;

	(void)state;
	assert_int_equal(strv_add(&v, "x"), 0);
	assert_int_equal(strv_add(&v, "y"), 0);
	assert_int_equal(strv_add(&v, "x"), 0);
	assert_int_equal(strv_remove(v, "x"), 2);
	assert_int_equal(strv_remove(v, "z"), 0);
	s = strv_join(v, ",");
	assert_string_equal(s, "y");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits_joins_and_drops_empty_parts),
		cmocka_unit_test(null_is_the_empty_list),
		cmocka_unit_test(removes_every_equal_string),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
