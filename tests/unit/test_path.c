/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "path.h"

static void joins_with_one_slash(void **state)
{
	static const char *const cases[][3] = {
		{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"a", "/b", "a/b"},
		{"/", "b", "/b"},  {"", "b", "b"},     {"a//", "//b", "a/b"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_free_ char *s = path_join(cases[i][0], cases[i][1]);

		assert_string_equal(s, cases[i][2]);
	}
}

static void makes_directories_and_accepts_them(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	struct stat st;

	assert_int_equal(path_mkdirs(fixture_path(f, "a/b//c/"), 0755, &err), 0);
	assert_int_equal(path_mkdirs(fixture_path(f, "a/b/c"), 0755, &err), 0);
	assert_int_equal(stat(fixture_path(f, "a/b/c"), &st), 0);
	fixture_write(f, "file", "", 0);
	assert_int_equal(path_mkdirs(fixture_path(f, "file"), 0755, &err), -ENOTDIR);
	assert_true(path_mkdirs(fixture_path(f, "file/x"), 0755, &err) < 0);
}

static void nothing_leads_out_of_a_root(void **state)
{
	struct fixture *f = *state;
	_cleanup_close_ int root = -EBADF, in = -EBADF;
	int fd;

	assert_int_equal(mkdirat(f->dirfd, "root", 0755), 0);
	assert_int_equal(mkdirat(f->dirfd, "root/etc", 0755), 0);
	fixture_write(f, "secret", "s", 1);
	fixture_write(f, "root/etc/f", "i", 1);
	assert_int_equal(symlinkat("/etc", f->dirfd, "root/abs"), 0);
	assert_int_equal(symlinkat("../../secret", f->dirfd, "root/up"), 0);
	root = openat(f->dirfd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* The absolute link means the root's own /etc. */
	in = path_open_in_root(root, "abs/f", O_RDONLY, 0);
	assert_true(in >= 0);
	assert_int_equal(path_open_in_root(root, "up", O_RDONLY, 0), -ENOENT);
	assert_int_equal(path_open_in_root(root, "../secret", O_RDONLY, 0), -ENOENT);
	assert_int_equal(path_open_in_root(root, "/../secret", O_RDONLY, 0), -ENOENT);
	fd = path_open_in_root(root, "etc/new", O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
}

static void no_link_is_taken_by_a_strict_open(void **state)
{
	struct fixture *f = *state;
	int fd;

	assert_int_equal(mkdirat(f->dirfd, "d", 0755), 0);
	fixture_write(f, "d/file", "x", 1);
	assert_int_equal(symlinkat("d", f->dirfd, "l"), 0);
	fd = path_open_strict(f->dirfd, "d/file", O_PATH);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(path_open_strict(f->dirfd, "l/file", O_PATH), -ELOOP);
	assert_int_equal(path_open_strict(f->dirfd, "l", O_PATH), -ELOOP);
	assert_int_equal(path_open_strict(f->dirfd, "../x", O_PATH), -EXDEV);
	assert_int_equal(path_open_strict(AT_FDCWD, "/proc", O_PATH), -EXDEV);
	fd = open("/", O_PATH);
	assert_int_equal(path_open_strict(fd, "proc/self/status", O_PATH), -EXDEV);
	close(fd);
}

static void removes_a_tree_and_no_link_target(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *names = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(path_mkdirs(fixture_path(f, "t/a/b"), 0755, &err), 0);
	assert_int_equal(mkdirat(f->dirfd, "keep", 0755), 0);
	fixture_write(f, "keep/file", "x", 1);
	assert_int_equal(symlinkat("../keep", f->dirfd, "t/link"), 0);
	fixture_write(f, "t/a/x", "x", 1);
	assert_int_equal(path_remove_tree(f->dirfd, "t", &err), 0);
	assert_int_equal(path_remove_tree(f->dirfd, "t", &err), 0);
	assert_int_equal(faccessat(f->dirfd, "keep/file", F_OK, 0), 0);
	assert_int_equal(symlinkat("keep", f->dirfd, "l"), 0);
	assert_int_equal(path_remove_tree(f->dirfd, "l", &err), 0);
	names = fixture_list(f);
	assert_string_equal(names, "keep");
}

/* Deeper than a descriptor a level would allow. */
static void removes_a_very_deep_tree(void **state)
{
	struct fixture *f = *state;
	const struct rlimit few = {128, 128};
	struct err err = ERR_INIT;
	int fd, i;

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(mkdirat(f->dirfd, "deep", 0755), 0);
	fd = openat(f->dirfd, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (i = 0; i < 3000; i++) {
		int next;

		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(fd);
		fd = next;
	}
	close(fd);
	assert_int_equal(path_remove_tree(f->dirfd, "deep", &err), 0);
	assert_int_equal(faccessat(f->dirfd, "deep", F_OK, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins_with_one_slash),
		fixture_test(makes_directories_and_accepts_them),
		fixture_test(nothing_leads_out_of_a_root),
		fixture_test(no_link_is_taken_by_a_strict_open),
		fixture_test(removes_a_tree_and_no_link_target),
		fixture_test(removes_a_very_deep_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
