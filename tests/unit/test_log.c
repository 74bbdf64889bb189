/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include <fcntl.h>

#include "cleanup.h"
#include "io.h"
#include "log.h"

static void file_gets_date_program_ct_and_text(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *data = NULL;

	unsetenv("VESPER_DEBUG");
	log_init("vzctl", 0);
	log_set_file(fixture_path(f, "log"), 101);
	log_info("Starting %s", "container");
	log_debug("not shown");
	log_init("vzctl", -1);
	log_info("quiet");
	log_error("bad");
	log_set_file(NULL, 0);
	assert_int_equal(io_read_file(f->dirfd, "log", 10000, &data, NULL, NULL), 0);
	assert_non_null(strstr(data, " vzctl : CT 101 : Starting container\n"));
	assert_non_null(strstr(data, " vzctl : CT 101 : bad\n"));
	assert_null(strstr(data, "not shown"));
	assert_null(strstr(data, "quiet"));
	assert_int_equal(data[4], '-');
}

static void debug_needs_its_switch(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *data = NULL;

	setenv("VESPER_DEBUG", "1", 1);
	log_init("vzctl", 0);
	log_set_file(fixture_path(f, "log"), 0);
	log_debug("shown");
	log_set_file(NULL, 0);
	unsetenv("VESPER_DEBUG");
	assert_int_equal(io_read_file(f->dirfd, "log", 10000, &data, NULL, NULL), 0);
	assert_non_null(strstr(data, " vzctl : shown\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(file_gets_date_program_ct_and_text),
		fixture_test(debug_needs_its_switch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
