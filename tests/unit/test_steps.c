/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, a failed start leaves something behind, or takes away what it did not make. */
#include "fixture.h"

#include <errno.h>

#include "err.h"
#include "steps.h"

static char trace[64];
static int fail_at;

static int step(char c, int n, struct err *err)
{
	strncat(trace, &c, 1);
	return n == fail_at ? err_set(err, EIO, "step %c failed", c) : 0;
}

static int run_a(void *arg, struct err *err)
{
	(void)arg;
	return step('a', 0, err);
}

static int run_b(void *arg, struct err *err)
{
	(void)arg;
	return step('b', 1, err);
}

static int run_c(void *arg, struct err *err)
{
	(void)arg;
	return step('c', 2, err);
}

static void undo_a(void *arg)
{
	(void)arg;
	strcat(trace, "A");
}

static void undo_c(void *arg)
{
	(void)arg;
	strcat(trace, "C");
}

static const struct step table[] = {
	{"a", run_a, undo_a},
	{"b", run_b, NULL},
	{"c", run_c, undo_c},
};

static void expect(int fails, const char *want, int code)
{
	struct err err = ERR_INIT;

	trace[0] = '\0';
	fail_at = fails;
	assert_int_equal(steps_run(table, 3, NULL, &err), code);
	assert_string_equal(trace, want);
	assert_int_equal(err.code, code);
}

static void test_undo_in_reverse(void **state)
{
	(void)state;
	expect(-1, "abc", 0);
	expect(0, "a", -EIO);
	expect(1, "abA", -EIO);
	expect(2, "abcA", -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_undo_in_reverse)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
