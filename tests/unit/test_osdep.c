/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, a container loses lines of its own files, or a link in it leads the host to others. */
#include "fixture.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "config.h"
#include "ct.h"
#include "io.h"
#include "osdep.h"

static struct ct *open_ct(struct fixture *f, struct host **ret_host)
{
	char conf[200];
	struct ct *ct;
	int n = snprintf(conf, sizeof(conf), "VE_ROOT=\"%s\"\n", fixture_path(f, "root"));

	mkdir(fixture_path(f, "conf"), 0755);
	mkdir(fixture_path(f, "root"), 0755);
	mkdir(fixture_path(f, "root/etc"), 0755);
	mkdir(fixture_path(f, "victim"), 0755);
	fixture_write(f, "vz.conf", conf, n);
	assert_int_equal(host_open(f->dir, ret_host, NULL), 0);
	assert_int_equal(ct_open(*ret_host, 101, &ct, NULL), 0);
	return ct;
}

static void holds(struct fixture *f, const char *name, const char *want)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	assert_int_equal(io_read_file(f->dirfd, name, 4096, &text, &len, NULL), 0);
	assert_string_equal(text, want);
}

static void test_hostname(void **state)
{
	static const char hosts[] = "127.0.0.1 localhost\n10.0.0.1 db # mine\n";
	struct fixture *f = *state;
	struct host *host;
	struct ct *ct = open_ct(f, &host);

	fixture_write(f, "root/etc/hosts", hosts, strlen(hosts));
	assert_int_equal(osdep_hostname(ct, NULL), 0);
	holds(f, "root/etc/hosts", hosts);
	config_set(ct->conf, "HOSTNAME", "old", NULL);
	assert_int_equal(osdep_hostname(ct, NULL), 0);
	config_set(ct->conf, "HOSTNAME", "a.example", NULL);
	assert_int_equal(osdep_hostname(ct, NULL), 0);
	holds(f, "root/etc/hostname", "a.example\n");
	holds(f, "root/etc/hosts",
	      "127.0.0.1 localhost\n10.0.0.1 db # mine\n127.0.1.1\ta.example a # vzctl\n");
	ct_close(ct);
	host_close(host);
}

static void test_dns(void **state)
{
	struct fixture *f = *state;
	struct host *host;
	struct ct *ct = open_ct(f, &host);

	/* As systemd-resolved leaves it: the link goes, not what it leads to. */
	fixture_write(f, "victim/stub", "x", 1);
	assert_int_equal(symlink("../../victim/stub", fixture_path(f, "root/etc/resolv.conf")), 0);
	config_set(ct->conf, "NAMESERVER", "10.0.0.1 2001:db8::1", NULL);
	config_set(ct->conf, "SEARCHDOMAIN", "a.example b.example", NULL);
	assert_int_equal(osdep_dns(ct, NULL), 0);
	holds(f, "root/etc/resolv.conf",
	      "search a.example b.example\nnameserver 10.0.0.1\nnameserver 2001:db8::1\n");
	holds(f, "victim/stub", "x");
	ct_close(ct);
	host_close(host);
}

static void test_networkd(void **state)
{
	static const char file[] = "root/etc/systemd/network/10-venet0.network";
	struct fixture *f = *state;
	struct host *host;
	struct ct *ct = open_ct(f, &host);
	struct stat st;

	assert_int_equal(osdep_network(ct, NULL), 0);
	assert_int_equal(stat(fixture_path(f, "root/etc/systemd"), &st), -1);
	mkdir(fixture_path(f, "root/etc/systemd"), 0755);
	assert_int_equal(symlink("../../../victim", fixture_path(f, "root/etc/systemd/network")),
			 0);
	assert_int_equal(osdep_network(ct, NULL), 0);
	assert_int_equal(rmdir(fixture_path(f, "victim")), 0);
	unlink(fixture_path(f, "root/etc/systemd/network"));
	mkdir(fixture_path(f, "root/etc/systemd/network"), 0755);
	assert_int_equal(osdep_network(ct, NULL), 0);
	holds(f, file,
	      "# The host configures venet0.\n[Match]\nName=venet*\n\n[Link]\nUnmanaged=yes\n");
	fixture_write(f, file, "mine\n", 5);
	assert_int_equal(osdep_network(ct, NULL), 0);
	holds(f, file, "mine\n");
	ct_close(ct);
	host_close(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(test_hostname),
		fixture_test(test_dns),
		fixture_test(test_networkd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
