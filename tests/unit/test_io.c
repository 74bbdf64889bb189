/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "io.h"

static void replaces_whole_with_mode_and_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *data = NULL, *names = NULL;
	struct err err = ERR_INIT;
	struct stat st;
	size_t len;

	fixture_write(f, "x", "old contents", 12);
	assert_int_equal(io_replace_file(f->dirfd, "x", "new", 3, 0640, &err), 0);
	assert_int_equal(io_read_file(f->dirfd, "x", 100, &data, &len, &err), 0);
	assert_int_equal(len, 3);
	assert_string_equal(data, "new");
	assert_int_equal(fstatat(f->dirfd, "x", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	names = fixture_list(f);
	assert_string_equal(names, "x");
}

/* What a killed one left goes with the next, and what is no file is in nobody's way. */
static void leaves_no_temporary_file_behind(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *first = NULL, *second = NULL, *data = NULL;
	size_t len;

	fixture_write(f, ".x.new", "of a killed one", 15);
	fixture_write(f, "x", "old", 3);
	assert_int_equal(io_replace_file(f->dirfd, "x", "new", 3, 0644, NULL), 0);
	first = fixture_list(f);
	assert_string_equal(first, "x");
	assert_int_equal(mkdirat(f->dirfd, ".x.new", 0755), 0);
	assert_int_equal(io_replace_file(f->dirfd, "x", "newer", 5, 0644, NULL), 0);
	second = fixture_list(f);
	assert_string_equal(second, ".x.new x");
	assert_int_equal(io_read_file(f->dirfd, "x", 100, &data, &len, NULL), 0);
	assert_string_equal(data, "newer");
}

static void an_unnamed_file_holds_what_it_gets(void **state)
{
	struct fixture *f = *state;
	_cleanup_close_ int fd = io_unnamed_file(f->dirfd), other = io_unnamed_file(f->dirfd);
	_cleanup_free_ char *names = NULL;
	char buf[4];

	assert_true(fd >= 0 && other >= 0);
	assert_int_equal(io_pwrite_full(fd, "here", 4, 1 << 20), 0);
	assert_int_equal(io_pread_full(fd, buf, 4, 1 << 20), 0);
	assert_memory_equal(buf, "here", 4);
	assert_int_equal(io_pread_full(other, buf, 4, 1 << 20), -EIO);
	names = fixture_list(f);
	assert_string_equal(names, "");
	assert_int_equal(io_unnamed_file(-EBADF), -EBADF);
}

static void a_failed_replacement_changes_nothing(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *names = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(mkdirat(f->dirfd, "d", 0755), 0);
	fixture_write(f, "d/in", "x", 1);
	assert_true(io_replace_file(f->dirfd, "d", "new", 3, 0644, &err) < 0);
	names = fixture_list(f);
	assert_string_equal(names, "d");
	assert_int_equal(io_replace_file(f->dirfd, "no/such", "new", 3, 0644, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "'no/such'"));
}

static void reading_knows_its_limit(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *big = calloc(1, 20000), *data = NULL;
	struct err err = ERR_INIT;
	size_t len;

	fixture_write(f, "x", big, 20000);
	assert_int_equal(io_read_file(f->dirfd, "x", 19999, &data, &len, &err), -EFBIG);
	assert_null(data);
	assert_int_equal(io_read_file(f->dirfd, "x", 20000, &data, &len, &err), 0);
	assert_int_equal(len, 20000);
	assert_int_equal(io_read_file(f->dirfd, "none", 1, &data, &len, &err), -ENOENT);
}

static void reads_files_that_say_they_are_empty(void **state)
{
	_cleanup_free_ char *data = NULL;
	size_t len = 0;

	(void)state;
	assert_int_equal(io_read_file(AT_FDCWD, "/proc/self/status", 1 << 20, &data, &len, NULL),
			 0);
	assert_true(len > 100);
}

static void ends_and_ranges(void **state)
{
	struct fixture *f = *state;
	_cleanup_close_ int fd = openat(f->dirfd, "x", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char buf[8];

	assert_int_equal(io_write_full(fd, "abcd", 4), 0);
	assert_int_equal(io_pwrite_full(fd, "Z", 1, 1), 0);
	assert_int_equal(io_pread_full(fd, buf, 4, 0), 0);
	assert_memory_equal(buf, "aZcd", 4);
	assert_int_equal(io_pread_full(fd, buf, 5, 0), -EIO);
	assert_int_equal(io_pread_full(fd, buf, 1, UINT64_MAX), -EOVERFLOW);
	assert_int_equal(io_pwrite_full(fd, buf, 1, UINT64_MAX), -EFBIG);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(io_read_full(fd, buf, 8), -EIO);
}

static void replaces_with_the_mode_of_another(void **state)
{
	struct fixture *f = *state;
	struct stat like = {.st_mode = S_IFREG | 0640, .st_uid = getuid(), .st_gid = getgid()}, st;

	fixture_write(f, "x", "old", 3);
	assert_int_equal(io_replace_file_like(f->dirfd, "x", "new!", 4, &like, NULL), 0);
	assert_int_equal(fstatat(f->dirfd, "x", &st, 0), 0);
	assert_int_equal(st.st_mode, like.st_mode);
	assert_int_equal(st.st_size, 4);
}

static void a_value_goes_in_one_write(void **state)
{
	struct fixture *f = *state;

	fixture_write(f, "x", "", 0);
	assert_int_equal(io_write_value(f->dirfd, "x", "5"), 0);
	assert_int_equal(io_write_value(f->dirfd, "none", "5"), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(replaces_whole_with_mode_and_leaves_nothing),
		fixture_test(leaves_no_temporary_file_behind),
		fixture_test(an_unnamed_file_holds_what_it_gets),
		fixture_test(a_failed_replacement_changes_nothing),
		fixture_test(reading_knows_its_limit),
		cmocka_unit_test(reads_files_that_say_they_are_empty),
		fixture_test(ends_and_ranges),
		fixture_test(replaces_with_the_mode_of_another),
		fixture_test(a_value_goes_in_one_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
