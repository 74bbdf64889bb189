/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* If this fails, an image is removed under the file system that is mounted from it. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "ploop.h"

static int hold_and_release(struct fixture *f, struct err *err)
{
	struct ploop_hold *hold = NULL;
	int r = ploop_hold(f->dir, &hold, err);

	ploop_release(hold);
	return r;
}

static void nothing_in_use(void **state)
{
	struct fixture *f = *state;

	fixture_write(f, "root.hds", "damaged", 7);
	assert_int_equal(mkdir(fixture_path(f, "dir"), 0700), 0);
	assert_int_equal(symlink("nowhere", fixture_path(f, "link")), 0);
	assert_int_equal(mkfifo(fixture_path(f, "fifo"), 0600), 0);
	assert_int_equal(hold_and_release(f, NULL), 0);
	ploop_release(NULL);
}

static void any_image_may_be_in_use(void **state)
{
	struct fixture *f = *state;
	struct ploop_hold *hold = NULL;
	_cleanup_close_ int fd = -EBADF;
	struct err err = ERR_INIT;
	char name[32];
	int i;

	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "delta-%d", i);
		fixture_write(f, name, "", 0);
	}
	fd = open(fixture_path(f, "delta-39"), O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(hold_and_release(f, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "delta-39' is in use"));
	assert_int_equal(flock(fd, LOCK_UN), 0);
	assert_int_equal(ploop_hold(f->dir, &hold, NULL), 0);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
	ploop_release(hold);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
}

static void no_directory(void **state)
{
	struct ploop_hold *hold = NULL;

	(void)state;
	assert_int_equal(ploop_hold("/no/such", &hold, NULL), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(nothing_in_use),
		fixture_test(any_image_may_be_in_use),
		cmocka_unit_test(no_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
