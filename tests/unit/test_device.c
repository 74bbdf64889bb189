/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, a container opens a device that nobody granted, or not one that somebody did. */
#include "fixture.h"

#include "cleanup.h"
#include "device.h"
#include "err.h"
#include "exitcode.h"

static void assert_stored(int (*value)(const char *, char **, struct err *), const char *in,
			  const char *want)
{
	_cleanup_free_ char *stored = NULL;

	assert_int_equal(value(in, &stored, NULL), 0);
	assert_string_equal(stored, want);
}

static void test_numbers(void **state)
{
	static const char *const bad[] = {
		"",
		"c",
		"c:10",
		"c:10:200",
		"c:10:200:",
		"c:10:200:x",
		"c:10:200:rr",
		"c:10:200:rnone",
		"d:10:200:rw",
		"c:all:1:r",
		"c:-1:0:r",
		"c:1:0x10:r",
		"c:4096:0:r",
		"b:8:1048576:r",
		"c: 1:3:r",
		"c:1:3:r:w",
		"c:10:200:rq",
		"b:8:all:r",
		"c:1:99999999999999999999:r",
	};
	size_t i;

	(void)state;
	assert_stored(device_value, "c:10:200:rw", "c:10:200:rw");
	assert_stored(device_value, "c:010:0200:wr", "c:10:200:rw");
	assert_stored(device_value, "c:4:all:r", "c:4:all:r");
	assert_stored(device_value, "b:8:0:qr", "b:8:0:rq");
	assert_stored(device_value, "b:8:all:none", "b:8:all:none");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = ERR_INIT;
		char *stored = NULL;

		assert_true(device_value(bad[i], &stored, &err) < 0);
		assert_non_null(strstr(err.msg, bad[i]));
		assert_null(stored);
	}
}

static void test_nodes(void **state)
{
	static const char *const bad[] = {
		"null",	     ":rw",	    "/null:rw", "../null:rw", "net/../null:rw",
		"./null:rw", "net//tun:rw", "net/:rw",	"a b:rw",     "$(x):rw",
		"null:",     "null:x",	    "null:rq",
	};
	struct err err = ERR_INIT;
	char *stored;
	size_t i;

	(void)state;
	assert_stored(device_value_node, "null:r", "null:r");
	assert_stored(device_value_node, "net/tun:wr", "net/tun:rw");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(device_value_node(bad[i], &stored, NULL) < 0);
	/* what a name means is the host's to say, and a directory is no device */
	assert_true(device_value_node("no-such-thing:rw", &stored, &err) < 0);
	assert_int_equal(err.exit_code, VZ_DEVICE_SET);
	assert_non_null(strstr(err.msg, "/dev/no-such-thing"));
	assert_true(device_value_node("fd:rw", &stored, NULL) < 0);
	/* but it can be taken away when it is gone */
	assert_stored(device_value_node, "no-such-thing:none", "no-such-thing:none");
}

static unsigned int access_of(const char *devices, const char *devnodes, char type,
			      unsigned int major, unsigned int minor)
{
	_cleanup_devices_ struct devices d = DEVICES_INIT;
	const struct device *rule;

	assert_int_equal(devices_load(devices, devnodes, false, &d, NULL), 0);
	rule = devices_find(&d, type, major, minor);
	return rule ? rule->access : 0;
}

#define RW (DEVICE_READ | DEVICE_WRITE)

static void test_precedence(void **state)
{
	(void)state;
	assert_int_equal(access_of(NULL, NULL, 'c', 1, 3), RW);
	assert_int_equal(access_of(NULL, NULL, 'c', 136, 4711), RW);
	assert_int_equal(access_of(NULL, NULL, 'c', 10, 200), RW);
	assert_int_equal(access_of(NULL, NULL, 'c', 10, 229), RW);
	/* memory, the kernel's log, the host's console and screen, disks */
	assert_int_equal(access_of(NULL, NULL, 'c', 1, 1), 0);
	assert_int_equal(access_of(NULL, NULL, 'c', 1, 11), 0);
	assert_int_equal(access_of(NULL, NULL, 'c', 5, 1), 0);
	assert_int_equal(access_of(NULL, NULL, 'c', 4, 0), 0);
	assert_int_equal(access_of(NULL, NULL, 'b', 1, 3), 0);
	assert_int_equal(access_of(NULL, NULL, 'b', 8, 0), 0);
	/* DEVICES over the defaults, one over all, the later over the earlier */
	assert_int_equal(access_of("c:10:229:none", NULL, 'c', 10, 229), 0);
	assert_int_equal(access_of("c:1:3:r c:1:all:none", NULL, 'c', 1, 3), DEVICE_READ);
	assert_int_equal(access_of("c:1:3:r c:1:all:none", NULL, 'c', 1, 5), 0);
	assert_int_equal(access_of("c:1:3:r,c:1:3:w", NULL, 'c', 1, 3), DEVICE_WRITE);
	/* DEVNODES over both */
	assert_int_equal(access_of("c:1:3:none", "null:r", 'c', 1, 3), DEVICE_READ);
	assert_int_equal(access_of("c:1:3:rw", "null:none", 'c', 1, 3), 0);
}

static const char *nodes_of(const char *devices, const char *devnodes)
{
	static char buf[256];
	_cleanup_devices_ struct devices d = DEVICES_INIT;
	size_t i;

	assert_int_equal(devices_load(devices, devnodes, false, &d, NULL), 0);
	*buf = '\0';
	for (i = 0; i < d.count; i++)
		if (devices_has_node(&d, i)) {
			strcat(buf, " ");
			strcat(buf, d.v[i].name);
		}
	return buf;
}

static void test_who_has_a_node(void **state)
{
	(void)state;
	assert_string_equal(nodes_of(NULL, NULL),
			    " null zero full random urandom tty fuse net/tun");
	assert_string_equal(nodes_of("c:10:229:none", "urandom:none"),
			    " null zero full random tty net/tun");
}

static void test_what_went_away(void **state)
{
	_cleanup_devices_ struct devices d = DEVICES_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_true(devices_load(NULL, "no-such-thing:rw", false, &d, &err) < 0);
	assert_int_equal(err.exit_code, VZ_DEVICE_SET);
	assert_int_equal(devices_load(NULL, "no-such-thing:rw", true, &d, NULL), 0);
	assert_int_equal(d.count, device_default_count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),	       cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_precedence),     cmocka_unit_test(test_who_has_a_node),
		cmocka_unit_test(test_what_went_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
