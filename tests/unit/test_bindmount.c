/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, a bind mount is stored as another one, or a point is made where a link leads. */
#include "fixture.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bindmount.h"
#include "cleanup.h"
#include "err.h"
#include "exitcode.h"

static void test_values(void **state)
{
	static const struct {
		const char *in, *want; /* NULL: refused */
	} cases[] = {
		{"/srv/a", "/srv/a:/srv/a"},
		{"/srv/a:/b", "/srv/a:/b"},
		{"nosuid:/srv/a:/b", "nosuid:/srv/a:/b"},
		{"nosuid,noexec,nodev:/a", "nosuid,noexec,nodev:/a:/a"},
		{"/a:/b/proc", "/a:/b/proc"},
		{"", NULL},
		{"a:/b", NULL},
		{"/a:b", NULL},
		{":/a", NULL},
		{"/a::/b", NULL},
		{"nosuid", NULL},
		{"ro:/a:/b", NULL},
		{"nosuid:/a:/b:/c", NULL},
		{"/a/../b:/c", NULL},
		{"/a:/b/..", NULL},
		{"/a:/./b", NULL},
		{"/a b:/c", NULL},
		{"/a:/c\nX=1", NULL},
		{"/a:/", NULL},
		{"/a:///", NULL},
		{"/a:/proc/x", NULL},
		{"/a:/sys", NULL},
		{"/a:/dev/x", NULL},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_free_ char *out = NULL;
		struct err err = ERR_INIT;
		int r = value_bindmount(cases[i].in, &out, &err);

		if (r < 0 && cases[i].want)
			fail_msg("'%s': %s", cases[i].in, err.msg);
		if (cases[i].want)
			assert_string_equal(out, cases[i].want);
		else if (r >= 0)
			fail_msg("'%s' was taken as '%s'", cases[i].in, out);
		assert_true(r == 0 || err.msg[0]);
	}
}

static void test_sources(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	char *out = NULL;

	mkdir(fixture_path(f, "dir"), 0755);
	assert_int_equal(symlink("dir", fixture_path(f, "link")), 0);
	assert_int_equal(value_bindmount_add(fixture_path(f, "dir"), &out, NULL), 0);
	free(out);
	assert_int_equal(value_bindmount_add(fixture_path(f, "none"), &out, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "none"));
	assert_int_equal(value_bindmount_add(fixture_path(f, "link"), &out, &err), -ELOOP);
	assert_int_equal(value_bindmount_add(fixture_path(f, "link/x"), &out, &err), -ELOOP);
}

static int make_points(struct fixture *f, const char *src, const char *dst, struct err *err)
{
	char list[200];

	snprintf(list, sizeof(list), "%s:%s", fixture_path(f, src), dst);
	return bindmount_make_points(fixture_path(f, "root"), list, err);
}

static void test_points(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	struct stat st;

	mkdir(fixture_path(f, "dir"), 0755);
	mkdir(fixture_path(f, "root"), 0755);
	mkdir(fixture_path(f, "outside"), 0755);
	fixture_write(f, "file", "x", 1);
	assert_int_equal(bindmount_make_points("/none", NULL, NULL), 0);
	assert_int_equal(make_points(f, "dir", "/a/b/c", NULL), 0);
	assert_int_equal(make_points(f, "dir", "/a/b/c", NULL), 0);
	assert_int_equal(stat(fixture_path(f, "root/a/b/c"), &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(make_points(f, "file", "/a/f", NULL), 0);
	assert_int_equal(stat(fixture_path(f, "root/a/f"), &st), 0);
	assert_true(S_ISREG(st.st_mode) && st.st_size == 0);
	assert_int_equal(make_points(f, "dir", "/a/f", &err), -ENOTDIR);
	assert_int_equal(err.exit_code, VZ_MOUNT);
	assert_int_equal(make_points(f, "none", "/a/n", &err), -ENOENT);

	assert_int_equal(symlink("../outside", fixture_path(f, "root/l")), 0);
	assert_true(make_points(f, "dir", "/l", &err) < 0);
	assert_true(make_points(f, "dir", "/l/x", &err) < 0);
	assert_true(make_points(f, "file", "/l", &err) < 0);
	assert_int_equal(rmdir(fixture_path(f, "outside")), 0);
}

static void test_notes(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *note = NULL;
	char item[100];

	mkdir(fixture_path(f, "dir"), 0755);
	mkdir(fixture_path(f, "dir/x"), 0755);
	snprintf(item, sizeof(item), "%s:/x", fixture_path(f, "dir/x"));
	chmod(fixture_path(f, "dir"), 0700);
	assert_null(note_bindmount(item));
	assert_null(note_bindmount(""));
	assert_null(note_bindmount(NULL));
	chmod(fixture_path(f, "dir"), 0755);
	chmod(f->dir, 0755);
	note = note_bindmount(item);
	assert_non_null(note);
	assert_non_null(strstr(note, "set-uid"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		fixture_test(test_sources),
		fixture_test(test_points),
		fixture_test(test_notes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
