/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, a password goes to another user, others lose theirs, or it is no password that login takes. */
#include "fixture.h"

#include <crypt.h>
#include <errno.h>

#include "cleanup.h"
#include "shadow.h"

#define SHADOW "root:*:1:0:99999:7:::\nrootbeer:old:2:0:99999:7:::\nwww:!:3::::::"

static void replaced(const char *text, const char *user, const char *want)
{
	_cleanup_free_ char *new = shadow_replace(text, user, "$6$h", 20000);

	assert_string_equal(new, want);
}

static void test_replace(void **state)
{
	(void)state;
	replaced(SHADOW, "root",
		 "root:$6$h:20000:0:99999:7:::\nrootbeer:old:2:0:99999:7:::\nwww:!:3::::::");
	replaced(SHADOW, "rootbeer",
		 "root:*:1:0:99999:7:::\nrootbeer:$6$h:20000:0:99999:7:::\nwww:!:3::::::");
	replaced(SHADOW, "www",
		 "root:*:1:0:99999:7:::\nrootbeer:old:2:0:99999:7:::\nwww:$6$h:20000::::::");
	replaced(SHADOW, "new", SHADOW "\nnew:$6$h:20000:0:99999:7:::\n");
	replaced("", "new", "new:$6$h:20000:0:99999:7:::\n");
	replaced("a:x\nb:\n", "a", "a:$6$h:20000::::::\nb:\n");
	replaced("a:x\nb:\n", "b", "a:x\nb:$6$h:20000::::::\n");
	replaced("a:x:5", "a", "a:$6$h:20000::::::\n");
}

static void locked(const char *text, const char *want)
{
	_cleanup_free_ char *new = shadow_lock_empty(text, "root", "*");

	if (want)
		assert_string_equal(new, want);
	else
		assert_null(new);
}

static void test_lock_empty(void **state)
{
	(void)state;
	locked("a::1:\nroot::1:0:99999:7:::\nb::2:", "a::1:\nroot:*:1:0:99999:7:::\nb::2:");
	locked("root:\nb::", "root:*\nb::");
	locked("root:", "root:*");
	locked(SHADOW, NULL);
	locked("root:$6$h:1:0:99999:7:::\n", NULL);
	locked("rootbeer::1:\nroot\n", NULL);
	locked("", NULL);
}

static void test_users(void **state)
{
	static const char passwd[] =
		"root:x:0:0:root:/root:/bin/sh\nold:abc:1:1::/:\nno:*:2:2::/:\n";

	(void)state;
	assert_int_equal(shadow_check_user(passwd, "root"), 0);
	assert_int_equal(shadow_check_user(passwd, "roo"), -ENOENT);
	assert_int_equal(shadow_check_user(passwd, "old"), -EINVAL);
	assert_int_equal(shadow_check_user(passwd, "no"), -EINVAL);
	assert_int_equal(shadow_check_user("", "root"), -ENOENT);
}

static void test_hash(void **state)
{
	_cleanup_free_ char *a = NULL, *b = NULL;

	(void)state;
	assert_int_equal(shadow_hash("se\"c$ret", &a, NULL), 0);
	assert_int_equal(shadow_hash("se\"c$ret", &b, NULL), 0);
	assert_memory_equal(a, "$6$", 3);
	assert_string_not_equal(a, b);
	assert_string_equal(crypt("se\"c$ret", a), a);
	assert_string_not_equal(crypt("secret", a), a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_lock_empty),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
