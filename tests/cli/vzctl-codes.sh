#!/bin/sh
# may-skip: starting wants root
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A node that lacks something, flags in front of the command, delete, and containers
# that are disabled: as far as that goes without one that runs. If this fails, a script
# takes one failure for another, or a flag does nothing.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/node.sh
. "$(dirname "$0")/../lib/node.sh"
requires vzctl flock

make_node
make_template tiny
V() { vzctl --config-root "$etc" "$@"; }
cp "$etc/vz.conf" "$tap_tmp/vz.conf"
V --quiet create 101

# code EXIT PATTERN COMMAND...
code() {
	code_want=$1 code_like=$2
	shift 2
	run "$@"
	is "$*: $code_want" "$status" "$code_want"
	like "$*: says why" "$output" "^vzctl: .*$code_like"
	is "$*: in one line" "$(printf '%s\n' "$output" | wc -l)" 1
}
# without KEY [VALUE] - vz.conf as at first, without KEY, or with another value of it.
without() {
	sed "/^$1=/d" "$tap_tmp/vz.conf" >"$etc/vz.conf"
	[ $# -eq 1 ] || echo "$1=\"$2\"" >>"$etc/vz.conf"
}

: >"$tap_tmp/file"
without VE_ROOT
code 22 'VE_ROOT is not set' V --quiet create 102
code 22 'VE_ROOT is not set' V --quiet set 101 --cpuunits 10 --save
without VE_PRIVATE
code 23 'VE_PRIVATE is not set' V --quiet create 102
code 23 'VE_PRIVATE is not set' V --quiet destroy 101
without DEF_OSTEMPLATE
code 29 'no OS template' V --quiet create 102
without VE_PRIVATE "$tap_tmp/file/\$VEID"
code 48 "$tap_tmp/file" V --quiet create 102
without LOCKDIR "$tap_tmp/file/lock"
code 77 "$tap_tmp/file" V --quiet create 102
code 77 "$tap_tmp/file" V --quiet set 101 --cpuunits 10 --save
cp "$tap_tmp/vz.conf" "$etc/vz.conf"
sed '/DISKSPACE/d' "$etc/conf/ve-small.conf-sample" >"$etc/conf/ve-diskless.conf-sample"
code 63 'DISKSPACE is not set' V --quiet create 102 --config diskless
is "none of these left anything" "$(cd "$etc/conf" && echo *) $(cd "$node/private" && echo *)" \
	"101.conf ve-diskless.conf-sample ve-small.conf-sample 101"

# The lock is not there for who has it already.
sh -c 'flock 9; exec sleep 60' 9>"$node/lock/101.lck" &
holder=$!
wait_until 20 sh -c "! flock -n '$node/lock/101.lck' true"
code 9 'locked' V --quiet set 101 --cpuunits 20 --save
check "--skiplock does not ask for the lock" V --quiet --skiplock set 101 --cpuunits 20 --save
like "and does its work" "$(cat "$etc/conf/101.conf")" '^CPUUNITS="20"$'
check "nor does destroy then" V --quiet --skiplock destroy 101
kill $holder
wait $holder 2>/dev/null || :

V --quiet create 101 --name web
check "delete" V delete web
is "is destroy" "$(V status 101) $(ls -d "$node"/private/101* 2>/dev/null || :)" "CTID 101 deleted unmounted down "
check "its configuration is kept aside" test -e "$etc/conf/101.conf.destroyed"
code 14 'does not exist' V delete 101
code 20 'bad option' V delete 101 --force

V --quiet create 101 --disabled yes
if [ "$(id -u)" = 0 ]; then
	code 31 'not running' V --quiet stop 101 --skip-umount
	code 105 'disabled \(--force starts it\)' V --quiet start 101
	code 105 'disabled' V --quiet restart 101
	code 14 'does not exist' V --quiet start 102 --force
	if [ -e /sys/fs/cgroup/ve.orphans ]; then
		skip "--force" "it would start here; tests/guest/vzctl-flags.sh has that"
	else
		# What comes next is what this kernel lacks, or the host.
		lacks='no .ve. controller'
		[ -n "$cgroup2" ] || lacks='not in a cgroup2'
		code 5 "$lacks" V --quiet start 101 --force
		code 5 "$lacks" V --quiet restart 101 --force --skip-umount
	fi
else
	skip "start" "needs root"
fi
