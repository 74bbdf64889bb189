/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, a start destroys a tenant's /etc/hosts, or a full container does not start. */
#include "fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "config.h"
#include "ct.h"
#include "err.h"
#include "faults.h"
#include "io.h"
#include "osdep.h"

struct world {
	struct host *host;
	struct ct *ct;
};

static int warnings;

static void count_warning(const char *sentence)
{
	assert_non_null(strstr(sentence, "/etc/hosts in container 101 stays"));
	warnings++;
}

static struct world make_world(struct fixture *f)
{
	struct world w = {0};
	char vz[160];
	int n = snprintf(vz, sizeof(vz), "VE_ROOT=\"%s\"\nHOSTNAME=a.example\n", f->dir);

	fixture_write(f, "vz.conf", vz, n);
	mkdir(fixture_path(f, "etc"), 0755);
	assert_int_equal(host_open(f->dir, &w.host, NULL), 0);
	assert_int_equal(ct_open(w.host, 101, &w.ct, NULL), 0);
	w.ct->warn = count_warning;
	warnings = 0;
	return w;
}

static void drop(struct world *w)
{
	ct_close(w->ct);
	host_close(w->host);
}

static void holds(struct fixture *f, const char *name, const char *want)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	assert_int_equal(io_read_file(f->dirfd, name, 1000, &text, &len, NULL), 0);
	assert_string_equal(text, want);
}

static void our_line_comes_once_and_others_stay(void **state)
{
	struct fixture *f = *state;
	struct world w = make_world(f);

	assert_int_equal(osdep_hostname(w.ct, NULL), 0);
	holds(f, "etc/hosts", "127.0.1.1\ta.example a # vzctl\n");
	holds(f, "etc/hostname", "a.example\n");
	fixture_write(f, "etc/hosts", "10.0.0.1 x\n127.0.1.1\told # vzctl\n# end", 38);
	assert_int_equal(osdep_hostname(w.ct, NULL), 0);
	holds(f, "etc/hosts", "10.0.0.1 x\n# end\n127.0.1.1\ta.example a # vzctl\n");
	assert_int_equal(warnings, 0);
	drop(&w);
}

static void a_file_that_is_right_is_not_written(void **state)
{
	struct fixture *f = *state;
	struct world w = make_world(f);
	struct stat a, b;

	config_set(w.ct->conf, "NAMESERVER", "192.0.2.53", NULL);
	assert_int_equal(osdep_hostname(w.ct, NULL), 0);
	assert_int_equal(osdep_dns(w.ct, NULL), 0);
	assert_int_equal(stat(fixture_path(f, "etc"), &a), 0);
	chmod(fixture_path(f, "etc"), 0555);
	/* Nothing new is made: every name would get another inode, and the directory another time. */
	assert_int_equal(osdep_hostname(w.ct, NULL), 0);
	assert_int_equal(osdep_dns(w.ct, NULL), 0);
	chmod(fixture_path(f, "etc"), 0755);
	assert_int_equal(stat(fixture_path(f, "etc"), &b), 0);
	assert_memory_equal(&a.st_mtim, &b.st_mtim, sizeof(a.st_mtim));
	drop(&w);
}

static void what_is_no_small_file_stays(void **state)
{
	static char large[300 << 10];
	struct fixture *f = *state;
	struct world w = make_world(f);
	struct stat st;

	memset(large, '#', sizeof(large));
	fixture_write(f, "etc/hosts", large, sizeof(large));
	assert_int_equal(osdep_hostname(w.ct, NULL), 0);
	assert_int_equal(stat(fixture_path(f, "etc/hosts"), &st), 0);
	assert_int_equal(st.st_size, sizeof(large));
	unlink(fixture_path(f, "etc/hosts"));
	fixture_write(f, "etc/real", "10.0.0.1 x\n", 11);
	assert_int_equal(symlink("real", fixture_path(f, "etc/hosts")), 0);
	assert_int_equal(osdep_hostname(w.ct, NULL), 0);
	assert_int_equal(lstat(fixture_path(f, "etc/hosts"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	holds(f, "etc/real", "10.0.0.1 x\n");
	unlink(fixture_path(f, "etc/hosts"));
	assert_int_equal(mkfifo(fixture_path(f, "etc/hosts"), 0600), 0);
	assert_int_equal(osdep_hostname(w.ct, NULL), 0);
	assert_int_equal(lstat(fixture_path(f, "etc/hosts"), &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(warnings, 3);
	drop(&w);
}

/* A link to a resolver's file, as systemd makes one, is not what the configuration asks for. */
static void resolv_conf_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct world w = make_world(f);
	struct stat st;

	assert_int_equal(symlink("../run/stub", fixture_path(f, "etc/resolv.conf")), 0);
	config_set(w.ct->conf, "NAMESERVER", "192.0.2.53 192.0.2.54", NULL);
	config_set(w.ct->conf, "SEARCHDOMAIN", "example.org", NULL);
	assert_int_equal(osdep_dns(w.ct, NULL), 0);
	assert_int_equal(lstat(fixture_path(f, "etc/resolv.conf"), &st), 0);
	assert_true(S_ISREG(st.st_mode));
	holds(f, "etc/resolv.conf",
	      "search example.org\nnameserver 192.0.2.53\nnameserver 192.0.2.54\n");
	drop(&w);
}

/* Where networkd is, and there is no file of that name: no link leads to another place. */
static void networkd_is_told_to_leave_venet0_alone(void **state)
{
	static const char file[] = "etc/systemd/network/10-venet0.network";
	struct fixture *f = *state;
	struct world w = make_world(f);
	struct stat st;

	assert_int_equal(osdep_network(w.ct, NULL), 0);
	assert_int_equal(stat(fixture_path(f, "etc/systemd"), &st), -1);
	mkdir(fixture_path(f, "etc/systemd"), 0755);
	mkdir(fixture_path(f, "victim"), 0755);
	assert_int_equal(symlink("../../victim", fixture_path(f, "etc/systemd/network")), 0);
	assert_int_equal(osdep_network(w.ct, NULL), 0);
	assert_int_equal(rmdir(fixture_path(f, "victim")), 0);
	unlink(fixture_path(f, "etc/systemd/network"));
	mkdir(fixture_path(f, "etc/systemd/network"), 0755);
	assert_int_equal(osdep_network(w.ct, NULL), 0);
	holds(f, file,
	      "# The host configures venet0.\n[Match]\nName=venet*\n\n[Link]\nUnmanaged=yes\n");
	fixture_write(f, file, "mine\n", 5);
	assert_int_equal(osdep_network(w.ct, NULL), 0);
	holds(f, file, "mine\n");
	drop(&w);
}

static void count_rule_warning(const char *sentence)
{
	assert_non_null(strstr(sentence, "container 101 has no rule for systemd-networkd"));
	assert_non_null(strstr(sentence, "10-venet0.network"));
	warnings++;
}

/* A disk without room, at every call that takes some: the start goes on, and half a rule is none. */
static void a_full_disk_costs_networkd_its_rule_only(void **state)
{
	static const char file[] = "etc/systemd/network/10-venet0.network";
	struct fixture *f = *state;
	struct world w = make_world(f);
	struct err err = ERR_INIT;
	unsigned int n, lost = 0;
	bool met = true;

	w.ct->warn = count_rule_warning;
	mkdir(fixture_path(f, "etc/systemd"), 0755);
	mkdir(fixture_path(f, "etc/systemd/network"), 0755);
	for (n = 0; met; n++) {
		bool there;
		int r;

		unlink(fixture_path(f, file));
		warnings = 0;
		faults_arm(FAULT_FILE, n);
		r = osdep_network(w.ct, &err);
		met = faults_disarm();
		there = access(fixture_path(f, file), F_OK) == 0;
		if (there)
			holds(f, file,
			      "# The host configures venet0.\n[Match]\nName=venet*\n\n"
			      "[Link]\nUnmanaged=yes\n");
		/* Not even /etc opens: that is no full disk, and said as an error. */
		if (r < 0) {
			assert_true(met && !there);
			assert_non_null(strstr(err.msg, "open"));
			continue;
		}
		if (!there)
			assert_int_equal(warnings, 1);
		lost += !there;
	}
	assert_true(lost > 0);
	assert_int_equal(warnings, 0);
	drop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(our_line_comes_once_and_others_stay),
		fixture_test(a_file_that_is_right_is_not_written),
		fixture_test(what_is_no_small_file_stays),
		fixture_test(resolv_conf_is_replaced),
		fixture_test(networkd_is_told_to_leave_venet0_alone),
		fixture_test(a_full_disk_costs_networkd_its_rule_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
