/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, a feature is stored that a container does not have, or a wrong one hides it. */
#include "fixture.h"

#include <sys/stat.h>

#include "cleanup.h"
#include "config.h"
#include "ct.h"
#include "err.h"
#include "feature.h"

static void test_values(void **state)
{
	static const char *const good[] = {"vzmarker:off", "vzmarker:on", "sysfs:on", "bridge:on",
					   "nfs:off",	   "time:off",	  "ppp:off",  "nesting:on"};
	static const char *const bad[] = {
		"",	      "nfs",	 "nfs:",   "nfs:on",   "nfsd:on",	  "sysfs:off",
		"bridge:off", "time:on", "ppp:on", "wings:on", "vzmarker:perhaps"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		_cleanup_free_ char *stored = NULL;

		assert_int_equal(feature_value(good[i], &stored, NULL), 0);
		assert_string_equal(stored, good[i]);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = ERR_INIT;
		char *stored = NULL;

		assert_true(feature_value(bad[i], &stored, &err) < 0);
		assert_null(stored);
		assert_non_null(strstr(err.msg, "feature"));
	}
}

static void test_choices(void **state)
{
	struct fixture *f = *state;
	struct host *host;
	struct ct *ct;

	mkdir(fixture_path(f, "conf"), 0755);
	fixture_write(f, "vz.conf", "", 0);
	assert_int_equal(host_open(f->dir, &host, NULL), 0);
	assert_int_equal(ct_open(host, 101, &ct, NULL), 0);
	assert_true(feature_vzmarker(ct));
	assert_false(feature_nesting(ct));
	config_set(ct->conf, "FEATURES", "nfs:off vzmarker:off ", NULL);
	assert_false(feature_vzmarker(ct));
	config_set(ct->conf, "FEATURES", "nestingx:on Nesting:on", NULL);
	assert_true(feature_nesting(ct));
	assert_true(feature_vzmarker(ct));
	config_set(ct->conf, "FEATURES", "VZMARKER:ON,nfs:off", NULL);
	assert_true(feature_vzmarker(ct));
	ct_close(ct);
	host_close(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		fixture_test(test_choices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
