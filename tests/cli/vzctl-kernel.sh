#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# On a kernel without the ve controller, and on a host without a cgroup2 where
# CGROUP_ROOT is, a start says which of the two it is and leaves nothing behind.
# Who is not root is so in a user namespace of his own, and makes no cgroup there; for
# him, and on our kernel, guest/vzctl-unpatched has the first of them.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/node.sh
. "$(dirname "$0")/../lib/node.sh"
requires vzctl
if [ "$(id -u)" != 0 ]; then
	tap_ending=1
	VESPER_INSIDE=1 unshare --map-root-user --mount --net "$0"
	exit
fi
unpatched=
[ -n "${VESPER_INSIDE:-}" ] || [ -e /sys/fs/cgroup/ve.orphans ] || unpatched=1
if [ -n "$unpatched" ] && [ -z "$cgroup2" ]; then
	mkdir "$tap_tmp/cgroup2"
	mount -t cgroup2 none "$tap_tmp/cgroup2"
	cleanup_fn umount "$tap_tmp/cgroup2"
	cgroup_root=$tap_tmp/cgroup2/vesper-test-$$
fi

make_node
make_template tiny
V() { vzctl --config-root "$etc" "$@"; }
V --quiet create 101
# refused WHAT PATTERN - a start ends with 5 and one line of PATTERN, and leaves nothing.
refused() {
	run V --quiet start 101
	is "$1: exit 5" "$status" 5
	is "$1: one line" "$(printf '%s\n' "$output" | wc -l)" 1
	like "$1: that says why" "$output" "$2"
	is "$1: nothing was mounted" "$(grep -c "$node" /proc/self/mountinfo)" 0
	is "$1: it is down" "$(V status 101)" "CTID 101 exist unmounted down"
}
if [ -n "$unpatched" ]; then
	refused "a kernel without our controller" "the running kernel has no .ve. controller: boot the Vesper kernel"
	check "the cgroup that it made is gone" test ! -e "$cgroup_root"
fi

sed -i "s|^CGROUP_ROOT=.*|CGROUP_ROOT=\"$tap_tmp/cgroup\"|" "$etc/vz.conf"
refused "no cgroup2" "'$tap_tmp/cgroup' is not in a cgroup2 file system: the host is not set up"
check "nor is one made elsewhere" test ! -e "$tap_tmp/cgroup"
