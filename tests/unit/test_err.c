/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include <errno.h>

#include "err.h"

static void set_stores_negative_code_and_sentence(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err_set(&err, EINVAL, "bad id '%s'", "x"), -EINVAL);
	assert_int_equal(err.code, -EINVAL);
	assert_string_equal(err.msg, "bad id 'x'");
	assert_int_equal(err_set(&err, -ENOENT, "no"), -ENOENT);
}

static void errno_text_comes_last(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err_errno(&err, -ENOENT, "cannot open '%s'", "f"), -ENOENT);
	assert_string_equal(err.msg, "cannot open 'f': No such file or directory");
}

static void prefix_keeps_code_and_sentence(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	err_set(&err, EBUSY, "in use");
	assert_int_equal(err_prefix(&err, "cannot start %d", 101), -EBUSY);
	assert_string_equal(err.msg, "cannot start 101: in use");
}

static void arguments_may_be_the_old_sentence(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	err_set(&err, EBUSY, "in use");
	err_set(&err, EIO, "was: %s", err.msg);
	assert_string_equal(err.msg, "was: in use");
}

static void exit_code_is_kept_until_the_next_failure(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_true(err_exit(&err, 31, "no") < 0);
	assert_int_equal(err_exit_default(&err, 1), err.code);
	assert_int_equal(err.exit_code, 31);
	err_set(&err, EIO, "later");
	assert_int_equal(err.exit_code, 0);
	err_exit_default(&err, 6);
	assert_int_equal(err.exit_code, 6);
	err_clear(&err);
	assert_int_equal(err.code, 0);
	assert_string_equal(err.msg, "");
}

static void null_is_allowed_and_still_fails(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, EINVAL, "x"), -EINVAL);
	assert_int_equal(err_errno(NULL, ENOENT, "x"), -ENOENT);
	assert_true(err_exit(NULL, 3, "x") < 0);
	assert_true(err_prefix(NULL, "x") < 0);
	assert_true(err_exit_default(NULL, 3) < 0);
	err_clear(NULL);
}

static void long_sentences_are_cut_and_terminated(void **state)
{
	struct err err = ERR_INIT;
	char big[3000];

	(void)state;
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	err_errno(&err, EIO, "%s", big);
	assert_int_equal(strlen(err.msg), ERR_MSG_MAX - 1);
	err_set(&err, EIO, "end");
	err_prefix(&err, "%s", big);
	assert_int_equal(strlen(err.msg), ERR_MSG_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_stores_negative_code_and_sentence),
		cmocka_unit_test(errno_text_comes_last),
		cmocka_unit_test(prefix_keeps_code_and_sentence),
		cmocka_unit_test(arguments_may_be_the_old_sentence),
		cmocka_unit_test(exit_code_is_kept_until_the_next_failure),
		cmocka_unit_test(null_is_allowed_and_still_fails),
		cmocka_unit_test(long_sentences_are_cut_and_terminated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
