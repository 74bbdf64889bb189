#!/bin/sh
# guest: kernel=plain,debug root=host mem=3072 smp=2 time=240
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The kernel's own ext4 takes what libploop made: an image mounts, holds what
# the tar held, takes writes, and is mounted once only. If this fails,
# containers have no disk.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires ploop losetup tar e2fsck setfattr getfattr

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
