/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, a container's configuration is misread, rewritten with losses, or dangerous to source. */
#include "fixture.h"

#include <errno.h>
#include <unistd.h>

#include "cleanup.h"
#include "config.h"
#include "err.h"
#include "run.h"

static struct config *parse(const char *text, const char *veid)
{
	struct config *c = NULL;
	struct err err = ERR_INIT;

	if (config_parse(text, "x.conf", veid, &c, &err) < 0)
		fail_msg("%s", err.msg);
	return c;
}

static void test_grammar(void **state)
{
	_cleanup_config_ struct config *c =
		parse("# comment\n\n  A=\"one two\"  # tail\nB=bare\nC='$x `y` \"z'\nD=\n"
		      "E=\"a\\\"b\\\\c\\$d\\`e\"\nF=\"/vz/$VEID/${VEID}x\"\nG=\"cost $ 5\"",
		      "101");

	(void)state;
	assert_string_equal(config_get(c, "A"), "one two");
	assert_string_equal(config_get(c, "B"), "bare");
	assert_string_equal(config_get(c, "C"), "$x `y` \"z");
	assert_string_equal(config_get(c, "D"), "");
	assert_string_equal(config_get(c, "E"), "a\"b\\c$d`e");
	assert_string_equal(config_get(c, "F"), "/vz/101/101x");
	assert_string_equal(config_get(c, "G"), "cost $ 5");
	assert_null(config_get(c, "H"));
	assert_string_equal(config_key(c, 1), "B");
	assert_null(config_key(c, 7));
}

static void test_veid_stays_without_id(void **state)
{
	_cleanup_config_ struct config *c = parse("A=\"/vz/$VEID\"\n", NULL);

	(void)state;
	assert_string_equal(config_get(c, "A"), "/vz/$VEID");
}

static void test_bad_lines_are_named(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"A=1\nnonsense\n", "x.conf:2: not KEY=\"value\""},
		{"A=\"x\n", "x.conf:1: closing quote is missing"},
		{"A='x\n", "x.conf:1: closing quote is missing"},
		{"A=\"`id`\"\n", "x.conf:1: command substitution is not allowed"},
		{"A=\"$(id)\"\n", "x.conf:1: only $VEID expands"},
		{"A=\"$HOME\"\n", "x.conf:1: only $VEID expands"},
		{"A=\"$VEIDX\"\n", "x.conf:1: only $VEID expands"},
		{"A=$(id)\n", "x.conf:1: only $VEID expands"},
		{"A=x;id\n", "x.conf:1: this character needs quotes"},
		{"A=\"x\"y\n", "x.conf:1: something follows the value"},
		{"A=x y\n", "x.conf:1: something follows the value"},
		{"1A=x\n", "x.conf:1: not KEY=\"value\""},
		{"A=\"x\001\"\n", "x.conf:1: control character"},
		{"\n\nA=\"x\"\r\n", "x.conf:3: control character"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config *c = NULL;
		struct err err = ERR_INIT;

		assert_int_equal(config_parse(cases[i].text, "x.conf", "1", &c, &err), -EINVAL);
		assert_string_equal(err.msg, cases[i].want);
		assert_null(c);
	}
}

static void test_rewrite_keeps_the_rest(void **state)
{
	_cleanup_config_ struct config *c =
		parse("#UUID: 42\nA=1   # why\n\nUNKNOWN='kept'\nA=2\n", "1");
	_cleanup_free_ char *text = NULL;

	(void)state;
	assert_string_equal(config_get(c, "A"), "2");
	assert_int_equal(config_set(c, "A", "3", NULL), 0);
	assert_int_equal(config_set(c, "NEW", "x", NULL), 0);
	text = config_text(c);
	assert_string_equal(text, "#UUID: 42\n\nUNKNOWN='kept'\nA=\"3\"\nNEW=\"x\"\n");
	assert_int_equal(config_set(c, "UNKNOWN", NULL, NULL), 0);
	assert_null(config_get(c, "UNKNOWN"));
}

static void test_same_value_changes_nothing(void **state)
{
	_cleanup_config_ struct config *c = parse("A=1 # as it was\n", "1");
	_cleanup_free_ char *text = NULL;

	(void)state;
	assert_int_equal(config_set(c, "A", "1", NULL), 0);
	text = config_text(c);
	assert_string_equal(text, "A=1 # as it was\n");
}

static void test_refuses_what_no_line_holds(void **state)
{
	_cleanup_config_ struct config *c = config_new();

	(void)state;
	assert_int_equal(config_set(c, "A", "x\ny", NULL), -EINVAL);
	assert_int_equal(config_set(c, "A B", "x", NULL), -EINVAL);
	assert_int_equal(config_set(c, "", "x", NULL), -EINVAL);
}

/* Whatever is set, a shell that sources the file gets exactly that and runs nothing. */
static void test_inert_in_a_shell(void **state)
{
	static const char *const hostile[] = {
		"$(touch PWNED)",      "`touch PWNED`",
		"\"; touch PWNED; \"", "'; touch PWNED; '",
		"\\$(touch PWNED)",    "\\\\`touch PWNED`",
		"$HOME ${HOME} $$ $?", "a\\",
		"\\\"; touch PWNED #", "${IFS}$(touch${IFS}PWNED)",
		"!! %d & | < > * ~",   "\t tab",
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		_cleanup_config_ struct config *c = config_new(), *again = NULL;
		_cleanup_free_ char *out = NULL;
		const char *const argv[] = {"sh", "-c", ". ./t.conf; printf '%s.' \"$A\"", NULL};
		const struct run_opts opts = {.cwd = f->dir, .ret_out = &out};
		size_t len = strlen(hostile[i]);

		/* a tab is a control character: no line holds it */
		if (config_set(c, "A", hostile[i], NULL) < 0) {
			assert_non_null(strchr(hostile[i], '\t'));
			continue;
		}
		assert_int_equal(config_store(c, fixture_path(f, "t.conf"), NULL), 0);
		assert_int_equal(run_program(argv, &opts, NULL), 0);
		assert_int_equal(strlen(out), len + 1);
		assert_memory_equal(out, hostile[i], len);
		assert_int_equal(access(fixture_path(f, "PWNED"), F_OK), -1);
		assert_int_equal(config_load(fixture_path(f, "t.conf"), "1", &again, NULL), 0);
		assert_string_equal(config_get(again, "A"), hostile[i]);
	}
}

static void test_files(void **state)
{
	struct fixture *f = *state;
	struct config *c = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(config_load(fixture_path(f, "none"), "1", &c, &err), -ENOENT);
	fixture_write(f, "nul", "A=1\0B=2\n", 8);
	assert_int_equal(config_load(fixture_path(f, "nul"), "1", &c, &err), -EINVAL);
	fixture_write(f, "empty", "", 0);
	assert_int_equal(config_load(fixture_path(f, "empty"), "1", &c, &err), 0);
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grammar),
		cmocka_unit_test(test_veid_stays_without_id),
		cmocka_unit_test(test_bad_lines_are_named),
		cmocka_unit_test(test_rewrite_keeps_the_rest),
		cmocka_unit_test(test_same_value_changes_nothing),
		cmocka_unit_test(test_refuses_what_no_line_holds),
		fixture_test(test_inert_in_a_shell),
		fixture_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
