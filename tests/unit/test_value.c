/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, a parameter is accepted that should not be, or stored as something else. */
#include "fixture.h"

#include <errno.h>

#include "cleanup.h"
#include "err.h"
#include "size.h"
#include "value.h"

typedef int (*parse_fn)(const char *in, char **ret, struct err *err);

static void good(parse_fn parse, const char *in, const char *want)
{
	_cleanup_free_ char *out = NULL;
	struct err err = ERR_INIT;

	if (parse(in, &out, &err) < 0)
		fail_msg("'%s': %s", in, err.msg);
	assert_string_equal(out, want);
}

static void bad(parse_fn parse, const char *in)
{
	struct err err = ERR_INIT;
	char *out = NULL;

	if (parse(in, &out, &err) >= 0)
		fail_msg("'%s' was taken as '%s'", in, out);
	assert_true(err.msg[0]);
}

static void test_names(void **state)
{
	(void)state;
	good(value_bool, "YES", "yes");
	bad(value_bool, "1");
	good(value_name, "web-1.a_b", "web-1.a_b");
	good(value_name, "", "");
	bad(value_name, "101");
	bad(value_name, "../x");
	bad(value_name, ".x");
	bad(value_name, "a b");
	good(value_hostname, "ct101.example.org", "ct101.example.org");
	bad(value_hostname, "");
	bad(value_hostname, "-a");
	bad(value_hostname, "a..b");
	bad(value_hostname, "a;b");
	bad(value_hostname, "a\nb");
	good(value_text, "any $text \"here\"", "any $text \"here\"");
	bad(value_text, "two\nlines");
	good(value_layout, "ploop", "ploop:raw");
	good(value_layout, "ploop:raw", "ploop:raw");
	good(value_layout, "ploop:expanded", "ploop:expanded");
	good(value_layout, "ploop:preallocated", "ploop:preallocated");
	bad(value_layout, "ploop:plain");
	bad(value_layout, "simfs");
	bad(value_layout, "");
	bad(value_template, "../../etc/shadow");
	bad(value_template, "\xff\xfe");
	good(value_path, "/vz/root/101", "/vz/root/101");
	bad(value_path, "vz");
	bad(value_path, "/vz/../etc");
	bad(value_path, "/vz/root/..");
	bad(value_path, "/");
	bad(value_path, "//");
	bad(value_path, "/.");
}

static void test_addresses(void **state)
{
	(void)state;
	good(value_address, "10.0.0.1", "10.0.0.1");
	good(value_address, "10.0.0.1/32", "10.0.0.1");
	good(value_address, "10.0.0.1/24", "10.0.0.1/24");
	good(value_address, "2001:DB8:0::1/64", "2001:db8::1/64");
	bad(value_address, "10.0.0");
	bad(value_address, "127.0.0.1");
	bad(value_address, "224.0.0.1");
	bad(value_address, "0.0.0.0");
	bad(value_address, "10.0.0.1 10.0.0.2");
	good(value_nameserver, "inherit", "inherit");
	good(value_nameserver, "2001:db8::1", "2001:db8::1");
	bad(value_nameserver, "dns.example.org");
}

static void test_numbers(void **state)
{
	(void)state;
	good(value_cpuunits, "8", "8");
	good(value_cpuunits, "500000", "500000");
	bad(value_cpuunits, "7");
	bad(value_cpuunits, "500001");
	good(value_cpulimit, "150%", "150");
	good(value_cpulimit, "0", "0");
	bad(value_cpulimit, "-5");
	bad(value_cpulimit, "5M");
	bad(value_cpulimit, "%");
	good(value_items, "240", "240:240");
	good(value_items, "100:unlimited", "100:unlimited");
	bad(value_items, "10:5");
	bad(value_items, "10M");
	bad(value_items, "");
	good(value_number, "4294967295", "4294967295");
	bad(value_number, "4294967296");
	bad(value_number, " 1");
}

static void test_sizes(void **state)
{
	uint64_t bytes, barrier, limit;

	(void)state;
	good(value_ram_bytes, "512M", "0:512M");
	good(value_ram_bytes, "1G", "0:1G");
	good(value_ram_bytes, "4097", "0:2"); /* pages, rounded up */
	good(value_ram_bytes, "unlimited", "0:unlimited");
	good(value_ram_pages, "131072", "0:512M");
	good(value_ram_pages, "0:131072", "0:512M");
	bad(value_ram_bytes, "lots");
	good(value_disk, "10G", "10G");
	good(value_disk, "1024", "1M");
	good(value_disk, "1025", "1025");
	good(value_disk, "2G:2252M", "2252M");
	bad(value_disk, "0");
	bad(value_disk, "unlimited");
	assert_int_equal(value_get_pages("0:2", &bytes), 0);
	assert_int_equal(bytes, 8192);
	assert_int_equal(value_get_pages("0:unlimited", &bytes), 0);
	assert_true(bytes == SIZE_UNLIMITED);
	assert_int_equal(value_get_disk("1025", &bytes), 0);
	assert_int_equal(bytes, 1025 * 1024);
	assert_int_equal(value_get_items("5:unlimited", &barrier, &limit), 0);
	assert_int_equal(barrier, 5);
	assert_true(limit == SIZE_UNLIMITED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
