/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, an action script that others can write runs as root, or one runs in the wrong order or unseen. */
#include "fixture.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "io.h"
#include "script.h"

static struct ct *open_ct(struct fixture *f, struct host **ret_host)
{
	return fixture_ct(f, "", ret_host);
}

static void put(struct fixture *f, const char *name, const char *body)
{
	char text[300];
	int n = snprintf(text, sizeof(text),
			 "#!/bin/sh\necho \"%s $VEID $VE_CONFFILE\" >>%s/log\n%s\n", name, f->dir,
			 body);

	fixture_write(f, name, text, n);
	assert_int_equal(chmod(fixture_path(f, name), 0755), 0);
}

static void ran(struct fixture *f, const char *first, const char *second)
{
	_cleanup_free_ char *text = NULL;
	char want[300];
	size_t len;

	snprintf(want, sizeof(want), "%s 101 %s/conf/101.conf\n%s 101 %s/conf/101.conf\n", first,
		 f->dir, second, f->dir);
	assert_int_equal(io_read_file(f->dirfd, "log", 4096, &text, &len, NULL), 0);
	assert_string_equal(text, want);
	unlink(fixture_path(f, "log"));
}

static void test_order(void **state)
{
	struct fixture *f = *state;
	struct host *host;
	struct ct *ct = open_ct(f, &host);

	assert_int_equal(script_run_host(ct, SCRIPT_MOUNT, NULL), 0);
	put(f, "conf/vps.premount", "");
	put(f, "conf/101.premount", "");
	put(f, "conf/vps.umount", "");
	put(f, "conf/101.umount", "");
	assert_int_equal(script_run_host(ct, SCRIPT_PREMOUNT, NULL), 0);
	ran(f, "conf/vps.premount", "conf/101.premount");
	assert_int_equal(script_run_host(ct, SCRIPT_UMOUNT, NULL), 0);
	ran(f, "conf/101.umount", "conf/vps.umount");
	ct_close(ct);
	host_close(host);
}

static void test_failure(void **state)
{
	struct fixture *f = *state;
	struct host *host;
	struct ct *ct = open_ct(f, &host);
	struct err err = ERR_INIT;

	put(f, "conf/vps.mount", "exit 3");
	put(f, "conf/101.mount", "");
	assert_true(script_run_host(ct, SCRIPT_MOUNT, &err) < 0);
	assert_int_equal(err.exit_code, VZ_ACTION_SCRIPT);
	assert_non_null(strstr(err.msg, "vps.mount' failed with status 3"));
	ct_close(ct);
	host_close(host);
}

static void refused(struct ct *ct, const char *why)
{
	struct err err = ERR_INIT;
	struct stat st;
	char log[200];

	assert_true(script_run_host(ct, SCRIPT_MOUNT, &err) < 0);
	assert_int_equal(err.exit_code, VZ_ACTION_SCRIPT);
	assert_non_null(strstr(err.msg, why));
	snprintf(log, sizeof(log), "%s/log", ct->host->etc);
	assert_int_equal(stat(log, &st), -1);
}

static void test_unsafe(void **state)
{
	struct fixture *f = *state;
	struct host *host;
	struct ct *ct = open_ct(f, &host);
	const char *name = "conf/101.mount";

	put(f, name, "");
	chmod(fixture_path(f, name), 0757);
	refused(ct, "not root's alone");
	chmod(fixture_path(f, name), 0775);
	refused(ct, "not root's alone");
	chmod(fixture_path(f, name), 0755);
	chmod(fixture_path(f, "conf"), 0777);
	refused(ct, "directory");
	chmod(fixture_path(f, "conf"), 0755);
	assert_int_equal(rename(fixture_path(f, name), fixture_path(f, "x")), 0);
	assert_int_equal(symlink("../x", fixture_path(f, name)), 0);
	refused(ct, "symbolic link");
	unlink(fixture_path(f, name));
	mkdir(fixture_path(f, name), 0755);
	refused(ct, "not a file");
	rmdir(fixture_path(f, name));
	assert_int_equal(mkfifo(fixture_path(f, name), 0755), 0);
	refused(ct, "not a file");
	ct_close(ct);
	host_close(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(test_order),
		fixture_test(test_failure),
		fixture_test(test_unsafe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
