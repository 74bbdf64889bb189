#!/bin/bash
# guest: kernel=plain root=host mem=3072 smp=2 boot=ploop-long time=600
# tools: ploop
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Copies of a mounted disk under a write load, into a file and through a pipe: the
# copy is the disk as it was when it was stopped, clean, with every synced line in
# it; a copy that is killed, cut or refused leaves no file, no frozen file system
# and no tracking. If this fails, what was moved to another host is not what was
# there, or the container here stands still for ever.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/crash.sh
. "$(dirname "$0")/../lib/crash.sh"
requires ploop dmsetup e2fsck fsfreeze strace mkfifo

cd "$tap_tmp"
mkdir src mnt other small
cp -a /usr/bin/[a-c]* src/
tar -C src -cf t.tar .
cleanup_fn "cd /; umount $tap_tmp/mnt $tap_tmp/other $tap_tmp/small 2>/dev/null || :"

device() { awk -v m="$tap_tmp/${1:-mnt}" '$2 == m { print $1 }' /proc/mounts; }
flags() { dmsetup status "${dev#/dev/}" 2>/dev/null || dmsetup status "$(dmsetup ls | sed -n 's/^\(ploop-[^[:space:]]*\).*/\1/p' | head -n 1)"; }
tracks() { flags | awk '{ print ($7 ~ /t/) ? "tracks" : "no" }'; }
not_tracked() { [ "$(tracks)" = no ]; }
digest() { dd if="$1" bs=1M iflag=direct status=none | md5sum; }
# Whoever writes to a frozen one waits, whatever it is told. A second freeze is refused.
thawed() { fsfreeze -f mnt && fsfreeze -u mnt; }
left() { find "$tap_tmp" -maxdepth 1 -name "${1:-out}*" -printf "%f "; }

check "make a disk" ploop init -s 512M --tar t.tar i/root.hds
check "mount it" ploop mount -o nodiscard -m mnt i
dev=$(device)
is "nothing tracks it" "$(tracks)" no
# A writer whose every line is on the disk before the next, and one in place.
writer() {
	n=0
	while [ ! -e mnt/stop ]; do
		n=$((n + 1))
		echo "$n" >>mnt/log
		sync mnt/log
	done
}
spoiler() {
	RANDOM=1
	until [ -e mnt/stop ]; do
		dd if=/dev/urandom of=mnt/big bs=64k count=4 seek=$((RANDOM % 1200)) conv=notrunc,fsync status=none
	done
}
head -c 80M /dev/urandom >mnt/big
writer &
writer=$!
spoiler &
spoiler=$!
wait_until 20 test -s mnt/log

# judge COPY - it is sound, and its log has at least $1 lines and no gap.
judge() {
	check "$1: check finds nothing" ploop check "$1"
	if command -v qemu-img >/dev/null; then check "$1: nor does QEMU" qemu-img check -f parallels "$1"; fi
	check "$1: it mounts" ploop mount -r -m other "$1"
	run e2fsck -fn "$(device other)"
	is "$1: its file system is sound, with nothing to recover" "$status" 0
	got=$(wc -l <other/log)
	check "$1: the synced lines are there ($2, $got)" test "$got" -ge "$2"
	check "$1: with no gap" test "$(seq "$got")" = "$(cat other/log)"
	check "$1: and the tree" tar -C other -df t.tar
}

# --- into a file --------------------------------------------------------------------------

before=$(wc -l <mnt/log)
check "a copy under load" ploop copy -s "$dev" -d out1
diag "$output"
like "says what it did" "$output" '^[0-9]+ bytes were copied in [0-9]+ passes, the disk stood still for [0-9]+ ms$'
check "the disk goes on" thawed
is "nothing tracks it any more" "$(tracks)" no
is "one file" "$(left)" "out1 "
judge out1 "$before"
moves() { [ "$(wc -l <mnt/log)" -gt "$((got + 3))" ]; }
check "its writer goes on" wait_until 20 moves
check "unmount the copy" ploop umount -m other
mustfail "a file that is there is not written over" ploop copy -s "$dev" -d out1
is "exit code" "$status" 38
like "by name" "$output" "'out1' exists already"
check "check finds nothing" ploop check out1
mustfail "no copy goes on the disk itself" ploop copy -s "$dev" -d mnt/out
is "exit code" "$status" 38
is "nor is there one" "$(ls mnt/out 2>/dev/null)" ""

cat >stop.sh <<'S'
#!/bin/sh
# What is there when the copy is told to stop, and what is refused meanwhile.
cd "$1" || exit 1
ploop copy -s i -d again 2>again.err
echo $? >again.code
ploop snapshot i 2>snapshot.err
echo $? >snapshot.code
fsfreeze -f mnt
wc -l <mnt/log >at-stop
dd if="$2" bs=1M iflag=direct status=none | md5sum >sum.was
echo stopped
S
chmod +x stop.sh
check "a copy with a stop command" ploop copy -s i -d out2 -F "$tap_tmp/stop.sh $tap_tmp $dev"
like "whose output is seen" "$output" '^stopped$'
check "what it froze is its own to thaw" fsfreeze -u mnt
is "a second copy meanwhile" "$(cat again.code) $(left again | wc -w)" "37 2"
like "was refused by name" "$(cat again.err)" "is being copied already"
is "and a snapshot" "$(cat snapshot.code)" 37
judge out2 "$(cat at-stop)"
is "every line" "$got" "$(cat at-stop)"
is "it is the disk at the stop, byte by byte" "$(digest "$(device other)")" "$(cat sum.was)"
check "unmount the copy" ploop umount -m other
rm -f again* out1

# --- through a pipe -----------------------------------------------------------------------

mkfifo data back
# receive FILE - in the background; its exit code in received.
receive() { (code=0 && ploop copy -d "$1" -i 5 -f 6 5<data 6>back 2>receive.err || code=$?; echo $code >received) & }
receive out3
before=$(wc -l <mnt/log)
check "send" ploop copy -s "$dev" -o 5 -f 6 5>data 6<back
wait $!
is "receive" "$(cat received)" 0
judge out3 "$before"
check "unmount the copy" ploop umount -m other
: >out4
receive out4
mustfail "a receiver that fails fails the sender" ploop copy -s "$dev" -o 5 -f 6 5>data 6<back
wait $!
is "with its own exit code" "$(cat received)" 38
is "and that of the protocol" "$status" 13
like "with its reason" "$output" "the receiver failed: 'out4' exists already"
check "the disk goes on" thawed
rm out4

# A stream in a file, whole and not.
check "a stream without feedback" sh -c "ploop copy -s $dev -o 1 >stream"
check "becomes a file" ploop copy -d out4 -i 0 <stream
judge out4 1
ploop umount -m other
for cut in 0 63 64 200 4000000 $(($(stat -c %s stream) - 1)); do
	head -c "$cut" stream >part
	run ploop copy -d out5 -i 0 <part
	is "cut at $cut: refused, no file" "$status $(left out5)" "13 "
done
rm -f part stream out4
mount -t tmpfs -o size=20M none small
run ploop copy -s "$dev" -d small/out
is "no room: the exit code, and no file" "$status $(ls small)" "7 "
check "the disk goes on" thawed
is "nothing tracks it" "$(tracks)" no
umount small

# --- what is refused, and what is killed -----------------------------------------------------

run ploop copy -s "$dev" -d out6 -F false
is "a stop command that fails: exit code, no file" "$status $(left out6)" "29 "
check "the disk goes on" thawed
touch mnt/stop
wait $writer $spoiler
rm mnt/stop
# Killed at some of its calls, with a guard and without.
points=$(cut_points ioctl,fsync,pwrite64,linkat,flock 8 ploop copy -s "$dev" -d out7)
rm -f out7
killed() {
	echo "$points" | while read -r name n; do
		kill_at "$name" "$n" ploop copy -s "$dev" -d out7 || :
		wait_until 5 not_tracked || echo "$name $n: still tracked"
		thawed || echo "$name $n: frozen"
		# The last call that may be hit is after it has its name.
		rm -f out7
		[ -z "$(left out7)" ] || echo "$name $n: left $(left out7)"
	done
}
is "killed at a step, it leaves nothing" "$(killed)" ""
cat >kill.sh <<'S'
#!/bin/sh
# The copy and its guards at once.
copy=$PPID
# shellcheck disable=SC2046
kill -9 $(cat /proc/$copy/task/$copy/children | tr ' ' '\n' | grep -vx $$) $copy
S
chmod +x kill.sh
run ploop copy -s "$dev" -d out8 -F "$tap_tmp/kill.sh"
is "killed with its guards: no file" "$(left out8)" ""
is "the tracking is left" "$(tracks)" tracks
check "the next copy takes it over" ploop copy -s "$dev" -d out8
is "and turns it off" "$(tracks)" no
rm -f out8

# --- other disks ---------------------------------------------------------------------------

check "a snapshot" ploop snapshot i
head -c 5M /dev/urandom >mnt/new
check "a disk on a snapshot, larger than its partition tables say" ploop resize -s 600M i
sync
check "is copied" ploop copy -s i -d out9 -F "fsfreeze -f $tap_tmp/mnt"
# But for the partition table at its end, which the copy has already.
most() { dd if="$1" bs=1M count=598 iflag=direct status=none | md5sum; }
most "$dev" >sum.was
fsfreeze -u mnt
judge out9 1
is "whole, in one image" "$(most "$(device other)")" "$(cat sum.was)"
ploop umount -m other
check "unmounted as the stop" ploop copy -s i -d out10 -F "ploop umount -m $tap_tmp/mnt"
no_device() { ! dmsetup ls | grep -q '^ploop-'; }
check "its device goes" wait_until 5 no_device
check "check finds nothing in it" ploop check i
check "nor in the copy" ploop check out10
ploop mount -r -m mnt i
ploop mount -r -m other out10
is "they are the same" "$(digest "$(device)")" "$(digest "$(device other)")"
ploop umount -m other
ploop umount -m mnt
mustfail "one that is not mounted is not copied" ploop copy -s i -d out11
is "exit code" "$status" 40
check "a raw one" ploop init -s 64M -f raw raw/root.hds
ploop mount -m mnt raw
mustfail "is not copied while it is mounted" ploop copy -s "$(device)" -d out11
is "exit code" "$status" 2
like "by name" "$output" "whose writes nobody notes"
ploop umount -m mnt
is "nothing is left" "$(left out11)" ""
