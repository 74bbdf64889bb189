#!/bin/bash
# guest: kernel=plain root=host mem=3072 smp=2 boot=ploop time=300
# tools: ploop vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Disks that grow: mounted under a write load, or not, expanded, raw, and on a
# snapshot; whoever is killed in the middle is gone on with. If this fails, a
# customer who buys a larger disk does not get it, or loses his.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"
# shellcheck source=tests/lib/crash.sh
. "$(dirname "$0")/../lib/crash.sh"
requires ploop dmsetup e2fsck sfdisk

cd "$tap_tmp"
mkdir src mnt
cp -a /usr/bin/[a-c]* src/
tar -C src -cf t.tar .
cleanup_fn "umount $tap_tmp/mnt 2>/dev/null || :"
no_device() { ! dmsetup ls 2>/dev/null | grep -q '^ploop-' && [ -z "$(losetup -a)" ]; }
size() { ploop info -s "$1" | sed -n 's/^size: *//p'; }
part() { ploop info -s "$1" | sed -n 's/^partition: *//p'; }
recorded() { sed -n 's/.*<Disk_size>\(.*\)<.*/\1/p' "$1/DiskDescriptor.xml"; }
kib() { df -k --output=size mnt | tail -n 1 | xargs; }
sound() {
	check "$1: check finds nothing" ploop check "$2"
	check "$1: mount it" ploop mount -m mnt "$2"
	check "$1: the tree is there" tar -C mnt -df t.tar
	check "$1: nothing is mounted but sound" e2fsck -fn "$(awk -v m="$tap_tmp/mnt" '$2 == m { print $1 }' /proc/mounts)"
}
off() {
	ploop umount -m mnt
	wait_until 5 no_device
}

# --- mounted, under load --------------------------------------------------------------
check "make a disk" ploop init -s 256M --tar t.tar i/root.hds
check "mount it" ploop mount -m mnt i
before=$(kib)
(
	while [ ! -e mnt/stop ]; do head -c 300000 /dev/urandom >mnt/load; sync mnt/load; done
) &
load=$!
wait_until 20 test -s mnt/load
check "grow it" ploop resize -s 1G i
is "the disk has that size" "$(size i)" $((1 << 30))
is "so says the descriptor" "$(recorded i)" $(((1 << 30) / 512))
check "the file system is four times as large, nearly" test "$(kib)" -gt $((before * 37 / 10))
fallocate -l 300M mnt/room
head -c 20M /dev/urandom >mnt/big
sync mnt/big
check "more goes in than went in before" test "$(df -k --output=used mnt | tail -n 1)" -gt "$before"
touch mnt/stop
wait "$load"
sum=$(md5sum <mnt/big)
check "once more, by little" ploop resize -s 1100M i
check "and to what it is" ploop resize -s 1100M i
off
is "its partition goes to the end" "$(part i)" "1048576 $(((1100 << 20) - (2 << 20)))"
sound "after that" i
is "what was written is there" "$(md5sum <mnt/big)" "$sum"
off
if command -v qemu-img >/dev/null; then check "QEMU finds no fault" qemu-img check -f parallels i/root.hds; fi

# --- not mounted -----------------------------------------------------------------------
check "grow it while it is not mounted" ploop resize -s 1300M i
wait_until 5 no_device
is "it has that size" "$(size i)" $((1300 << 20))
is "and no place to mount it stays" "$(find /run -maxdepth 1 -name 'ploop.*')" ""
sound "not mounted" i
off
mustfail "one that is in use otherwise is not grown" flock i/root.hds ploop resize -s 2G i
is "as in use" "$status" 37

# --- on a snapshot -----------------------------------------------------------------------
check "a snapshot" ploop snapshot -u 11111111-0000-4000-8000-000000000001 i
check "mount it" ploop mount -m mnt i
check "grow what stands on it" ploop resize -s 1500M i
mustfail "the smaller one below is not deleted meanwhile" ploop snapshot-delete -u 11111111-0000-4000-8000-000000000001 i
is "as in use" "$status" 37
like "by name" "$output" 'was smaller when the snapshot'
echo new >mnt/word
off
sound "on a snapshot" i
is "its word" "$(cat mnt/word)" new
off
check "merge the two" ploop snapshot-merge i
is "it has its size" "$(size i)" $((1500 << 20))
sound "merged" i
is "its word" "$(cat mnt/word)" new
off

# --- raw -----------------------------------------------------------------------------------
check "make a raw disk" ploop init -s 256M -f raw --tar t.tar r/root.hds
check "mount it" ploop mount -m mnt r
before=$(kib)
check "grow it" ploop resize -s 768M r
check "the file system grew" test "$(kib)" -gt $((before * 27 / 10))
is "so did the file" "$(stat -c %s r/root.hds)" $((768 << 20))
off
sound "raw" r
off
is "its partition goes to the end" "$(part r)" "1048576 $(((768 << 20) - (2 << 20)))"
check "another way of reading it agrees" sfdisk -V r/root.hds

# --- killed --------------------------------------------------------------------------------
check "make a disk" ploop init -s 128M --tar t.tar k/root.hds
cuts=ioctl,openat,renameat,fsync,pwrite64,mount,umount2
list=$(cut_points $cuts "${CRASH_POINTS:-8}" ploop resize -s 160M k)
diag "killed at $(echo "$list" | wc -l) calls"
mb=160
while read -r name n; do
	mb=$((mb + 32))
	kill_at "$name" "$n" ploop resize -s "${mb}M" k || :
	grep -o '/run/ploop\.[^ ]*' /proc/mounts | while read -r m; do ploop umount -m "$m"; rmdir "$m"; done
	find /run -maxdepth 1 -name 'ploop.*' -exec rmdir {} +
	# A device that was made and not loaded yet is the next one's to take.
	run ploop resize -s "${mb}M" k
	is "killed at $name $n, it goes on" "$status$output" 0
	is "to its size" "$(size k)" $((mb << 20))
	check "and no device stays" wait_until 5 no_device
done <<<"$list" 2>/dev/null
sound "killed" k
off

# --- a container ----------------------------------------------------------------------------
check "create a container" vzctl create 921 --ostemplate busybox --layout ploop:expanded --diskspace 300M
check "start it" vzctl start 921
before=$(vzctl exec 921 'df -k / | tail -n 1' | awk '{ print $2 }')
check "grow its disk" ploop resize -s 600M /vz/private/921/root.hdd
check "it sees that" test "$(vzctl exec 921 'df -k / | tail -n 1' | awk '{ print $2 }')" -gt $((before * 17 / 10))
vzctl exec 921 'echo more >/root/word; sync'
check "stop it" vzctl stop 921 --fast
check "start it" vzctl start 921
is "all is there" "$(vzctl exec 921 cat /root/word)" more
check "stop it" vzctl stop 921 --fast
check "check finds nothing" ploop check /vz/private/921/root.hdd
check "destroy it" vzctl destroy 921
