/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, a bad password or key is taken, a key is written twice, or a link of the container is followed. */
#include "fixture.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "account.h"
#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "io.h"

#define KEY   "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
#define OTHER "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7"

static void good(int (*parse)(const char *, char **, struct err *), const char *in,
		 const char *want)
{
	_cleanup_free_ char *out = NULL;
	struct err err = ERR_INIT;

	if (parse(in, &out, &err) < 0)
		fail_msg("'%s': %s", in, err.msg);
	assert_string_equal(out, want);
}

static void bad(int (*parse)(const char *, char **, struct err *), const char *in)
{
	struct err err = ERR_INIT;
	char *out = NULL;

	assert_true(parse(in, &out, &err) < 0);
	assert_non_null(err.msg);
	/* The secret is in no message. */
	assert_null(strstr(err.msg, "secret"));
}

static void test_passwords(void **state)
{
	char longest[600];

	(void)state;
	good(value_userpasswd, "root:pass:word $x", "root:pass:word $x");
	good(value_userpasswd, "a.b_c-d$:x", "a.b_c-d$:x");
	bad(value_userpasswd, "root");
	bad(value_userpasswd, "root:");
	bad(value_userpasswd, ":secret");
	bad(value_userpasswd, "-c:secret");
	bad(value_userpasswd, "ro ot:secret");
	bad(value_userpasswd, "root\nx:secret");
	bad(value_userpasswd, "root:secret\nmallory:x");
	bad(value_userpasswd, "a12345678901234567890123456789012:secret");
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "root:", 5);
	longest[599] = '\0';
	bad(value_userpasswd, longest);
}

static void test_keys(void **state)
{
	(void)state;
	good(value_ssh_keys, KEY, KEY "\n");
	good(value_ssh_keys, "# mine\r\n\n  " KEY " me@here \r\n" OTHER "\n",
	     KEY " me@here\n" OTHER "\n");
	good(value_ssh_keys, "command=\"echo ssh-rsa \",no-pty " KEY " x",
	     "command=\"echo ssh-rsa \",no-pty " KEY " x\n");
	bad(value_ssh_keys, "");
	bad(value_ssh_keys, "# nothing\n");
	bad(value_ssh_keys, "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n");
	bad(value_ssh_keys, KEY "\nnonsense\n");
	bad(value_ssh_keys, "ssh-ed25519 short");
	bad(value_ssh_keys, KEY " \033[2J");
}

static struct ct *open_ct(struct fixture *f, struct host **ret_host)
{
	char conf[300];
	int n = snprintf(conf, sizeof(conf), "VE_ROOT=\"%s\"\nCGROUP_ROOT=\"%s\"\n",
			 fixture_path(f, "root"), fixture_path(f, "none"));

	mkdir(fixture_path(f, "root"), 0755);
	mkdir(fixture_path(f, "root/root"), 0700);
	mkdir(fixture_path(f, "root/etc"), 0755);
	mkdir(fixture_path(f, "victim"), 0755);
	assert_in_range(n, 1, sizeof(conf) - 1);
	return fixture_ct(f, conf, ret_host);
}

static void holds(struct fixture *f, const char *name, const char *want)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	assert_int_equal(io_read_file(f->dirfd, name, 4096, &text, &len, NULL), 0);
	assert_string_equal(text, want);
}

static void test_authorized_keys(void **state)
{
	static const char file[] = "root/root/.ssh/authorized_keys";
	struct fixture *f = *state;
	struct host *host;
	struct ct *ct = open_ct(f, &host);
	struct stat st;

	if (geteuid() != 0) {
		/* Nobody else gives files to root. */
		assert_int_equal(apply_ssh_keys(ct, NULL, KEY " a\n", NULL), -EPERM);
		goto out;
	}
	assert_int_equal(apply_ssh_keys(ct, NULL, KEY " a\n", NULL), 0);
	assert_int_equal(apply_ssh_keys(ct, NULL, KEY " another comment\n", NULL), 0);
	holds(f, file, KEY " a\n");
	fixture_write(f, file, "# " OTHER "\n" KEY, strlen("# " OTHER "\n" KEY));
	chmod(fixture_path(f, file), 0666);
	chmod(fixture_path(f, "root/root/.ssh"), 0777);
	assert_int_equal(apply_ssh_keys(ct, NULL, KEY "\n" OTHER " b\n" OTHER "\n", NULL), 0);
	holds(f, file, "# " OTHER "\n" KEY "\n" OTHER " b\n");
	assert_int_equal(apply_ssh_keys(ct, NULL, KEY "\n", NULL), 0);
	assert_int_equal(stat(fixture_path(f, file), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(fixture_path(f, "root/root/.ssh"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);

	unlink(fixture_path(f, file));
	assert_int_equal(symlink("../../../victim/keys", fixture_path(f, file)), 0);
	assert_int_equal(apply_ssh_keys(ct, NULL, KEY "\n", NULL), -ELOOP);
	unlink(fixture_path(f, file));
	rmdir(fixture_path(f, "root/root/.ssh"));
	assert_int_equal(symlink("../../victim", fixture_path(f, "root/root/.ssh")), 0);
	assert_true(apply_ssh_keys(ct, NULL, KEY "\n", NULL) < 0);
	assert_int_equal(rmdir(fixture_path(f, "victim")), 0);
out:
	ct_close(ct);
	host_close(host);
}

static void test_shadow_file(void **state)
{
	static const char passwd[] = "root:x:0:0::/root:/bin/sh\n", shadow[] = "root:*:1::::::\n";
	struct fixture *f = *state;
	struct host *host;
	struct ct *ct = open_ct(f, &host);
	struct err err = ERR_INIT;
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t len;

	fixture_write(f, "root/etc/passwd", passwd, strlen(passwd));
	fixture_write(f, "root/etc/shadow", shadow, strlen(shadow));
	chmod(fixture_path(f, "root/etc/shadow"), 0640);
	assert_int_equal(apply_userpasswd(ct, NULL, "root:pw", &err), 0);
	assert_int_equal(io_read_file(f->dirfd, "root/etc/shadow", 4096, &text, &len, NULL), 0);
	assert_memory_equal(text, "root:$6$", 8);
	assert_int_equal(stat(fixture_path(f, "root/etc/shadow"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(apply_userpasswd(ct, NULL, "nobody:pw", &err), -ENOENT);
	assert_int_equal(err.exit_code, VZ_PASSWORD);

	fixture_write(f, "victim/shadow", shadow, strlen(shadow));
	unlink(fixture_path(f, "root/etc/shadow"));
	assert_int_equal(symlink("../../victim/shadow", fixture_path(f, "root/etc/shadow")), 0);
	assert_int_equal(apply_userpasswd(ct, NULL, "root:pw", &err), -ELOOP);
	holds(f, "victim/shadow", shadow);
	ct_close(ct);
	host_close(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passwords),
		cmocka_unit_test(test_keys),
		fixture_test(test_authorized_keys),
		fixture_test(test_shadow_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
