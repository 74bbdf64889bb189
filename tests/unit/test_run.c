/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "run.h"

#define SH(script) ((const char *const[]){"sh", "-c", script, NULL})

static void gives_status_signal_and_output(void **state)
{
	char *out = NULL;
	const struct run_opts opts = {.ret_out = &out};

	(void)state;
	assert_int_equal(run_program(SH("exit 7"), NULL, NULL), 7);
	assert_int_equal(run_program(SH("kill -TERM $$"), NULL, NULL), 128 + 15);
	assert_int_equal(run_program(SH("echo hello; exit 3"), &opts, NULL), 3);
	assert_string_equal(out, "hello\n");
	free(out);
}

static void feeds_input_and_environment_and_directory(void **state)
{
	static const char *const env[] = {"PATH=/usr/bin:/bin", "X=y", NULL};
	char *out = NULL;
	const struct run_opts opts = {
		.env = env, .cwd = "/", .input = "line", .input_len = 4, .ret_out = &out};

	(void)state;
	assert_int_equal(run_program(SH("echo $X $(pwd) $(cat)"), &opts, NULL), 0);
	assert_string_equal(out, "y / line\n");
	free(out);
}

static void leaks_no_descriptor(void **state)
{
	_cleanup_close_ int fd = open("/dev/null", O_RDONLY); /* not close-on-exec on purpose */
	char *out = NULL;
	const struct run_opts opts = {.ret_out = &out};

	(void)state;
	assert_true(fd > 2);
	assert_int_equal(run_program(SH("ls /proc/self/fd | wc -l"), &opts, NULL), 0);
	/* 0, 1, 2, and what ls itself opens */
	assert_string_equal(out, "4\n");
	free(out);
}

static void says_why_it_cannot_run(void **state)
{
	const char *const argv[] = {"no-such-program-here", NULL};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(run_program(argv, NULL, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "'no-such-program-here'"));
}

static void time_and_size_have_limits(void **state)
{
	char *out = NULL;
	const struct run_opts slow = {.timeout_sec = 1};
	const struct run_opts big = {.ret_out = &out, .out_max_bytes = 1000};
	struct err err = ERR_INIT;
	time_t before = time(NULL);

	(void)state;
	assert_int_equal(run_program(SH("exec sleep 30"), &slow, &err), -ETIMEDOUT);
	assert_true(time(NULL) - before < 20);
	assert_int_equal(run_program(SH("yes"), &big, &err), -EFBIG);
	assert_null(out);
}

/* A checker that is killed because it says too much leaves its repair half done. */
static void keeps_the_end_of_much_output(void **state)
{
	char *out = NULL;
	const struct run_opts opts = {.ret_out = &out, .out_max_bytes = 7, .out_tail = true};

	(void)state;
	assert_int_equal(run_program(SH("yes | head -c 3000000; echo; echo the end; exit 4"), &opts,
				     NULL),
			 4);
	assert_string_equal(out, "he end\n");
	free(out);
	assert_int_equal(run_program(SH("echo short"), &opts, NULL), 0);
	assert_string_equal(out, "short\n");
	free(out);
}

static void standard_error_goes_nowhere_when_asked(void **state)
{
	const struct run_opts opts = {.no_stderr = true};

	(void)state;
	assert_int_equal(run_program(SH("test \"$(readlink /proc/self/fd/2)\" = /dev/null"), &opts,
				     NULL),
			 0);
}

/* A daemon that keeps the pipe must not keep us. */
static void ends_with_the_program_not_with_its_daemons(void **state)
{
	char *out = NULL;
	const struct run_opts opts = {.ret_out = &out, .timeout_sec = 20};
	time_t before = time(NULL);

	(void)state;
	assert_int_equal(run_program(SH("sleep 25 & echo started"), &opts, NULL), 0);
	assert_string_equal(out, "started\n");
	assert_true(time(NULL) - before < 15);
	free(out);
}

/* The program holds the write end of the pipe, and its caller is killed. */
static void dies_with_its_caller_when_asked(void **state)
{
	const struct run_opts opts = {.dies_with_us = true};
	struct pollfd p = {.events = POLLIN};
	int fds[2];
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], 1);
		close(fds[1]);
		_exit(run_program(SH("echo; exec sleep 100"), &opts, NULL) != 0);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	p.fd = fds[0];
	assert_int_equal(poll(&p, 1, 20000), 1);
	assert_int_equal(read(fds[0], &c, 1), 0);
	close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_status_signal_and_output),
		cmocka_unit_test(feeds_input_and_environment_and_directory),
		cmocka_unit_test(leaks_no_descriptor),
		cmocka_unit_test(says_why_it_cannot_run),
		cmocka_unit_test(time_and_size_have_limits),
		cmocka_unit_test(keeps_the_end_of_much_output),
		cmocka_unit_test(standard_error_goes_nowhere_when_asked),
		cmocka_unit_test(ends_with_the_program_not_with_its_daemons),
		cmocka_unit_test(dies_with_its_caller_when_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
