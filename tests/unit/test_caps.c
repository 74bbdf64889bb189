/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, a container's root has a right that it never should, or lacks one it needs. */
#include "fixture.h"

#include <linux/capability.h>

#include "caps.h"
#include "cleanup.h"
#include "err.h"
#include "exitcode.h"

static uint64_t set_of(const char *list)
{
	uint64_t set = 0;

	assert_int_equal(caps_load(list, false, &set, NULL), 0);
	return set;
}

/* Also those of kernels to come; what is taken away stays away. */
static void test_all(void **state)
{
	uint64_t set = 0;

	(void)state;
	assert_int_equal(caps_load(NULL, true, &set, NULL), 0);
	assert_true(set == UINT64_MAX);
	assert_int_equal(caps_load("KILL:off", true, &set, NULL), 0);
	assert_true(set == ~(1ULL << 5));
	assert_true(caps_load("SYS_MODULE:on", true, &set, NULL) < 0);
}

static void test_table_is_whole(void **state)
{
	uint64_t seen = 0;
	size_t i;

	(void)state;
	for (i = 0; i < cap_count; i++) {
		assert_int_equal(cap_table[i].number, i);
		assert_non_null(cap_table[i].why);
		seen |= UINT64_C(1) << cap_table[i].number;
	}
	assert_int_equal(seen, (UINT64_C(1) << (CAP_LAST_CAP + 1)) - 1);
}

static void test_default_set(void **state)
{
	/* What Docker gives every container: without one of them it starts none. */
	static const int docker[] = {
		CAP_CHOWN,   CAP_DAC_OVERRIDE, CAP_FSETID,	CAP_FOWNER,	      CAP_MKNOD,
		CAP_NET_RAW, CAP_SETGID,       CAP_SETUID,	CAP_SETFCAP,	      CAP_SETPCAP,
		CAP_KILL,    CAP_SYS_CHROOT,   CAP_AUDIT_WRITE, CAP_NET_BIND_SERVICE,
	};
	static const int never[] = {
		CAP_SYS_MODULE, CAP_SYS_RAWIO,	  CAP_SYS_TIME,	     CAP_SYS_PACCT,	CAP_SYSLOG,
		CAP_MAC_ADMIN,	CAP_MAC_OVERRIDE, CAP_WAKE_ALARM,    CAP_BLOCK_SUSPEND, CAP_BPF,
		CAP_PERFMON,	CAP_AUDIT_READ,	  CAP_AUDIT_CONTROL,
	};
	const uint64_t set = set_of(NULL);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(docker) / sizeof(docker[0]); i++)
		assert_true(set & (UINT64_C(1) << docker[i]));
	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		assert_false(set & (UINT64_C(1) << never[i]));
	assert_true(set & (UINT64_C(1) << CAP_SYS_BOOT));
	assert_int_equal(set_of(""), set);
}

static void test_lists(void **state)
{
	const uint64_t set = set_of(NULL), raw = UINT64_C(1) << CAP_NET_RAW;

	(void)state;
	assert_int_equal(set_of("NET_RAW:off"), set & ~raw);
	assert_int_equal(set_of("net_raw:OFF, NET_ADMIN:on"), set & ~raw);
	assert_int_equal(set_of("SYS_TIME:off"), set);
}

static void test_values(void **state)
{
	static const char *const bad[] = {
		"",
		"net_raw",
		"net_raw:",
		"net_raw:yes",
		"cap_net_raw:off",
		"net_raw:off:",
		"fly:on",
		"sys_module:on",
		"bpf:on",
		"ve_admin:on",
	};
	_cleanup_free_ char *stored = NULL;
	size_t i;

	(void)state;
	assert_int_equal(caps_value("net_raw:off", &stored, NULL), 0);
	assert_string_equal(stored, "NET_RAW:off");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *none = NULL;

		assert_true(caps_value(bad[i], &none, NULL) < 0);
		assert_null(none);
	}
}

static void test_never_by_name(void **state)
{
	struct err err = ERR_INIT;
	char *stored;

	(void)state;
	assert_true(caps_value("sys_time:on", &stored, &err) < 0);
	assert_int_equal(err.exit_code, VZ_CAPABILITY);
	assert_string_equal(err.msg,
			    "capability 'sys_time' cannot be given: the clock is the host's");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_is_whole), cmocka_unit_test(test_all),
		cmocka_unit_test(test_default_set),    cmocka_unit_test(test_lists),
		cmocka_unit_test(test_values),	       cmocka_unit_test(test_never_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
