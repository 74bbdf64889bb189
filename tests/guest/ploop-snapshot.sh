#!/bin/bash
# guest: kernel=plain root=host mem=3072 smp=2 boot=ploop-long time=300
# tools: ploop vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Snapshots of a mounted disk: made under a write load, with I/O held up for a
# moment only, consistent, and read beside the disk that goes on; a command killed
# at any step leaves the disk, its writer and the snapshot; a container lives on
# through it. If this fails, a backup is not what was there, or takes the
# container down.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"
# shellcheck source=tests/lib/crash.sh
. "$(dirname "$0")/../lib/crash.sh"
requires ploop dmsetup flock e2fsck strace

cd "$tap_tmp"
mkdir src mnt old other
cp -a /usr/bin/[a-c]* src/
tar -C src -cf t.tar .
cleanup_fn "umount $tap_tmp/mnt $tap_tmp/old $tap_tmp/other 2>/dev/null || :"

devices() { dmsetup ls 2>/dev/null | sed -n 's/^\(ploop-[^[:space:]]*\).*/\1/p' | xargs; }
no_device() { [ -z "$(devices)" ]; }
levels() { dmsetup status "$(devices)" | cut -d' ' -f4; }
identity() { stat -c 'ploop-%Hd:%Ld-%i' "$1/$(top "$1")"; }
# top DIR, snapshots DIR - the file that is written to; the UUIDs of the others
top() { ploop snapshot-list -H -o current,fname "$1" | sed -n 's/^\* .*\///p'; }
snapshots() { ploop snapshot-list -H -o current,uuid "$1" | sed -n 's/^  //p' | xargs; }
in_use() { od -An -tx4 -j44 -N4 "$1" | xargs; }

# --- made while it is mounted ------------------------------------------------------
check "make a disk" ploop init -s 512M --tar t.tar i/root.hds
check "mount it" ploop mount -m mnt i
is "one level" "$(levels)" 1
# A writer whose every line is on the disk before the next.
writer() {
	n=0
	while [ ! -e "$1/stop" ]; do
		n=$((n + 1))
		echo "$n" >>"$1/log"
		sync "$1/log"
	done
}
writer mnt &
writer=$!
wait_until 20 test -s mnt/log
echo before >mnt/word
before=$(wc -l <mnt/log)
check "a snapshot under load" ploop snapshot -u 11111111-0000-4000-8000-000000000001 i/DiskDescriptor.xml
after=$(wc -l <mnt/log)
one='{11111111-0000-4000-8000-000000000001}'
two='{22222222-0000-4000-8000-000000000002}'
is "is listed" "$(snapshots i)" "$one"
is "the device has two levels" "$(levels)" 2
is "and is known by the new top" "$(devices)" "$(identity i)"
is "the old top is closed" "$(in_use i/root.hds)" 00000000
is "the new one in use" "$(in_use "i/$(top i)")" 746f6e59
is "the file system is where it was" "$(ploop info -d i | sed -n 's/^mounted: *//p')" "$tap_tmp/mnt"
moves() { [ "$(wc -l <mnt/log)" -gt "$((after + 3))" ]; }
check "its writer goes on" wait_until 20 moves
echo after >mnt/word
mustfail "the old top is locked for readers" flock -n -x i/root.hds true
check "whom it lets in" flock -n -s i/root.hds true
mustfail "the new top is locked" flock -n -s "i/$(top i)" true
mustfail "no second mount" ploop mount -m other i
is "as in use" "$status" 37

check "the snapshot mounts beside it" ploop mount -u "$one" -m old i
is "and says what was" "$(cat old/word)" before
mustfail "to be read only" touch old/x
got=$(wc -l <old/log)
check "between what was written before and after ($before, $got, $after)" \
	test "$got" -ge "$before" -a "$got" -le "$((after + 1))"
check "with no gap" test "$(seq "$got")" = "$(cat old/log)"
check "and the tree" tar -C old -df t.tar
run e2fsck -fn "$(awk -v m="$tap_tmp/old" '$2 == m { print $1 }' /proc/mounts)"
is "its file system is sound, with nothing to recover" "$status" 0
mustfail "a snapshot that is read is not deleted" ploop snapshot-delete -u "$one" i
is "as in use" "$status" 37
check "unmount it" ploop umount -m old
is "the disk is there" "$(devices)" "$(identity i)"

mustfail "one that the mounted disk stands on is not gone back to" ploop snapshot-switch -u "$one" i
is "as in use" "$status" 37

# How long a write waits for a snapshot: the longest of 200 beside one, as the writer sees it.
touch mnt/stop
wait "$writer"
cat >pause.py <<'P'
import os, sys, time
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_DIRECT)
page = memoryview(bytearray(8192))
import mmap
m = mmap.mmap(-1, 4096)
worst = 0
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    t = time.monotonic()
    os.pwrite(fd, m, 0)
    worst = max(worst, time.monotonic() - t)
print(int(worst * 1000))
P
if command -v python3 >/dev/null; then
	python3 pause.py mnt/pause 4 >pause &
	sleep 1
	check "another one" ploop snapshot i
	wait $!
	diag "longest write beside it: $(cat pause) ms (emulated)"
else
	check "another one" ploop snapshot i
fi
is "three levels" "$(levels)" 3
check "unmount" ploop umount -m mnt
check "all of it is gone" wait_until 5 no_device
check "check finds nothing" ploop check i
check "mount it again" ploop mount -m mnt i
is "three levels" "$(levels)" 3
is "with what was written last" "$(cat mnt/word)" after
check "unmount" ploop umount -m mnt
check "all of it is gone" wait_until 5 no_device

# --- back, and away ------------------------------------------------------------------
check "go back" ploop snapshot-switch -u "$one" i
check "mount it" ploop mount -m mnt i
is "the word is the old one" "$(cat mnt/word)" before
is "so is the log" "$(wc -l <mnt/log)" "$got"
echo branch >mnt/word
check "unmount" ploop umount -m mnt
wait_until 5 no_device
check "one file, one name of the disk" test "$(find i -type f | wc -l)" -eq $(($(ploop snapshot-list -H i | wc -l) + 1))
mustfail "what another snapshot stands on, too, is not merged" ploop snapshot-merge -A i
is "with its exit code" "$status" 38
is "both are there" "$(snapshots i | wc -w)" 2
other=$(snapshots i | tr ' ' '\n' | grep -v 11111111)
check "delete that other" ploop snapshot-delete -u "$other" i
check "and the first" ploop snapshot-delete -u "$one" i
is "none is left" "$(snapshots i)" ""
is "one file" "$(find i -name 'root.hds*' | wc -l)" 1
check "check finds nothing" ploop check i
check "mount it" ploop mount -m mnt i
is "the word is the last one" "$(cat mnt/word)" branch
check "and the tree" tar -C mnt -df t.tar
check "unmount" ploop umount -m mnt
wait_until 5 no_device

# --- given up while it is mounted -----------------------------------------------------
check "make a disk" ploop init -s 256M --tar t.tar d/root.hds
check "mount it" ploop mount -m mnt d
writer mnt &
writer=$!
wait_until 20 test -s mnt/log
head -c 20M /dev/urandom >mnt/a
check "a snapshot" ploop snapshot -u "$one" d
head -c 20M /dev/urandom >mnt/b
rm mnt/a
check "another" ploop snapshot -u "$two" d
head -c 20M /dev/urandom >mnt/c
sum=$(cat mnt/b mnt/c | md5sum)
check "the first goes, with the writer at work" ploop snapshot-delete -u "$one" d
is "the second is there" "$(snapshots d)" "$two"
check "mount that beside" ploop mount -u "$two" -m old d
check "without what came later" test ! -e old/c -a ! -e old/a
check "which is whole" cmp old/b mnt/b
check "unmount it" ploop umount -m old
check "the second goes" ploop snapshot-delete -u "$two" d
is "what is left is to be merged, and one" "$(snapshots d | wc -w)" 1
before=$(wc -l <mnt/log)
moves() { [ "$(wc -l <mnt/log)" -gt "$((before + 3))" ]; }
check "its writer goes on" wait_until 20 moves
is "what was written is there" "$(cat mnt/b mnt/c | md5sum)" "$sum"
for n in 1 2 3; do
	check "once more, a snapshot" ploop snapshot -u "$one" d
	check "and away" ploop snapshot-delete -u "$one" d
	is "there are no more levels than that" "$(levels)" 2
done
touch mnt/stop
wait "$writer"
n=$(wc -l <mnt/log)
check "its log has no gap" test "$(seq "$n")" = "$(cat mnt/log)"
check "unmount" ploop umount -m mnt
wait_until 5 no_device
is "then there is nothing left of it" "$(snapshots d)" ""
is "but one file" "$(find d -name 'root.hds*' | wc -l)" 1
check "check finds nothing" ploop check d
check "mount it" ploop mount -m mnt d
is "all is there" "$(cat mnt/b mnt/c | md5sum) $(wc -l <mnt/log)" "$sum $n"
check "and the tree" tar -C mnt -df t.tar
check "the file system is sound" e2fsck -fn "$(awk -v m="$tap_tmp/mnt" '$2 == m { print $1 }' /proc/mounts)"

# Killed at any step.
cuts=ioctl,openat,renameat,unlinkat,flock,fsync,fdatasync,pwrite64,fsetxattr
check "a snapshot" ploop snapshot -u "$one" d
head -c 3M /dev/urandom >mnt/d
# The third ioctl gives the device the table in which what was the top is none any more.
list=$(cut_points $cuts "${CRASH_POINTS:-6}" ploop snapshot-delete -u "$one" d; echo ioctl 3)
diag "killed at $(echo "$list" | wc -l) calls"
sum=$(cat mnt/b mnt/c mnt/d | md5sum)
while read -r name n; do
	ploop snapshot -u "$one" d >/dev/null
	echo "$name $n" >mnt/word
	kill_at "$name" "$n" ploop snapshot-delete -u "$one" d || :
	echo "$n $name" >mnt/word2
	sync -f mnt
	is "killed at $name $n: the disk is there" "$(cat mnt/b mnt/c mnt/d | md5sum) $(cat mnt/word)" "$sum $name $n"
	ploop snapshot-delete -u "$one" d >out 2>&1 || grep -q 'no snapshot' out || not_ok "then: $(cat out)"
	is "then it goes" "$(snapshots d | grep -c "$one" || :)" 0
done <<<"$list" 2>/dev/null
check "unmount" ploop umount -m mnt
wait_until 5 no_device
check "check finds nothing" ploop check d
is "no file is left that is nobody's" "$(find d -name 'root.hds*' | wc -l)" "$(ploop snapshot-list -H d | wc -l)"
check "mount it" ploop mount -m mnt d
is "all is there" "$(cat mnt/b mnt/c mnt/d | md5sum)" "$sum"
check "the file system is sound" e2fsck -fn "$(awk -v m="$tap_tmp/mnt" '$2 == m { print $1 }' /proc/mounts)"
check "unmount" ploop umount -m mnt
wait_until 5 no_device

# --- read-only --------------------------------------------------------------------------
check "mount it read-only" ploop mount -r -m mnt i
mustfail "no snapshot of it then" ploop snapshot i
is "as in use" "$status" 37
like "by name" "$output" 'mounted read-only'
check "unmount it" ploop umount -m mnt
wait_until 5 no_device

# --- raw -------------------------------------------------------------------------------
check "make a raw disk" ploop init -s 128M -f raw --tar t.tar r/root.hds
check "mount it" ploop mount -m mnt r
mustfail "no snapshot of it while it is mounted" ploop snapshot r
is "as in use" "$status" 37
like "by name" "$output" 'raw image'
check "unmount it" ploop umount -m mnt
check "then one" ploop snapshot r
check "mount it" ploop mount -m mnt r
like "by the target, on the raw file" "$(dmsetup table "$(devices)")" ' raw@root\.hds '
check "the tree is there" tar -C mnt -df t.tar
echo x >mnt/word
check "unmount it" ploop umount -m mnt
wait_until 5 no_device
check "merge it back" ploop snapshot-merge r
is "into the raw file" "$(ploop info -s r | sed -n 's/^format: *//p')" raw
check "mount it" ploop mount -m mnt r
is "which says the same" "$(cat mnt/word)" x
check "unmount it" ploop umount -m mnt

# --- killed at any step -----------------------------------------------------------------
check "make a disk" ploop init -s 128M --tar t.tar k/root.hds
check "mount it" ploop mount -m mnt k
cuts=ioctl,openat,renameat,unlinkat,flock,fsync,pwrite64,fsetxattr
list=$(cut_points $cuts "${CRASH_POINTS:-8}" ploop snapshot k)
diag "killed at $(echo "$list" | wc -l) calls"
while read -r name n; do
	echo "$name $n" >mnt/n
	kill_at "$name" "$n" ploop snapshot k || :
	echo "$name $n" >mnt/m
	sync mnt/m
	is "killed at $name $n: the disk is there" "$(cat mnt/n mnt/m | xargs)" "$name $n $name $n"
	is "found by its images" "$(ploop info -d k | sed -n 's/^mounted: *//p')" "$tap_tmp/mnt"
	mustfail "and not to be mounted twice" ploop mount -m other k
done <<<"$list" 2>/dev/null
check "the next snapshot comes" ploop snapshot k
is "no file is left that is nobody's" "$(find k -name 'root.hds*' | wc -l)" "$(ploop snapshot-list -H k | wc -l)"
is "nor a list of such" "$(find k -name '*.expect')" ""
check "unmount" ploop umount k
wait_until 5 no_device
check "check finds nothing" ploop check k
check "mount it" ploop mount -m mnt k
check "the tree is there" tar -C mnt -df t.tar
is "and the last word" "$(cat mnt/m)" "$(tail -n 1 <<<"$list")"
check "unmount" ploop umount -m mnt
check "merge all" ploop snapshot-merge -A k
check "mount it" ploop mount -m mnt k
check "the tree is there" tar -C mnt -df t.tar
check "unmount" ploop umount -m mnt
wait_until 5 no_device

# --- a container ------------------------------------------------------------------------
check "create a container" vzctl create 901 --ostemplate busybox --layout ploop:expanded
private=$(sed -n 's/^VE_PRIVATE="\(.*\)"/\1/p' /etc/vz/conf/901.conf | sed "s/\$VEID/901/")
check "start it" vzctl start 901
vzctl exec 901 'echo one >/root/word; sync'
check "a snapshot beside it" ploop snapshot "${private:-/vz/private/901}/root.hdd"
check "it goes on" vzctl exec 901 'echo two >/root/word; sync; [ "$(cat /root/word)" = two ]'
check "stop it" vzctl stop 901 --fast
check "start it again" vzctl start 901
is "with what was written last" "$(vzctl exec 901 cat /root/word)" two
check "stop it" vzctl stop 901 --fast
check "destroy it" vzctl destroy 901
wait_until 5 no_device
is "nothing is left" "$(devices)" ""
