/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, a file of OpenVZ is read in silence, or a start speaks of what needs no word. */
#include "fixture.h"

#include "cleanup.h"
#include "config.h"
#include "ct.h"
#include "legacy.h"
#include "param.h"
#include "strv.h"

/* Every variable that the old tool knew, of vz.conf and of a container. */
static const char known[] =
	"LOCKDIR DUMPDIR LOGGING LOG_LEVEL LOGFILE VERBOSE IPTABLES NETFILTER KMEMSIZE LOCKEDPAGES "
	"PRIVVMPAGES SHMPAGES NUMPROC PHYSPAGES VMGUARPAGES OOMGUARPAGES NUMTCPSOCK NUMFLOCK "
	"NUMPTY "
	"NUMSIGINFO TCPSNDBUF TCPRCVBUF OTHERSOCKBUF DGRAMRCVBUF NUMOTHERSOCK NUMFILE DCACHESIZE "
	"DCACHE NUMIPTENT IPTENTRIES AVNUMPROC SWAPPAGES CAPABILITY IP_ADDRESS NETDEV HOSTNAME "
	"DESCRIPTION NAMESERVER IPV6 SEARCHDOMAIN DEVICES DEVNODES PCI VE_ROOT VE_PRIVATE TEMPLATE "
	"MOUNT_OPTS VE_LAYOUT OSTEMPLATE DEF_OSTEMPLATE CPUUNITS CPUUWEIGHT CPULIMIT CPUS CPUMASK "
	"NODEMASK ONBOOT CONFIGFILE ORIGIN_SAMPLE DISABLED LOCAL_UID LOCAL_GID DISK_QUOTA "
	"DISKSPACE "
	"DISKINODES QUOTATIME QUOTAUGIDLIMIT MEMINFO VETH NETIF VEID NAME FEATURES IOPRIO IOLIMIT "
	"IOPSLIMIT BOOTORDER STOP_TIMEOUT VM_OVERCOMMIT VIRTUOZZO VE0CPUUNITS VZFASTBOOT "
	"NEIGHBOUR_DEVS ERROR_ON_ARPFAIL VZWDOG IPTABLES_MODULES IP6TABLES CONFIG_CUSTOMIZED "
	"VE_STOP_MODE SKIP_SYSCTL_SETUP SKIP_ARPDETECT VE_ROUTE_SRC_DEV FORCE_ROUTE "
	"MODULES_DISABLED VE_PARALLEL";

static bool is_known(const char *key)
{
	size_t i;

	for (i = 0; i < legacy_key_count; i++)
		if (strcmp(legacy_keys[i].key, key) == 0)
			return true;
	return param_by_key(key);
}

static void test_every_key_is_known(void **state)
{
	_cleanup_strv_ char **v = NULL;
	size_t i;

	(void)state;
	assert_int_equal(strv_split(known, " ", &v), 0);
	for (i = 0; v[i]; i++)
		if (!is_known(v[i]))
			fail_msg("%s is in no table", v[i]);
}

static void test_table_is_sound(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < legacy_key_count; i++) {
		const struct param *p = param_by_key(legacy_keys[i].key);

		/* What has an effect is no legacy. */
		assert_true(!p || (p->flags & PARAM_REFUSED));
		assert_true(!legacy_keys[i].real || param_by_key(legacy_keys[i].real));
		for (j = i + 1; j < legacy_key_count; j++)
			assert_string_not_equal(legacy_keys[i].key, legacy_keys[j].key);
	}
}

static void expect(const struct ct *ct, const char *want)
{
	_cleanup_free_ char *got = legacy_unmet(ct);

	assert_string_equal(got ? got : "nothing", want);
}

static void test_both_files_are_read(void **state)
{
	struct host *host;
	struct ct *ct =
		fixture_ct(*state, "VIRTUOZZO=yes\nNAMESERVER=inherit\nUNHEARD_OF=1\n", &host);

	expect(ct, "nothing");
	config_set(ct->conf, "CPUS", "2", NULL);
	config_set(ct->conf, "NETFILTER", "full", NULL);
	config_set(ct->conf, "DCACHE", "1:2", NULL);
	expect(ct, "CPUS DCACHE (DCACHESIZE)");
	config_set(ct->conf, "NETFILTER", "stateless", NULL);
	expect(ct, "CPUS NETFILTER DCACHE (DCACHESIZE)");
	config_set(ct->defaults, "IPV6", "no", NULL);
	config_set(ct->defaults, "CPUS", "1", NULL);
	config_set(ct->defaults, "DISK_QUOTA", "yes", NULL);
	config_set(ct->defaults, "KMEMSIZE", "", NULL);
	expect(ct, "CPUS NETFILTER DCACHE (DCACHESIZE) in vz.conf: IPV6");
	ct_close(ct);
	host_close(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_key_is_known),
		cmocka_unit_test(test_table_is_sound),
		fixture_test(test_both_files_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
