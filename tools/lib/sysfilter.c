/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For most of these the kernel asks for a right in the host's user namespace
 * and refuses by itself; here they end before the code that asks, which is
 * where the holes were. The others it would allow: their rows say what for.
 * An error is the one that userland knows from a kernel that refuses the call,
 * so that it takes the same way around.
 *
 * Not here, because a machine's programs need them and the kernel keeps them
 * in the container's namespaces: mount, unshare, setns, pivot_root, ptrace,
 * keyctl, reboot, seccomp, io_uring_setup. No call of the list is an operation
 * of io_uring, which a filter does not see.
 */
#include "sysfilter.h"

#include <errno.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdlib.h>

#include "cleanup.h"
#include "err.h"

const struct sysfilter_rule sysfilter_rules[] = {
	{"init_module", EPERM, false, "code in the host's kernel"},
	{"finit_module", EPERM, false, "code in the host's kernel"},
	{"delete_module", EPERM, false, "modules are everybody's"},
	{"kexec_load", EPERM, false, "another kernel for the host"},
	{"kexec_file_load", EPERM, false, "another kernel for the host"},
	{"iopl", EPERM, false, "ports of the machine"},
	{"ioperm", EPERM, false, "ports of the machine"},
	{"swapon", EPERM, false, "swap is the host's"},
	{"swapoff", EPERM, false, "swap is the host's"},
	{"acct", EPERM, false, "one file of accounting for the whole host"},
	{"open_by_handle_at", EPERM, false,
	 "opens what no path leads to: out of a directory of the host that is mounted inside"},
	{"bpf", EPERM, false,
	 "programs in the host's kernel; allowed to everybody when the host's sysctl is 0"},
	{"perf_event_open", EACCES, false,
	 "counters and samples of the machine; allowed to everybody at paranoid 2 and below"},
	{"syslog", EPERM, false,
	 "the host's kernel log; allowed to everybody unless dmesg_restrict is 1"},
	{"request_key", ENOKEY, true,
	 "with callout information the kernel runs /sbin/request-key on the host"},
};

const size_t sysfilter_count = sizeof(sysfilter_rules) / sizeof(sysfilter_rules[0]);

/* The type is libseccomp's secret (void *); ours keeps it from being anything. */
struct sysfilter {
	scmp_filter_ctx ctx;
};

static int add_rule(scmp_filter_ctx ctx, const struct sysfilter_rule *rule)
{
	const struct scmp_arg_cmp given = SCMP_A2(SCMP_CMP_NE, 0, 0);
	int call = seccomp_syscall_resolve_name(rule->call);

	if (call == __NR_SCMP_ERROR)
		return -ENOSYS;
	return seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(rule->error), call, rule->if_arg2,
				      &given);
}

/*
 * i386 calls of an x86-64 kernel are filtered as its own are. x32, which we do
 * not build, gets the answer of a kernel without it: its numbers would pass
 * for calls that are allowed.
 *
 * The tree (level 2) makes a call that is not in the list take a handful of
 * comparisons, and the kernel remembers those that pass whatever their
 * arguments in a bitmap, so that they take one bit test after that.
 */
static int set_up(scmp_filter_ctx ctx)
{
	int r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);

	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
	if (r == 0 && seccomp_arch_native() == SCMP_ARCH_X86_64)
		r = seccomp_arch_add(ctx, SCMP_ARCH_X86);
	return r;
}

int sysfilter_new(struct sysfilter **ret_filter, struct err *err)
{
	_cleanup_free_ struct sysfilter *f = calloc(1, sizeof(*f));
	size_t i;
	int r;

	if (!f)
		return err_set(err, ENOMEM, "out of memory");
	f->ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (!f->ctx)
		return err_set(err, ENOMEM, "out of memory");
	r = set_up(f->ctx);
	if (r < 0)
		err_errno(err, r, "cannot set up the system call filter");
	for (i = 0; r == 0 && i < sysfilter_count; i++) {
		r = add_rule(f->ctx, &sysfilter_rules[i]);
		if (r < 0)
			err_errno(err, r, "cannot filter system call '%s'",
				  sysfilter_rules[i].call);
	}
	if (r < 0) {
		seccomp_release(f->ctx);
		return r;
	}
	*ret_filter = steal_ptr(f);
	return 0;
}

void sysfilter_free(struct sysfilter *filter)
{
	if (!filter)
		return;
	seccomp_release(filter->ctx);
	free(filter);
}

int sysfilter_load(const struct sysfilter *filter, struct err *err)
{
	int r = seccomp_load(filter->ctx);

	return r < 0 ? err_errno(err, r, "cannot load the system call filter") : 0;
}

int sysfilter_export(const struct sysfilter *filter, int fd, struct err *err)
{
	int r = seccomp_export_bpf(filter->ctx, fd);

	return r < 0 ? err_errno(err, r, "cannot write the system call filter") : 0;
}
