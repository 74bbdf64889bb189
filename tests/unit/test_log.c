/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, the log has not what was done, or a tenant writes lines of his own into it. */
#include "fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "io.h"
#include "log.h"

static void begin(struct fixture *f, int verbosity, int level)
{
	unsetenv("VESPER_DEBUG");
	log_init("vzctl", verbosity);
	log_set_file(fixture_path(f, "log"), level, 101);
}

static void expect_line(const char *data, const char *text)
{
	char line[300];

	snprintf(line, sizeof(line), " vzctl : CT 101 : %s\n", text);
	if (!strstr(data, line))
		fail_msg("no line '%s' in:\n%s", text, data);
}

static char *read_log(struct fixture *f)
{
	char *data = NULL;

	log_set_file(NULL, 0, 0);
	assert_int_equal(io_read_file(f->dirfd, "log", 10000, &data, NULL, NULL), 0);
	return data;
}

static void file_gets_date_program_ct_and_text(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *data = NULL;

	begin(f, -1, 0);
	log_info("Starting %s", "container");
	log_record("changed");
	log_detail(1, "not there");
	log_error("bad");
	data = read_log(f);
	expect_line(data, "Starting container");
	expect_line(data, "changed");
	expect_line(data, "bad");
	assert_null(strstr(data, "not there"));
	/* 2026-11-26T15:00:00+0000 */
	assert_int_equal(strspn(data, "0123456789T:+-"), 24);
	assert_int_equal(data[4], '-');
	assert_int_equal(data[10], 'T');
}

static void the_file_has_its_own_level(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *data = NULL;

	begin(f, 0, 1);
	log_detail(1, "one");
	log_detail(2, "two");
	log_set_file(fixture_path(f, "log"), -1, 0);
	log_info("three");
	log_error("four");
	data = read_log(f);
	expect_line(data, "one");
	assert_null(strstr(data, "two"));
	assert_null(strstr(data, "three"));
	assert_non_null(strstr(data, " vzctl : four\n"));
}

static void a_text_is_one_line(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *data = NULL;
	struct stat st;
	size_t lines = 0, i;

	begin(f, -1, 0);
	log_error("a\nb\r\tc\x1b[2J\x7f");
	log_error("J\xc3\xb6rg \xe2\x82\xac \xf0\x9f\x98\x80");
	log_error("\xc2\x9b"
		  "31m \x9b \xe2\x80\xa8 \xc3");
	data = read_log(f);
	expect_line(data, "a\\012b\\015\\011c\\033[2J\\177");
	expect_line(data, "J\xc3\xb6rg \xe2\x82\xac \xf0\x9f\x98\x80");
	expect_line(data, "\\302\\23331m \\233 \\342\\200\\250 \\303");
	for (i = 0; data[i]; i++)
		lines += data[i] == '\n';
	assert_int_equal(lines, 3);
	assert_int_equal(fstatat(f->dirfd, "log", &st, 0), 0);
	assert_int_equal(st.st_mode & 0027, 0);
}

/* None of these ends the program, nor hangs. */
static void a_log_that_cannot_be_written_is_left_out(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	begin(f, 0, 0);
	assert_int_equal(mkfifoat(f->dirfd, "fifo", 0600), 0);
	log_set_file(fixture_path(f, "fifo"), 0, 0);
	log_info("to nobody");
	log_set_file("/dev/full", 0, 0);
	log_info("to no file");
	log_set_file(fixture_path(f, "none/such"), 0, 0);
	log_info("to nowhere");
	log_set_file(NULL, 0, 0);
	log_info("to no log");
	assert_int_equal(fstatat(f->dirfd, "log", &st, 0), -1);
}

/* A child may be in a container, where the path is another's. */
static void a_child_writes_none(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *data = NULL;
	pid_t pid;

	begin(f, -1, 2);
	log_info("parent");
	pid = fork();
	if (pid == 0) {
		log_error("child");
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	data = read_log(f);
	expect_line(data, "parent");
	assert_null(strstr(data, "child"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(file_gets_date_program_ct_and_text),
		fixture_test(the_file_has_its_own_level),
		fixture_test(a_text_is_one_line),
		fixture_test(a_log_that_cannot_be_written_is_left_out),
		fixture_test(a_child_writes_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
