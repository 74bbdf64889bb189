/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * If this fails, the kernel mounts an image that nobody checked, because another
 * one was. Mounts themselves: tests/guest/ploop-mount.sh.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "mark.h"

#define NAME   "trusted.ploop.checked"
#define MAX_ID 65535

static bool is_checked(int fd)
{
	struct mark mark = mark_get(fd);

	assert_int_equal(mark.max_id, mark.checked ? MAX_ID : 0);
	return mark.checked;
}

/* An image that was checked; the caller closes it. */
static int checked_image(struct fixture *f)
{
	int fd;

	fixture_write(f, "root.hds", "contents", 8);
	fd = open(fixture_path(f, "root.hds"), O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	if (fsetxattr(fd, NAME, "1", 1, 0) < 0 && (errno == EPERM || errno == EOPNOTSUPP)) {
		close(fd);
		skip();
	}
	/* What was written before the mark told of its file. */
	assert_false(is_checked(fd));
	mark_set(fd, (struct mark){true, MAX_ID});
	assert_true(is_checked(fd));
	return fd;
}

static void set_times(int fd, const struct stat *like, long more_ns)
{
	struct timespec t[2] = {like->st_atim, like->st_mtim};

	t[1].tv_nsec = (t[1].tv_nsec + more_ns) % 1000000000;
	assert_int_equal(futimens(fd, t), 0);
}

static void contents_of_another_time_are_unchecked(void **state)
{
	int fd = checked_image(*state);
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	set_times(fd, &st, 1);
	assert_false(is_checked(fd));
	set_times(fd, &st, 0);
	assert_true(is_checked(fd));
	close(fd);
}

static void another_size_is_unchecked(void **state)
{
	int fd = checked_image(*state);
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(ftruncate(fd, 9), 0);
	set_times(fd, &st, 0);
	assert_false(is_checked(fd));
	close(fd);
}

/* cp --preserve=all, rsync -X: contents, times and attributes of the other. */
static void a_copy_is_unchecked(void **state)
{
	struct fixture *f = *state;
	int fd = checked_image(f), copy;
	char value[256];
	ssize_t n = fgetxattr(fd, NAME, value, sizeof(value));
	struct stat st;

	assert_true(n > 0);
	fixture_write(f, "copy.hds", "contents", 8);
	copy = open(fixture_path(f, "copy.hds"), O_RDWR | O_CLOEXEC);
	assert_int_equal(fsetxattr(copy, NAME, value, (size_t)n, 0), 0);
	assert_int_equal(fstat(fd, &st), 0);
	set_times(copy, &st, 0);
	assert_false(is_checked(copy));
	/* Under another name it is still the same file. */
	assert_int_equal(rename(fixture_path(f, "root.hds"), fixture_path(f, "copy.hds")), 0);
	assert_true(is_checked(fd));
	close(fd);
	close(copy);
}

/* For which ids it was checked stays with it; what another version wrote says nothing. */
static void a_mark_holds_the_ids_it_is_for(void **state)
{
	int fd = checked_image(*state);
	char value[256];
	ssize_t n;

	mark_set(fd, (struct mark){true, UINT32_MAX});
	assert_int_equal(mark_get(fd).max_id, UINT32_MAX);
	mark_set(fd, (struct mark){false, 7});
	assert_int_equal(mark_get(fd).max_id, UINT32_MAX);
	mark_set(fd, (struct mark){true, 0});
	assert_true(mark_get(fd).checked);
	assert_int_equal(mark_get(fd).max_id, 0);
	n = fgetxattr(fd, NAME, value, sizeof(value));
	assert_true(n > 2);
	assert_int_equal(fsetxattr(fd, NAME, value, (size_t)n - 2, 0), 0);
	assert_false(mark_get(fd).checked);
	value[n - 1] = 'x';
	assert_int_equal(fsetxattr(fd, NAME, value, (size_t)n, 0), 0);
	assert_false(mark_get(fd).checked);
	close(fd);
}

/* A device that cannot be told from others leaves no mark that says "checked", before and after. */
static void what_is_mounted_is_unchecked(void **state)
{
	int fd = checked_image(*state);

	assert_int_equal(mark_mounted(fd, fd, true, 0), 0);
	assert_false(is_checked(fd));
	mark_unmounted(fd, 1);
	assert_false(is_checked(fd));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(contents_of_another_time_are_unchecked),
		fixture_test(another_size_is_unchecked),
		fixture_test(a_copy_is_unchecked),
		fixture_test(a_mark_holds_the_ids_it_is_for),
		fixture_test(what_is_mounted_is_unchecked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
