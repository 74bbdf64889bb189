/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configurations and records when memory or files fail. If this fails, a full
 * disk or a machine without memory costs a container's configuration, changes
 * a value in silence, or gives a wrong reason.
 */
#include "fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "config.h"
#include "err.h"
#include "faults.h"
#include "path.h"

#define TEXT "# of 101\nVE_ROOT=\"/r/$VEID\"\nVE_PRIVATE=/p/$VEID\nIP_ADDRESS=\"10.0.0.1\"\n"

static void only(const char *path, const char *want)
{
	struct fixture in = {.dirfd = -EBADF};
	_cleanup_free_ char *names = NULL;

	assert_true(snprintf(in.dir, sizeof(in.dir), "%s", path) < (int)sizeof(in.dir));
	names = fixture_list(&in);
	assert_string_equal(names, want);
}

/* A node with container 101, named web, and a template. */
static void make_node(struct fixture *f)
{
	char conf[300];
	int n = snprintf(conf, sizeof(conf),
			 "LOCKDIR=%s/lock\nRUNDIR=%s/run\nTEMPLATE=%s\nSTOP_TIMEOUT=5\n", f->dir,
			 f->dir, f->dir);

	mkdir(fixture_path(f, "conf"), 0755);
	mkdir(fixture_path(f, "names"), 0755);
	mkdir(fixture_path(f, "cache"), 0755);
	fixture_write(f, "vz.conf", conf, (size_t)n);
	fixture_write(f, "conf/101.conf", TEXT, strlen(TEXT));
	fixture_write(f, "conf/102.conf", TEXT "LOCAL_UID=1006632960\nLOCAL_GID=1006632960\n",
		      strlen(TEXT) + 42);
	fixture_write(f, "cache/debian-12-x86_64.tar.xz", "", 0);
	unlink(fixture_path(f, "names/web"));
	unlink(fixture_path(f, "names/www"));
	assert_int_equal(symlink("../conf/101.conf", fixture_path(f, "names/web")), 0);
	path_remove_tree(f->dirfd, "lock", NULL);
	path_remove_tree(f->dirfd, "run", NULL);
}

/* --- configuration files -------------------------------------------------- */

static int load_config(struct fixture *f, struct err *err)
{
	_cleanup_config_ struct config *c = NULL;
	int r = config_load(fixture_path(f, "conf/101.conf"), "101", &c, err);

	if (r == 0) {
		assert_string_equal(config_get(c, "VE_ROOT"), "/r/101");
		assert_string_equal(config_get(c, "VE_PRIVATE"), "/p/101");
		assert_string_equal(config_get(c, "IP_ADDRESS"), "10.0.0.1");
	}
	return r;
}

static int change_config(struct fixture *f, struct err *err)
{
	_cleanup_config_ struct config *c = NULL;
	int r = config_load(fixture_path(f, "conf/101.conf"), "101", &c, err);

	if (r == 0)
		r = config_set(c, "VE_ROOT", "/new", err);
	if (r == 0)
		r = config_set(c, "ADDED", "$x", err);
	if (r == 0)
		r = config_store(c, fixture_path(f, "conf/101.conf"), err);
	return r;
}

static void is_old_or_new(struct fixture *f, int r)
{
	_cleanup_config_ struct config *c = NULL;
	_cleanup_free_ char *text = NULL;

	only(fixture_path(f, "conf"), "101.conf 102.conf");
	assert_int_equal(config_load(fixture_path(f, "conf/101.conf"), "101", &c, NULL), 0);
	text = config_text(c);
	if (r == 0 || strcmp(text, TEXT) != 0)
		assert_string_equal(text, "# of 101\nVE_ROOT=\"/new\"\nVE_PRIVATE=/p/$VEID\n"
					  "IP_ADDRESS=\"10.0.0.1\"\nADDED=\"\\$x\"\n");
}

static void configuration_files(void **state)
{
	static const struct fault_op load = {"load a configuration", NULL, load_config, NULL};
	static const struct fault_op change = {"change a configuration", make_node, change_config,
					       is_old_or_new};

	make_node(*state);
	faults_each(*state, &load);
	faults_each(*state, &change);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(configuration_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
