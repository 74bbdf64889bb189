#!/bin/bash
# guest: kernel=plain root=host mem=3072 smp=2 boot=ploop time=300
# tools: ploop
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The tracking messages of the target ploop: each cluster that is written is
# told, no other is, and a copy that is made under writes by what they tell is
# the disk. If this fails, a copy of a mounted image lacks something.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/ploop.sh
. "$(dirname "$0")/../lib/ploop.sh"
requires dmsetup blkdiscard

dir=$(mktemp -d /var/tmp/ploop-tracking.XXXXXX)
name=vesper-test
drop() {
	cd /
	dmsetup remove $name 2>/dev/null || :
	rm -rf "$dir"
}
cleanup_fn drop
cd "$dir"
send() { dmsetup message $name 0 "$@"; }
# told - all that is marked, in the order in which it is told.
told() { while send tracking_get_next 2>/dev/null; do :; done | xargs; }
put_blocks() { dd if=/dev/urandom of="$dev" bs=4k seek="$1" count="$2" oflag=direct conv=notrunc status=none; }

clusters=512 sectors=$((512 * 128))
empty i $clusters
attach $sectors 7 i
for message in tracking_stop tracking_get_next "tracking_clear 1"; do
	# shellcheck disable=SC2086
	mustfail "$message: refused when not started" send $message
done
put_blocks 0 1
check "start" send tracking_start
is "the status says so" "$(dmsetup status $name)" "0 $sectors ploop 1 v2 128 to"
mustfail "a second start is refused" send tracking_start
is "what was written before is not told" "$(told)" ""
run send tracking_get_next
like "nothing is told by an error" "$output" "Resource temporarily unavailable"
put_blocks 48 1           # cluster 3
put_blocks 175 2          # 10 and 11
put_blocks 48 3           # 3 again
blkdiscard -z -o $((20 * 65536 + 4096)) -l 4096 "$dev"
blkdiscard -o $((21 * 65536)) -l 65536 "$dev"
dd if="$dev" of=/dev/null bs=64k skip=30 count=4 iflag=direct status=none
dd if=/dev/urandom of="$dev" bs=4k seek=$((40 * 16)) count=1 conv=notrunc,fsync status=none
is "what is written is told, what is read is not" "$(told)" "3 10 11 20 21 40"
is "once" "$(told)" ""
put_blocks 48 1
put_blocks $((511 * 16)) 1
put_blocks 160 1
check "a mark is taken away" send tracking_clear 10
check "and one that is none" send tracking_clear 9
is "written again, told again" "$(told)" "511 3"
for wrong in 512 x -1; do mustfail "there is no cluster $wrong" send tracking_clear $wrong; done
dmsetup suspend $name
dmsetup resume $name
put_blocks 16 1
is "it goes on over a suspend" "$(told)" 1
go_on $sectors 7 i
dmsetup resume $name
mustfail "another table begins without" send tracking_get_next
send tracking_start
check "stop" send tracking_stop
is "the status says so" "$(dmsetup status $name)" "0 $sectors ploop 1 v2 128 o"
put_blocks 0 1
mustfail "nothing is told after that" send tracking_get_next
detach
attach $((sectors - 1280)) "7 off=1280" i
send tracking_start
put_blocks 0 1
is "clusters are those of the disk, not of the device" "$(told)" 10
detach

# --- what it takes, and gives back ------------------------------------------------------

# 4 TiB in clusters of 32 KiB: 16 MiB of marks; none but the header of the table is there.
empty large $((1 << 27)) 64
put large 36 0
put large 40 2
put large 48 $((64 * 16385))
truncate -s $((32768 * 16385)) large
used() { awk '$1 == "VmallocUsed:" { print $2 }' /proc/meminfo; }
attach $((1 << 33)) 6 large
before=$(used)
send tracking_start
with=$(used)
put_blocks 0 1
is "a large disk, too" "$(told)" 0
send tracking_stop
after=$(used)
check "memory comes with the start (${with}-${before} KiB)" test $((with - before)) -ge 16000
check "and goes with the stop (${after})" test $((with - after)) -ge 16000
detach

# --- a copy under load ----------------------------------------------------------------------

empty i $clusters
attach $sectors "7 falloc_new_clu" i
put_blocks 0 2048
# load SEED - many small writes, all over and again in a few places.
load() {
	RANDOM=$1
	until [ -e stop ]; do
		at=$((RANDOM % (RANDOM % 4 ? 64 : 8000)))
		dd if=/dev/urandom of="$dev" bs=4k count=4 seek=$at oflag=direct conv=notrunc status=none || echo "a write fails"
	done
}
copy() { dd if="$dev" of=copy bs=64k skip="$1" seek="$1" count="$2" iflag=direct conv=notrunc status=none; }
load 1 >wrong 2>&1 &
one=$!
load 2 >>wrong 2>&1 &
two=$!
send tracking_start
copy 0 $clusters
rounds=0
# round - all that is marked now; more is marked meanwhile.
round() {
	for _ in $(seq 40); do
		cluster=$(send tracking_get_next 2>/dev/null) || return 1
		copy "$cluster" 1
		rounds=$((rounds + 1))
	done
}
for _ in 1 2 3; do round || :; done
: >stop
wait $one $two
while round; do :; done
send tracking_stop
is "writes went through" "$(cat wrong)" ""
check "clusters were told meanwhile ($rounds)" test $rounds -gt 20
check "the copy is the disk" cmp copy "$dev"
detach
