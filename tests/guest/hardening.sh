#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# on-host
# If this fails, the kernel lacks a guard that one for strangers' programs must have:
# mitigations of the processors' faults, or what hardening.config says. LKDTM breaks the rules and the kernel must see it.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck disable=SC2016 # for the shell of the guest
look='
	cd /sys/devices/system/cpu/vulnerabilities
	for f in *; do echo "$f: $(cat $f)"; done
	echo "lsm: $(mount -t securityfs s /sys/kernel/security 2>/dev/null; cat /sys/kernel/security/lsm)"
	echo "dmesg: $(cat /proc/sys/kernel/dmesg_restrict)"
	echo "bpf: $(cat /proc/sys/kernel/unprivileged_bpf_disabled)"
	echo "mem: $(ls /dev/mem /dev/kmem /dev/port /proc/kcore 2>/dev/null)"
	for i in 1 2; do sed -n "s/^\([0-9a-f]*\)-.*stack.*/stack: \1/p" /proc/self/maps; done
	echo "cmdline: $(cat /proc/cmdline)"'
export VESPER_APPEND='sysctl.kernel.randomize_va_space=2 mitigations=auto init_on_alloc=1'
run "$top/tests/guest/run" -c "$tap_tmp/console" -- sh -c "$look"
is "the guest boots" "$status" 0
printf '%s\n' "$output" | grep -v '^cmdline' | while read -r l; do diag "$l"; done
like "there is a list of faults" "$(printf '%s\n' "$output" | grep -c '^\(spectre_v[12]\|meltdown\|retbleed\|spec_rstack_overflow\): ')" '^5$'
# What only new microcode can mend is not ours to mend.
is "none is left open" "$(printf '%s\n' "$output" | grep '^[a-z0-9_]*: .*Vulnerable' | grep -vi microcode || :)" ""
like "Spectre v1" "$output" 'spectre_v1: Mitigation: .*usercopy/swapgs'
like "Spectre v2" "$output" 'spectre_v2: Mitigation: .*(Retpolines|IBRS|AutoIBRS)'
like "Landlock and Yama" "$output" 'lsm: (.*,)?landlock,yama'
like "the log is root's" "$output" 'dmesg: 1'
like "bpf(2) is root's" "$output" 'bpf: [12]'
like "no memory by a file" "$output" '^mem: *$'
is "each program has other addresses" "$(printf '%s\n' "$output" | grep '^stack: ' | sort -u | wc -l)" 2
like "no page is writable and executable" "$(tr -d '\r' <"$tap_tmp/console")" 'x86/mm: Checked W\+X mappings: passed, no W\+X pages found'

# breaks NAME - what the kernel says when the rule is broken; the guest ends by it, or not.
breaks() {
	for _ in 1 2; do
		run "$top/tests/guest/run" -c "$tap_tmp/console" -- \
			sh -c "mount -t debugfs d /sys/kernel/debug 2>/dev/null; echo $1 >/sys/kernel/debug/provoke-crash/DIRECT"
		# The emulator's fault, not the kernel's.
		[ "$status" -eq 97 ] || break
	done
	tr -d '\r' <"$tap_tmp/console"
}
like "a list that is broken" "$(breaks CORRUPT_LIST_ADD)" 'kernel BUG at lib/list_debug|list_add corruption'
like "a slab that is overrun from user space" "$(breaks USERCOPY_SLAB_SIZE_TO)" 'usercopy: Kernel memory exposure attempt'
like "memory is zero when it is given out" "$(breaks SLAB_INIT_ON_ALLOC)" 'Memory appears initialized'
