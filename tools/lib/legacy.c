/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands in files of OpenVZ and has no effect here. docs/unsupported.md has the reasons. */
#include "legacy.h"

#include <string.h>

#include "config.h"
#include "ct.h"
#include "param.h"
#include "strbuf.h"

#define ANY "*"

/* clang-format off */
const struct legacy_key legacy_keys[] = {
	/* Of vz.conf. */
	{ "VIRTUOZZO", ANY, NULL },
	{ "DUMPDIR", ANY, NULL },
	{ "VE0CPUUNITS", NULL, NULL },
	{ "VE_STOP_MODE", "stop", NULL },
	{ "VZFASTBOOT", ANY, NULL },
	{ "VZWDOG", "no", NULL },
	{ "IPV6", "yes", NULL },
	{ "IPTABLES_MODULES", ANY, NULL },
	{ "MODULES_DISABLED", ANY, NULL },
	{ "SKIP_SYSCTL_SETUP", "no", NULL },
	{ "NEIGHBOUR_DEVS", NULL, NULL },
	{ "SKIP_ARPDETECT", "yes", NULL },
	{ "ERROR_ON_ARPFAIL", "no", NULL },
	{ "VE_ROUTE_SRC_DEV", NULL, NULL },
	{ "FORCE_ROUTE", NULL, NULL },
	/* Of OpenVZ 9's. */
	{ "VEFSTYPE", "ext4", NULL },
	{ "VEIMAGEFORMAT", "ploop", NULL },
	{ "USE_VENET_MASK", "yes", NULL },
	{ "ACTIONLOGDIR", NULL, NULL },
	{ "TRAFFIC_SHAPING", "no", NULL },
	{ "BANDWIDTH", ANY, NULL },
	{ "TOTALRATE", ANY, NULL },
	{ "RATEMPU", ANY, NULL },
	{ "VZ_TOOLS_BCID", NULL, NULL },
	{ "VZ_TOOLS_IOLIMIT", NULL, NULL },
	{ "VZ_TOOLS_MEMLIMIT", NULL, NULL },
	{ "ON_VE_FSERROR", NULL, NULL },
	/* Of a container. */
	{ "VEID", ANY, NULL },
	{ "CONFIG_CUSTOMIZED", ANY, NULL },
	{ "DCACHE", NULL, "DCACHESIZE" },
	{ "IPTENTRIES", NULL, "NUMIPTENT" },
	{ "IP6TABLES", NULL, NULL },
	{ "VETH", NULL, NULL },
	/* Of OpenVZ 7's. */
	{ "VERSION", ANY, NULL },
	{ "PLATFORM", "linux", NULL },
	{ "NUMMEMORYSUBGROUPS", NULL, NULL },
	{ "CPULIMIT_MHZ", NULL, NULL },
	{ "MEMGUARANTEE", NULL, NULL },
	{ "PAGECACHE_ISOLATION", "no", NULL },
	{ "NUMNETIF", NULL, NULL },
	{ "JOURNALED_QUOTA", "no", NULL },
	{ "EXT_IP_ADDRESS", NULL, NULL },
	{ "RATE", NULL, NULL },
	{ "RATEBOUND", "no", NULL },
	{ "HA_ENABLE", "no", NULL },
	{ "HA_PRIO", NULL, NULL },
	{ "AUTOSTOP", "stop", NULL },
	{ "DISK", NULL, NULL },
	/* Refused as parameters, but for these values. */
	{ "DISK_QUOTA", "yes", NULL },
	{ "NETFILTER", "full", NULL },
	{ "QUOTATIME", "0", NULL },
	{ "QUOTAUGIDLIMIT", "0", NULL },
	{ "IOLIMIT", "0", NULL },
	{ "IOPSLIMIT", "0", NULL },
};
/* clang-format on */

/* Asked for in vz.conf, they are one range for all; here each container has one of its own. */
static const char *const of_ct_only[] = {"LOCAL_UID", "LOCAL_GID"};

const size_t legacy_key_count = sizeof(legacy_keys) / sizeof(legacy_keys[0]);

static const struct legacy_key *find(const char *key)
{
	size_t i;

	for (i = 0; i < legacy_key_count; i++)
		if (strcmp(legacy_keys[i].key, key) == 0)
			return &legacy_keys[i];
	return NULL;
}

/* An empty value asks for nothing. */
static bool is_unmet(const char *key, const char *value)
{
	const struct legacy_key *l = find(key);
	const struct param *p = param_by_key(key);

	if (!*value || (p ? !(p->flags & PARAM_REFUSED) : !l))
		return false;
	return !l || !l->met || (strcmp(l->met, ANY) != 0 && strcmp(l->met, value) != 0);
}

static bool is_misplaced(const char *key, const char *value)
{
	size_t i;

	for (i = 0; i < sizeof(of_ct_only) / sizeof(of_ct_only[0]); i++)
		if (strcmp(of_ct_only[i], key) == 0)
			return *value;
	return false;
}

/* A file may have a key twice. */
static bool came_before(const struct config *conf, size_t index)
{
	size_t i;

	for (i = 0; i < index; i++)
		if (strcmp(config_key(conf, i), config_key(conf, index)) == 0)
			return true;
	return false;
}

/* Those of @conf that @above does not have as well, behind @head. */
static void add(struct strbuf *b, const struct config *conf, const struct config *above,
		const char *head)
{
	const char *key;
	size_t i;

	for (i = 0; (key = config_key(conf, i)); i++) {
		const struct legacy_key *l = find(key);

		if (came_before(conf, i))
			continue;
		if (!(above && is_misplaced(key, config_get(conf, key))) &&
		    ((above && config_get(above, key)) || !is_unmet(key, config_get(conf, key))))
			continue;
		if (b->len)
			strbuf_addc(b, ' ');
		strbuf_addf(b, "%s%s", head, key);
		if (l && l->real)
			strbuf_addf(b, " (%s)", l->real);
		head = "";
	}
}

char *legacy_unmet(const struct ct *ct)
{
	struct strbuf b = STRBUF_INIT;

	add(&b, ct->conf, NULL, "");
	add(&b, ct->defaults, ct->conf, "in vz.conf: ");
	/* strbuf_steal() gives an empty string for an empty buffer. */
	return b.len ? strbuf_steal(&b) : NULL;
}
