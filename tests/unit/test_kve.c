/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, a beancounter is read from another one's line. */
#include "fixture.h"

#include <errno.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "err.h"
#include "exitcode.h"
#include "kve.h"
#include "size.h"

static void test_find(void **state)
{
	static const char text[] = "numproc 1 2 3 max 5\n"
				   "numfile 6 7 8\n"
				   "\n"
				   "numpty 9223372036854775807 0 max max 0";
	struct kve_ubc u = {0};

	(void)state;
	assert_int_equal(kve_find_ubc(text, "numproc", &u), 0);
	assert_int_equal(u.held, 1);
	assert_int_equal(u.maxheld, 2);
	assert_int_equal(u.barrier, 3);
	assert_int_equal(u.limit, SIZE_UNLIMITED);
	assert_int_equal(u.failcnt, 5);
	assert_int_equal(kve_find_ubc(text, "numpty", &u), 0);
	assert_int_equal(u.held, SIZE_UNLIMITED);
	assert_int_equal(u.barrier, SIZE_UNLIMITED);
	/* a line that is too short is no reading, and takes nothing of the next */
	assert_int_equal(kve_find_ubc(text, "numfile", &u), -ENOENT);
	assert_int_equal(kve_find_ubc(text, "num", &u), -ENOENT);
	assert_int_equal(kve_find_ubc(text, "1", &u), -ENOENT);
	assert_int_equal(kve_find_ubc("", "numproc", &u), -ENOENT);
}

static void test_read(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *text = NULL;

	assert_true(kve_read_ubc(f->dir, &text, NULL) < 0);
	fixture_write(f, "ve.ubc.stat", "numproc 1 2 3 4 5\n", 18);
	assert_int_equal(kve_read_ubc(f->dir, &text, NULL), 0);
	assert_string_equal(text, "numproc 1 2 3 4 5");
}

/* A kernel is ours when a cgroup has the controller's files, and no other is. */
static void test_require(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	assert_true(kve_require(f->dir, &err) < 0);
	assert_int_equal(err.exit_code, VZ_KERNEL);
	assert_string_equal(err.msg, "the running kernel has no `ve` controller: "
				     "boot the Vesper kernel");
	fixture_write(f, "ve.id", "0\n", 2);
	assert_int_equal(kve_require(f->dir, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		fixture_test(test_read),
		fixture_test(test_require),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
