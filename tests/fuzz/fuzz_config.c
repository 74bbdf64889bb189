/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CTID.conf and the values of options. Input: a byte for the row of the table
 * of parameters, and whether a device is named before it; the text of a file, a
 * NUL, the value.
 *
 * A file that parses is written back byte for byte. A value that an option
 * takes leaves every other line alone, reads back as it was stored, is nothing
 * that the next start refuses, and is inert in a shell that sources the file.
 */
#include "common.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "config.h"
#include "ct.h"
#include "err.h"
#include "param.h"
#include "size.h"
#include "strbuf.h"
#include "value.h"

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Every key of @a but @changed has the same value in @b. */
static void check_keys(const struct config *a, const struct config *b, const char *changed)
{
	const char *key;
	size_t i;

	for (i = 0; (key = config_key(a, i)); i++)
		if (!same(key, changed))
			fuzz_check(same(config_get(a, key), config_get(b, key)));
}

/* What a POSIX shell makes of KEY="..."; fails the run on what it would expand. */
static void check_inert(const char *line, const char *key, const char *value)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	const char *s = line + strlen(key) + 2;

	fuzz_check(strncmp(line, key, strlen(key)) == 0 && s[-2] == '=' && s[-1] == '"');
	for (; *s && *s != '"'; s++) {
		fuzz_check(*s != '$' && *s != '`' && *s != '\n');
		if (*s == '\\' && s[1] && strchr("$`\"\\", s[1]))
			s++;
		strbuf_addc(&b, *s);
	}
	fuzz_check(s[0] == '"' && s[1] == '\n');
	fuzz_check(strcmp(b.s ? b.s : "", value) == 0);
}

/* The line that sets @key, the last one. */
static const char *find_line(const char *text, const char *key)
{
	const char *found = NULL, *s;
	size_t n = strlen(key);

	for (s = text; s && *s; s = strchr(s, '\n'), s = s ? s + 1 : s)
		if (strncmp(s, key, n) == 0 && s[n] == '=')
			found = s;
	return found;
}

/* The stored form is one that those who read it understand, and storing it again changes nothing. */
static void check_stored(const struct param *option, const char *value)
{
	const struct param *p =
		param_by_key(option->key); /* what is stored is checked by the key's own row */
	_cleanup_free_ char *again = NULL;
	uint64_t a, b;

	if ((p->flags & PARAM_LIST) || !*value)
		return;
	if (p->parse == value_ram_bytes || p->parse == value_ram_pages) {
		fuzz_check(value_get_pages(value, &a) == 0);
		fuzz_check(value_ram_pages(value, &again, NULL) == 0);
	} else {
		fuzz_check(p->parse(value, &again, NULL) == 0);
	}
	fuzz_check(strcmp(again, value) == 0);
	if (p->parse == value_items)
		fuzz_check(value_get_items(value, &a, &b) == 0);
	if (p->parse == value_disk)
		fuzz_check(value_get_disk(value, &a) == 0 && a > 0);
}

static void check_change(struct ct *ct, const struct config *before, const struct param *p,
			 const char *ifname, const char *value)
{
	bool was_good = param_check_all(ct, NULL) == 0, was_same;
	_cleanup_config_ struct config *again = NULL;
	_cleanup_free_ char *text = NULL;
	struct err err = ERR_INIT;
	const char *stored;
	int r = p->flags & PARAM_NETIF ? param_change_netif(ct, p, ifname, value, &err)
				       : param_change(ct, p, value, &err);

	if (r < 0) {
		fuzz_check(err.code < 0 && err.msg[0] && err.exit_code > 0);
		check_keys(before, ct->conf, NULL);
		return;
	}
	stored = config_get(ct->conf, p->key);
	fuzz_check(stored);
	was_same = same(stored, config_get(before, p->key));
	check_keys(before, ct->conf, p->key);
	check_stored(p, stored);
	if (was_good && param_check_all(ct, &err) < 0)
		fuzz_fail("what --%s took is refused: %s", p->option, err.msg);

	fuzz_check(config_store(ct->conf, fuzz_path("c"), &err) == 0);
	if (config_load(fuzz_path("c"), "101", &again, &err) < 0)
		fuzz_fail("what was stored does not load: %s", err.msg);
	check_keys(ct->conf, again, NULL);
	check_keys(again, ct->conf, NULL);
	text = config_text(ct->conf);
	if (!was_same)
		check_inert(find_line(text, p->key), p->key, stored);
}

/* Below the options: any value that a line can hold. */
static void check_set(struct config *c, const struct config *before, const char *value)
{
	_cleanup_config_ struct config *again = NULL;
	_cleanup_free_ char *text = NULL;
	struct err err = ERR_INIT;
	bool was_same = same(value, config_get(c, "FUZZED"));

	if (config_set(c, "FUZZED", value, &err) < 0) {
		fuzz_check(err.code < 0 && err.msg[0]);
		return;
	}
	check_keys(before, c, "FUZZED");
	text = config_text(c);
	if (config_parse(text, "f", "101", &again, &err) < 0)
		fuzz_fail("what was set does not parse: %s", err.msg);
	fuzz_check(same(config_get(again, "FUZZED"), value));
	if (!was_same)
		check_inert(find_line(text, "FUZZED"), "FUZZED", value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	_cleanup_config_ struct config *c = NULL, *before = NULL, *none = config_new();
	_cleanup_free_ char *text = NULL, *back = NULL, *value = NULL;
	struct err err = ERR_INIT;
	const struct param *p;
	static char no_configs[] = "/nonexistent";
	struct host host = {.etc = no_configs};
	struct ct ct = {.host = &host, .id = 101, .idstr = "101"};
	size_t n;

	if (len == 0)
		return 0;
	p = &params[data[0] % param_count];
	text = strndup((const char *)data + 1, len - 1);
	n = strlen(text);
	value = n + 2 < len ? strndup((const char *)data + n + 2, len - n - 2) : strdup("");
	if (config_parse(text, "f", "101", &c, &err) < 0) {
		fuzz_check(err.code < 0 && strncmp(err.msg, "f:", 2) == 0);
		return 0;
	}
	back = config_text(c);
	fuzz_check(strncmp(back, text, n) == 0);
	fuzz_check(strcmp(back + n, n && text[n - 1] != '\n' ? "\n" : "") == 0);
	fuzz_check(config_parse(back, "f", "101", &before, &err) == 0);
	check_keys(c, before, NULL);
	if (!p->parse || !p->option || !p->key || strcmp(p->option, "ifname") == 0) {
		check_set(c, before, value);
		return 0;
	}
	ct.defaults = none;
	ct.conf = c;
	check_change(&ct, before, p, data[0] >= param_count ? "eth0" : NULL, value);
	return 0;
}

static void seed(const char *option, const char *text, const char *value)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	size_t row = 0;

	while (!params[row].option || strcmp(params[row].option, option) != 0)
		row++;
	strbuf_addc(&b, (char)row);
	strbuf_addn(&b, text, strlen(text) + 1);
	strbuf_add(&b, value);
	fuzz_seed(b.s, b.len);
}

void fuzz_seeds(void)
{
	static const char file[] = "# of 101\nVE_ROOT=\"/vz/root/$VEID\"\nX='$x `y`'\n"
				   "PHYSPAGES=\"0:512M\"\nIP_ADDRESS=\"10.0.0.1 10.0.0.2\" # two\n";
	static const struct {
		const char *option, *value;
	} seeds[] = {
		{"hostname", "a.example"},
		{"name", "web"},
		{"description", "\"$(x)\" `y` \\"},
		{"onboot", "YES"},
		{"ipadd", "10.0.0.3"},
		{"ipdel", "10.0.0.2"},
		{"ipdel", "all"},
		{"ram", "512M"},
		{"physpages", "1000:2000"},
		{"swap", "1.5G"},
		{"numproc", "10:20"},
		{"cpulimit", "50%"},
		{"cpuunits", "1000"},
		{"diskspace", "10G"},
		{"nameserver", "inherit"},
		{"private", "/vz/$VEID"},
		{"stop-timeout", "060"},
		{"searchdomain", "example.org"},
		{"ipadd", "2001:db8::5/64"},
		{"bindmount_add", "/srv/a:/mnt/a"},
		{"devnodes", "net/tun:rw"},
		{"features", "nfs:on"},
		{"capability", "net_admin:on"},
		{"cpumask", "0-3"},
		{"netif_add", "eth0,00:18:51:00:00:01,veth101.0,,br0"},
		{"bridge", "br1"},
		{"mac_filter", "off"},
	};
	size_t i;

	for (i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
		seed(seeds[i].option, i % 2 ? file : "", seeds[i].value);
	/* A row whose value is not stored: it is set as it is. */
	seed("userpasswd", file, "\\$(x)\"`y`\a");
	fuzz_seed_file(0, "etc/vz.conf");
	fuzz_seed_file(0, "etc/conf/ve-vswap-1g.conf-sample");
}
