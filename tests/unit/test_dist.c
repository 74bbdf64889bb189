/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, a container gets the scripts of another distribution, none at all, or those of somebody who is not root. */
#include "fixture.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "config.h"
#include "ct.h"
#include "dist.h"
#include "err.h"
#include "exitcode.h"

struct world {
	struct fixture *f;
	struct host *host;
	struct ct *ct;
};

static char warned[400];

static void note_warning(const char *sentence)
{
	snprintf(warned, sizeof(warned), "%s", sentence);
}

static struct world make_world(struct fixture *f, bool dists)
{
	struct world w = {.f = f};

	w.ct = fixture_ct(f, "OSTEMPLATE=\"debian-12-x86_64\"\n", &w.host);
	w.ct->warn = note_warning;
	warned[0] = '\0';
	if (dists) {
		mkdir(fixture_path(f, "dists"), 0755);
		mkdir(fixture_path(f, "dists/scripts"), 0755);
	}
	return w;
}

static void drop(struct world *w)
{
	ct_close(w->ct);
	host_close(w->host);
}

static void put(struct world *w, const char *name, const char *text)
{
	fixture_write(w->f, name, text, strlen(text));
}

/* The script for the host name is @want, or there is none (""). */
static void finds(struct world *w, const char *want)
{
	_cleanup_dist_script_ struct dist_script s = DIST_SCRIPT_INIT;
	int r = dist_find(w->ct, DIST_SET_HOSTNAME, &s, NULL);

	assert_int_equal(r, *want ? 1 : 0);
	assert_int_equal(dist_has(w->ct, DIST_SET_HOSTNAME, NULL), r);
	if (r)
		assert_string_equal(s.text, want);
}

static void fails(struct world *w, int exit_code, const char *why)
{
	struct err err = ERR_INIT;

	assert_true(dist_check(w->ct, &err) < 0);
	assert_int_equal(err.exit_code, exit_code);
	if (!strstr(err.msg, why))
		fail_msg("'%s' does not say '%s'", err.msg, why);
}

static void without_the_directory_there_is_none(void **state)
{
	struct world w = make_world(*state, false);

	finds(&w, "");
	assert_int_equal(dist_check(w.ct, NULL), 0);
	drop(&w);
}

static void the_longest_name_counts(void **state)
{
	struct world w = make_world(*state, true);

	fails(&w, VZ_NO_DIST_CONF, "'debian-12-x86_64' has no configuration");
	put(&w, "dists/default.conf", "SET_HOSTNAME=d.sh\n");
	put(&w, "dists/scripts/d.sh", "d");
	put(&w, "dists/scripts/long.sh", "long");
	finds(&w, "\nd");
	put(&w, "dists/debian.conf", "# none\nSET_HOSTNAME=\"\"\n");
	finds(&w, "");
	put(&w, "dists/debian-12.conf", "SET_HOSTNAME='long.sh'\n");
	finds(&w, "\nlong");
	/* Not a part of the name, but its beginning. */
	put(&w, "dists/debian-1.conf", "SET_HOSTNAME=d.sh\n");
	finds(&w, "\nlong");
	put(&w, "dists/debian-12-x86_64.conf", "SET_HOSTNAME=d.sh\n");
	finds(&w, "\nd");
	config_set(w.ct->conf, "DISTRIBUTION", "debian-12", NULL);
	finds(&w, "\nlong");
	config_set(w.ct->conf, "DISTRIBUTION", "mine", NULL);
	finds(&w, "\nd");
	config_set(w.ct->conf, "DISTRIBUTION", "scripts/../debian-12", NULL);
	finds(&w, "\nd");
	put(&w, "dists/scripts/functions", "f");
	finds(&w, "f\nd");
	drop(&w);
}

/* An old node's files name more than is done here: told, and no reason to stop. A wrong name is one. */
static void names_are_known(void **state)
{
	struct world w = make_world(*state, true);

	put(&w, "dists/debian.conf", "ADD_IP=a.sh\n\nSET_UGID_QUOTA=q.sh\n");
	put(&w, "dists/scripts/a.sh", "");
	assert_int_equal(dist_check(w.ct, NULL), 0);
	assert_non_null(strstr(warned, "dists/debian.conf:3: SET_UGID_QUOTA is not supported"));
	put(&w, "dists/debian.conf", "ADD_IP=a.sh\nSET_HOSTNME=q.sh\n");
	fails(&w, VZ_BAD_CONFIG, "dists/debian.conf:2: 'SET_HOSTNME' is no action");
	put(&w, "dists/debian.conf", "ADD_IP=a.sh\nDEL_IP=$(id)\n");
	fails(&w, VZ_BAD_CONFIG, "debian.conf:2");
	put(&w, "dists/debian.conf", "# x\nADD_IP=gone.sh\n");
	fails(&w, VZ_NO_DIST_SCRIPT, "debian.conf:2: ADD_IP: there is no script");
	put(&w, "dists/debian.conf", "ADD_IP=../a.sh\n");
	fails(&w, VZ_BAD_CONFIG, "debian.conf:1: ADD_IP: '../a.sh' is not the name of a file");
	put(&w, "dists/debian.conf", "ADD_IP=scripts/a.sh\n");
	fails(&w, VZ_BAD_CONFIG, "is not the name of a file");
	drop(&w);
}

static void others_files_are_refused(void **state)
{
	struct fixture *f = *state;
	struct world w = make_world(f, true);
	static const struct {
		const char *path;
		mode_t good;
		int exit_code;
	} files[] = {
		{"dists/debian.conf", 0644, VZ_NO_DIST_CONF},
		{"dists", 0755, VZ_NO_DIST_CONF},
		{"dists/scripts", 0755, VZ_NO_DIST_SCRIPT},
		{"dists/scripts/a.sh", 0644, VZ_NO_DIST_SCRIPT},
		{"dists/scripts/functions", 0644, VZ_NO_DIST_SCRIPT},
	};
	size_t i;

	put(&w, "dists/debian.conf", "ADD_IP=a.sh\n");
	put(&w, "dists/scripts/a.sh", "");
	put(&w, "dists/scripts/functions", "");
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		chmod(fixture_path(f, files[i].path), files[i].good | 0020);
		fails(&w, files[i].exit_code, "not root's alone to write");
		chmod(fixture_path(f, files[i].path), files[i].good | 0002);
		fails(&w, files[i].exit_code, "not root's alone to write");
		chmod(fixture_path(f, files[i].path), files[i].good);
		assert_int_equal(dist_check(w.ct, NULL), 0);
	}
	/* A link is another name for what is there, and nothing of elsewhere. */
	assert_int_equal(symlink("a.sh", fixture_path(f, "dists/scripts/b.sh")), 0);
	put(&w, "dists/debian.conf", "ADD_IP=b.sh\n");
	assert_int_equal(dist_check(w.ct, NULL), 0);
	put(&w, "outside.sh", "");
	assert_int_equal(symlink("../../outside.sh", fixture_path(f, "dists/scripts/c.sh")), 0);
	put(&w, "dists/debian.conf", "ADD_IP=c.sh\n");
	fails(&w, VZ_NO_DIST_SCRIPT, "there is no script");
	assert_int_equal(mkfifo(fixture_path(f, "dists/scripts/d.sh"), 0644), 0);
	put(&w, "dists/debian.conf", "ADD_IP=d.sh\n");
	fails(&w, VZ_NO_DIST_SCRIPT, "is not a file");
	fixture_write(f, "dists/scripts/e.sh", "a\0b", 3);
	put(&w, "dists/debian.conf", "ADD_IP=e.sh\n");
	fails(&w, VZ_NO_DIST_SCRIPT, "cannot read");
	drop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(without_the_directory_there_is_none),
		fixture_test(the_longest_name_counts),
		fixture_test(names_are_known),
		fixture_test(others_files_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
