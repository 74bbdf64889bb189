/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, a command works on another container than it was told, or without its lock. */
#include "fixture.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "config.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"

static struct host *make_host(struct fixture *f)
{
	struct host *host = NULL;
	char conf[256];
	int n = snprintf(conf, sizeof(conf),
			 "VE_ROOT=\"/r/$VEID\"\nVE_PRIVATE=/p/$VEID\nLOCKDIR=%s/lock\n", f->dir);

	mkdir(fixture_path(f, "conf"), 0755);
	fixture_write(f, "vz.conf", conf, n);
	assert_int_equal(host_open(f->dir, &host, NULL), 0);
	return host;
}

static void test_ids(void **state)
{
	uint32_t id = 7;

	(void)state;
	assert_int_equal(ct_parse_id("101", &id), 0);
	assert_int_equal(id, 101);
	assert_int_equal(ct_parse_id("2147483644", &id), 0);
	assert_int_equal(ct_parse_id("2147483645", &id), -ERANGE);
	assert_int_equal(ct_parse_id("99999999999999999999999", &id), -ERANGE);
	assert_int_equal(ct_parse_id("0", &id), -ERANGE);
	assert_int_equal(ct_parse_id("", &id), -EINVAL);
	assert_int_equal(ct_parse_id("-1", &id), -EINVAL);
	assert_int_equal(ct_parse_id("101x", &id), -EINVAL);
}

static void test_no_global_config(void **state)
{
	struct fixture *f = *state;
	struct host *host = NULL;
	struct err err = ERR_INIT;

	assert_true(host_open(f->dir, &host, &err) < 0);
	assert_int_equal(err.exit_code, VZ_NO_GLOBAL_CONFIG);
}

static void test_override(void **state)
{
	struct fixture *f = *state;
	_cleanup_host_ struct host *host = make_host(f);
	_cleanup_ct_ struct ct *a = NULL, *b = NULL;
	struct err err = ERR_INIT;

	fixture_write(f, "conf/101.conf", "VE_ROOT=/own/$VEID\n", 19);
	assert_int_equal(ct_open(host, 101, &a, NULL), 0);
	assert_true(a->exists);
	assert_string_equal(a->root, "/own/101");
	assert_string_equal(a->private_dir, "/p/101");
	assert_int_equal(ct_open(host, 102, &b, NULL), 0);
	assert_string_equal(b->root, "/r/102");
	assert_true(ct_require(b, &err) < 0);
	assert_int_equal(err.exit_code, VZ_NO_CONFIG);
}

static void test_lock(void **state)
{
	struct fixture *f = *state;
	_cleanup_host_ struct host *host = make_host(f);
	_cleanup_ct_ struct ct *a = NULL, *b = NULL, *c = NULL;
	struct err err = ERR_INIT;

	ct_open(host, 101, &a, NULL);
	ct_open(host, 101, &b, NULL);
	ct_open(host, 102, &c, NULL);
	assert_int_equal(ct_lock(a, NULL), 0);
	assert_int_equal(ct_lock(a, NULL), 0);
	assert_true(ct_lock(b, &err) < 0);
	assert_int_equal(err.exit_code, VZ_LOCKED);
	assert_int_equal(ct_lock(c, NULL), 0);
}

/* Of two changes one after the other, the second must see the first. */
static void test_lock_reads_again(void **state)
{
	struct fixture *f = *state;
	_cleanup_host_ struct host *host = make_host(f);
	_cleanup_ct_ struct ct *b = NULL, *c = NULL;
	struct ct *a = NULL;

	fixture_write(f, "conf/101.conf", "", 0);
	ct_open(host, 101, &a, NULL);
	ct_open(host, 101, &b, NULL);
	assert_int_equal(ct_lock(a, NULL), 0);
	config_set(a->conf, "IP_ADDRESS", "10.0.0.1", NULL);
	config_set(a->conf, "VE_ROOT", "/new", NULL);
	assert_int_equal(ct_store(a, NULL), 0);
	ct_close(a);
	assert_int_equal(ct_lock(b, NULL), 0);
	assert_string_equal(ct_get(b, "IP_ADDRESS"), "10.0.0.1");
	assert_string_equal(b->root, "/new");
	close(b->lock_fd);
	b->lock_fd = -EBADF;
	/* destroyed meanwhile */
	assert_int_equal(remove(b->conf_path), 0);
	assert_int_equal(ct_lock(b, NULL), 0);
	assert_false(b->exists);
	assert_null(config_get(b->conf, "IP_ADDRESS"));
	/* spoiled meanwhile */
	ct_open(host, 101, &c, NULL);
	fixture_write(f, "conf/101.conf", "rubbish\n", 8);
	close(b->lock_fd);
	b->lock_fd = -EBADF;
	assert_true(ct_lock(c, NULL) < 0);
}

static void test_names(void **state)
{
	struct fixture *f = *state;
	_cleanup_host_ struct host *host = make_host(f);
	_cleanup_ct_ struct ct *a = NULL, *b = NULL;
	struct err err = ERR_INIT;
	uint32_t id;

	ct_open(host, 101, &a, NULL);
	ct_open(host, 102, &b, NULL);
	ct_store(a, NULL);
	assert_int_equal(ct_set_name(a, NULL, "web", NULL), 0);
	assert_int_equal(ct_resolve(host, "web", &id, NULL), 0);
	assert_int_equal(id, 101);
	assert_true(ct_set_name(b, NULL, "web", &err) < 0);
	assert_int_equal(err.exit_code, VZ_NAME);
	assert_int_equal(ct_set_name(a, "web", "db", NULL), 0);
	assert_true(ct_resolve(host, "web", &id, &err) < 0);
	assert_int_equal(err.exit_code, VZ_BAD_VALUE);
	assert_int_equal(ct_resolve(host, "db", &id, NULL), 0);
	/* a name whose container is gone is free */
	assert_int_equal(remove(a->conf_path), 0);
	assert_int_equal(ct_set_name(b, NULL, "db", NULL), 0);
	assert_true(ct_resolve(host, "../conf/101", &id, NULL) < 0);
}

static void test_draft(void **state)
{
	struct fixture *f = *state;
	_cleanup_host_ struct host *host = make_host(f);
	_cleanup_ct_ struct ct *a = NULL, *b = NULL;
	_cleanup_free_ uint32_t *ids = NULL, *none = NULL;
	struct err err = ERR_INIT;
	size_t n;

	ct_open(host, 101, &a, NULL);
	ct_open(host, 102, &b, NULL);
	assert_int_equal(ct_load_draft(a, NULL), -ENOENT);
	config_set(a->conf, "HOSTNAME", "draft", NULL);
	assert_int_equal(ct_store_draft(a, NULL), 0);
	assert_int_equal(ct_list(host, &none, &n, NULL), 0);
	assert_int_equal(n, 0);
	assert_int_equal(ct_list_drafts(host, &ids, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(ids[0], 101);
	/* its name is taken, although there is no such container yet */
	assert_int_equal(ct_set_name(a, NULL, "web", NULL), 0);
	assert_true(ct_set_name(b, NULL, "web", &err) < 0);
	assert_int_equal(err.exit_code, VZ_NAME);
	assert_int_equal(ct_load_draft(b, NULL), -ENOENT);
	assert_int_equal(ct_publish(a, NULL), 0);
	assert_true(a->exists);
	assert_int_equal(ct_load_draft(a, NULL), -ENOENT);
	assert_int_equal(ct_lock(a, NULL), 0);
	assert_string_equal(ct_get(a, "HOSTNAME"), "draft");
}

static void test_list(void **state)
{
	struct fixture *f = *state;
	_cleanup_host_ struct host *host = make_host(f);
	_cleanup_free_ uint32_t *ids = NULL;
	size_t n;

	fixture_write(f, "conf/1000.conf", "", 0);
	fixture_write(f, "conf/101.conf", "", 0);
	fixture_write(f, "conf/101.conf.destroyed", "", 0);
	fixture_write(f, "conf/ve-basic.conf-sample", "", 0);
	fixture_write(f, "conf/0.conf", "", 0);
	assert_int_equal(ct_list(host, &ids, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_int_equal(ids[0], 101);
	assert_int_equal(ids[1], 1000);
}

/* What runs is there although nobody configured it; what is in both places is there once. */
static void test_list_all(void **state)
{
	struct fixture *f = *state;
	_cleanup_host_ struct host *host = make_host(f);
	_cleanup_free_ uint32_t *ids = NULL, *none = NULL;
	size_t n;

	fixture_write(f, "conf/101.conf", "", 0);
	free(host->cgroup);
	host->cgroup = strdup(fixture_path(f, "no/such"));
	assert_int_equal(ct_list_all(host, &none, &n, NULL), 0);
	assert_int_equal(n, 1);
	free(host->cgroup);
	host->cgroup = strdup(fixture_path(f, "cg"));
	mkdir(fixture_path(f, "cg"), 0755);
	mkdir(fixture_path(f, "cg/7"), 0755);
	mkdir(fixture_path(f, "cg/101"), 0755);
	mkdir(fixture_path(f, "cg/init.scope"), 0755);
	assert_int_equal(ct_list_all(host, &ids, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_int_equal(ids[0], 7);
	assert_int_equal(ids[1], 101);
}

static void test_unread(void **state)
{
	struct fixture *f = *state;
	_cleanup_host_ struct host *host = make_host(f);
	_cleanup_ct_ struct ct *bad = NULL, *ct = NULL;
	struct err err = ERR_INIT;

	fixture_write(f, "conf/101.conf", "HOSTNAME=x\nrubbish\n", 19);
	assert_true(ct_open(host, 101, &bad, &err) < 0);
	assert_int_equal(err.exit_code, VZ_BAD_CONFIG);
	assert_int_equal(ct_open_unread(host, 101, &ct, NULL), 0);
	assert_null(ct_get(ct, "HOSTNAME"));
	assert_string_equal(ct->root, "/r/101");
	assert_false(ct->exists);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids),
		fixture_test(test_no_global_config),
		fixture_test(test_override),
		fixture_test(test_lock),
		fixture_test(test_lock_reads_again),
		fixture_test(test_names),
		fixture_test(test_draft),
		fixture_test(test_list),
		fixture_test(test_list_all),
		fixture_test(test_unread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
