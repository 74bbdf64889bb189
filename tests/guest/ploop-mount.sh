#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 boot=images time=240
# tools: ploop
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The kernel's own ext4 takes what libploop made: an image mounts, holds what
# the tar held, takes writes, and is mounted once only. One from elsewhere is
# checked before the kernel sees it. If this fails, containers have no disk, or
# whoever sends an image has the host.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires ploop losetup tar e2fsck debugfs setfattr getfattr

cd "$tap_tmp"
mkdir src mnt
mkdir -p src/dir
seq 1 5000 >src/dir/numbers
chown 1234:70000 src/dir/numbers
chmod 4751 src/dir/numbers
touch -d '2001-02-03 04:05:06.123456789' src/dir/numbers
ln src/dir/numbers src/hard
ln -s dir/numbers src/soft
mknod src/null c 1 3
mkfifo src/fifo
cp /bin/true src/capable
setcap cap_net_raw+ep src/capable
setfattr -n user.note -v hello src/dir
truncate -s 20M src/holes
seq 600 | sed 's,^,src/dir/a-file-with-a-rather-long-name-,' | xargs touch
tar -C src --xattrs --xattrs-include='*' -Scf t.tar .

check "make a raw image" ploop init -s 256M -f raw --tar t.tar i/root.hds
check "mount it" ploop mount -m mnt i
loop=$(awk -v m="$tap_tmp/mnt" '$2 == m { print $1 }' /proc/mounts)
like "on a loop device" "$loop" '^/dev/loop[0-9]+$'
is "with direct I/O over the partition" "$(losetup -nO DIO,OFFSET "$loop" | tr -s ' ')" " 1 1048576"
check "the tree is the tar's" tar -C mnt --xattrs --xattrs-include='*' -df t.tar
is "nanoseconds are kept" "$(stat -c %y mnt/dir/numbers)" "2001-02-03 04:05:06.123456789 +0000"
is "owner, mode and links are kept" "$(stat -c '%u:%g %a %h' mnt/dir/numbers)" "1234:70000 4751 2"
is "file capabilities are kept" "$(getcap mnt/capable)" "mnt/capable cap_net_raw=ep"
is "attributes are kept" "$(getfattr --only-values -n user.note mnt/dir)" hello
check "holes are kept" test "$(stat -c %b mnt/holes)" -lt 16
check "the hash tree is good for the kernel" sh -c 'cd src && find dir | (cd ../mnt && xargs stat >/dev/null)'
check "a long directory takes new names" sh -c 'seq 300 | sed "s,^,mnt/dir/one-more-name-of-some-length-," | xargs touch'
is "ploop info tells where" "$(ploop info -d i | sed -n 's/^mounted: *//p')" "$tap_tmp/mnt"

mkdir other
mustfail "a second mount is refused" ploop mount -m other i
is "as in use" "$status" 37
like "by name" "$output" "i/root.hds' is in use"
is "and left no device" "$(losetup -j i/root.hds | wc -l)" 1

exec 9>mnt/open
mustfail "a busy mount stays" ploop umount -m mnt
is "with its exit code" "$status" 46
exec 9>&-
echo written >mnt/new
check "unmount by the image" ploop umount i
is "the device goes with it" "$(losetup -j i/root.hds)" ""
mustfail "there is nothing to unmount then" ploop umount -m mnt
is "and that is exit code 40" "$status" 40
check "e2fsck agrees with the kernel" e2fsck -fn "i/root.hds?offset=1048576"

check "mount read-only" ploop mount -r -m mnt i
mustfail "nothing can be written" touch mnt/x
is "what was written is there" "$(cat mnt/new)" written
check "unmount by the device" ploop umount -d "$(awk -v m="$tap_tmp/mnt" '$2 == m { print $1 }' /proc/mounts)"
check "mount after a check" ploop mount -F -o noatime,nosuid,commit=30 -m mnt i
like "options reach the file system" "$(grep " $tap_tmp/mnt " /proc/mounts)" "nosuid,noatime.*commit=30"
check "unmount by the directory" ploop umount -m mnt
mustfail "a directory that is not there" ploop mount -m none i
is "left no device" "$(losetup -j i/root.hds)" ""

# What is checked before the kernel sees it: the super block tells when e2fsck did that last.
# mark DIR - the word that the image's mark starts with.
mark() {
	getfattr --only-values -n trusted.ploop.checked "$1/root.hds" 2>/dev/null | cut -d' ' -f1
}
# year DIR - of the last check of the image's file system.
year() {
	debugfs -R 'stats -h' "$1/root.hds?offset=1048576" 2>/dev/null |
		sed -n 's/^Last checked: .* //p'
}
# cycle DIR - mount and unmount.
cycle() { ploop mount -m mnt "$1" && ploop umount "$1"; }
# was_checked NAME DIR - at its next mount it is.
was_checked() {
	check "$1: it mounts" ploop mount -m mnt "$2"
	is "$1: the mark says so" "$(mark "$2")" mounted
	check "$1: and is unmounted" ploop umount "$2"
	is "$1: it was checked" "$(year "$2")" "$(date +%Y)"
	is "$1: and is marked" "$(mark "$2")" checked
}
long_ago() {
	debugfs -w -R 'ssv lastcheck 20010203040506' "$1/root.hds?offset=1048576" >/dev/null 2>&1
	is "written over, so that the last check was long ago" "$(year "$1")" 2001
}
check "one that was made long ago" ploop init -s 16M -f raw --time 981173106 old/root.hds
check "mounts" ploop mount -m mnt old
is "meanwhile the mark says that" "$(mark old)" mounted
echo more >mnt/more
check "and is unmounted" ploop umount old
is "with its mark" "$(mark old)" checked
check "and again" cycle old
is "without a check, as it was made here" "$(year old)" 2001
mkdir copy
cp --sparse=always --preserve=all old/* copy/
is "a copy has its attributes" "$(mark copy)" checked
was_checked "a copy" copy
long_ago copy
was_checked "written over" copy
long_ago copy
check "mount it, to unmount it by other means" ploop mount -m mnt copy
umount mnt
is "that leaves no mark of a check" "$(mark copy)" mounted
was_checked "unmounted by other means" copy
check "mount it, to break it" ploop mount -m mnt copy
loop=$(awk -v m="$tap_tmp/mnt" '$2 == m { print $1 }' /proc/mounts)
echo 1 >"/sys/fs/ext4/${loop#/dev/}/trigger_fs_error"
check "unmount it" ploop umount copy
is "with an error in it is unchecked" "$(mark copy)" mounted
was_checked "after an error" copy
loop=$(losetup -f --show copy/root.hds)
mustfail "what another loop device is on is not mounted" ploop mount -F -m mnt copy
is "as in use" "$status" 37
like "by name" "$output" "is in use by '$loop'"
losetup -d "$loop"

# Images from elsewhere: a copy of the file's bytes comes without the mark.
is "what was made here needs no check" "$(mark i)" checked
mkdir src/small
cp /bin/true src/small/file
check "a small one" sh -c 'tar -C src/small -cf small.tar . && ploop init -s 16M -f raw --tar small.tar small/root.hds'
# another DEBUGFS-COMMAND... - a copy with that done to its file system.
another() {
	rm -rf x && mkdir x && cp --sparse=always --preserve=mode small/* x/
	printf '%s\n' "$@" >commands
	debugfs -w -f commands 'x/root.hds?offset=1048576' >/dev/null 2>&1
	md5sum x/root.hds >before
}
# refused NAME PATTERN [OPTION...] - not mounted, in one line of PATTERN, and not changed.
refused() {
	what=$1 pattern=$2
	shift 2
	mustfail "$what: refused" ploop mount "$@" -m mnt x
	like "$what: said so" "$output" "^ploop: .*$pattern"
	is "$what: in one line" "$(printf '%s\n' "$output" | wc -l)" 1
	is "$what: no device is left" "$(losetup -j x/root.hds)" ""
	is "$what: no mark" "$(mark x)" ""
}
for feature in encrypt casefold verity; do
	another "feature $feature"
	refused "feature $feature" "'x/root.hds': has a file system with the feature '$feature', which is not taken"
	check "feature $feature: nothing has changed" md5sum --quiet -c before
done
another 'ssv journal_dev 0x700'
refused "a journal elsewhere" "whose journal is another device"
another 'ssv mount_opts errors=panic'
refused "options in the super block" "mount options of its own"
another
dd if=/dev/zero of=x/root.hds bs=1 seek=$((1048576 + 1024 + 56)) count=2 conv=notrunc status=none
refused "no file system" "has no ext4 file system"
# Its state says clean; a whole check sees more.
another 'clri <2>'
refused "a tree without a root, clean as it says" "e2fsck cannot repair the file system of 'x/root.hds': status [0-9]+: ."
another 'clri <2>'
refused "the same, read-only" "e2fsck cannot repair" -r
check "read-only: nothing has changed" md5sum --quiet -c before
another 'sif /file links_count 5' 'ssv errors 3'
check "what can be repaired is" ploop mount -m mnt x
is "and is marked" "$(mark x)" mounted
like "no panic is to be had" "$(grep " $tap_tmp/mnt " /proc/mounts)" "errors=remount-ro"
check "unmount it" ploop umount x
is "it is marked as checked" "$(mark x)" checked
check "it is sound" e2fsck -fn "x/root.hds?offset=1048576"
another
check "a sound one from elsewhere, read-only" ploop mount -r -m mnt x
is "is marked as well" "$(mark x)" checked
check "unmount it" ploop umount x
check "and has not changed" md5sum --quiet -c before
