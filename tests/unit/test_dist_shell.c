/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * If this fails, a distribution script gets another's variables, status or output, or
 * one that hangs, shouts or kills its shell keeps a container from starting. The shell
 * is the host's here, as exec_open() and exec_close() are the test's.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "dist_shell.h"
#include "err.h"
#include "exec.h"
#include "strbuf.h"

static const char *program = "/bin/sh";
static int opened, killed;

static void run_shell(int in, int out, int error)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	dup2(in, 0);
	dup2(out, 1);
	dup2(error, 2);
	execl(program, "sh", "-s", NULL);
	_exit(8);
}

int exec_open(const struct ct *ct, const struct exec_opts *opts, struct exec_pipes *p,
	      struct err *err)
{
	int in[2], out[2], error[2];
	sigset_t set;

	(void)ct;
	(void)err;
	assert_null(opts->command);
	sigemptyset(&set);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(error, O_CLOEXEC), 0);
	p->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	p->pid = fork();
	if (p->pid == 0)
		run_shell(in[0], out[1], error[1]);
	p->pidfd = syscall(SYS_pidfd_open, p->pid, 0);
	assert_true(p->pidfd >= 0);
	close(in[0]);
	close(out[1]);
	close(error[1]);
	p->in = in[1];
	p->out = out[0];
	p->err = error[0];
	fcntl(p->in, F_SETFL, O_NONBLOCK);
	fcntl(p->out, F_SETFL, O_NONBLOCK);
	fcntl(p->err, F_SETFL, O_NONBLOCK);
	signal(SIGPIPE, SIG_IGN);
	opened++;
	return 0;
}

int exec_close(struct exec_pipes *p, int wait_ms)
{
	struct pollfd ended = {.fd = p->pidfd, .events = POLLIN};
	int status;

	close(p->in);
	close(p->out);
	close(p->err);
	if (poll(&ended, 1, wait_ms) <= 0) {
		kill(-p->pid, SIGKILL);
		killed++;
	}
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	close(p->pidfd);
	close(p->signals);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* --- the tests ------------------------------------------------------------------------ */

static struct dist_output out;
static struct err error;

static int run_env(struct dist_shell **sh, const char *script, char *const *env)
{
	int status = -1, r;

	out = (struct dist_output){.len = 0};
	err_clear(&error);
	r = dist_shell_run(sh, NULL, script, env, 2, &out, &status, &error);
	return r < 0 ? r : status;
}

static int run(struct dist_shell **sh, const char *script)
{
	return run_env(sh, script, NULL);
}

static int begin(void **state)
{
	(void)state;
	program = "/bin/sh";
	opened = killed = 0;
	return 0;
}

static void one_shell_for_all(void **state)
{
	struct dist_shell *sh = NULL;

	(void)state;
	assert_int_equal(run(&sh, "x=1; cd /; umask 0; echo one; echo two >&2"), 0);
	assert_string_equal(out.text, "one\ntwo\n");
	assert_int_equal(run(&sh, "echo \"${x-none}\"; exit 67"), 67);
	assert_string_equal(out.text, "none\n");
	assert_int_equal(run(&sh, "cat; set -e; false; echo no"), 1);
	assert_string_equal(out.text, "");
	assert_int_equal(run(&sh, "cat <<'END'\n) text (\nEND\n# the last line has no end"), 0);
	assert_string_equal(out.text, ") text (\n");
	dist_shell_close(&sh);
	assert_null(sh);
	dist_shell_close(&sh);
	assert_int_equal(opened, 1);
	assert_int_equal(killed, 0);
}

static void variables_are_text(void **state)
{
	char *const env[] = {(char *)"A=it's $(id) `id` \"\\",
			     (char *)"B=", (char *)"C=two\nlines=", NULL};
	struct dist_shell *sh = NULL;

	(void)state;
	assert_int_equal(run_env(&sh, "sh -c 'printf \"<%s>\" \"$A\" \"$B\" \"$C\"'", env), 0);
	assert_string_equal(out.text, "<it's $(id) `id` \"\\><><two\nlines=>");
	assert_int_equal(run(&sh, "echo \"${A-none}\""), 0);
	assert_string_equal(out.text, "none\n");
	dist_shell_close(&sh);
}

static void long_both_ways(void **state)
{
	struct dist_shell *sh = NULL;
	struct strbuf b = STRBUF_INIT;
	int i;

	(void)state;
	for (i = 0; i < 20000; i++)
		strbuf_add(&b, "# a line of a comment\n");
	strbuf_add(&b, "head -c 300000 /dev/zero | tr '\\0' x; exit 5");
	assert_int_equal(run(&sh, b.s), 5);
	assert_int_equal(out.len, sizeof(out.text) - 1);
	assert_int_equal(strspn(out.text, "x"), out.len);
	strbuf_free(&b);
	assert_int_equal(run(&sh, "echo next"), 0);
	assert_string_equal(out.text, "next\n");
	dist_shell_close(&sh);
}

static void what_hangs_is_killed(void **state)
{
	struct dist_shell *sh = NULL;

	(void)state;
	assert_int_equal(run(&sh, "echo before; sleep 500 & sleep 500"), -ETIMEDOUT);
	assert_string_equal(error.msg, "no end within 2 seconds: killed, with all that it started");
	assert_string_equal(out.text, "before\n");
	assert_null(sh);
	assert_int_equal(killed, 1);
	assert_int_equal(run(&sh, "echo another"), 0);
	assert_int_equal(opened, 2);
	/* What one leaves running is waited for by nobody. */
	assert_int_equal(run(&sh, "sleep 20 & exit 3"), 3);
	dist_shell_close(&sh);
	assert_int_equal(killed, 1);
}

static void a_shell_that_ends(void **state)
{
	struct dist_shell *sh = NULL;

	(void)state;
	assert_int_equal(run(&sh, "echo last; kill -9 $$; sleep 1"), 128 + SIGKILL);
	assert_string_equal(out.text, "last\n");
	assert_null(sh);
	assert_int_equal(run(&sh, "if"), 2); /* no shell's grammar */
	assert_null(sh);
	assert_int_equal(run(&sh, "exit 0"), 0);
	dist_shell_close(&sh);
	assert_int_equal(opened, 3);
	program = "/bin/true";
	assert_int_equal(run(&sh, "exit 1"), 0);
	program = "/bin/no";
	assert_int_equal(run(&sh, "exit 0"), 8);
	assert_null(sh);
	assert_int_equal(killed, 0);
}

/* A status is digits; what else comes on that way is the tenant's to have said. */
static void no_status_but_digits(void **state)
{
	struct dist_shell *sh = NULL;

	(void)state;
	assert_int_equal(run(&sh, "exit 0"), 0);
	assert_int_equal(run(&sh, ":\n) </dev/null\necho 'not 1' >&3\n(exit 4"), 4);
	assert_string_equal(out.text, "not 1\n");
	/* In one piece with it, as when we were late to read. */
	assert_int_equal(run(&sh, ":\n) </dev/null\nprintf 'text\\n70\\n' >&3; exit\n("), 70);
	assert_string_equal(out.text, "text\n");
	dist_shell_close(&sh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_shell_for_all, begin),
		cmocka_unit_test_setup(variables_are_text, begin),
		cmocka_unit_test_setup(long_both_ways, begin),
		cmocka_unit_test_setup(what_hangs_is_killed, begin),
		cmocka_unit_test_setup(a_shell_that_ends, begin),
		cmocka_unit_test_setup(no_status_but_digits, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
