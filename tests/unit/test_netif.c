/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, NETIF is stored as no other tool reads it, or a device gets another's MAC. */
#include "fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "config.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "netif.h"
#include "param.h"

static void stored(const char *in, const char *want)
{
	_cleanup_free_ char *out = NULL;
	struct err err = ERR_INIT;

	if (netif_check(in, &out, &err) < 0)
		fail_msg("'%s': %s", in, err.msg);
	assert_string_equal(out, want);
}

static void bad(const char *in, const char *named)
{
	struct err err = ERR_INIT;
	char *out = NULL;

	if (netif_check(in, &out, &err) >= 0)
		fail_msg("'%s' was taken as '%s'", in, out);
	assert_non_null(strstr(err.msg, named));
}

static void test_records(void **state)
{
	static const char legacy[] =
		"ifname=eth0,bridge=vmbr0,mac=00:18:51:AB:CD:EF,host_ifname=veth101.0,"
		"host_mac=00:18:51:00:00:01,mac_filter=off;ifname=eth1,mac=00:18:51:00:00:02";

	(void)state;
	stored(legacy, legacy);
	stored("", "");
	stored("ifname=eth0", "ifname=eth0");
	stored("mac=00:18:51:ab:cd:ef,ifname=eth0,mac_filter=on",
	       "ifname=eth0,mac=00:18:51:AB:CD:EF");
	stored("ifname=eth0,bridge=;", "ifname=eth0");
	bad("eth0", "eth0");
	bad("mac=00:18:51:ab:cd:ef", "ifname");
	bad("ifname=eth0,network=x", "network");
	bad("ifname=eth0;ifname=eth0", "eth0");
	bad("ifname=eth0,host_ifname=a;ifname=eth1,host_ifname=a", "'a'");
	bad("ifname=venet0", "venet0");
	bad("ifname=lo", "lo");
	bad("ifname=all", "all");
	bad("ifname=-a", "-a");
	bad("ifname=eth0,host_ifname=default", "default");
	bad("ifname=eth0,host_ifname=venet102", "venet102");
	stored("ifname=eth0,host_ifname=venetx", "ifname=eth0,host_ifname=venetx");
	bad("ifname=../../x", "../../x");
	bad("ifname=..", "..");
	bad("ifname=abcdefghijklmnop", "abcdefghijklmnop");
	bad("ifname=eth%d", "eth%d");
	bad("ifname=eth0,bridge=a/b", "a/b");
	bad("ifname=eth0,mac_filter=maybe", "maybe");
	bad("ifname=eth0,mac=00:18:51:ab:cd", "00:18:51:ab:cd");
	bad("ifname=eth0,mac=00:18:51:ab:cd:ef:01", "00:18:51:ab:cd:ef:01");
	bad("ifname=eth0,mac=0:18:51:ab:cd:ef", "0:18");
	bad("ifname=eth0,mac=00:18:51:ab:cd:+f", "+f");
	bad("ifname=eth0,mac=01:18:51:ab:cd:ef", "01:18");
	bad("ifname=eth0,mac=00:00:00:00:00:00", "00:00");
	bad("ifname=eth0,mac=", "MAC");
	bad("ifname=eth0,mac=00:18:51:ab:cd:ef,host_mac=00:18:51:AB:CD:EF", "eth0");
}

static struct netif complete(uint32_t ctid, const char *ifname, netif_used_fn used, void *arg)
{
	struct netif_list none = NETIF_LIST_INIT;
	struct netif n = {.mac_filter = true};

	strcpy(n.ifname, ifname);
	netif_complete("node", ctid, &none, &n, used, arg);
	return n;
}

static bool used_once(void *arg, const unsigned char mac[LINK_MAC_LEN])
{
	int *calls = arg;

	(void)mac;
	return (*calls)++ == 0;
}

static void test_what_nobody_gave(void **state)
{
	static const unsigned char prefix[] = {0x00, 0x18, 0x51};
	struct netif a = complete(101, "eth0", NULL, NULL), b = complete(101, "eth0", NULL, NULL);
	struct netif other = complete(101, "eth1", NULL, NULL);
	struct netif next = complete(102, "eth0", NULL, NULL), again;
	int calls = 0;

	(void)state;
	assert_string_equal(a.host_ifname, "veth101.0");
	assert_string_equal(other.host_ifname, "veth101.1");
	assert_string_equal(complete(2147483644, "eth3", NULL, NULL).host_ifname, "v2147483644.3");
	assert_memory_equal(a.mac, prefix, sizeof(prefix));
	assert_memory_equal(a.host_mac, prefix, sizeof(prefix));
	assert_memory_not_equal(a.mac, a.host_mac, LINK_MAC_LEN);
	assert_memory_equal(a.mac, b.mac, LINK_MAC_LEN);
	assert_memory_not_equal(a.mac, other.mac, LINK_MAC_LEN);
	assert_memory_not_equal(a.mac, next.mac, LINK_MAC_LEN);
	again = complete(101, "eth0", used_once, &calls);
	assert_memory_not_equal(a.mac, again.mac, LINK_MAC_LEN);
}

static void test_macs_are_spread(void **state)
{
	enum { N = 400 };
	static unsigned char seen[1 << 16];
	int i, twice = 0;

	(void)state;
	for (i = 0; i < N; i++) {
		struct netif n = complete(1000 + i, "eth0", NULL, NULL);

		/* of the 16 lowest bits, as random ones: about 1.2 pairs of 400 */
		twice += seen[n.mac[4] << 8 | n.mac[5]]++ != 0;
	}
	assert_true(twice < 10);
}

static struct ct *open_ct(struct fixture *f, struct host **ret_host)
{
	return fixture_ct(f, "", ret_host);
}

static int change(struct ct *ct, const char *option, const char *ifname, const char *value)
{
	struct err err = ERR_INIT;
	int r = param_change_netif(ct, param_by_option(option, PARAM_SET), ifname, value, &err);

	if (r < 0) {
		assert_int_equal(err.exit_code, VZ_VETH);
		assert_non_null(strstr(err.msg, option));
	}
	return r;
}

static void is(struct ct *ct, const char *want)
{
	assert_string_equal(config_get(ct->conf, "NETIF"), want);
}

static void test_options(void **state)
{
	struct host *host;
	struct ct *ct = open_ct(*state, &host);

	assert_int_equal(
		change(ct, "netif_add", NULL, "eth0,00:18:51:00:00:01,h0,00:18:51:00:00:02"), 0);
	is(ct, "ifname=eth0,mac=00:18:51:00:00:01,host_ifname=h0,host_mac=00:18:51:00:00:02");
	assert_true(change(ct, "netif_add", NULL, "eth0") < 0);
	assert_true(change(ct, "netif_add", NULL, "eth1,,h0") < 0);
	assert_true(change(ct, "netif_add", NULL, "") < 0);
	assert_true(change(ct, "netif_add", NULL, "eth1,,,,,x") < 0);
	assert_true(change(ct, "netif_add", NULL, "eth1,,,,no-such-br") < 0);
	assert_true(change(ct, "netif_add", NULL, "eth1,x") < 0);
	assert_true(change(ct, "mac", NULL, "00:18:51:00:00:03") < 0);
	assert_true(change(ct, "mac", "eth0", "00:18:51:00:00:02") < 0);
	assert_true(change(ct, "mac", "eth9", "00:18:51:00:00:03") < 0);
	assert_true(change(ct, "ifname", NULL, "eth9") < 0);
	assert_true(change(ct, "bridge", "eth0", "no-such-br") < 0);
	assert_true(change(ct, "netif_del", NULL, "eth9") < 0);
	is(ct, "ifname=eth0,mac=00:18:51:00:00:01,host_ifname=h0,host_mac=00:18:51:00:00:02");

	assert_int_equal(change(ct, "ifname", "eth0", "eth0"), 0);
	assert_int_equal(change(ct, "mac", "eth0", "00:18:51:00:00:0a"), 0);
	assert_int_equal(change(ct, "host_ifname", "eth0", "h1"), 0);
	assert_int_equal(change(ct, "host_mac", "eth0", "00:18:51:00:00:0b"), 0);
	assert_int_equal(change(ct, "mac_filter", "eth0", "off"), 0);
	is(ct, "ifname=eth0,mac=00:18:51:00:00:0A,host_ifname=h1,host_mac=00:18:51:00:00:0B,"
	       "mac_filter=off");
	assert_int_equal(
		change(ct, "netif_add", NULL, "eth1,00:18:51:00:00:0c,h2,00:18:51:00:00:0d"), 0);
	assert_true(change(ct, "host_ifname", "eth1", "h1") < 0);
	assert_int_equal(change(ct, "netif_del", NULL, "eth0"), 0);
	is(ct, "ifname=eth1,mac=00:18:51:00:00:0C,host_ifname=h2,host_mac=00:18:51:00:00:0D");
	assert_int_equal(change(ct, "netif_del", NULL, "all"), 0);
	is(ct, "");
	ct_close(ct);
	host_close(host);
}

/* A second container's device, whose derived MAC is taken already, gets another one. */
static void test_no_mac_of_the_neighbour(void **state)
{
	struct host *host;
	struct ct *ct = open_ct(*state, &host);
	_cleanup_free_ char *first = NULL, *line = NULL;
	const char *mac;

	assert_int_equal(change(ct, "netif_add", NULL, "eth0"), 0);
	first = strdup(config_get(ct->conf, "NETIF"));
	assert_true(asprintf(&line, "NETIF=\"%s\"\n", first) > 0);
	fixture_write(*state, "conf/102.conf", line, strlen(line));
	config_set(ct->conf, "NETIF", "", NULL);
	assert_int_equal(change(ct, "netif_add", NULL, "eth0"), 0);
	mac = strstr(config_get(ct->conf, "NETIF"), "mac=");
	assert_non_null(mac);
	assert_memory_not_equal(mac, strstr(first, "mac="), strlen("mac=") + NETIF_MAC_TEXT - 1);
	ct_close(ct);
	host_close(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_what_nobody_gave),
		cmocka_unit_test(test_macs_are_spread),
		fixture_test(test_options),
		fixture_test(test_no_mac_of_the_neighbour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
