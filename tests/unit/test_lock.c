/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "err.h"
#include "lock.h"

static void a_second_lock_waits_and_names_the_holder(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	char who[32];
	time_t before;
	int a = lock_file(fixture_path(f, "l"), 0, &err), b;

	assert_true(a >= 0);
	assert_int_equal(lock_file(fixture_path(f, "l"), 0, &err), -EAGAIN);
	snprintf(who, sizeof(who), "process %d", (int)getpid());
	assert_non_null(strstr(err.msg, who));
	before = time(NULL);
	assert_int_equal(lock_file(fixture_path(f, "l"), 1, &err), -EAGAIN);
	assert_true(time(NULL) >= before + 1);
	close(a);
	b = lock_file(fixture_path(f, "l"), 0, &err);
	assert_true(b >= 0);
	close(b);
}

static void refuses_links_and_missing_directories(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	assert_int_equal(symlinkat("elsewhere", f->dirfd, "s"), 0);
	assert_int_equal(lock_file(fixture_path(f, "s"), 0, &err), -ELOOP);
	assert_int_equal(lock_file(fixture_path(f, "no/l"), 0, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "no/l"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(a_second_lock_waits_and_names_the_holder),
		fixture_test(refuses_links_and_missing_directories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
