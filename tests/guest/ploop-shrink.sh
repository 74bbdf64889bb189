#!/bin/bash
# guest: kernel=plain root=host mem=3072 smp=1 boot=images time=300
# tools: ploop
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Disks that shrink: expanded, raw, and on a snapshot; too small for what is on
# them, in use, and with whoever does it killed in the middle. If this fails, a
# customer who buys a smaller disk loses what is on it, or the host the space.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/crash.sh
. "$(dirname "$0")/../lib/crash.sh"
requires ploop dmsetup e2fsck resize2fs sfdisk

cd "$tap_tmp"
mkdir src mnt
cp -a /usr/bin/[a-c]* src/
tar -C src -cf t.tar .
cleanup_fn "umount $tap_tmp/mnt 2>/dev/null || :"
no_device() { ! dmsetup ls 2>/dev/null | grep -q '^ploop-' && [ -z "$(losetup -a)" ]; }
size() { ploop info -s "$1" | sed -n 's/^size: *//p'; }
part() { ploop info -s "$1" | sed -n 's/^partition: *//p'; }
recorded() { sed -n 's/.*<Disk_size>\(.*\)<.*/\1/p' "$1/DiskDescriptor.xml"; }
images() { find "$1" -name 'root.hds*' | wc -l; }
sound() {
	check "$1: check finds nothing" ploop check "$2"
	check "$1: mount it" ploop mount -m mnt "$2"
	check "$1: the tree is there" tar -C mnt -df t.tar
	is "$1: all else, too" "$(cat mnt/last mnt/keep 2>/dev/null | md5sum)" "$sum"
	check "$1: nothing is mounted but sound" e2fsck -fn "$(awk -v m="$tap_tmp/mnt" '$2 == m { print $1 }' /proc/mounts)"
}
off() {
	ploop umount -m mnt
	wait_until 5 no_device
}
# Something at the far end, which has to move, and 40 MB that stay.
filled() {
	ploop mount -m mnt "$1"
	fallocate -l "$2" mnt/room
	head -c 5M /dev/urandom >mnt/last
	head -c 40M /dev/urandom >mnt/keep
	sum=$(cat mnt/last mnt/keep | md5sum)
	rm mnt/room
	off
}

# --- expanded ----------------------------------------------------------------------------
check "make a disk" ploop init -s 1G --tar t.tar i/root.hds
filled i 700M
before=$(stat -c %s i/root.hds)
check "shrink it" ploop resize -s 300M i
wait_until 5 no_device
is "it has that size" "$(size i)" $((300 << 20))
is "so says the descriptor" "$(recorded i)" $(((300 << 20) / 512))
is "its partition ends with it" "$(part i)" "1048576 $(((300 << 20) - (2 << 20)))"
is "one image" "$(images i)" 1
check "the file is no longer than the disk" test "$(stat -c %s i/root.hds)" -le $((301 << 20))
diag "the file had $before bytes, and has $(stat -c %s i/root.hds)"
sound "smaller" i
check "the file system, too" test "$(df -k --output=size mnt | tail -n 1)" -lt $((300 << 10))
off
if command -v qemu-img >/dev/null; then check "QEMU finds no fault" qemu-img check -f parallels i/root.hds; fi
sums=$(md5sum i/*)
mustfail "not smaller than what is on it" ploop resize -s 40M i
is "with its exit code" "$status" 26
like "and how much it needs" "$output" 'needs a disk of [0-9]* bytes at least'
needs=$(printf '%s\n' "$output" | sed -n 's/.*disk of \([0-9]*\) bytes.*/\1/p')
is "nothing has changed" "$(md5sum i/*)" "$sums"
check "to that it can be shrunk" ploop resize -s "$((needs >> 20))M" i
is "it has that size" "$(size i)" "$needs"
sound "as small as can be" i
off
check "and grow again" ploop resize -s 500M i
wait_until 5 no_device
sound "grown again" i
off
mustfail "one that is in use otherwise is not shrunk" flock i/root.hds ploop resize -s 300M i
is "as in use" "$status" 37

# --- on a snapshot -------------------------------------------------------------------------
one=11111111-0000-4000-8000-000000000001
check "a snapshot" ploop snapshot -u $one i
check "shrink what stands on it" ploop resize -s 250M i
wait_until 5 no_device
is "it has that size" "$(size i)" $((250 << 20))
is "two images" "$(images i)" 2
sound "on a snapshot" i
off
check "the snapshot is as it was" ploop mount -m mnt -u $one i
check "its tree is there" tar -C mnt -df t.tar
check "with its size" test "$(df -k --output=size mnt | tail -n 1)" -gt $((400 << 10))
off
check "go back to it" ploop snapshot-switch -u $one i
is "it is as large as it was then" "$(size i)" $((500 << 20))
sound "gone back" i
off
check "shrink it once more" ploop resize -s 250M i
check "and give the snapshot up" ploop snapshot-delete -u $one i
is "one image" "$(images i)" 1
sound "without the snapshot" i
off

# --- raw -----------------------------------------------------------------------------------
check "make a raw disk" ploop init -s 768M -f raw --tar t.tar r/root.hds
filled r 500M
check "shrink it" ploop resize -s 300M r
wait_until 5 no_device
is "so did the file" "$(stat -c %s r/root.hds)" $((300 << 20))
is "one image" "$(images r)" 1
sound "raw" r
off
check "another way of reading it agrees" sfdisk -V r/root.hds

# --- killed --------------------------------------------------------------------------------
check "make a disk" ploop init -s 400M --tar t.tar k/root.hds
filled k 250M
cp -a --sparse=never k start
again() {
	rm -rf k
	cp -a --sparse=never start k
}
cuts=ioctl,openat,renameat,fsync,pwrite64,ftruncate
list=$(cut_points $cuts "${CRASH_POINTS:-8}" ploop resize -s 200M k)
diag "killed at $(echo "$list" | wc -l) calls"
while read -r name n; do
	again
	kill_at "$name" "$n" ploop resize -s 200M k || :
	wait_until 20 no_device
	run ploop check -d k
	is "killed at $name $n, it can be mended" "$(printf '%s\n' "$output" | grep -v 'belong to no block\|k. has [0-9]* error\|no errors')" ""
	case $(size k) in $((200 << 20)) | $((400 << 20))) s=old-or-new ;; *) s=$(size k) ;; esac
	is "and is the old or the new one" "$s" old-or-new
	run ploop resize -s 200M k
	is "and it goes on" "$status$output" 0
	is "to its size" "$(size k)" $((200 << 20))
done <<<"$list" 2>/dev/null
sound "killed" k
off
is "nothing is left" "$(images k)" 1
