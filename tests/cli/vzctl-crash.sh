#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# create, destroy, convert and set killed at the entry of a system call that changes
# something, one call after the other: the next command completes or removes
# what is left, and what is there is whole. If this fails, a killed command
# leaves a container that can neither be used nor removed, or its gigabytes.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/node.sh
. "$(dirname "$0")/../lib/node.sh"
# shellcheck source=tests/lib/crash.sh
. "$(dirname "$0")/../lib/crash.sh"
requires vzctl vzlist ploop e2fsck qemu-img

make_node
make_template tiny
V() { vzctl --config-root "$etc" --quiet "$@"; }
conf=$etc/conf/101.conf
cuts=rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,symlink,symlinkat,link,linkat,ftruncate,fallocate,fsync,fdatasync,pwrite64

state() { vzctl --config-root "$etc" status 101 | cut -d' ' -f3; }
# What a container that is gone may leave: nothing but the file kept aside.
left() { find "$node/private" "$node/root" "$etc/conf" "$etc/names" -name '*101*' ! -name '*.destroyed' 2>/dev/null || :; }

# Every one of them.
calls() { cut_points $cuts all vzctl --config-root "$etc" --quiet "$@"; }
killed() {
	killed_name=$1 killed_n=$2
	shift 2
	kill_at "$killed_name" "$killed_n" vzctl --config-root "$etc" --quiet "$@" || :
}

# each CALLS FUNCTION - FUNCTION NAME N for each of CALLS; it prints what is wrong.
each() {
	printf '%s\n' "$1" | while read -r name n; do
		"$2" "$name" "$n" || echo "$name $n: status $?"
	done | head -n 20
}

whole() { ploop check "$node/private/101/root.hdd" && [ -s "$conf" ] && [ "$(state)" = exist ]; }

after_create() {
	killed "$1" "$2" create 101 --ostemplate tiny --name web
	if [ "$(state)" = exist ]; then
		whole >/dev/null || echo "$1 $2: exists and is not whole"
		[ "$(readlink "$etc/names/web")" = ../conf/101.conf ] || echo "$1 $2: has no name"
	else
		[ ! -e "$conf" ] || echo "$1 $2: a file of what is not there"
		# Nobody else gets what it had; then half of the time each way on.
		V create 102 --ostemplate tiny || return
		[ "$(cat "$conf" "$conf.creating" "$etc/conf/102.conf" 2>/dev/null | grep LOCAL_UID | sort | uniq -d)" = "" ] ||
			echo "$1 $2: host ids twice"
		V destroy 102
		if [ $(($2 % 2)) = 0 ]; then
			V create 101 --ostemplate tiny --name web || return
			whole >/dev/null || echo "$1 $2: made again, not whole"
		elif [ -e "$conf.creating" ]; then
			V destroy 101 || return
		fi
	fi
	[ "$(state)" = deleted ] || V destroy 101 || return
	[ -z "$(left)" ] || echo "$1 $2: left $(left)"
	rm -rf "$(left | head -n 1)"
}

after_destroy() {
	V create 101 --ostemplate tiny --name web || return
	killed "$1" "$2" destroy 101
	if [ "$(state)" = exist ]; then
		V destroy 101 || return
	fi
	[ -z "$(left)" ] || echo "$1 $2: left $(left)"
	V create 101 --ostemplate tiny --name web || return
	V destroy 101
}

disk=$node/private/101/root.hdd
# as_it_was - the disk and its record are those of before.
as_it_was() {
	rm -rf "$disk"
	cp -a "$tap_tmp/disk" "$disk"
	cp "$tap_tmp/before" "$conf"
}

after_convert() {
	as_it_was
	killed "$1" "$2" convert 101
	[ "$(state)" = exist ] || echo "$1 $2: is $(state)"
	ploop check "$disk" >/dev/null || echo "$1 $2: is not whole"
	V convert 101 || return
	grep -q '^VE_LAYOUT="ploop:expanded"$' "$conf" || echo "$1 $2: recorded as $(grep VE_LAYOUT "$conf")"
	image=$(sed -n 's|.*<File>\(.*\)</File>.*|\1|p' "$disk/DiskDescriptor.xml")
	qemu-img compare -q -f raw -F parallels "$tap_tmp/disk/root.hds" "$disk/$image" || echo "$1 $2: another disk"
	# The descriptor's other name of a moment goes with the next change of it.
	others=$(find "$disk" -type f ! -name .DiskDescriptor.xml.new ! -name DiskDescriptor.xml ! -name "$image")
	[ -z "$others" ] || echo "$1 $2: left $others"
}

after_set() {
	cp "$tap_tmp/before" "$conf"
	killed "$1" "$2" set 101 --hostname new.example --name new --save
	grep -q '^DISKSPACE="64M"$' "$conf" || echo "$1 $2: lost a line"
	V set 101 --hostname new.example --name new --save || return
	cmp -s "$conf" "$tap_tmp/after" || echo "$1 $2: $(diff "$conf" "$tap_tmp/after")"
	[ "$(readlink "$etc/names/new")" = ../conf/101.conf ] || echo "$1 $2: has no name"
	V set 101 --name web --save || return
}

# What survives a loss of power: each thing is on disk before the one that leads to it has its name.
steps() {
	sed -n 's/ *(deleted)//
		s/^f\(data\)\{0,1\}sync([0-9]*<\([^>]*\)>.*/sync \2/p
		s/^link.*>, "\([^"]*\)".*/name \1/p
		s/^rename.*"\([^"]*\)".*/name \1/p' "$tap_tmp/syncs" |
		sed 's|[^ ]*/||; s/ #[0-9]*$/ a file/; s/\.tmp-.*/.tmp/' | uniq
}
strace -qq -y -o "$tap_tmp/syncs" -e trace=fsync,fdatasync,link,linkat,rename,renameat,renameat2 \
	vzctl --config-root "$etc" --quiet create 101 --ostemplate tiny
is "create syncs the image, the descriptor, the configuration, in that order" "$(steps)" "sync a file
name 101.conf.creating
sync conf
sync root.hds
sync a file
name DiskDescriptor.xml
sync .root.hdd.tmp
name root.hdd
sync 101.vzctl-partial
name 101
sync private
name 101.conf
sync conf"
V destroy 101

# Which calls a test takes that does not take all of them: tests/lib/crash.sh.
days() { for CRASH_SEED in $1; do seq 100 | spread 10; done; }
is "another day takes others" "$(days '20783 20784' | sort | uniq -d)" ""
is "as many as asked for" "$(days 20783 | wc -l) $(seq 5 | spread 10 | wc -l)" "10 5"
is "in ten days nine of ten" "$(days "$(seq -s ' ' 20783 20792)" | sort -u | wc -l)" 90

list=$(calls create 101 --ostemplate tiny --name web)
diag "create makes $(printf '%s\n' "$list" | wc -l) of them"
like "the cuts are in create" "$list" '^pwrite64 10$'
V destroy 101
is "a killed create is started over or removed" "$(each "$list" after_create)" ""
V create 101 --ostemplate tiny --name web
list=$(calls destroy 101)
diag "destroy makes $(printf '%s\n' "$list" | wc -l) of them"
is "a killed destroy is completed" "$(each "$list" after_destroy)" ""

V create 101 --ostemplate tiny --name web
cp "$conf" "$tap_tmp/before"
list=$(calls set 101 --hostname new.example --name new --save)
cp "$conf" "$tap_tmp/after"
diag "set makes $(printf '%s\n' "$list" | wc -l) of them"
V set 101 --name web --save
is "a killed set has changed all or nothing" "$(each "$list" after_set)" ""

cp -a "$disk" "$tap_tmp/disk"
cp "$conf" "$tap_tmp/before"
list=$(calls convert 101)
diag "convert makes $(printf '%s\n' "$list" | wc -l) of them"
is "a killed convert is completed by the next" "$(each "$list" after_convert)" ""
is "no temporary file is left" "$(find "$etc" -name '.*' ! -name . | head -n 3)" ""
