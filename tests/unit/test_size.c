/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include <errno.h>

#include "size.h"

static void parses_every_suffix_in_both_cases(void **state)
{
	static const struct {
		const char *s;
		uint64_t unit, want;
	} cases[] = {
		{"0", 1, 0},
		{"512", 1, 512},
		{"512", 1024, 524288},
		{"1K", 7, 1024},
		{"1k", 7, 1024},
		{"512M", 1, 512ull << 20},
		{"10G", 1, 10ull << 30},
		{"2t", 1, 2ull << 40},
		{"3P", 1, 12288},
		{"77B", 1024, 77},
		{"1.5G", 1, 3ull << 29},
		{"0.5K", 1, 512},
		{"1.25", 1024, 1280},
		{"9223372036854775807", 4096, SIZE_UNLIMITED},
		{"unlimited", 1, SIZE_UNLIMITED},
		{"UNLIMITED", 1, SIZE_UNLIMITED},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t got = 1;

		assert_int_equal(size_parse(cases[i].s, cases[i].unit, &got), 0);
		if (got != cases[i].want)
			fail_msg("%s is %llu", cases[i].s, (unsigned long long)got);
	}
}

static void refuses_what_is_no_size(void **state)
{
	static const char *const cases[] = {"",	   " 1",  "1 ",	 "-1",	  "+1",	  "1.",
					    ".5",  "M",	  "1MM", "1MB",	  "0x10", "1e3",
					    "1:2", "1.5", "1Q",	 "1.2.3", "0.5B"};
	uint64_t got = 42;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (size_parse(cases[i], 1, &got) != -EINVAL)
			fail_msg("'%s' was taken", cases[i]);
	assert_int_equal(got, 42);
}

static void refuses_what_is_too_large(void **state)
{
	uint64_t got;

	(void)state;
	assert_int_equal(size_parse("99999999T", 1, &got), -ERANGE);
	assert_int_equal(size_parse("9223372036854775807K", 1, &got), -ERANGE);
	assert_int_equal(size_parse("99999999999999999999999999", 1, &got), -ERANGE);
}

static void pairs(void **state)
{
	uint64_t b, l;

	(void)state;
	assert_int_equal(size_parse_pair("10G:12G", 1, &b, &l), 0);
	assert_true(b == 10ull << 30 && l == 12ull << 30);
	assert_int_equal(size_parse_pair("5", 1024, &b, &l), 0);
	assert_true(b == 5120 && l == 5120);
	assert_int_equal(size_parse_pair("1:unlimited", 1, &b, &l), 0);
	assert_true(b == 1 && l == SIZE_UNLIMITED);
	assert_int_equal(size_parse_pair("2:1", 1, &b, &l), -EINVAL);
	assert_int_equal(size_parse_pair("1:2:3", 1, &b, &l), -EINVAL);
	assert_int_equal(size_parse_pair(":2", 1, &b, &l), -EINVAL);
	assert_int_equal(size_parse_pair("2:", 1, &b, &l), -EINVAL);
}

static void formats_what_it_parses(void **state)
{
	static const struct {
		uint64_t n;
		const char *want;
	} cases[] = {
		{0, "0"},
		{1, "1B"},
		{1024, "1K"},
		{1536, "1536B"},
		{3ull << 29, "1536M"},
		{10ull << 30, "10G"},
		{1ull << 40, "1T"},
		{SIZE_UNLIMITED, "unlimited"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char buf[32];
		uint64_t back;

		size_format(cases[i].n, buf, sizeof(buf));
		assert_string_equal(buf, cases[i].want);
		assert_int_equal(size_parse(buf, 1, &back), 0);
		assert_true(back == cases[i].n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_every_suffix_in_both_cases),
		cmocka_unit_test(refuses_what_is_no_size),
		cmocka_unit_test(refuses_what_is_too_large),
		cmocka_unit_test(pairs),
		cmocka_unit_test(formats_what_it_parses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
