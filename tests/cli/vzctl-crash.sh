#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# create, destroy and set killed at the entry of a system call that changes
# something, one call after the other: the next command completes or removes
# what is left, and what is there is whole. If this fails, a killed command
# leaves a container that can neither be used nor removed, or its gigabytes.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/node.sh
. "$(dirname "$0")/../lib/node.sh"
requires vzctl vzlist ploop e2fsck strace

make_node
make_template tiny
V() { vzctl --config-root "$etc" --quiet "$@"; }
conf=$etc/conf/101.conf
cuts=rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,symlink,symlinkat,linkat,ftruncate,fallocate,fsync,fdatasync,pwrite64
points=60 # of each command, spread over all of its calls

state() { vzctl --config-root "$etc" status 101 | cut -d' ' -f3; }
# What a container that is gone may leave: nothing but the file kept aside.
left() { find "$node/private" "$node/root" "$etc/conf" "$etc/names" -name '*101*' ! -name '*.destroyed' 2>/dev/null || :; }

# calls COMMAND... - how many of those system calls it makes.
calls() {
	strace -qq -o "$tap_tmp/strace" -e trace="$cuts" vzctl --config-root "$etc" --quiet "$@" >/dev/null
	wc -l <"$tap_tmp/strace"
}

# kill_at N COMMAND... - kill it as it makes the Nth.
kill_at() {
	at=$1
	shift
	strace -qq -o /dev/null -e trace="$cuts" -e inject="$cuts:signal=KILL:when=$at" \
		vzctl --config-root "$etc" --quiet "$@" >/dev/null 2>&1 || :
}

# each TOTAL FUNCTION - FUNCTION N at sampled N; it prints what is wrong.
each() {
	each_step=$((($1 + points - 1) / points))
	[ "$each_step" -gt 0 ] || each_step=1
	for n in $(seq 1 "$each_step" "$1") "$1"; do
		"$2" "$n" || echo "call $n of $1: status $?"
	done
}

whole() { ploop check "$node/private/101/root.hdd" && [ -s "$conf" ] && [ "$(state)" = exist ]; }

after_create() {
	kill_at "$1" create 101 --ostemplate tiny --name web
	if [ "$(state)" = exist ]; then
		whole >/dev/null || echo "call $1: exists and is not whole"
		[ "$(readlink "$etc/names/web")" = ../conf/101.conf ] || echo "call $1: has no name"
	else
		[ ! -e "$conf" ] || echo "call $1: a file of what is not there"
		# Nobody else gets what it had; then half of the time each way on.
		V create 102 --ostemplate tiny || return
		[ "$(cat "$conf" "$conf.creating" "$etc/conf/102.conf" 2>/dev/null | grep LOCAL_UID | sort | uniq -d)" = "" ] ||
			echo "call $1: host ids twice"
		V destroy 102
		if [ $(($1 % 2)) = 0 ]; then
			V create 101 --ostemplate tiny --name web || return
			whole >/dev/null || echo "call $1: made again, not whole"
		elif [ -e "$conf.creating" ]; then
			V destroy 101 || return
		fi
	fi
	[ "$(state)" = deleted ] || V destroy 101 || return
	[ -z "$(left)" ] || echo "call $1: left $(left)"
	rm -rf "$(left | head -n 1)"
}

after_destroy() {
	V create 101 --ostemplate tiny --name web || return
	kill_at "$1" destroy 101
	if [ "$(state)" = exist ]; then
		V destroy 101 || return
	fi
	[ -z "$(left)" ] || echo "call $1: left $(left)"
	V create 101 --ostemplate tiny --name web || return
	V destroy 101
}

after_set() {
	cp "$tap_tmp/before" "$conf"
	kill_at "$1" set 101 --hostname new.example --name new --save
	grep -q '^DISKSPACE="64M"$' "$conf" || echo "call $1: lost a line"
	V set 101 --hostname new.example --name new --save || return
	cmp -s "$conf" "$tap_tmp/after" || echo "call $1: $(diff "$conf" "$tap_tmp/after")"
	[ "$(readlink "$etc/names/new")" = ../conf/101.conf ] || echo "call $1: has no name"
	V set 101 --name web --save || return
}

n=$(calls create 101 --ostemplate tiny --name web)
diag "create makes $n of them"
like "the cuts are in create" "$n" '^[0-9]{2,}$'
V destroy 101
is "a killed create is started over or removed" "$(each "$n" after_create)" ""
V create 101 --ostemplate tiny --name web
n=$(calls destroy 101)
diag "destroy makes $n of them"
is "a killed destroy is completed" "$(each "$n" after_destroy)" ""

V create 101 --ostemplate tiny --name web
cp "$conf" "$tap_tmp/before"
n=$(calls set 101 --hostname new.example --name new --save)
cp "$conf" "$tap_tmp/after"
diag "set makes $n of them"
V set 101 --name web --save
is "a killed set has changed all or nothing" "$(each "$n" after_set)" ""
is "no temporary file is left" "$(find "$etc" -name '.*' ! -name . | head -n 3)" ""
