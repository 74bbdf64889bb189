/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, a container is given an address that nobody can have, or more than was meant. */
#include "fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "err.h"
#include "netaddr.h"

static struct netaddr parse(const char *text)
{
	struct err err = ERR_INIT;
	struct netaddr a;

	if (netaddr_parse(text, &a, &err) < 0)
		fail_msg("'%s': %s", text, err.msg);
	return a;
}

static void good(const char *text, const char *stored)
{
	struct netaddr a = parse(text);
	char out[NETADDR_TEXT_MAX];

	netaddr_format(&a, out);
	assert_string_equal(out, stored);
}

static void bad(const char *text)
{
	struct err err = ERR_INIT;
	struct netaddr a;

	if (netaddr_parse(text, &a, &err) >= 0)
		fail_msg("'%s' was taken", text);
	assert_non_null(strstr(err.msg, text));
}

static void test_forms(void **state)
{
	(void)state;
	good("10.0.0.1", "10.0.0.1");
	good("10.0.0.1/32", "10.0.0.1");
	good("10.0.0.1/24", "10.0.0.1/24");
	good("10.0.0.1/255.255.255.0", "10.0.0.1/24");
	good("10.0.0.1/255.255.255.255", "10.0.0.1");
	good("10.0.0.0/31", "10.0.0.0/31");
	good("2001:DB8:0::1", "2001:db8::1");
	good("2001:db8::1/128", "2001:db8::1");
	good("2001:db8:1::1/64", "2001:db8:1::1/64");
	good("2001:db8:1::/64", "2001:db8:1::/64");
	good("fd00::1/16", "fd00::1/16");
	good("64:ff9b::1", "64:ff9b::1");
}

static void test_refused(void **state)
{
	(void)state;
	bad("");
	bad("10.0.0");
	bad("010.0.0.1.");
	bad("10.0.0.1/");
	bad("10.0.0.1/0");
	bad("10.0.0.1/33");
	bad("10.0.0.1/ 24");
	bad("10.0.0.1/+24");
	bad("10.0.0.1/24/24");
	bad("10.0.0.1/255.0.255.0");
	bad("10.0.0.0/24");
	bad("10.0.0.255/24");
	bad("0.0.0.0");
	bad("127.0.0.1");
	bad("224.0.0.1");
	bad("255.255.255.255");
	bad("10.0.0.1 10.0.0.2");
	bad("2001:db8::1/15");
	bad("2001:db8::1/129");
	bad("2001:db8::1/255.255.255.0");
	bad("2001:db8:::1");
	bad("2001:db8::1%eth0");
	bad("::");
	bad("::1");
	bad("::ffff:10.0.0.1");
	bad("fe80::1");
	bad("febf::1/64");
	bad("ff02::1");
	bad("1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff");
}

static void test_networks(void **state)
{
	struct netaddr a = parse("2001:db8:1::abcd/60"), b = parse("10.0.0.9/24"), net;
	char out[NETADDR_TEXT_MAX];

	(void)state;
	net = netaddr_network(&a);
	netaddr_format(&net, out);
	assert_string_equal(out, "2001:db8:1::/60");
	net = netaddr_network(&b);
	netaddr_format(&net, out);
	assert_string_equal(out, "10.0.0.9");
}

static bool covers(const char *outer, const char *inner)
{
	struct netaddr a = parse(outer), b = parse(inner);

	return netaddr_covers(&a, &b);
}

static void test_covers(void **state)
{
	(void)state;
	assert_true(covers("2001:db8:1::/64", "2001:db8:1::5"));
	assert_true(covers("2001:db8:1::/64", "2001:db8:1::/64"));
	assert_true(covers("2001:db8:10::/61", "2001:db8:10:7::1"));
	assert_false(covers("2001:db8:10::/61", "2001:db8:10:8::1"));
	assert_false(covers("2001:db8:1::/64", "2001:db8::/32"));
	assert_false(covers("2001:db8:1::5", "2001:db8:1::6"));
	assert_true(covers("10.0.0.1", "10.0.0.1"));
	assert_false(covers("10.0.0.1", "10.0.0.2"));
	assert_false(covers("2001:db8:1::/64", "10.0.0.1"));
}

static void test_lists(void **state)
{
	_cleanup_free_ struct netaddr *v = NULL, *none = NULL, *twice = NULL;
	struct err err = ERR_INIT;
	size_t count;

	(void)state;
	assert_int_equal(netaddr_list(NULL, &none, &count, NULL), 0);
	assert_int_equal(count, 0);
	assert_int_equal(netaddr_list("10.0.0.1 2001:db8::1/64", &v, &count, NULL), 0);
	assert_int_equal(count, 2);
	assert_int_equal(v[1].family, AF_INET6);
	assert_int_equal(v[1].len, 64);
	assert_int_equal(netaddr_list("10.0.0.1 10.0.0.1/24", &twice, &count, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "10.0.0.1/24"));
	assert_int_equal(netaddr_list("10.0.0.1 fish", &twice, &count, &err), -EINVAL);
	assert_null(twice);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),	 cmocka_unit_test(test_refused),
		cmocka_unit_test(test_networks), cmocka_unit_test(test_covers),
		cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
