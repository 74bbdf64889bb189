#!/bin/bash
# guest: kernel=plain root=host mem=3072 smp=2 boot=ploop time=300
# tools: ploop vzctl vzlist
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Expanded images on the target ploop: one mounts, once, and holds what was
# written; nothing is left by a command that is killed at any step; what its
# writer left open is mended; what is damaged, or somebody's, the kernel does not
# see. A container lives on one. If this fails, that container loses its disk, or
# another has it too.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"
# shellcheck source=tests/lib/crash.sh
. "$(dirname "$0")/../lib/crash.sh"
requires ploop dmsetup losetup flock e2fsck getfattr

cd "$tap_tmp"
mkdir src mnt other
cp -a /usr/bin/[a-c]* src/
cleanup_fn "umount $tap_tmp/mnt $tap_tmp/other 2>/dev/null || :; dmsetup remove vesper-test 2>/dev/null || :"

# devices - the names of ours. The kernel removes one soon after its last mount.
devices() { dmsetup ls 2>/dev/null | sed -n 's/^\(ploop-[^[:space:]]*\).*/\1/p' | xargs; }
no_device() { [ -z "$(devices)" ]; }
gone() { wait_until 5 no_device; }
device() { awk -v m="$tap_tmp/mnt" '$2 == m { print $1 }' /proc/mounts; }
mark() { getfattr --only-values -n trusted.ploop.checked "$1/root.hds" 2>/dev/null | cut -d' ' -f1; }
# poke DIR OFFSET VALUE - a number into the header or the table.
poke() {
	for k in 0 8 16 24; do printf '%b' "\\0$(printf %o $(($3 >> k & 255)))"; done |
		dd of="$1/root.hds" bs=1 seek="$2" conv=notrunc status=none
}
marker() { od -An -tx4 -j44 -N4 "$1/root.hds" | xargs; }
in_use=0x746F6E59

tar -C src -cf t.tar .
check "make one" ploop init -s 256M -f expanded --tar t.tar i/root.hds
made=$(stat -c %s i/root.hds)
check "mount it" ploop mount -f expanded -m mnt i
dev=$(device)
like "on a device of the device mapper" "$dev" '^/dev/dm-[0-9]+$'
id=$(stat -c '%Hd:%Ld-%i' i/root.hds)
is "named for the file" "$(devices)" "ploop-$id"
like "with a UUID of ours" "$(dmsetup info -c --noheadings -o uuid "ploop-$id")" '^PLOOP-[0-9a-f-]{36}$'
like "that the partition is the whole of" "$(dmsetup table "ploop-$id")" ' ploop 11 off=2048 root.hds$'
is "with no node of anybody's making" "$(ls /dev/mapper)" control
is "the image says that it is in use" "$(marker i)" 746f6e59
is "and its mark" "$(mark i)" mounted
check "the tree is the tar's" tar -C mnt -df t.tar
is "ploop info tells where" "$(ploop info -d i | sed -n 's/^mounted: *//p')" "$tap_tmp/mnt"
is "and the partition, meanwhile" "$(ploop info -s i | sed -n 's/^partition: *//p' | cut -d' ' -f1)" 1048576
mustfail "its lock outlives the command" flock -n i/root.hds true
mustfail "a second mount is refused" ploop mount -m other i
is "as in use" "$status" 37
like "by name" "$output" "i/root.hds' is in use"
mustfail "so is closing it" ploop check -d i
is "as in use" "$status" 37
exec 20>mnt/open
mustfail "a busy mount stays" ploop umount i
is "with its exit code" "$status" 46
exec 20>&-
head -c 12M /dev/urandom >mnt/new
sum=$(md5sum <mnt/new)
check "unmount it" ploop umount i
is "the device is gone" "$(devices)" ""
is "the image is closed" "$(marker i)" 00000000
is "and marked as checked" "$(mark i)" checked
check "it has grown" test "$(stat -c %s i/root.hds)" -gt "$made"
check "check finds nothing" ploop check i
if command -v qemu-img >/dev/null; then check "nor does QEMU" qemu-img check -f parallels i/root.hds; fi

check "mount it read-only" ploop mount -r -m mnt i
md5sum i/root.hds >before
mustfail "nothing can be written" touch mnt/x
is "what was written is there" "$(md5sum <mnt/new)" "$sum"
check "and what was there before" tar -C mnt -df t.tar
check "the file system is sound" e2fsck -fn "$(device)"
mustfail "a second mount is refused, too" ploop mount -r -m other i
check "unmount by the device" ploop umount -d "$(device)"
check "not a byte has changed" md5sum --quiet -c before
is "the device is gone" "$(devices)" ""

check "mount it, to unmount it by other means" ploop mount -m mnt i
mount --bind mnt other
check "one mount goes" ploop umount -m mnt
is "the device stays with the other" "$(devices)" "ploop-$id"
mustfail "and its lock" flock -n i/root.hds true
umount other
check "and goes with it" gone
is "the image is closed" "$(marker i)" 00000000
is "that leaves no mark of a check" "$(mark i)" mounted
check "at once it can be mounted again" ploop mount -m mnt i
check "and unmounted" ploop umount -m mnt
is "with a mark, as it was checked" "$(mark i)" checked

# --- what the kernel is not to see ------------------------------------------------------

ploop init -s 16M -f expanded small/root.hds
# another OFFSET VALUE... - a copy with these numbers in it.
another() {
	rm -rf x && cp -r small x
	while [ $# -gt 0 ]; do
		poke x "$1" "$2"
		shift 2
	done
	md5sum x/root.hds >before
}
# refused NAME STATUS PATTERN [OPTION...] - in one line, and not changed.
refused() {
	what=$1 code=$2 pattern=$3
	shift 3
	dmesg -C
	mustfail "$what: refused" ploop mount "$@" -m mnt x
	is "$what: exit code" "$status" "$code"
	like "$what: said so" "$output" "^ploop: .*$pattern"
	is "$what: in one line" "$(printf '%s\n' "$output" | wc -l)" 1
	is "$what: no device is left, no word in the log" "$(devices)$(dmesg | grep -i 'device-mapper' || :)" ""
	check "$what: nothing has changed" md5sum --quiet -c before
}
another 64 9999
refused "an entry outside of the file" 11 "said to be in cluster 9999, outside"
another 64 2
refused "two entries of one cluster" 11 "cluster 2 of .* is in its block table twice"
another 64 2 44 $in_use
refused "the same, and in use" 11 "in its block table twice"
another 48 0
refused "data in the table" 11 "inside of its block table"
another
# Both partition tables, wherever they lie in the file.
places=$(grep -abo 'EFI PART' x/root.hds | cut -d: -f1)
is "there are two partition tables" "$(echo "$places" | wc -l)" 2
for place in $places; do poke x "$place" 0; done
md5sum x/root.hds >before
refused "no partition table" 21 "x/root.hds'"
place=$(grep -abo 'EFI PART' small/root.hds | head -n 1 | cut -d: -f1)
another $((place - 512 + 1048576 + 1024 + 4)) 3840
refused "a file system over the backup of the partition table" 41 "larger than its partition"
another 44 $in_use
refused "one that was not closed, read-only" 37 "was not closed" -r
another
loop=$(losetup -f --show x/root.hds)
refused "one with a loop device on it" 37 "is in use by '$loop'"
losetup -d "$loop"
exec 20<>x/root.hds
dmsetup create vesper-test --table "0 28672 ploop 11 off=2048 20"
exec 20>&-
md5sum x/root.hds >before
is "somebody's device marks it" "$(marker x)" 746f6e59
mustfail "one with somebody's device on it" ploop mount -m mnt x
is "exit code" "$status" 37
like "by name" "$output" "is in use by '/dev/dm-"
check "and not closed under it" md5sum --quiet -c before
dmsetup remove vesper-test
another
cp x/root.hds y
check "the good one" ploop mount -m mnt x
check "mounts" ploop umount x

# --- what its writer left -----------------------------------------------------------------

rm -rf x && cp -r i x
size=$(stat -c %s x/root.hds)
poke x 44 $in_use
head -c 3000000 /dev/urandom >>x/root.hds
run ploop check x
is "one that was not closed: check says so" "$status" 11
check "it mounts" ploop mount -m mnt x
is "what was written is there" "$(md5sum <mnt/new)" "$sum"
check "unmount it" ploop umount x
is "it was checked" "$(mark x)" checked
is "what nobody named was given back" "$(stat -c %s x/root.hds)" "$size"
check "check finds nothing" ploop check x
poke x 44 $in_use
check "check -d closes one" ploop check -d x
is "for good" "$(marker x)" 00000000

# --- killed at a step -----------------------------------------------------------------------

# CRASH_POINTS of each, spread evenly; 99 takes all.
points=${CRASH_POINTS:-10} cuts=ioctl,flock,mount,fsetxattr,fsync,umount2
settle() { ! mountpoint -q mnt || umount mnt; }
# go_on NAME - whatever is left, the next mount takes it, and then there is nothing.
go_on() {
	settle
	ploop mount -m mnt small >out 2>&1 || { echo "$1: $(cat out)" && return; }
	ploop umount small || echo "$1: no unmount"
	[ -z "$(devices)" ] || echo "$1: left $(devices)"
	[ "$(marker small)" = 00000000 ] || echo "$1: not closed"
}
list=$(cut_points $cuts "$points" ploop mount -m mnt small)
ends=$(cut_points $cuts "$points" ploop umount small)
diag "killed at $(echo "$list" | wc -l) calls of mount and $(echo "$ends" | wc -l) of unmount"
like "the cuts are in mount" "$(echo "$list" | wc -l)" '^[1-9][0-9]$'
before_mount() {
	echo "$list" | while read -r name n; do
		kill_at "$name" "$n" ploop mount -m mnt small || :
		mountpoint -q mnt || gone || case $(devices) in
		# Between two calls it holds nothing, and no file.
		ploop-*) dmsetup info "$(devices)" 2>/dev/null | grep -q 'Open count: *0' || echo "mount, $name $n: left open" ;;
		esac
		go_on "mount, $name $n"
	done
}
before_umount() {
	echo "$ends" | while read -r name n; do
		ploop mount -m mnt small >/dev/null
		kill_at "$name" "$n" ploop umount small || :
		mountpoint -q mnt || gone || echo "umount, $name $n: a device stays"
		go_on "umount, $name $n"
	done
}
is "a killed mount" "$(before_mount 2>/dev/null)" ""
is "a killed unmount" "$(before_umount 2>/dev/null)" ""

# --- a container ------------------------------------------------------------------------------

id=3601
new_ct $id busybox --layout ploop:expanded --diskspace 256M --hostname grows
like "the layout is recorded" "$(cat /etc/vz/conf/$id.conf)" '^VE_LAYOUT="ploop:expanded"$'
is "and listed" "$(vzlist -a -H -o layout $id | xargs)" ploop
hdd=/vz/private/$id/root.hdd
is "the image is one" "$(ploop info -s $hdd | sed -n 's/^format: *//p')" expanded
check "start" vzctl --quiet start $id
is "it runs" "$(state $id)" "exist mounted running"
is "from it" "$(ploop info -d $hdd | sed -n 's/^mounted: *//p')" "/vz/root/$id"
is "it has its size" "$(vzctl exec $id df -k / | awk 'NR == 2 { print ($2 > 200000) }')" 1
vzctl exec $id 'head -c 8000000 /dev/urandom >/big; md5sum </big' >sum
mustfail "its lock is held, by nobody's process" flock -n $hdd/root.hds true
mustfail "no second mount" ploop mount -m mnt $hdd
mustfail "no destroy" vzctl destroy $id
check "stop" vzctl --quiet stop $id
is "nothing is left" "$(leftovers $id)$(devices)" ""
check "check finds nothing" ploop check $hdd
check "start again" vzctl --quiet start $id
is "what was written is there" "$(vzctl exec $id 'md5sum </big')" "$(cat sum)"
check "stop at once" vzctl --quiet stop $id --fast
is "nothing is left" "$(leftovers $id)$(devices)" ""
check "mount" vzctl --quiet mount $id
is "status" "$(state $id)" "exist mounted down"
check "umount" vzctl --quiet umount $id
is "status" "$(state $id)" "exist unmounted down"

# start, killed where it changes something, then whatever helps: a whole life.
steps=$(cut_points mount,umount2,ioctl,move_mount,clone 4 vzctl --quiet --supervised start $id)
vzctl --quiet stop $id --fast
killed_start() {
	echo "$steps" | while read -r name n; do
		kill_at "$name" "$n" vzctl --quiet --supervised start $id || :
		case $(state $id) in
		*running) vzctl --quiet stop $id --fast || echo "$name $n: no stop" ;;
		*down) vzctl --quiet start $id && vzctl --quiet stop $id --fast || echo "$name $n: no start and stop" ;;
		esac
		[ -z "$(leftovers $id)" ] || echo "$name $n: left $(leftovers $id)"
	done
}
is "a killed start" "$(killed_start 2>/dev/null)" ""
check "check finds nothing" ploop check $hdd
check "destroy" vzctl --quiet destroy $id
is "nothing is left at all" "$(ls -d /vz/private/$id* 2>/dev/null || :)$(leftovers $id)$(devices)" ""
