/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What root of a container is without, although in a user namespace of its own
 * it could hold everything. The kernel asks for these in the host's namespace
 * (CAP_SYS_TIME also in that of a time namespace, for its offsets), so inside
 * they would do nothing. Without them programs see that and leave alone what
 * they could not do (systemd asks before it loads modules or sets the clock),
 * and a kernel that once asks in the wrong namespace meets a root that does not
 * have them. A user namespace that the container makes below its own starts
 * full, as every one does: such a set counts there only.
 */
#include "caps.h"

#include <ctype.h>
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>

#include "cleanup.h"
#include "err.h"
#include "exitcode.h"
#include "strbuf.h"
#include "strv.h"

#define GIVEN(name, why)                     \
	{                                    \
#name, CAP_##name, true, why \
	}
#define NEVER(name, why)                      \
	{                                     \
#name, CAP_##name, false, why \
	}

const struct cap cap_table[] = {
	GIVEN(CHOWN, "owners of files"),
	GIVEN(DAC_OVERRIDE, "root's access to files"),
	GIVEN(DAC_READ_SEARCH, "root's access to files"),
	GIVEN(FOWNER, "root's access to files"),
	GIVEN(FSETID, "set-uid bits"),
	GIVEN(KILL, "signals to the container's processes"),
	GIVEN(SETGID, "login, services, user namespaces"),
	GIVEN(SETUID, "login, services, user namespaces"),
	GIVEN(SETPCAP, "bounding sets of services and containers inside"),
	GIVEN(LINUX_IMMUTABLE, "OpenVZ gave it; the kernel asks for the host's"),
	GIVEN(NET_BIND_SERVICE, "ports below 1024"),
	GIVEN(NET_BROADCAST, "OpenVZ gave it; the kernel never asks"),
	GIVEN(NET_ADMIN, "the container's own network"),
	GIVEN(NET_RAW, "ping, DHCP, tcpdump in its own network"),
	GIVEN(IPC_LOCK, "locked memory within its limits"),
	GIVEN(IPC_OWNER, "its own System V objects"),
	NEVER(SYS_MODULE, "the kernel is the host's"),
	NEVER(SYS_RAWIO, "ports and memory of the machine are the host's"),
	GIVEN(SYS_CHROOT, "services, containers inside"),
	GIVEN(SYS_PTRACE, "debuggers, systemd, checkpoints"),
	NEVER(SYS_PACCT, "process accounting is the host's"),
	GIVEN(SYS_ADMIN, "mounts and namespaces of its own: systemd, containers inside"),
	GIVEN(SYS_BOOT, "reboot and halt, which end the container"),
	GIVEN(SYS_NICE, "OpenVZ gave it; the kernel asks for the host's to raise priority"),
	GIVEN(SYS_RESOURCE, "limits of other users' processes inside"),
	NEVER(SYS_TIME, "the clock is the host's"),
	GIVEN(SYS_TTY_CONFIG, "OpenVZ gave it; login hangs terminals up"),
	GIVEN(MKNOD, "in the set of every Docker container; the kernel asks for the host's"),
	GIVEN(LEASE, "OpenVZ gave it; leases on own files need none"),
	GIVEN(AUDIT_WRITE, "in the set of every Docker container; login asks for it"),
	NEVER(AUDIT_CONTROL, "the audit system is the host's"),
	GIVEN(SETFCAP, "packages with file capabilities"),
	NEVER(MAC_OVERRIDE, "the security policy is the host's"),
	NEVER(MAC_ADMIN, "the security policy is the host's"),
	NEVER(SYSLOG, "the kernel's log is the host's"),
	NEVER(WAKE_ALARM, "waking the machine is the host's"),
	NEVER(BLOCK_SUSPEND, "whether the machine sleeps is the host's"),
	NEVER(AUDIT_READ, "the audit system is the host's"),
	NEVER(PERFMON, "counters and probes see the whole machine"),
	NEVER(BPF, "programs in the kernel are the host's"),
	GIVEN(CHECKPOINT_RESTORE, "checkpoints of processes inside"),
};

const size_t cap_count = sizeof(cap_table) / sizeof(cap_table[0]);

static const struct cap *find(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < cap_count; i++)
		if (strlen(cap_table[i].name) == len &&
		    strncasecmp(cap_table[i].name, name, len) == 0)
			return &cap_table[i];
	return NULL;
}

static int parse(const char *in, const struct cap **ret_cap, bool *ret_on, struct err *err)
{
	const char *colon = strchrnul(in, ':');
	const struct cap *c = find(in, colon - in);
	bool on = strcasecmp(colon, ":on") == 0;

	if (!on && strcasecmp(colon, ":off") != 0)
		return err_set(err, EINVAL, "'%s' is not capability:on|off", in);
	/* Their numbers were the kernel's net_admin and sys_admin in disguise. */
	if (colon - in == 8 && strncasecmp(in, "ve_admin", 8) == 0)
		return err_exit(err, VZ_CAPABILITY,
				"capability ve_admin was OpenVZ's: it is net_admin and sys_admin");
	if (!c)
		return err_exit(err, VZ_CAPABILITY, "there is no capability '%.*s'",
				(int)(colon - in), in);
	if (on && !c->given)
		return err_exit(err, VZ_CAPABILITY, "capability '%.*s' cannot be given: %s",
				(int)(colon - in), in, c->why);
	*ret_cap = c;
	*ret_on = on;
	return 0;
}

int caps_value(const char *in, char **ret, struct err *err)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	const struct cap *c;
	bool on;
	int r = parse(in, &c, &on, err);

	if (r < 0)
		return r;
	strbuf_addf(&b, "%s:%s", c->name, on ? "on" : "off");
	*ret = strbuf_steal(&b);
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

int caps_load(const char *list, bool all, uint64_t *ret_set, struct err *err)
{
	_cleanup_strv_ char **v = NULL;
	uint64_t set = all ? UINT64_MAX : 0;
	size_t i;

	for (i = 0; i < cap_count; i++)
		if (cap_table[i].given)
			set |= UINT64_C(1) << cap_table[i].number;
	if (strv_split(list ? list : "", " ,", &v) < 0)
		return err_set(err, ENOMEM, "out of memory");
	for (i = 0; v && v[i]; i++) {
		const struct cap *c;
		bool on;
		int r = parse(v[i], &c, &on, err);

		if (r < 0)
			return r;
		if (on)
			set |= UINT64_C(1) << c->number;
		else
			set &= ~(UINT64_C(1) << c->number);
	}
	*ret_set = set;
	return 0;
}

/* Also those that a newer kernel has and the table does not know. */
int caps_bound(uint64_t set, struct err *err)
{
	unsigned long number;

	for (number = 0; number < 64; number++) {
		if (set & (UINT64_C(1) << number))
			continue;
		if (prctl(PR_CAPBSET_READ, number, 0, 0, 0) < 0)
			break;
		if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) < 0)
			return err_errno(err, errno, "cannot drop capability %lu", number);
	}
	return 0;
}
