#!/bin/sh
# may-skip: needs root and a kernel that is not ours
# SPDX-License-Identifier: GPL-2.0-or-later
#
# On a kernel without the ve controller a start says so and does nothing else.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/node.sh
. "$(dirname "$0")/../lib/node.sh"
requires vzctl
[ "$(id -u)" = 0 ] || skip_all "needs root"
[ ! -e /sys/fs/cgroup/ve.orphans ] || skip_all "this is our kernel"

make_node
make_template tiny
V() { vzctl --config-root "$etc" "$@"; }
V --quiet create 101
run V --quiet start 101
is "exit 5" "$status" 5
is "one line" "$(printf '%s\n' "$output" | wc -l)" 1
like "that says why" "$output" 'controller|cgroup2'
is "nothing was mounted" "$(grep -c "$node" /proc/self/mountinfo)" 0
is "it is down" "$(V status 101)" "CTID 101 exist unmounted down"
