/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "param.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "apply.h"
#include "bindmount.h"
#include "caps.h"
#include "cleanup.h"
#include "config.h"
#include "cpuset.h"
#include "ct.h"
#include "device.h"
#include "devset.h"
#include "err.h"
#include "exitcode.h"
#include "feature.h"
#include "log.h"
#include "netif.h"
#include "size.h"
#include "strbuf.h"
#include "strv.h"
#include "value.h"

#define BOTH	   (PARAM_SET | PARAM_CREATE)
#define ON_RESTART (PARAM_RESTART | PARAM_STORED)

/* clang-format off */
#define REFUSED_BY(flags, key, option, letter, arg, code, instead) \
	{ key, option, letter, arg, (flags) | PARAM_REFUSED, code, PHASE_NONE, NULL, NULL, NULL, instead }
#define REFUSED(key, option, letter, arg, code, instead) REFUSED_BY(PARAM_SET, key, option, letter, arg, code, instead)
#define UBC(key, option, letter) \
	REFUSED(key, option, letter, "barrier[:limit]", VZ_UBC_SET, "this beancounter is not counted yet")
#define NODE(key, summary) \
	{ key, NULL, 0, NULL, PARAM_NODE, VZ_BAD_CONFIG, PHASE_NONE, NULL, NULL, NULL, summary }

const struct param params[] = {
	/* What a container is called and where it is. */
	{ "HOSTNAME", "hostname", 0, "name", BOTH, VZ_BAD_HOSTNAME, PHASE_FILES, value_hostname, apply_hostname, NULL, "host name" },
	{ "NAME", "name", 0, "name", BOTH | PARAM_STORED, VZ_NAME, PHASE_NONE, value_name, NULL, NULL, "name that works wherever the id does" },
	{ "DESCRIPTION", "description", 0, "text", BOTH | PARAM_STORED, VZ_BAD_VALUE, PHASE_NONE, value_text, NULL, NULL, "free text" },
	{ "VE_ROOT", "root", 0, "path", BOTH | PARAM_STORED | PARAM_STOPPED, VZ_BAD_VALUE, PHASE_NONE, value_path, NULL, NULL, "mount point in the host" },
	{ "VE_PRIVATE", "private", 0, "path", BOTH | PARAM_STORED | PARAM_STOPPED, VZ_BAD_VALUE, PHASE_NONE, value_path, NULL, NULL, "private area" },
	{ "OSTEMPLATE", "ostemplate", 0, "name", BOTH | PARAM_STORED, VZ_TEMPLATE_NOT_FOUND, PHASE_NONE, value_template, NULL, NULL, "template it is made from" },
	{ "DISTRIBUTION", "distribution", 0, "name", BOTH | PARAM_STORED, VZ_BAD_VALUE, PHASE_NONE, value_template, NULL, NULL, "whose distribution scripts it has, if not the template's" },
	{ "ORIGIN_SAMPLE", NULL, 0, NULL, PARAM_CT, VZ_BAD_VALUE, PHASE_NONE, value_text, NULL, NULL, "sample it was made from (a record)" },
	{ "VE_LAYOUT", NULL, 0, NULL, PARAM_CT, VZ_BAD_VALUE, PHASE_NONE, value_text, NULL, NULL, "kind of private area (a record): ploop:raw, ploop:expanded or ploop:preallocated" },
	{ "VE_LAYOUT", "layout", 0, "ploop[:raw|:expanded|:preallocated]", PARAM_CREATE, VZ_PLOOP, PHASE_NONE, value_layout, NULL, NULL, "kind of private area (ploop:raw)" },
	{ "VE_LAYOUT", "ve_layout", 0, "ploop[:raw|:expanded|:preallocated]", PARAM_CREATE, VZ_PLOOP, PHASE_NONE, value_layout, NULL, NULL, "as --layout" },
	{ "VE_LAYOUT", "velayout", 0, "ploop[:raw|:expanded|:preallocated]", PARAM_CREATE, VZ_PLOOP, PHASE_NONE, value_layout, NULL, NULL, "as --layout" },
	{ "LOCAL_UID", "local_uid", 0, "id", PARAM_CREATE, VZ_BAD_VALUE, PHASE_NONE, value_number, NULL, NULL, "first host user id" },
	{ "LOCAL_GID", "local_gid", 0, "id", PARAM_CREATE, VZ_BAD_VALUE, PHASE_NONE, value_number, NULL, NULL, "first host group id" },
	{ "LOCAL_SIZE", NULL, 0, NULL, PARAM_CT, VZ_BAD_VALUE, PHASE_NONE, value_number, NULL, NULL, "number of host ids (262144)" },

	/* Life. */
	{ "ONBOOT", "onboot", 0, "yes|no", BOTH | PARAM_STORED, VZ_BAD_VALUE, PHASE_NONE, value_bool, NULL, NULL, "start with the node" },
	{ "DISABLED", "disabled", 0, "yes|no", BOTH | PARAM_STORED, VZ_BAD_VALUE, PHASE_NONE, value_bool, NULL, NULL, "refuse to start" },
	{ "STOP_TIMEOUT", "stop-timeout", 0, "seconds", BOTH | PARAM_STORED, VZ_BAD_VALUE, PHASE_NONE, value_number, NULL, NULL, "how long a stop waits for init (60)" },

	/* Network. */
	{ "IP_ADDRESS", "ipadd", 0, "address[/prefix]", BOTH | PARAM_LIST | PARAM_UNIQUE, VZ_BAD_IP, PHASE_NET, value_address, apply_addresses, NULL, "add an address to venet0" },
	{ "IP_ADDRESS", "ip", 0, "address[/prefix]", BOTH | PARAM_LIST | PARAM_UNIQUE, VZ_BAD_IP, PHASE_NONE, value_address, apply_addresses, NULL, "same as --ipadd" },
	{ "IP_ADDRESS", "ipdel", 0, "address|all", PARAM_SET | PARAM_LIST | PARAM_DEL | PARAM_UNIQUE, VZ_BAD_IP, PHASE_NONE, value_address, apply_addresses, NULL, "take an address away" },
	{ "NETIF", "netif_add", 0, "name[,mac,host_ifname,host_mac,bridge]", PARAM_SET | PARAM_NETIF, VZ_VETH, PHASE_NET, netif_check, apply_netif, NULL, "add an Ethernet pair" },
	{ "NETIF", "netif_del", 0, "name|all", PARAM_SET | PARAM_NETIF, VZ_VETH, PHASE_NONE, netif_name, apply_netif, NULL, "remove an Ethernet pair" },
	{ "NETIF", "ifname", 0, "name", PARAM_SET | PARAM_NETIF, VZ_VETH, PHASE_NONE, netif_name, apply_netif, NULL, "the device that what follows changes" },
	{ "NETIF", "mac", 0, "address", PARAM_SET | PARAM_NETIF, VZ_VETH, PHASE_NONE, netif_mac, apply_netif, NULL, "its MAC in the container" },
	{ "NETIF", "host_ifname", 0, "name", PARAM_SET | PARAM_NETIF, VZ_VETH, PHASE_NONE, netif_name, apply_netif, NULL, "name of its end in the host" },
	{ "NETIF", "host_mac", 0, "address", PARAM_SET | PARAM_NETIF, VZ_VETH, PHASE_NONE, netif_mac, apply_netif, NULL, "MAC of its end in the host" },
	{ "NETIF", "bridge", 0, "name", PARAM_SET | PARAM_NETIF, VZ_VETH, PHASE_NONE, netif_bridge, apply_netif, NULL, "bridge of the host that it is a port of" },
	{ "NETIF", "mac_filter", 0, "on|off", PARAM_SET | PARAM_NETIF, VZ_VETH, PHASE_NONE, netif_on_off, apply_netif, NULL, "drop frames with a foreign source MAC (on)" },
	{ "NAMESERVER", "nameserver", 0, "address|inherit", BOTH | PARAM_LIST, VZ_BAD_DNS, PHASE_FILES, value_nameserver, apply_dns, NULL, "DNS server" },
	{ "SEARCHDOMAIN", "searchdomain", 0, "domain|inherit", BOTH | PARAM_LIST, VZ_BAD_SEARCHDOMAIN, PHASE_FILES, value_domain, apply_dns, NULL, "DNS search domain" },

	/* Resources. */
	{ "PHYSPAGES", "ram", 0, "size", BOTH, VZ_UBC_SET, PHASE_CGROUP, value_ram_bytes, apply_ram, NULL, "memory" },
	{ "PHYSPAGES", "physpages", 0, "pages", BOTH, VZ_UBC_SET, PHASE_NONE, value_ram_pages, apply_ram, NULL, "memory, plain numbers in pages" },
	{ "SWAPPAGES", "swap", 0, "size", BOTH, VZ_UBC_SET, PHASE_CGROUP, value_ram_bytes, apply_swap, NULL, "swap" },
	{ "SWAPPAGES", "swappages", 0, "pages", BOTH, VZ_UBC_SET, PHASE_NONE, value_ram_pages, apply_swap, NULL, "swap, plain numbers in pages" },
	{ "NUMPROC", "numproc", 'p', "barrier[:limit]", BOTH, VZ_UBC_SET, PHASE_CGROUP, value_items, apply_numproc, NULL, "processes and threads" },
	{ "CPUUNITS", "cpuunits", 0, "units", BOTH, VZ_CPU_SET, PHASE_CGROUP, value_cpuunits, apply_cpuunits, note_cpuunits, "relative CPU weight (1000)" },
	{ "CPULIMIT", "cpulimit", 0, "percent", BOTH, VZ_CPU_SET, PHASE_CGROUP, value_cpulimit, apply_cpulimit, NULL, "hard cap in percent of one CPU, 0: none" },
	{ "CPUMASK", "cpumask", 0, "list|all|auto", BOTH, VZ_CPU_SET, PHASE_CGROUP, value_cpumask, apply_cpumask, NULL, "CPUs that it runs on" },
	{ "NODEMASK", "nodemask", 0, "list|all", BOTH, VZ_CPU_SET, PHASE_CGROUP, value_nodemask, apply_nodemask, NULL, "NUMA nodes that its memory is on" },
	{ "DISKSPACE", "diskspace", 0, "size", BOTH | PARAM_DISK, VZ_QUOTA_SET, PHASE_NONE, value_disk, NULL, NULL, "size of the disk" },

	{ "NOATIME", "noatime", 0, "yes|no", BOTH | ON_RESTART, VZ_BAD_VALUE, PHASE_NONE, value_bool, NULL, NULL, "reading a file does not write its access time" },

	/* What of the host it sees. */
	{ "BINDMOUNT", NULL, 0, NULL, PARAM_CT | PARAM_LIST | PARAM_RESTART, VZ_BAD_VALUE, PHASE_NONE, value_bindmount, NULL, NULL, "directories and files of the host" },
	{ "BINDMOUNT", "bindmount_add", 0, "[opts:]src[:dst]", PARAM_SET | ON_RESTART | PARAM_LIST | PARAM_TARGET, VZ_BAD_VALUE, PHASE_NONE, value_bindmount_add, NULL, note_bindmount, "a directory or file of the host, as dst inside" },
	{ "BINDMOUNT", "bindmount_del", 0, "dst|all", PARAM_SET | ON_RESTART | PARAM_LIST | PARAM_TARGET | PARAM_DEL, VZ_BAD_VALUE, PHASE_NONE, value_bindmount_target, NULL, NULL, "take that one away" },

	/* Done inside. */
	{ NULL, "userpasswd", 0, "user:password|user:-", PARAM_SET | PARAM_ACTION, VZ_PASSWORD, PHASE_NONE, value_userpasswd, apply_userpasswd, NULL, "password of a user; -: read from standard input" },
	{ NULL, "ssh-key", 0, "file", PARAM_SET | PARAM_ACTION, VZ_PASSWORD, PHASE_NONE, value_ssh_keys, apply_ssh_keys, NULL, "public keys that root may log in with" },

	/* Devices and rights. */
	{ "DEVICES", "devices", 0, "b|c:major:minor|all:[rwq]|none", BOTH | PARAM_KEYED | PARAM_DEVICES, VZ_DEVICE_SET, PHASE_NONE, device_value, devset_apply_devices, NULL, "let it open a device, by number" },
	{ "DEVNODES", "devnodes", 0, "device:[rwq]|none", BOTH | PARAM_KEYED | PARAM_DEVICES, VZ_DEVICE_SET, PHASE_NONE, device_value_node, devset_apply_devnodes, NULL, "let it open a device of the host, and make its node" },
	{ "CAPABILITY", "capability", 0, "name:on|off", BOTH | ON_RESTART | PARAM_KEYED, VZ_CAPABILITY, PHASE_NONE, caps_value, NULL, NULL, "capabilities of its root" },
	{ "FEATURES", "features", 0, "name:on|off", BOTH | ON_RESTART | PARAM_KEYED, VZ_BAD_VALUE, PHASE_CGROUP, feature_value, feature_apply, NULL, "features" },

	/* Keys of the node. */
	NODE("LOCKDIR", "directory of the locks (/vz/lock)"),
	NODE("RUNDIR", "directory of the run-time records (/run/vz)"),
	NODE("CGROUP_ROOT", "cgroup of all containers (/sys/fs/cgroup/vz.slice)"),
	NODE("TEMPLATE", "directory whose cache/ holds the OS templates (/vz/template)"),
	{ "DIST_TIMEOUT", NULL, 0, NULL, PARAM_NODE, VZ_BAD_CONFIG, PHASE_NONE, value_number, NULL, NULL, "seconds that a distribution script has (300)" },
	{ "GOLDEN_IMAGE", NULL, 0, NULL, PARAM_NODE, VZ_BAD_CONFIG, PHASE_NONE, value_bool, NULL, NULL, "whether expanded disks stand on golden images (yes)" },
	{ "VE_PARALLEL", NULL, 0, NULL, PARAM_NODE, VZ_BAD_CONFIG, PHASE_NONE, value_number, NULL, NULL, "how many containers vz-onboot starts or stops at once" },
	{ "LOGGING", NULL, 0, NULL, PARAM_NODE, VZ_BAD_CONFIG, PHASE_NONE, value_bool, NULL, NULL, "whether vzctl keeps a log (yes)" },
	{ "LOGFILE", NULL, 0, NULL, PARAM_NODE, VZ_BAD_CONFIG, PHASE_NONE, value_path, NULL, NULL, "where (/var/log/vzctl.log)" },
	{ "LOG_LEVEL", NULL, 0, NULL, PARAM_NODE, VZ_BAD_CONFIG, PHASE_NONE, value_number, NULL, NULL, "how much is in it, 0 to 2 (0)" },
	{ "VERBOSE", NULL, 0, NULL, PARAM_NODE, VZ_BAD_CONFIG, PHASE_NONE, value_number, NULL, NULL, "how much vzctl shows, 0 to 2 (0)" },
	NODE("CONFIGFILE", "sample that create starts from (vswap-1g)"),
	NODE("DEF_OSTEMPLATE", "template when --ostemplate is not given"),

	/* Known to OpenVZ, not supported yet. */
	UBC("KMEMSIZE", "kmemsize", 'k'), UBC("LOCKEDPAGES", "lockedpages", 'l'), UBC("PRIVVMPAGES", "privvmpages", 0),
	UBC("SHMPAGES", "shmpages", 0), UBC("VMGUARPAGES", "vmguarpages", 0), UBC("OOMGUARPAGES", "oomguarpages", 0),
	UBC("NUMTCPSOCK", "numtcpsock", 0), UBC("NUMFLOCK", "numflock", 'f'), UBC("NUMPTY", "numpty", 't'),
	UBC("NUMSIGINFO", "numsiginfo", 'i'), UBC("TCPSNDBUF", "tcpsndbuf", 0), UBC("TCPRCVBUF", "tcprcvbuf", 'b'),
	UBC("OTHERSOCKBUF", "othersockbuf", 0), UBC("DGRAMRCVBUF", "dgramrcvbuf", 0), UBC("NUMOTHERSOCK", "numothersock", 0),
	UBC("DCACHESIZE", "dcachesize", 'x'), UBC("NUMFILE", "numfile", 'n'), UBC("NUMIPTENT", "numiptent", 'e'),
	UBC("NUMIPTENT", "iptentries", 0),
	REFUSED("AVNUMPROC", "avnumproc", 0, "items", VZ_UBC_SET, "only vzcfgvalidate reads it"),
	REFUSED("VM_OVERCOMMIT", "vm_overcommit", 0, "factor", VZ_UBC_SET, "needs privvmpages"),
	REFUSED("CPUUWEIGHT", "cpuweight", 0, "weight", VZ_CPU_SET, "use --cpuunits"),
	REFUSED("CPUS", "cpus", 0, "count", VZ_CPU_SET, "use --cpulimit"),
	REFUSED("IOPRIO", "ioprio", 0, "0..7", VZ_IO_SET, NULL),
	REFUSED("IOLIMIT", "iolimit", 0, "rate", VZ_IO_SET, NULL),
	REFUSED("IOPSLIMIT", "iopslimit", 0, "rate", VZ_IO_SET, NULL),
	REFUSED("MEMINFO", "meminfo", 0, "mode", VZ_MEMINFO, NULL),
	REFUSED("DISK_QUOTA", "diskquota", 0, "yes|no", VZ_QUOTA_SET, "the disk has its own size"),
	REFUSED("DISKINODES", "diskinodes", 0, "count", VZ_QUOTA_SET, NULL),
	REFUSED("QUOTATIME", "quotatime", 0, "seconds", VZ_QUOTA_SET, NULL),
	REFUSED("QUOTAUGIDLIMIT", "quotaugidlimit", 0, "count", VZ_UGID_QUOTA, NULL),
	REFUSED("PCI", "pci_add", 0, "device", VZ_DEVICE_SET, NULL),
	REFUSED("PCI", "pci_del", 0, "device", VZ_DEVICE_SET, NULL),
	REFUSED("NETFILTER", "netfilter", 0, "mode", VZ_IPTABLES, "the container has all of its own"),
	REFUSED("IPTABLES", "iptables", 0, "list", VZ_IPTABLES, "the container has all of its own"),
	REFUSED("NETDEV", "netdev_add", 0, "device", VZ_NETDEV, NULL),
	REFUSED("NETDEV", "netdev_del", 0, "device", VZ_NETDEV, NULL),
	REFUSED(NULL, "skip_arpdetect", 0, NULL, VZ_ADD_IP, "no duplicate detection is done"),
	REFUSED("BOOTORDER", "bootorder", 0, "number", VZ_BAD_VALUE, "containers start in the order of their ids"),
	REFUSED("MOUNT_OPTS", "mount_opts", 0, "list", VZ_MOUNT, NULL),
	REFUSED(NULL, "applyconfig_map", 0, "name", VZ_APPLY_CONFIG, "use --applyconfig"),

	/* Of OpenVZ 7's; their keys are in legacy.c. */
	REFUSED(NULL, "memguarantee", 0, "auto|percent", VZ_UBC_SET, NULL),
	REFUSED(NULL, "pagecache-isolation", 0, "on|off", VZ_UBC_SET, NULL),
	REFUSED(NULL, "jquota", 0, "on|off", VZ_UGID_QUOTA, "there are no quotas of users inside yet"),
	REFUSED(NULL, "numnetif", 0, "count", VZ_VETH, "Ethernet pairs are not counted"),
	REFUSED(NULL, "ext_ipadd", 0, "address", VZ_ADD_IP, "a container sends from its own addresses only"),
	REFUSED(NULL, "ext_ipdel", 0, "address", VZ_ADD_IP, "a container sends from its own addresses only"),
	REFUSED(NULL, "configure", 0, "none|all", VZ_VETH, "an Ethernet device is the container's to configure"),
	REFUSED(NULL, "gw", 0, "address", VZ_VETH, "an Ethernet device is the container's to configure"),
	REFUSED(NULL, "gw6", 0, "address", VZ_VETH, "an Ethernet device is the container's to configure"),
	REFUSED(NULL, "dhcp", 0, "yes|no", VZ_VETH, "an Ethernet device is the container's to configure"),
	REFUSED(NULL, "dhcp6", 0, "yes|no", VZ_VETH, "an Ethernet device is the container's to configure"),
	REFUSED(NULL, "network", 0, "name", VZ_VETH, "use --bridge"),
	REFUSED(NULL, "rate", 0, "device:class:Kbit", VZ_BAD_OPTION, "use tc on the device in the host"),
	REFUSED(NULL, "ratebound", 0, "yes|no", VZ_BAD_OPTION, "use tc on the device in the host"),
	REFUSED(NULL, "ha_enable", 0, "yes|no", VZ_BAD_OPTION, "what is to run where is a cluster manager's to know"),
	REFUSED(NULL, "ha_prio", 0, "number", VZ_BAD_OPTION, "what is to run where is a cluster manager's to know"),
	REFUSED(NULL, "autostop", 0, "stop|suspend", VZ_BAD_OPTION, "vz.service stops what runs"),
	REFUSED(NULL, "crypted", 0, "value", VZ_BAD_OPTION, "there is no encryption yet"),
	REFUSED(NULL, "device-add", 0, "device", VZ_DEVICE_SET, "a container has one disk"),
	REFUSED(NULL, "device-del", 0, "device", VZ_DEVICE_SET, "a container has one disk"),
	REFUSED(NULL, "device-set", 0, "device", VZ_DEVICE_SET, "a container has one disk"),

	/* What one might look for. */
	REFUSED_BY(BOTH, NULL, "idrange", 0, "count", VZ_BAD_OPTION, "a container has 262144 ids, from --local_uid on"),
	REFUSED_BY(BOTH, NULL, "privileged", 0, NULL, VZ_BAD_OPTION, "every container has ids of its own"),
	{ "DISKINODES", "diskinodes", 0, "count", PARAM_CREATE | PARAM_REFUSED, VZ_QUOTA_SET, PHASE_NONE, NULL, NULL, NULL, "chosen from the size" },
};
/* clang-format on */

const size_t param_count = sizeof(params) / sizeof(params[0]);

const struct param *param_by_option(const char *option, unsigned int flags)
{
	size_t i;

	for (i = 0; i < param_count; i++)
		if (params[i].option && (params[i].flags & flags) &&
		    strcmp(params[i].option, option) == 0)
			return &params[i];
	return NULL;
}

/* The first row of a key is the one that a stored value belongs to. */
const struct param *param_by_key(const char *key)
{
	size_t i;

	for (i = 0; i < param_count; i++)
		if (params[i].key && strcmp(params[i].key, key) == 0)
			return &params[i];
	return NULL;
}

int param_refuse(const struct param *p, struct err *err)
{
	return err_exit(err, p->exit_code, "option --%s is not supported yet%s%s", p->option,
			p->summary ? ": " : "", p->summary ? p->summary : "");
}

/* What tells the items of a list apart: all of it, or what follows the last colon. */
static const char *item_key(const struct param *p, const char *item)
{
	const char *colon = p->flags & PARAM_TARGET ? strrchr(item, ':') : NULL;

	return colon ? colon + 1 : item;
}

/* Is @item of a list what @key names? An address is, whatever its prefix. */
static bool is_item(const struct param *p, const char *item, const char *key)
{
	size_t len = strcspn(key, "/");
	_cleanup_free_ char *stored = NULL;

	if (!(p->flags & PARAM_UNIQUE))
		return strcmp(item_key(p, item), key) == 0;
	/* A person may have written it in another way than we store it. */
	if (p->parse(item, &stored, NULL) < 0)
		return strcmp(item, key) == 0;
	return strncmp(stored, key, len) == 0 && (!stored[len] || stored[len] == '/') &&
	       (!(p->flags & PARAM_DEL) || !key[len] || strcmp(stored, key) == 0);
}

/* NULL when there is none; borrowed. */
static const char *find_item(const struct param *p, char *const *v, const char *key)
{
	for (; v && *v; v++)
		if (is_item(p, *v, key))
			return *v;
	return NULL;
}

/* Take the item with @key off; false when there is none. */
static bool drop_item(const struct param *p, char **v, const char *key)
{
	size_t i, to = 0;
	bool found = false;

	for (i = 0; v && v[i]; i++) {
		if (!is_item(p, v[i], key)) {
			v[to++] = v[i];
			continue;
		}
		free(v[i]);
		found = true;
	}
	if (v)
		v[to] = NULL;
	return found;
}

static int add_to_list(const struct param *p, const char *list, const char *value, char **ret,
		       struct err *err)
{
	_cleanup_strv_ char **v = NULL;
	const char *there;

	/* "inherit" stands alone, so it replaces and is replaced. */
	if (list && strcmp(list, "inherit") == 0)
		list = NULL;
	if (list && strcmp(value, "inherit") != 0 && strv_split(list, " ", &v) < 0)
		return err_set(err, ENOMEM, "out of memory");
	there = p->flags & PARAM_UNIQUE ? find_item(p, v, value) : NULL;
	if (there)
		return err_exit(err, VZ_IP_IN_USE, "the container has '%s' already", there);
	if (!strv_contains(v, value)) {
		drop_item(p, v, item_key(p, value));
		if (strv_add(&v, value) < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	*ret = strv_join(v, " ");
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int del_from_list(const struct param *p, const char *list, const char *value, char **ret,
			 struct err *err)
{
	_cleanup_strv_ char **v = NULL;

	if (strv_split(list ? list : "", " ", &v) < 0)
		return err_set(err, ENOMEM, "out of memory");
	if (!drop_item(p, v, value))
		return err_set(err, ENOENT, "'%s' is not set", value);
	*ret = strv_join(v, " ");
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* Words of one NAME have it up to the last colon alike. */
static bool same_name(const char *a, const char *b)
{
	size_t len = strrchr(a, ':') - a;

	return strncmp(a, b, len + 1) == 0 && !strchr(b + len + 1, ':');
}

/* Each word of @in over that of its name in @list: "a:on b:off" + "b:on,c:on" -> "a:on b:on c:on". */
static int set_in_list(const struct param *p, const char *list, const char *in, char **ret,
		       struct err *err)
{
	_cleanup_strv_ char **v = NULL, **words = NULL;
	size_t i, j;

	if (strv_split(list ? list : "", " ,", &v) < 0 || strv_split(in, " ,", &words) < 0)
		return err_set(err, ENOMEM, "out of memory");
	if (!words)
		return err_set(err, EINVAL, "there is nothing in '%s'", in);
	for (i = 0; words[i]; i++) {
		_cleanup_free_ char *word = NULL;
		int r = p->parse(words[i], &word, err);

		if (r < 0)
			return r;
		for (j = 0; v && v[j] && !(strchr(v[j], ':') && same_name(word, v[j])); j++)
			;
		if (v && v[j]) {
			free(v[j]);
			v[j] = steal_ptr(word);
		} else if (strv_add(&v, word) < 0) {
			return err_set(err, ENOMEM, "out of memory");
		}
	}
	*ret = strv_join(v, " ");
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int refuse_value(const struct param *p, struct err *err)
{
	err_prefix(err, "--%s", p->option);
	return err_exit_default(err, p->exit_code);
}

/* A path may say $VEID, as it may in a file. */
static int expand_veid(const struct ct *ct, const char *in, char **ret, struct err *err)
{
	_cleanup_config_ struct config *c = NULL;
	struct strbuf b = STRBUF_INIT;
	_cleanup_free_ char *line = NULL;
	int r;

	strbuf_addf(&b, "V=\"%s\"", in);
	line = strbuf_steal(&b);
	if (!line)
		return err_set(err, ENOMEM, "out of memory");
	r = config_parse(line, "path", ct->idstr, &c, err);
	if (r == -ENOMEM)
		return r;
	if (r < 0 || !config_get(c, "V"))
		return err_exit(err, VZ_BAD_VALUE, "'%s' is not a path", in);
	*ret = strdup(config_get(c, "V"));
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

int param_change(struct ct *ct, const struct param *p, const char *in, struct err *err)
{
	const char *now = config_get(ct->conf, p->key);
	_cleanup_free_ char *value = NULL, *merged = NULL, *expanded = NULL;
	int r;

	if (p->parse == value_path) {
		if (expand_veid(ct, in, &expanded, err) < 0)
			return refuse_value(p, err);
		in = expanded;
	}
	if ((p->flags & PARAM_DEL) && strcmp(in, "all") == 0) {
		r = config_set(ct->conf, p->key, "", err);
	} else if (p->flags & PARAM_KEYED) {
		r = set_in_list(p, now, in, &merged, err);
		if (r == 0)
			r = config_set(ct->conf, p->key, merged, err);
	} else {
		r = p->parse(in, &value, err);
		if (r == 0 && (p->flags & PARAM_DEL))
			r = del_from_list(p, now, value, &merged, err);
		else if (r == 0 && (p->flags & PARAM_LIST))
			r = add_to_list(p, now, value, &merged, err);
		if (r == 0)
			r = config_set(ct->conf, p->key, merged ? merged : value, err);
	}
	return r < 0 ? refuse_value(p, err) : 0;
}

bool param_has(const struct ct *ct, const struct param *p, const char *in)
{
	const char *now = config_get(ct->conf, p->key);
	_cleanup_free_ char *value = NULL;
	_cleanup_strv_ char **v = NULL;

	return now && p->parse(in, &value, NULL) == 0 && strv_split(now, " ", &v) == 0 &&
	       find_item(p, v, value);
}

int param_change_netif(struct ct *ct, const struct param *p, const char *ifname, const char *in,
		       struct err *err)
{
	const char *now = config_get(ct->conf, p->key);
	_cleanup_free_ char *value = NULL, *stored = NULL;
	bool add = strcmp(p->option, "netif_add") == 0;
	int r = add ? 0 : p->parse(in, &value, err);

	if (r == 0)
		r = netif_option(ct, now, p->option, ifname, add ? in : value, &stored, err);
	if (r == 0)
		r = config_set(ct->conf, p->key, stored, err);
	return r < 0 ? refuse_value(p, err) : 0;
}

static int check_one(const struct param *p, const char *value, struct err *err)
{
	_cleanup_strv_ char **v = NULL;
	size_t i;
	int r = 0;

	if (!*value || !p->parse)
		return 0;
	if (!(p->flags & (PARAM_LIST | PARAM_KEYED))) {
		_cleanup_free_ char *stored = NULL;

		return p->parse(value, &stored, err);
	}
	if (strv_split(value, p->flags & PARAM_KEYED ? " ," : " ", &v) < 0)
		return err_set(err, ENOMEM, "out of memory");
	for (i = 0; r == 0 && v && v[i]; i++) {
		_cleanup_free_ char *stored = NULL;

		r = p->parse(v[i], &stored, err);
	}
	return r;
}

int param_store(struct ct *ct, const struct param *p, const char *value, struct err *err)
{
	int r = check_one(p, value, err);

	if (r == 0)
		r = config_set(ct->conf, p->key, value, err);
	return r < 0 ? err_prefix(err, "%s", p->key) : 0;
}

int param_check_pairs(const struct ct *ct, struct err *err)
{
	const char *ram = ct_get(ct, "PHYSPAGES");
	uint64_t bytes;

	/* Unlimited memory is how files of before VSwap say that there is no such limit. */
	if (ram && *ram && value_get_pages(ram, &bytes) == 0 && bytes != SIZE_UNLIMITED &&
	    !ct_get(ct, "SWAPPAGES"))
		return err_exit(err, VZ_NOT_ALL_UBC, "--ram needs --swap: SWAPPAGES is not set");
	return cpuset_check(ct, err);
}

int param_check_all(const struct ct *ct, struct err *err)
{
	size_t i;

	for (i = 0; i < param_count; i++) {
		const struct param *p = &params[i];
		const char *value;

		if (!p->key || !p->parse || (p->flags & PARAM_REFUSED) || param_by_key(p->key) != p)
			continue;
		value = ct_get(ct, p->key);
		if (value && check_one(p, value, err) < 0) {
			err_prefix(err, "container %s: %s", ct->idstr, p->key);
			return err_exit_default(err, VZ_BAD_CONFIG);
		}
	}
	return 0;
}

int param_apply_phase(struct ct *ct, enum param_phase phase, struct err *err)
{
	size_t i;

	for (i = 0; i < param_count; i++) {
		const struct param *p = &params[i];
		const char *value;
		int r;

		if (p->phase != phase || !p->apply)
			continue;
		value = ct_get(ct, p->key);
		if (!value || !*value)
			continue;
		log_detail(2, "%s: '%s'", p->key, value);
		r = p->apply(ct, NULL, value, err);
		if (r < 0)
			return err_exit_default(err, p->exit_code);
	}
	return 0;
}
