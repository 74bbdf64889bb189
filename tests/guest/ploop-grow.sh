#!/bin/bash
# guest: kernel=plain root=host mem=3072 smp=2 boot=ploop time=300
# tools: ploop
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The message "resize" of the target ploop: the disk grows while it is written
# to, clusters make way for the table, and nothing is lost by it. Power cuts
# meanwhile: ploop-cuts.sh.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/ploop.sh
. "$(dirname "$0")/../lib/ploop.sh"
requires dmsetup ploop blkdiscard

dir=$(mktemp -d /var/tmp/ploop-grow.XXXXXX)
name=vesper-test
drop() {
	cd /
	dmsetup resume $name 2>/dev/null || :
	dmsetup remove $name 2>/dev/null || :
	umount "$dir/full" 2>/dev/null || :
	rm -rf "$dir"
}
cleanup_fn drop
cd "$dir"

# Clusters of 32 KiB: a cluster of table has 8192 entries, the first one 8176.
cs=64 step=8192 clusters=4000
resize() { dmsetup message $name 0 resize $(($1 * cs)); }
# shape FILE - clusters of the disk, the first of data, its cylinders.
shape() { echo "$(get "$1" 32) $(($(get "$1" 48) / cs)) $(get "$1" 24)"; }
# sound FILE - no entry but one of its own place behind the table.
sound() {
	run ploop check "$1"
	is "check finds nothing worse" "$(printf '%s\n' "$output" | grep -v 'belong to no block\|a hole in the image\|MBR\|partition\| error' || :)" ""
}

# --- room that is there ------------------------------------------------------------

empty i $clusters $cs
put i $((64 + clusters * 4)) 3735928559 # nobody has to keep what is behind the table clean
put i 32764 3735928559
attach $((clusters * cs)) 6 i
head -c 1M /dev/urandom >model
dd if=model of="$dev" bs=64k oflag=direct status=none
sum=$(md5sum <i)
check "its own size: nothing to do" resize $clusters
is "and nothing done" "$(md5sum <i)" "$sum"
for wrong in $(((clusters - 1) * cs)) 0 x -1 '' $((51 * 2 ** 31)); do
	mustfail "'$wrong' sectors: refused" dmsetup message $name 0 resize "$wrong"
done
mustfail "two sizes: refused" dmsetup message $name 0 resize 1000000 2000000
check "more clusters in the same room" resize 8000
is "the header says so" "$(shape i)" "8000 1 1000"
is "entries that were no part of the table are none" "$(get i $((64 + clusters * 4))) $(get i 32764)" "0 0"
dmsetup suspend $name
mustfail "a suspended device does not grow" resize 8100
dmsetup resume $name
go_on $((8000 * cs)) 6 i
dmsetup resume $name
is "the next table is longer" "$(blockdev --getsz "$dev")" $((8000 * cs))
check "what was written is there" cmp -n 1048576 model "$dev"
check "the rest is zeros" cmp -n 4M -i $((100 << 20)):0 "$dev" /dev/zero
head -c 32768 /dev/urandom >last
check "its end is written" dd if=last of="$dev" bs=32k seek=7999 oflag=direct status=none
check "and read" cmp -i $((7999 * 32768)):0 "$dev" last
detach
sound i
table $((8000 * cs)) 6 i:r
dmsetup create $name --readonly --table "$line"
shut
mustfail "a read-only device does not grow" resize 9000
detach

# --- clusters make way, under I/O -----------------------------------------------------

empty i $clusters $cs
empty old $clusters $cs
attach $((clusters * cs)) 6 old
head -c 3M /dev/urandom >model
dd if=model of="$dev" bs=32k oflag=direct status=none
detach
old=$(md5sum <old)
# scribble - to the clusters that make way, until told to stop; the model gets the same.
scribble() {
	k=0
	until [ -e stop ]; do
		at=$((RANDOM % 380)) k=$((k + 1))
		if [ $((k % 5)) -eq 0 ]; then
			blkdiscard -z -o $((at * 4096)) -l 4096 "$dev" || echo "a zeroing fails"
			dd if=/dev/zero of=model bs=4k seek=$at count=1 conv=notrunc status=none
			continue
		fi
		head -c $((4096 * (RANDOM % 4 + 1))) /dev/urandom >r
		dd if=r of="$dev" bs=4k seek=$at oflag=direct conv=notrunc status=none || echo "a write fails"
		dd if=r of=model bs=4k seek=$at conv=notrunc status=none
	done
	echo "$k" >count
}
# Reads see no cluster half moved: what nobody writes meanwhile stays the same.
look() {
	until [ -e stop ]; do
		cmp -s -i $((2 << 20)):$((2 << 20)) -n 1048576 "$dev" model || echo "a read differs"
		blockdev --flushbufs "$dev"
	done
}
attach $((clusters * cs)) 6 old:r i
# All of it comes to the top, in this order.
for ((k = 0; k < 96; k++)); do dd if=model of="$dev" bs=4k seek=$((k * 8)) skip=$((k * 8)) count=1 oflag=direct conv=notrunc status=none; done
is "no room for more table: the file has" "$(shape i)" "$clusters 1 1"
scribble >wrong 2>&1 &
writer=$!
look >>wrong 2>&1 &
reader=$!
for ((k = 1; k <= 40; k++)); do
	resize $((k * step)) || echo "resize $k fails" >>wrong
done
# Many at once, too.
resize $((100 * step)) || echo "the last resize fails" >>wrong
: >stop
wait $writer $reader
is "41 times, with I/O" "$(cat wrong)" ""
check "that was no little ($(cat count) writes)" test "$(cat count)" -gt 20
is "the table has the place of 100 clusters" "$(shape i)" "$((100 * step)) 101 $((100 * step / 8))"
blockdev --flushbufs "$dev"
check "all is as it was written" cmp -n 3145728 model "$dev"
is "the status is that of the device" "$(dmsetup status $name)" "0 $((clusters * cs)) ploop 2 v2 $cs o"
go_on $((100 * step * cs)) 6 old:r i
dmsetup resume $name
check "all is, for the next table, too" cmp -n 3145728 model "$dev"
check "the end is written" dd if=last of="$dev" bs=32k seek=$((100 * step - 1)) oflag=direct status=none
check "and read" cmp -i $(((100 * step - 1) * 32768)):0 "$dev" last
detach
is "the older delta is as it was" "$(md5sum <old)" "$old"
sound i
is "no entry is where the table is" "$(od -An -v -tu4 -w4 -j64 -N4000 i | awk '$1 && $1 < 101' | wc -l)" 0

# --- a full host --------------------------------------------------------------------------

truncate -s 24M small
mkfs.ext4 -q -F small
mkdir full
mount -o loop small full
empty full/i $clusters $cs
attach $((clusters * cs)) 6 full/i
head -c 3M /dev/urandom >model
dd if=model of="$dev" bs=32k oflag=direct status=none
dd if=/dev/zero of=full/rest bs=64k status=none 2>/dev/null || :
mustfail "no room: it does not grow" resize $((60 * step))
is "the disk is as large as it was" "$(get full/i 32)" $clusters
check "and written where it has clusters" dd if=model of="$dev" bs=32k oflag=direct status=none
rm full/rest
sync
check "with room it does" resize $((60 * step))
check "and has what it had" cmp -n 3145728 model "$dev"
detach
sound full/i
umount full
