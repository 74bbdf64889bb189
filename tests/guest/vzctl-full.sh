#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 boot=crash time=400
# tools: vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A host whose disk is full, where the private areas are, the records of what runs
# or the configuration: each command ends in one line with its exit code, leaves
# nothing, loses nothing, and goes through once there is room. If this fails, a full
# disk costs a container, or its rests keep it full. In the end CRASH_POINTS of the calls
# that take room fail, other ones each day, or all (tests/lib/crash.sh).
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"
# shellcheck source=tests/lib/crash.sh
. "$(dirname "$0")/../lib/crash.sh"

id=2801 new=2802
points=${CRASH_POINTS:-4}
small=$tap_tmp/small
mkdir "$small"

# tight KIB - all but KIB of the file system at $small is taken
tight() {
	rm -f "$small/filler"
	tight_free=$(($(df -k --output=avail "$small" | tail -n 1) - $1))
	[ "$tight_free" -le 0 ] || head -c ${tight_free}K /dev/zero >"$small/filler" 2>/dev/null || :
	sync -f "$small"
}

# full NAME CODES COMMAND... - it fails with one of CODES ("46|48"), in one line
full() {
	full_name=$1 full_codes=$2
	shift 2
	run "$@"
	like "$full_name: exit $full_codes" "$status" "^($full_codes)\$"
	is "$full_name: one line" "$(printf '%s\n' "$output" | grep -c '^vzctl: ') of $(printf '%s\n' "$output" | wc -l)" "1 of 1"
	like "$full_name: that says it" "$output" "[Nn]o space left|no free space"
}

# nothing_of ID - what a create that failed left of it
nothing_of() {
	find /etc/vz/conf /etc/vz/names /vz/private /run/vz -name "*$1*" ! -name '*.destroyed' 2>/dev/null
	leftovers "$1"
}

new_ct $id busybox --ipadd 10.28.0.1
vzctl --quiet start $id
vzctl exec $id 'seq 20000 >/root/kept; sync'
sum=$(vzctl exec $id 'md5sum </root/kept')
vzctl --quiet stop $id --fast

# --- where the private areas are ---
# Steps of a create from none of its blocks to all, on a file system with room for inodes only.
truncate -s 24M "$tap_tmp/disk"
mke2fs -q -t ext4 -O ^has_journal -m 0 -F "$tap_tmp/disk"
mount -o loop "$tap_tmp/disk" "$small"
cleanup_fn "umount -l /vz/private 2>/dev/null || :; umount -l $small 2>/dev/null || :"
mv /vz/private/$id "$small/$id"
mount --bind "$small" /vz/private
created=
for kib in 0 4 32 256 1024 2048 4096 8192 16384; do
	tight $kib
	run vzctl --quiet create $new --ostemplate busybox --diskspace 128M
	if [ "$status" -eq 0 ]; then
		created=$kib
		break
	fi
	is "create with $kib KiB: exit" "$status" 46
	is "create with $kib KiB: one line" "$(printf '%s\n' "$output" | grep -c "^vzctl: cannot create $new: ") of $(printf '%s\n' "$output" | wc -l)" "1 of 1"
	is "create with $kib KiB: nothing is left" "$(nothing_of $new)" ""
done
like "with more it is created" "$created" '^(1024|2048|4096|8192|16384)$'
vzctl --quiet destroy $new
tight 0
run vzctl --quiet start $id
like "start of a container that has its blocks: started, or told why not" "$status" '^(0|50|152)$'
is "in one line at most" "$(printf '%s\n' "$output" | wc -l)" 1
[ "$status" -ne 0 ] || {
	vzctl exec $id 'dd if=/dev/zero of=/root/new bs=1M count=8; sync' >/dev/null 2>&1 || :
	check "and it takes commands when it has filled the host" timeout 60 vzctl exec $id true
	check "and stops" timeout 100 vzctl --quiet stop $id --fast
}
is "on a full host nothing of it is left" "$(leftovers $id)" ""
tight 8192
check "with room again it starts" vzctl --quiet start $id
is "and has lost nothing" "$(vzctl exec $id 'md5sum </root/kept')" "$sum"
vzctl --quiet stop $id
tight 0
check "what is destroyed makes room" vzctl --quiet destroy $id
like "all of it" "$(find "$small" -mindepth 1 ! -name lost+found ! -name filler | wc -l)" '^0$'
umount /vz/private
umount "$small"

# --- where the records of what runs are ---
new_ct $id busybox --ipadd 10.28.0.1
mount -t tmpfs -o size=64k tmpfs "$small"
cleanup_fn "umount -l /run/vz 2>/dev/null || :"
mount --bind "$small" /run/vz
tight 0
full "start without a record" 3 vzctl --quiet start $id
is "start without a record: nothing is left" "$(leftovers $id)" ""
tight 64
check "with room it starts" vzctl --quiet start $id
tight 0
check "set of a running one" vzctl --quiet set $id --cpuunits 2000 --save
full "what is not saved is not done" '139|3' vzctl --quiet set $id --ipadd 10.28.0.2
mustfail "the address is not there" vzctl exec2 $id 'ip addr show venet0 | grep -q 10.28.0.2'
check "it runs" vzctl exec $id true
check "and stops" vzctl --quiet stop $id
is "and nothing is left" "$(leftovers $id)" ""
umount /run/vz
umount "$small"

# --- where the configuration is ---
mount -t tmpfs -o size=1m tmpfs "$small"
cp -a /etc/vz/. "$small"
cleanup_fn "umount -l /etc/vz 2>/dev/null || :"
mount --bind "$small" /etc/vz
tight 0
full "create without its configuration" 46 vzctl --quiet create $new --ostemplate busybox --diskspace 128M
is "create without its configuration: nothing is left" "$(nothing_of $new)" ""
before=$(md5sum </etc/vz/conf/$id.conf)
full "set --save" 139 vzctl --quiet set $id --hostname other --save
is "its file is as it was" "$(md5sum </etc/vz/conf/$id.conf)" "$before"
check "it starts" vzctl --quiet start $id
full "set --save of a running one" 139 vzctl --quiet set $id --ipadd 10.28.0.2 --save
mustfail "is taken back" vzctl exec2 $id 'ip addr show venet0 | grep -q 10.28.0.2'
check "it stops" vzctl --quiet stop $id
check "it is destroyed" vzctl --quiet destroy $id
tight 64
check "with room it is created again" vzctl --quiet create $id --ostemplate busybox --diskspace 128M
umount /etc/vz
cp -a "$small/conf/$id.conf" /etc/vz/conf/
umount "$small"

# --- at any moment: the K-th call that takes room fails ---
room=write,pwrite64,ftruncate,fallocate,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,fsync,fdatasync,mknodat
# fail_at NAME K COMMAND...
fail_at() {
	fail_call=$1 fail_count=$2
	shift 2
	strace -qq -o /dev/null -e trace="$fail_call" -e inject="$fail_call:error=ENOSPC:when=$fail_count" "$@" 4<&- 5<&-
}

# said NAME STATUS - of a failure there is one line
said() {
	[ "$2" -eq 0 ] || [ "$(grep -c '^vzctl: ' "$tap_tmp/said")" = 1 ] || echo "$1: status $2 and says $(cat "$tap_tmp/said")"
}

# moments COMMAND... - the calls where it is to fail
moments() { cut_points $room "$points" "$@"; }

failed_set() {
	s=0
	fail_at "$1" "$2" vzctl --quiet set $id --hostname "h$2" --name "n$2" --save >"$tap_tmp/said" 2>&1 || s=$?
	said "set, $1 $2" $s
	[ $s -eq 0 ] || vzctl --quiet set $id --hostname "h$2" --name "n$2" --save || echo "set, $1 $2: not again"
}

failed_start() {
	s=0
	# shellcheck disable=SC2086 # two words
	fail_at "$1" "$2" vzctl --quiet $start $id >"$tap_tmp/said" 2>&1 || s=$?
	said "start, $1 $2" $s
	[ $s -eq 0 ] || [ -z "$(leftovers $id)" ] || echo "start, $1 $2: left $(leftovers $id)"
	[ $s -eq 0 ] || vzctl --quiet start $id || echo "start, $1 $2: not again"
	timeout 60 vzctl exec $id true || echo "start, $1 $2: does not run"
	vzctl --quiet stop $id --fast || echo "start, $1 $2: does not stop"
	[ -z "$(leftovers $id)" ] || echo "start, $1 $2: after the stop left $(leftovers $id)"
}

failed_stop() {
	vzctl --quiet start $id
	s=0
	fail_at "$1" "$2" vzctl --quiet stop $id --fast >"$tap_tmp/said" 2>&1 || s=$?
	said "stop, $1 $2" $s
	[ $s -eq 0 ] || vzctl --quiet stop $id --fast 2>/dev/null || [ $? = 31 ] || echo "stop, $1 $2: not again"
	[ -z "$(leftovers $id)" ] || echo "stop, $1 $2: left $(leftovers $id)"
}

failed_create() {
	s=0
	fail_at "$1" "$2" vzctl --quiet create $new --ostemplate busybox --diskspace 128M >"$tap_tmp/said" 2>&1 || s=$?
	said "create, $1 $2" $s
	[ $s -eq 0 ] || [ -z "$(nothing_of $new)" ] || echo "create, $1 $2: left $(nothing_of $new)"
	[ $s -ne 0 ] || vzctl --quiet destroy $new || echo "create, $1 $2: not destroyed"
}

failed_destroy() {
	vzctl --quiet create $new --ostemplate busybox --diskspace 128M
	s=0
	fail_at "$1" "$2" vzctl --quiet destroy $new >"$tap_tmp/said" 2>&1 || s=$?
	said "destroy, $1 $2" $s
	[ $s -eq 0 ] || vzctl --quiet destroy $new || echo "destroy, $1 $2: not again"
	[ -z "$(nothing_of $new)" ] || echo "destroy, $1 $2: left $(nothing_of $new)"
}

each() {
	printf '%s\n' "$1" | while read -r name n; do
		"$2" "$name" "$n" </dev/null || echo "$name $n: status $?"
	done
}

# The job that the supervisor runs for start, without one: its calls are this process's.
start="--supervised start"
list=$(moments vzctl --quiet create $new --ostemplate busybox --diskspace 128M)
like "the moments of a create" "$(printf '%s\n' "$list" | wc -l)" '^[0-9]+$'
vzctl --quiet destroy $new
is "create, full at some moment" "$(each "$list" failed_create)" ""
vzctl --quiet create $new --ostemplate busybox --diskspace 128M
list=$(moments vzctl --quiet destroy $new)
is "destroy, full at some moment" "$(each "$list" failed_destroy)" ""
list=$(moments vzctl --quiet set $id --hostname h --name n --save)
is "set --save, full at some moment" "$(each "$list" failed_set)" ""
# shellcheck disable=SC2086 # two words
list=$(moments vzctl --quiet $start $id)
ends=$(moments vzctl --quiet stop $id --fast)
is "start, full at some moment" "$(each "$list" failed_start)" ""
is "stop, full at some moment" "$(each "$ends" failed_stop)" ""
vzctl --quiet destroy $id
