/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include <limits.h>

#include "cleanup.h"
#include "strbuf.h"

static void grows_and_stays_terminated(void **state)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	int i;

	(void)state;
	for (i = 0; i < 1000; i++)
		strbuf_addf(&b, "%d,", i % 10);
	strbuf_addc(&b, '!');
	strbuf_addn(&b, "ab\0c", 4);
	assert_int_equal(b.len, 2005);
	assert_int_equal(b.s[b.len], '\0');
	assert_memory_equal(b.s + 2000, "!ab\0c", 5);
}

static void stealing_empties_it_and_empty_is_a_string(void **state)
{
	struct strbuf b = STRBUF_INIT;
	_cleanup_free_ char *none = strbuf_steal(&b);
	_cleanup_free_ char *some = NULL;

	(void)state;
	assert_string_equal(none, "");
	strbuf_add(&b, "x");
	some = strbuf_steal(&b);
	assert_string_equal(some, "x");
	assert_null(b.s);
	assert_int_equal(b.len, 0);
}

static void failure_is_remembered(void **state)
{
	struct strbuf b = STRBUF_INIT;

	(void)state;
	strbuf_add(&b, "x");
	strbuf_addn(&b, "", SIZE_MAX / 2);
	assert_true(b.failed);
	strbuf_add(&b, "y");
	assert_int_equal(b.len, 1);
	assert_null(strbuf_steal(&b));
	strbuf_free(&b);
}

static void printable(const char *in, const char *want)
{
	struct strbuf b = STRBUF_INIT;
	_cleanup_free_ char *s = NULL;

	strbuf_add_printable(&b, in, strlen(in), "\\'");
	s = strbuf_steal(&b);
	assert_string_equal(s, want);
}

/* What a stranger called something must not move the cursor of who reads about it. */
static void hostile_bytes_are_shown_as_numbers(void **state)
{
	struct strbuf b = STRBUF_INIT;

	(void)state;
	printable("plain-1.0", "plain-1.0");
	printable("\033[31m\a\177\n", "\\033[31m\\007\\177\\012");
	printable("it's \\", "it\\047s \\134");
	printable("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
		  "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
	/* CSI as one character, as one byte, cut, overlong, a surrogate, above Unicode */
	printable("\xc2\x9b"
		  "31m",
		  "\\302\\23331m");
	printable("\x9b"
		  "31m",
		  "\\23331m");
	printable("\xe2\x82", "\\342\\202");
	printable("\xc0\x9b", "\\300\\233");
	printable("\xe0\x80\x9b", "\\340\\200\\233");
	printable("\xed\xa0\x80", "\\355\\240\\200");
	printable("\xf4\x90\x80\x80", "\\364\\220\\200\\200");
	strbuf_add_printable(&b, "a\0b", 3, "");
	assert_string_equal(b.s, "a\\000b");
	strbuf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_and_stays_terminated),
		cmocka_unit_test(stealing_empties_it_and_empty_is_a_string),
		cmocka_unit_test(failure_is_remembered),
		cmocka_unit_test(hostile_bytes_are_shown_as_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
