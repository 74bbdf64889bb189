#!/bin/bash
# guest: kernel=plain root=host mem=3072 smp=2 boot=ploop time=300
# tools: ploop
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The device-mapper target ploop: if this fails, it takes what it must refuse,
# loses or mixes up what was written, closes images that check finds wrong, or
# keeps space that was given back.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/ploop.sh
. "$(dirname "$0")/../lib/ploop.sh"
requires dmsetup ploop blkdiscard fsfreeze taskset

dir=$(mktemp -d /var/tmp/ploop-target.XXXXXX)
name=vesper-test
drop() {
	! mountpoint -q "$dir/mnt" || umount "$dir/mnt"
	dmsetup remove $name 2>/dev/null || :
	rm -rf "$dir"
}
cleanup_fn drop
cd "$dir"
mkdir mnt

# refused NAME WORDS ARGUMENTS OF table - and the kernel says why.
refused() {
	refused_name=$1 words=$2
	shift 2
	case $slow$refused_name in
	1*"in use" | 1*"a file that ends"* | 1"a raw delta"* | "" | [!1]*) ;;
	1*) return ;;
	esac
	dmesg -C
	if attach "$@" 2>/dev/null; then
		detach
		not_ok "$refused_name: refused"
	else
		like "$refused_name: refused, by name" "$(dmesg)" "$words"
	fi
}

# On the debug kernel each process takes ten times as long: there it is for what the
# kernel reports, and run by hand (tests/guest/run -k debug -r host -x .).
rounds=30 slow=''
! zcat /proc/config.gz | grep -q '^CONFIG_KASAN=y' || rounds=2 slow=1

clusters=512 sectors=$((512 * 128))
empty e $clusters
cp e i
refused "no cluster size" "log of a cluster's sectors" $sectors "x" i
refused "another cluster size" "another cluster size" $sectors 11 i
refused "no file" "1 to 254 deltas" $sectors "7 nokblkcg"
refused "an unknown option" "not a number" $sectors "7 fast" i
refused "a raw top" "the top is raw" $sectors 7 raw@i
cp e j
refused "a raw delta in the middle" "only the oldest" $sectors 7 i raw@e j
refused "the same file twice" "there twice" $sectors 7 e:r e:r
refused "a device that is too large" "larger than the top" $((sectors + 1)) 7 i
refused "an offset behind the end" "larger than the top" $sectors "7 off=1" i
refused "an offset that wraps" "larger than the top" $sectors "7 off=36028797018963968" i
refused "a directory" "no regular file" $sectors 7 .:r
refused "a top that is read-only" "for writing" $sectors 7 i:r
refused "a device" "no regular file" $sectors 7 /dev/zero
truncate -s 1M zeros
refused "no image" "no expanded image" $sectors 7 zeros:r i
: >i
refused "an empty file" "header of a delta cannot be read" $sectors 7 i
cp e i
put i 44 $((0x746F6E59))
refused "an image in use" "in use" $sectors 7 i
cp e i
put i 52 2
refused "one that is being converted" "converted" $sectors 7 i
cp e i
put i 48 64
refused "data that begins inside of a cluster" "contradicts" $sectors 7 i
cp e i
put i 32 $((clusters + 1))
refused "a table for another disk" "contradicts" $sectors 7 i
cp e i
truncate -s 60000 i
refused "a file that ends in its table" "ends inside its table" $sectors 7 i
exec 9<>e
refused "a file that somebody writes to" "somebody else has a delta open for writing" $sectors 7 e:r i
exec 9>&-
# What an entry says is looked at when it is used.
for place in 7 1000000; do
	cp e i
	put i $((64 + 4 * 3)) $place
	attach $sectors 7 i
	mustfail "an entry outside of the data ($place): not read" dd if="$dev" of=/dev/null bs=64k count=1 skip=3 status=none
	detach
done

cp e i
truncate -s 256K i
put i $((64 + 4 * 3)) 2
put i $((64 + 4 * 4)) 2
attach $sectors 7 i
mustfail "two clusters at one place: not read" dd if="$dev" of=/dev/null bs=64k count=1 skip=3 status=none
mustfail "nor written" dd if=/dev/zero of="$dev" bs=64k count=1 skip=4 oflag=direct status=none
detach

# --- the files are the device's ----------------------------------------------------------

kept() {
	mustfail "$1 is not written meanwhile" dd if=/dev/zero of="$1" bs=4k count=1 conv=notrunc status=none
	like "as somebody has it" "$output" "Text file busy"
	# shellcheck disable=SC2016 # perl's own
	mustfail "nor cut short" perl -e 'truncate($ARGV[0], 0) or die "$!\n"' "$1"
}
cp e d0
cp e d1
cp e d2
attach $sectors 7 d0:r d1
kept d0
kept d1
name=vesper-other refused "what a device writes to, below another" "another device writes" $sectors 7 d1 d2
name=vesper-other
check "what is only read can be below two" attach $sectors 7 d0 d2
detach
name=vesper-test
mustfail "a device's top is not shared" dmsetup message $name 0 share 1
mustfail "nor what it has not" dmsetup message $name 0 share 2
check "an older delta is, when it is asked to" dmsetup message $name 0 share 0
check "and is written" dd if=e of=d0 bs=64k conv=notrunc status=none
check "until it is held again" dmsetup message $name 0 hold 0
kept d0
exec 9<d0
dmsetup message $name 0 share 0
exec 8<>d0
mustfail "which waits for its writers" dmsetup message $name 0 hold 0
exec 8>&- 9<&-
go_on $sectors 7 d0 d1 d2
dmsetup resume $name
for f in d0 d1 d2; do kept $f; done
detach
check "then they are anybody's" cp e d1
check "and cut short" truncate -s 65536 d0

# A device on a device, and no more.
empty outer 1024
attach $((1024 * 128)) 7 outer
mkfs.ext4 -q -F "$dev"
mkdir m1 m2
mount "$dev" m1
cleanup_fn "umount $dir/m2 $dir/m1 2>/dev/null; dmsetup remove vesper-inner 2>/dev/null || :"
empty m1/i 512
empty m1/j 512
name=vesper-inner
attach $sectors 7 m1/i
mkfs.ext4 -q -F "$dev"
mount "$dev" m2
empty m2/i 128
name=vesper-third refused "a third on the second" "lies on a device that lies on another" $((128 * 128)) 7 m2/i
name=vesper-test
# over FILE WORDS - another table of the first device, with that file.
over() {
	dmesg -C
	table $((1024 * 128)) 7 "$1" outer
	! dmsetup load $name --table "$line" 2>/dev/null || not_ok "$1: loaded"
	shut
	like "its own file system is not below it" "$(dmesg)" "$2"
}
over m1/j "lies on this device"
over m2/i "lies on a device that lies on another"
umount m2
dmsetup remove vesper-inner
umount m1
detach

# --- what is written is read, through deltas ------------------------------------------

truncate -s $((sectors * 512)) model
# scribble N - N random writes to the disk and to its model.
scribble() {
	for ((k = 0; k < $1; k++)); do
		at=$((RANDOM % (sectors / 8))) n=$((RANDOM % 60 + 1))
		[ $((at + n)) -le $((sectors / 8)) ] || n=1
		head -c $((n * 4096)) /dev/urandom >r
		dd if=r of="$dev" bs=4k seek=$at oflag=direct conv=notrunc status=none
		dd if=r of=model bs=4k seek=$at conv=notrunc status=none
	done
}
same() { blockdev --flushbufs "$dev" && cmp "$dev" model; }

cp e d0
cp e d1
cp e d2
attach $sectors 7 d0
is "status" "$(dmsetup status $name)" "0 $sectors ploop 1 v2 128 o"
like "table" "$(dmsetup table $name)" "^0 $sectors ploop 7 d0$"
is "it has a cache to flush" "$(cat "/sys/block/${dev#/dev/}/queue/write_cache")" "write back"
mustfail "a message that is none" dmsetup message $name 0 jump
scribble $rounds
check "one delta" same
go_on $sectors 7 d0 d1
is "a suspended device leaves a closed image" "$(od -An -tx4 -j44 -N4 d0 | xargs)" 00000000
dmsetup resume $name
is "two deltas" "$(dmsetup status $name)" "0 $sectors ploop 2 v2 128 o"
check "have the same" same
cp model older
old=$(md5sum d0)
scribble $rounds
check "and what is written to them" same
go_on $sectors "7 falloc_new_clu" d0 d1 d2
dmsetup resume $name
scribble $rounds
check "three deltas" same
is "their names" "$(dmsetup message $name 0 get_img_name 0) $(dmsetup message $name 0 get_img_name 2)" "$dir/d0 $dir/d2"
mustfail "there is no fourth" dmsetup message $name 0 get_img_name 3
blkdiscard -z -o $((65536 * 40 + 4096)) -l $((65536 * 50)) "$dev"
dd if=/dev/zero of=model bs=4k seek=$((16 * 40 + 1)) count=$((16 * 50)) conv=notrunc status=none
check "zeros over older deltas" same
blkdiscard -o $((65536 * 200)) -l $((65536 * 50)) "$dev"
cp --sparse=always model m2
dd if="$dev" of=model bs=64k skip=200 seek=200 count=50 conv=notrunc status=none
is "a discard changes nothing else" "$(cmp -l model m2 | awk '$1 <= 65536 * 200 || $1 > 65536 * 250' | wc -l)" 0
check "after a discard" same
detach
is "the older delta is as it was" "$(md5sum d0)" "$old"
attach $sectors 7 d0 d1 d2
check "attached again" same
detach
table $sectors 7 d0
dmsetup create $name --readonly --table "$line"
shut
dev=/dev/dm-$(dmsetup info -c --noheadings -o minor $name)
mustfail "a read-only device is not written" dd if=/dev/zero of="$dev" bs=4k count=1 oflag=direct status=none
detach
is "its image stays as it was" "$(md5sum d0)" "$old"
truncate -s 3000320 raw # ends inside of a cluster, and of a page
head -c 3000320 /dev/urandom >raw
cp e d1
attach $sectors 7 raw@raw:r d1
cp raw model
truncate -s $((sectors * 512)) model
check "over a raw delta that is smaller" same
scribble $rounds
check "and written" same
detach

# --- a file system ----------------------------------------------------------------------

mkdir img
ploop init -s 256M -f expanded img/root.hds >/dev/null
disk=$(sed -n 's|.*<Disk_size>\(.*\)</Disk_size>.*|\1|p' img/DiskDescriptor.xml)
# The entry of the last cluster, which has the other partition table.
last() { od -An -tu4 -j $((64 + (disk / 2048 - 1) * 4)) -N 4 img/root.hds; }
behind=$(last)
attach $((disk - 4096)) "11 falloc_new_clu off=2048" img/root.hds
check "its partition is the device" e2fsck -fn "$dev"
mount "$dev" mnt
mkdir mnt/files
if [ -n "$slow" ]; then head -c 24M /dev/urandom >mnt/files/x; else cp -a /usr/bin/. mnt/files/; fi
(cd mnt/files && find . -type f -exec md5sum {} +) >sums
sync
full=$(du -k img/root.hds | cut -f1)
umount mnt
detach
attach $((disk - 4096)) "11 off=2048" img/root.hds
mount "$dev" mnt
check "files are as they were" sh -c "cd mnt/files && md5sum --quiet -c $dir/sums"
rm -r mnt/files
sync
fstrim mnt
wait_until 20 sh -c "[ \$(du -k img/root.hds | cut -f1) -lt $((full / 3)) ]" || :
check "space comes back ($full to $(du -k img/root.hds | cut -f1) KB)" test "$(du -k img/root.hds | cut -f1)" -lt $((full / 3))
size=$(stat -c %s img/root.hds)
head -c 8M /dev/urandom >mnt/x
sync
check "and is used again" test "$(stat -c %s img/root.hds)" -le "$size"
umount mnt
check "the file system is clean" e2fsck -fn "$dev"
detach
is "what lies behind the device stays" "$(last)" "$behind"
mustfail "there is something" test "$behind" -eq 0
run ploop check img/DiskDescriptor.xml
# Holes and clusters that nobody names are what discards leave.
is "check finds nothing worse" "$(printf '%s\n' "$output" | grep -v 'belong to no block\|a hole in the image\|has [0-9]* errors' || :)" ""

# --- clusters that nobody has --------------------------------------------------------------

# 128 of 64 KiB, half of them given up by an earlier device, and 16 that got no entry.
cp e i
attach $sectors 7 i
truncate -s 0 model
truncate -s $((sectors * 512)) model
head -c 8M /dev/urandom >r
dd if=r of="$dev" bs=1M oflag=direct status=none
dd if=r of=model bs=1M conv=notrunc status=none
for ((k = 0; k < 128; k += 2)); do
	blkdiscard -o $((65536 * k)) -l 65536 "$dev"
	dd if=/dev/zero of=model bs=64k seek=$k count=1 conv=notrunc status=none
done
detach
head -c 1M /dev/urandom >>i
blocks=$(stat -c %b i) size=$(stat -c %s i)
attach $sectors 7 i
sleep 2
is "who needs no room does not look for any" "$(stat -c %b i)" "$blocks"
# part CLUSTER - 4 KiB of it.
part() { for f in "$dev" model; do dd if=r of="$f" bs=4k seek=$((16 * $1 + 3)) count=1 conv=notrunc oflag=direct status=none; done; }
part 300
is "the first is at the end" "$(stat -c %s i)" $((size + 65536))
given() { [ "$(stat -c %b i)" -le $((blocks - 2048 + 256)) ]; }
check "clusters without an entry go back to the host" wait_until 30 given
for ((k = 301; k < 381; k++)); do part $k; done
is "all 80 free ones are used then" "$(stat -c %s i)" $((size + 65536))
part 381
is "and no more than these" "$(stat -c %s i)" $((size + 2 * 65536))
check "nobody's data is seen in them" same
detach
attach $sectors 7 i
check "nor later" same
detach
# Given up and written while the table is read: a place of two clusters would mix them up.
for ((round = 0; round < rounds / 8 + 1; round++)); do
	attach $sectors 7 i
	part $((382 + round))
	for ((op = 0; op < 50; op++)); do
		at=$((RANDOM % 380)) n=$((RANDOM % 4 + 1))
		if [ $((RANDOM % 2)) = 0 ]; then
			blkdiscard -z -o $((65536 * at)) -l $((65536 * n)) "$dev"
			dd if=/dev/zero of=model bs=64k seek=$at count=$n conv=notrunc status=none
		else
			scribble 1
		fi
	done
	check "round $round: nothing is mixed up" same
	detach
done
run ploop check i
is "nor twice in the table" "$(printf '%s\n' "$output" | grep -v 'belong to no block\|a hole in the image\|MBR\|partition\| error' || :)" ""

# --- a full host -------------------------------------------------------------------------

truncate -s 24M small
mkfs.ext4 -q -F small
mkdir full
mount -o loop small full
cleanup_fn "umount $dir/full 2>/dev/null || :"
empty full/i $clusters
attach $sectors 7 full/i
run dd if=/dev/zero of="$dev" bs=64k oflag=direct status=none
like "no room: the writer is told" "$output" 'No space left on device'
is "and who waits for events" "$(dmsetup message $name 0 get_event)|$(dmsetup message $name 0 get_event)" "event_ENOSPC|"
head -c 65536 /dev/urandom >r
check "what has its place can be written" dd if=r of="$dev" bs=64k oflag=direct conv=notrunc status=none
check "and is read" cmp -n 65536 r "$dev"
detach
attach $sectors 7 full/i
check "later, too" cmp -n 65536 r "$dev"
detach
# Or it waits until there is room.
empty full/i $clusters
head -c 4M /dev/zero >full/rest
attach $sectors "7 pause_if_full" full/i
like "the status says so" "$(dmsetup status $name)" ' po$'
like "so does the table" "$(dmsetup table $name)" ' pause_if_full '
dd if=/dev/zero of="$dev" bs=64k seek=100 oflag=direct conv=notrunc status=none 2>err &
writer=$!
full_up() { [ "$(dmsetup message $name 0 get_event)" = event_ENOSPC ]; }
check "no room: who waits for events is told" wait_until 60 full_up
sleep 2
check "and the writer waits" kill -0 $writer
check "who reads does not" dd if="$dev" of=/dev/null bs=64k count=1 skip=100 iflag=direct status=none
before=$(stat -c %s full/i)
rm full/rest
grown() { [ "$(stat -c %s full/i)" -gt "$before" ]; }
check "with room it goes on" wait_until 30 grown
# What was told may be of before; who still waits tells it again each second.
full_up || :
check "until that is used, too" wait_until 60 full_up
check "a suspend does not wait for it" timeout 30 dmsetup suspend $name
dmsetup resume $name
told=0
wait $writer || told=$?
is "the writer is told then" $told 1
like "why" "$(cat err)" 'No space left on device'
dmsetup message $name 0 set_pause_if_full 0
like "that can be changed" "$(dmsetup status $name)" ' o$'
detach
run ploop check full/i
is "the table is whole" "$(printf '%s\n' "$output" | grep -v 'belong to no block\|a hole in the image\|MBR\|partition\| error' || :)" ""

# --- a frozen host -------------------------------------------------------------------------

# Both on one processor, whose bios go by one lane.
rm full/i
empty full/i $clusters
attach $sectors 7 full/i
dd if=r of="$dev" bs=64k oflag=direct conv=notrunc status=none
fsfreeze -f full
cleanup_fn "fsfreeze -u $dir/full 2>/dev/null || :"
taskset -c 0 dd if=/dev/zero of="$dev" bs=64k count=1 oflag=direct conv=notrunc status=none &
writer=$!
sleep 2
check "its file system is frozen: a writer waits" kill -0 $writer
taskset -c 0 dd if="$dev" of=read bs=64k count=1 iflag=direct status=none &
reader=$!
has_read() { ! kill -0 $reader 2>/dev/null; }
check "who reads does not" wait_until 60 has_read
check "what was written before" cmp r read
fsfreeze -u full
told=0
wait $writer || told=$?
is "thawed, it goes on" $told 0
check "and has written" cmp -n 65536 /dev/zero "$dev"
detach
umount full
