/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, an option is stored under a wrong key, merged wrongly, or ignored in silence. */
#include "fixture.h"

#include <ctype.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "config.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "param.h"

static void test_table_is_sound(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < param_count; i++) {
		const struct param *p = &params[i];
		const char *s;

		assert_true(p->key || p->option);
		for (s = p->key ? p->key : ""; *s; s++)
			assert_true(isupper((unsigned char)*s) || *s == '_');
		if (p->flags & PARAM_REFUSED) {
			assert_true(p->exit_code > 0);
			assert_null(p->parse);
			assert_null(p->apply);
		} else if (!(p->flags & PARAM_NODE)) {
			assert_non_null(p->parse);
			assert_non_null(p->summary);
		}
		/* an option is refused or accepted by one row of each command */
		for (j = i + 1; p->option && j < param_count; j++)
			assert_true(!params[j].option || strcmp(params[j].option, p->option) != 0 ||
				    !(params[j].flags & p->flags & (PARAM_SET | PARAM_CREATE)));
	}
}

static struct ct *open_ct(struct fixture *f, struct host **ret_host)
{
	return fixture_ct(f, "NAMESERVER=inherit\n", ret_host);
}

static int change(struct ct *ct, const char *option, const char *value, int *exit_code)
{
	struct err err = ERR_INIT;
	int r = param_change(ct, param_by_option(option, PARAM_SET), value, &err);

	if (exit_code)
		*exit_code = err.exit_code;
	return r;
}

static void test_change(void **state)
{
	struct host *host;
	struct ct *ct = open_ct(*state, &host);
	int code;

	assert_int_equal(change(ct, "ram", "512M", NULL), 0);
	assert_string_equal(config_get(ct->conf, "PHYSPAGES"), "0:512M");
	assert_int_equal(change(ct, "physpages", "256", NULL), 0);
	assert_string_equal(config_get(ct->conf, "PHYSPAGES"), "0:1M");
	assert_true(change(ct, "hostname", "not a name", &code) < 0);
	assert_int_equal(code, VZ_BAD_HOSTNAME);
	assert_null(config_get(ct->conf, "HOSTNAME"));
	assert_true(change(ct, "cpuunits", "1", &code) < 0);
	assert_int_equal(code, VZ_CPU_SET);
	ct_close(ct);
	host_close(host);
}

static void test_lists(void **state)
{
	struct host *host;
	struct ct *ct = open_ct(*state, &host);
	int code;

	change(ct, "ipadd", "10.0.0.1", NULL);
	change(ct, "ipadd", "10.0.0.2", NULL);
	assert_true(change(ct, "ipadd", "10.0.0.1", &code) < 0);
	assert_int_equal(code, VZ_IP_IN_USE);
	assert_string_equal(config_get(ct->conf, "IP_ADDRESS"), "10.0.0.1 10.0.0.2");
	assert_int_equal(change(ct, "ipdel", "10.0.0.1", NULL), 0);
	assert_string_equal(config_get(ct->conf, "IP_ADDRESS"), "10.0.0.2");
	assert_true(change(ct, "ipdel", "10.0.0.9", &code) < 0);
	assert_int_equal(code, VZ_BAD_IP);
	assert_int_equal(change(ct, "ipdel", "all", NULL), 0);
	assert_string_equal(config_get(ct->conf, "IP_ADDRESS"), "");
	change(ct, "nameserver", "10.0.0.1", NULL);
	change(ct, "nameserver", "inherit", NULL);
	assert_string_equal(config_get(ct->conf, "NAMESERVER"), "inherit");
	change(ct, "nameserver", "10.0.0.1", NULL);
	assert_string_equal(config_get(ct->conf, "NAMESERVER"), "10.0.0.1");
	ct_close(ct);
	host_close(host);
}

static void test_items_by_target(void **state)
{
	struct host *host;
	struct ct *ct = open_ct(*state, &host);
	int code;

	assert_int_equal(change(ct, "bindmount_add", "/tmp:/a", NULL), 0);
	assert_int_equal(change(ct, "bindmount_add", "/:/b", NULL), 0);
	assert_int_equal(change(ct, "bindmount_add", "nosuid:/usr:/a", NULL), 0);
	assert_string_equal(config_get(ct->conf, "BINDMOUNT"), "/:/b nosuid:/usr:/a");
	assert_int_equal(change(ct, "bindmount_del", "/b", NULL), 0);
	assert_string_equal(config_get(ct->conf, "BINDMOUNT"), "nosuid:/usr:/a");
	assert_true(change(ct, "bindmount_del", "/usr", &code) < 0);
	assert_int_equal(code, VZ_BAD_VALUE);
	assert_int_equal(param_check_all(ct, NULL), 0);
	/* What is gone meanwhile is the start's to say. */
	config_set(ct->conf, "BINDMOUNT", "/none/such:/a", NULL);
	assert_int_equal(param_check_all(ct, NULL), 0);
	config_set(ct->conf, "BINDMOUNT", "/none/such:/proc", NULL);
	assert_true(param_check_all(ct, NULL) < 0);
	ct_close(ct);
	host_close(host);
}

static void test_pairs(void **state)
{
	struct host *host;
	struct ct *ct = open_ct(*state, &host);
	struct err err = ERR_INIT;

	config_set(ct->conf, "PHYSPAGES", "0:unlimited", NULL);
	assert_int_equal(param_check_pairs(ct, NULL), 0);
	config_set(ct->conf, "PHYSPAGES", "0:9223372036854775807", NULL);
	assert_int_equal(param_check_pairs(ct, NULL), 0);
	config_set(ct->conf, "PHYSPAGES", "0:1G", NULL);
	assert_true(param_check_pairs(ct, &err) < 0);
	assert_int_equal(err.exit_code, VZ_NOT_ALL_UBC);
	config_set(ct->conf, "SWAPPAGES", "0:0", NULL);
	assert_int_equal(param_check_pairs(ct, NULL), 0);
	config_set(ct->conf, "NODEMASK", "0", NULL);
	assert_true(param_check_pairs(ct, &err) < 0);
	assert_int_equal(err.exit_code, VZ_CPU_SET);
	config_set(ct->conf, "CPUMASK", "auto", NULL);
	assert_int_equal(param_check_pairs(ct, NULL), 0);
	config_set(ct->conf, "NODEMASK", "", NULL);
	assert_true(param_check_pairs(ct, &err) < 0);
	ct_close(ct);
	host_close(host);
}

static void test_keyed_lists(void **state)
{
	struct host *host;
	struct ct *ct = open_ct(*state, &host);
	int code;

	assert_int_equal(change(ct, "devnodes", "fuse:rw", NULL), 0);
	assert_int_equal(change(ct, "devnodes", "net/tun:r", NULL), 0);
	assert_int_equal(change(ct, "devnodes", "fuse:none", NULL), 0);
	assert_string_equal(config_get(ct->conf, "DEVNODES"), "fuse:none net/tun:r");
	assert_int_equal(change(ct, "devices", "c:10:200:rw", NULL), 0);
	assert_int_equal(change(ct, "devices", "c:10:20:rw", NULL), 0);
	assert_int_equal(change(ct, "devices", "c:10:200:r", NULL), 0);
	assert_string_equal(config_get(ct->conf, "DEVICES"), "c:10:200:r c:10:20:rw");
	assert_true(change(ct, "devices", "c:10:x:r", &code) < 0);
	assert_int_equal(code, VZ_DEVICE_SET);
	assert_true(change(ct, "devices", " ", &code) < 0);
	assert_int_equal(code, VZ_DEVICE_SET);
	/* a hand-made list, in the old tool's style */
	config_set(ct->conf, "CAPABILITY", "NET_ADMIN:on rubbish ", NULL);
	assert_int_equal(change(ct, "capability", "net_admin:off,net_raw:off", NULL), 0);
	assert_string_equal(config_get(ct->conf, "CAPABILITY"),
			    "NET_ADMIN:off rubbish NET_RAW:off");
	assert_true(change(ct, "capability", "kill:off,sys_module:on", &code) < 0);
	assert_int_equal(code, VZ_CAPABILITY);
	assert_string_equal(config_get(ct->conf, "CAPABILITY"),
			    "NET_ADMIN:off rubbish NET_RAW:off");
	assert_true(change(ct, "features", "nfs:on", &code) < 0);
	assert_int_equal(code, VZ_BAD_VALUE);
	ct_close(ct);
	host_close(host);
}

/* An address is itself in whatever way it was written, with whatever prefix. */
static void test_addresses(void **state)
{
	struct host *host;
	struct ct *ct = open_ct(*state, &host);
	const struct param *ipadd = param_by_option("ipadd", PARAM_SET);
	int code;

	config_set(ct->conf, "IP_ADDRESS", "10.0.0.1/255.255.255.0 2001:DB8:1::1/64 10.0.0.11",
		   NULL);
	assert_true(change(ct, "ipadd", "10.0.0.1", &code) < 0);
	assert_int_equal(code, VZ_IP_IN_USE);
	assert_true(change(ct, "ipadd", "2001:db8:1:0::1", &code) < 0);
	assert_int_equal(code, VZ_IP_IN_USE);
	assert_true(param_has(ct, ipadd, "10.0.0.1/24"));
	assert_false(param_has(ct, ipadd, "10.0.0.2"));
	assert_true(change(ct, "ipdel", "10.0.0.1/25", &code) < 0);
	assert_int_equal(code, VZ_BAD_IP);
	assert_int_equal(change(ct, "ipdel", "10.0.0.1", NULL), 0);
	assert_string_equal(config_get(ct->conf, "IP_ADDRESS"), "2001:DB8:1::1/64 10.0.0.11");
	assert_int_equal(change(ct, "ipdel", "2001:db8:1::1/64", NULL), 0);
	assert_string_equal(config_get(ct->conf, "IP_ADDRESS"), "10.0.0.11");
	ct_close(ct);
	host_close(host);
}

static void test_refused(void **state)
{
	const struct param *p = param_by_option("cpus", PARAM_SET);
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(p);
	assert_true(p->flags & PARAM_REFUSED);
	assert_true(param_refuse(p, &err) < 0);
	assert_int_equal(err.exit_code, VZ_CPU_SET);
	assert_non_null(strstr(err.msg, "--cpus"));
	assert_null(param_by_option("cpus", PARAM_CREATE));
	assert_null(param_by_option("nonsense", PARAM_SET));
}

static void test_files_are_checked(void **state)
{
	struct host *host;
	struct ct *ct = open_ct(*state, &host);
	struct err err = ERR_INIT;
	assert_int_equal(param_check_all(ct, NULL), 0);
	config_set(ct->conf, "IP_ADDRESS", "10.0.0.1 fish", NULL);
	assert_true(param_check_all(ct, &err) < 0);
	assert_int_equal(err.exit_code, VZ_BAD_CONFIG);
	assert_non_null(strstr(err.msg, "IP_ADDRESS"));
	ct_close(ct);
	host_close(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_is_sound),
		fixture_test(test_change),
		fixture_test(test_lists),
		fixture_test(test_items_by_target),
		fixture_test(test_pairs),
		fixture_test(test_keyed_lists),
		fixture_test(test_addresses),
		cmocka_unit_test(test_refused),
		fixture_test(test_files_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
