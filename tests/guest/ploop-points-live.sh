#!/bin/bash
# guest: kernel=plain root=host mem=3072 smp=2 boot=ploop-long time=600
# tools: ploop
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Points of a disk that stays mounted, under a write load: a copy of all of it with a
# point, then what was written since, through a pipe, too, is the disk as it was
# stopped. Whoever is killed leaves no point that is wrong. If this fails, a backup of a
# running container is not what its disk was.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/crash.sh
. "$(dirname "$0")/../lib/crash.sh"
requires ploop dmsetup e2fsck fsfreeze fstrim mkfifo strace

cd "$tap_tmp"
p=11111111-2222-3333-4444-555555555555
q=22222222-2222-3333-4444-555555555555
r=33333333-2222-3333-4444-555555555555
s=44444444-2222-3333-4444-555555555555
t=55555555-2222-3333-4444-555555555555
mkdir mnt other live
cleanup_fn "cd /; umount $tap_tmp/mnt $tap_tmp/other 2>/dev/null || :"
device() { awk -v m="$tap_tmp/$1" '$2 == m { print $1 }' /proc/mounts; }
no_device() { ! dmsetup ls | grep -q '^ploop-'; }
digest() { dd if="$(device "$1")" bs=1M iflag=direct status=none | md5sum; }
# same A B - the partitions of two disks.
same() {
	ploop mount -r -m mnt "$1" >/dev/null
	ploop mount -r -m other "$2" >/dev/null
	a=$(digest mnt) b=$(digest other)
	ploop umount -m mnt
	ploop umount -m other
	test "$a" = "$b"
}
points() { ploop point-list "$1" | cut -c2-9 | xargs; }
# A writer in place, and of files that come and go.
load() {
	n=0
	while [ ! -e mnt/stop ]; do
		n=$((n + 1))
		dd if=/dev/urandom of=mnt/busy bs=64k count=4 seek=$((n * 37 % 128)) conv=notrunc,fsync status=none
		rm -f mnt/tmp.*
		head -c 300k /dev/urandom >mnt/tmp.$n
		sleep 0.1
	done
	rm -f mnt/stop
}
# For a copy: what the disk is at its stop.
cat >at-stop.sh <<'S'
#!/bin/sh
fsfreeze -f "$1" && dd if="$2" bs=1M iflag=direct status=none | md5sum >"$3"
S
chmod +x at-stop.sh
at_stop() { echo "$tap_tmp/at-stop.sh $tap_tmp/mnt $(device mnt) $tap_tmp/$1"; }
# is_at_stop DIR NAME - the partition of the disk there is what it was then.
is_at_stop() {
	ploop mount -r -m other "$1" >/dev/null
	a=$(digest other)
	e2fsck -fn "$(device other)" >/dev/null 2>&1 || a="$a, and not sound"
	ploop umount -m other
	is "$1 is the disk at the stop" "$a" "$(cat "$2")"
}
check "a disk" ploop init -s 96M src/root.hds
check "a copy of it at another time" cp -a src backup
ploop mount -m mnt src
head -c 20M /dev/urandom >mnt/old
head -c 8M /dev/urandom >mnt/busy
load &
load=$!
mustfail "no point goes with all of it through a pipe" ploop copy -s src -u $p -o 1
is "exit code" "$status" 38
mustfail "none is there to copy since" ploop copy -s src --since $p -d backup
is "exit code" "$status" 43
check "a copy of all, with a point" ploop copy -s src -u $p -d live/root.hds -F "$(at_stop sum)"
fsfreeze -u mnt
diag "$output"
is "both have it" "$(points src) $(ploop point-list live/root.hds)" "11111111 {$p} 0"
ploop restore-descriptor live root.hds
is_at_stop live sum
rm mnt/old
fstrim mnt
head -c 3M /dev/urandom >mnt/more
mustfail "a point that there is" ploop copy -s src --since $p -u $p -d live
is "exit code" "$status" 38
mustfail "to a copy of another state" ploop copy -s src --since $p -u $q -d backup
is "exit code" "$status" 38
is "leave all as it was" "$(points src)" 11111111
check "what was written since" ploop copy -s src --since $p -u $q -d live -F "$(at_stop sum)"
fsfreeze -u mnt
diag "$output"
is "two points" "$(points src) $(points live)" "11111111 22222222 22222222"
is_at_stop live sum
mkfifo pipe
ploop copy -d live -i 0 <pipe &
receiver=$!
check "what was written since, through a pipe" ploop copy -s "$(device mnt)" --since $q -u $r -o 5 -F "$(at_stop sum)" 5>pipe
fsfreeze -u mnt
diag "$output"
code=0
wait $receiver || code=$?
is "and received" "$code" 0
is_at_stop live sum
run ploop copy -s src --since $r -d live -F false
is "a stop command that fails: exit code, and three points" "$status $(points src)" "29 11111111 22222222 33333333"
check "one is given up meanwhile" ploop point-delete -u $q src
mustfail "once" ploop point-delete -u $q src
is "exit code" "$status" 43
is "the others stay" "$(points src)" "11111111 33333333"
touch mnt/stop
wait $load
check "a copy of all without a point" ploop copy -s src -d whole
rm whole
is "leaves them" "$(points src)" "11111111 33333333"
check "the disk is unmounted, and mounted" eval 'ploop umount -m mnt && ploop mount -m mnt src'
is "they are there" "$(points src)" "11111111 33333333"
echo last >mnt/last
check "the stop command unmounts it" ploop copy -s src --since $r -u $s -d live -F "ploop umount -m $tap_tmp/mnt"
wait_until 5 no_device
is "which has its points" "$(points src)" "11111111 33333333 44444444"
check "the copy is the disk" same src live
check "check finds nothing" ploop check src
check "nor there" ploop check live
ploop mount -r -m mnt src
mustfail "one that is mounted for reading" ploop copy -s src --since $s -d live
is "exit code" "$status" 37
is "keeps them" "$(points src)" "11111111 33333333 44444444"
ploop umount -m mnt
wait_until 5 no_device

# Killed at one of its calls: a point that is there then has noted all that was written.
cp -a live at-s
ploop point-delete -u $p src
ploop point-delete -u $r src
ploop mount -m mnt src
head -c 1M /dev/urandom >mnt/second
places=$(cut_points ioctl,unlinkat,fsync,fsetxattr,kill,renameat "${CRASH_POINTS:-8}" ploop copy -s src --since $s -u $t -d live)
is "the copy that was looked at" "$(points src)" "44444444 55555555"
ploop point-delete -u $t src
# A guard may be late with the end of the tracking: then there is none a moment later.
copied() {
	ploop copy -s src --since "$1" -d got -F "ploop umount -m $tap_tmp/mnt" >/dev/null 2>&1 && return
	rm -rf got
	[ -z "$(points src)" ] || echo "$2: no copy since $1"
}
killed() {
	echo "$places" | while read -r name n; do
		rm -rf live got
		cp -a at-s live
		head -c 1M /dev/urandom >mnt/second
		kill_at "$name" "$n" ploop copy -s src --since $s -u $t -d live || :
		echo "$name $n" >mnt/third
		sync mnt/third
		[ "$((n % 2))" = 0 ] || { ploop umount -m mnt && ploop mount -m mnt src >/dev/null; }
		list=$(points src)
		diag "$name $n: $list" >&2
		case $list in
		*5555*) cp -a live got && copied $t "$name $n" ;;
		*4444*) cp -a at-s got && copied $s "$name $n" ;;
		esac
		[ -z "$(device mnt)" ] || ploop umount -m mnt
		wait_until 5 no_device || echo "$name $n: the device stays"
		[ ! -e got ] || same src got || echo "$name $n: not the same"
		rm -rf at-s
		for id in $s $t; do ploop point-delete -u "$id" src 2>/dev/null || :; done
		ploop point -u $s src >/dev/null
		cp -a src at-s
		ploop mount -m mnt src >/dev/null
	done
}
is "killed at a step, no point is wrong" "$(killed)" ""
ploop umount -m mnt
wait_until 5 no_device
