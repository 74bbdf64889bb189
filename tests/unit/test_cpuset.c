/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, a container gets CPUs that were not asked for, or a bad list is taken. */
#include "fixture.h"

#include <errno.h>

#include "cleanup.h"
#include "cpuset.h"
#include "err.h"

static void round_trip(const char *in, const char *want)
{
	_cleanup_free_ char *out = NULL;
	struct cpuset set;

	assert_int_equal(cpuset_parse(in, &set), 0);
	out = cpuset_format(&set);
	assert_string_equal(out, want);
}

static void test_lists(void **state)
{
	static const char *const bad[] = {"",	    ",",    "1,",  "-1",	 "1-",
					  "3-1",    "a",    "0 1", "1-2-3",	 "4096",
					  "0-4096", "1,,2", "0x1", "99999999999"};
	struct cpuset set = {{7}};
	size_t i;

	(void)state;
	round_trip("0", "0");
	round_trip("0-3,5", "0-3,5");
	round_trip("5,3,2,1,0,1-2", "0-3,5");
	round_trip("62-65,4095", "62-65,4095");
	round_trip("0-4095", "0-4095");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(cpuset_parse(bad[i], &set), -EINVAL);
	assert_int_equal(set.bits[0], 7);
}

static void test_values(void **state)
{
	struct err err = ERR_INIT;
	char *out = NULL;

	(void)state;
	assert_int_equal(value_cpumask("all", &out, NULL), 0);
	assert_string_equal(out, "all");
	free(out);
	assert_int_equal(value_cpumask("auto", &out, NULL), 0);
	free(out);
	assert_int_equal(value_cpumask("0", &out, &err), 0);
	assert_string_equal(out, "0");
	free(out);
	assert_true(value_cpumask("0,4095", &out, &err) < 0);
	assert_non_null(strstr(err.msg, "this host has no CPU 4095"));
	assert_true(value_nodemask("auto", &out, &err) < 0);
	assert_true(value_nodemask("4000", &out, &err) < 0);
	assert_non_null(strstr(err.msg, "NUMA node 4000"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
