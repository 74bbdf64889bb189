#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# on-host: tools
#
# A host that came up without the ve controller: if this fails, who boots the
# distribution's kernel by mistake is told something else than that, or is left
# with half a container.
#
# What every test run has of such a kernel is ours with the controller disabled: it
# has no ve.* file, and these are all that vzctl asks for. KERNEL=base takes the unpatched one.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
if [ "${1:-}" != inside ]; then
	top=$(cd "$(dirname "$0")/../.." && pwd)
	tap_ending=1
	VESPER_APPEND=cgroup_disable=ve "$top/tests/guest/run" -k "${KERNEL:-plain}" -r host -m 1024 -x "$top/tests" -- \
		/mnt/x/guest/vzctl-unpatched.sh inside
	exit
fi
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"

is "the kernel has no ve controller" "$(ls /sys/fs/cgroup/ve.* 2>/dev/null || :)" ""
id=2601
new_ct $id busybox --ipadd 10.26.0.1 --onboot yes
is "a container can be made" "$(state $id)" "exist unmounted down"

# refused NAME COMMAND... - exit 5, one line that says why and what to do, and nothing left.
refused() {
	refused_name=$1
	shift
	run "$@"
	is "$refused_name: exit 5" "$status" 5
	is "$refused_name: one line, why and what to do" "$output" \
		"vzctl: cannot start $id: the running kernel has no \`ve\` controller: boot the Vesper kernel"
	is "$refused_name: it is down" "$(state $id)" "exist unmounted down"
	is "$refused_name: nothing is left" "$(leftovers $id; ls -d $CG 2>/dev/null || :)" ""
}
refused start vzctl --quiet start $id
refused restart vzctl --quiet restart $id
run vzctl exec $id true
is "exec: exit 31" "$status" 31
check "its disk can be mounted" vzctl --quiet mount $id
check "and unmounted" vzctl --quiet umount $id
like "vzlist lists it" "$(vzlist -a)" "^ +$id +- stopped "

# At boot, too; the host is none the worse for it.
mustfail "the containers of the boot do not start" systemctl start vz-onboot
like "the journal says why" "$(journalctl -q -u vz-onboot)" 'the running kernel has no .ve. controller: boot the Vesper kernel'
check "vz itself is up" systemctl start vz
check "and ends" systemctl stop vz
check "destroy" vzctl --quiet destroy $id
