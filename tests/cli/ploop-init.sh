#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# ploop init: both formats hold the same sound file system, other programs read
# them, and the same input gives the same bytes.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires ploop tar e2fsck qemu-img sfdisk debugfs

cd "$tap_tmp"
uuid=11111111-2222-4333-8444-555555555555
same="--uuid $uuid --time 1700000000 --tar t.tar"

mkdir -p src/dir src/empty
seq 1 20000 >src/dir/numbers
ln src/dir/numbers src/hard
ln -s dir/numbers src/soft
truncate -s 3M src/holes && echo end >>src/holes
i=0
while [ $i -lt 400 ]; do
	i=$((i + 1))
	echo $i >"src/dir/a-file-with-a-rather-long-name-$i"
done
tar -C src -Scf t.tar .

# shellcheck disable=SC2086 # words
check "init raw" ploop init -s 48M -f raw $same raw/root.hds
# shellcheck disable=SC2086
check "init expanded, the default" ploop init -s 48M $same exp/root.hds
is "the files are those two" "$(cd exp && echo ./*)" "./DiskDescriptor.xml ./root.hds"
is "a raw image has the disk's length" "$(stat -c %s raw/root.hds)" $((48 << 20))
check "an expanded one has not" test "$(stat -c %s exp/root.hds)" -lt $((24 << 20))
check "e2fsck is content" e2fsck -fn "raw/root.hds?offset=1048576"
check "qemu-img check is content" qemu-img check -f parallels exp/root.hds
check "qemu-img reads the expanded one" qemu-img convert -f parallels -O raw exp/root.hds conv.raw
check "as the bytes of the raw one" cmp conv.raw raw/root.hds
check "qemu-img compare agrees" qemu-img compare -f parallels -F raw exp/root.hds raw/root.hds
run sfdisk -V raw/root.hds
like "sfdisk finds no errors" "$output" "No errors detected"
like "one Linux partition at 1 MiB" "$(sfdisk -d raw/root.hds)" "start= *2048, .*type=0FC63DAF-8483-4772-8E79-3D69D8477DE4"
check "ploop check, raw" ploop check raw
check "ploop check, expanded" ploop check exp/DiskDescriptor.xml

# shellcheck disable=SC2086
ploop init -s 48M $same again/root.hds
check "the same input gives the same image" cmp exp/root.hds again/root.hds
check "and descriptor" cmp exp/DiskDescriptor.xml again/DiskDescriptor.xml
ploop init -s 48M other/root.hds
ploop init -s 48M third/root.hds
mustfail "without --uuid every image has its own" cmp other/root.hds third/root.hds

run dumpe2fs -h "raw/root.hds?offset=1048576"
like "the UUID is the one given" "$output" "Filesystem UUID: *$uuid"
like "the features are a server's" "$output" "has_journal ext_attr resize_inode dir_index .*extent 64bit flex_bg .*huge_file .*extra_isize quota metadata_csum project"
run debugfs -R "stat /dir" "raw/root.hds?offset=1048576"
like "a long directory has its hash tree" "$output" "Flags: 0x20081000"

check "images of QEMU open here" sh -c "qemu-img convert -f raw -O parallels raw/root.hds q.hds && ploop info -s q.hds"
is "ploop info tells the size" "$(ploop info -s exp | sed -n 's/^size: *//p')" $((48 << 20))
is "and the format" "$(ploop info -s raw | sed -n 's/^format: *//p')" raw

mkdir there
# shellcheck disable=SC2086
check "init preallocated" ploop init -s 48M -f preallocated $same pre/root.hds
check "has room for all of the disk" test "$(stat -c '%b' pre/root.hds)" -ge $((49 << 11))
is "and says so" "$(ploop info -s pre | sed -n 's/^format: *//p')" preallocated
check "ploop check finds nothing" ploop check pre
check "nor does qemu-img" qemu-img check -f parallels pre/root.hds
check "the disk is the same" qemu-img compare -f parallels -F raw pre/root.hds raw/root.hds
cp pre/root.hds before
check "what it has free is not given back" ploop balloon discard pre
is "is said" "$output" "0 bytes were given back"
check "and it is as it was" cmp before pre/root.hds
ploop snapshot pre
ploop snapshot-merge pre
is "it stays so" "$(grep -c '<Preallocated>1<' pre/DiskDescriptor.xml) $(ploop info -s pre | sed -n 's/^format: *//p')" "1 preallocated"
# A file system that is too small: nothing is left.
# shellcheck disable=SC2016 # of that shell
run unshare -rm sh -c 'mkdir t; mount -t tmpfs -o size=8m none t && ploop init -s 48M -f preallocated t/d/root.hds; r=$?; ls -A t; exit $r'
is "where there is no room: exit code" "$status" 20
like "in one line" "$output" "^ploop: cannot preallocate the image 'root.hds': No space left on device\$"
is "and nothing is left" "$(echo "$output" | wc -l)" 1

# shellcheck disable=SC2086
check "init of format version 1" ploop init -s 48M -v 1 $same v1/root.hds
is "is one" "$(ploop info -s v1 | sed -n 's/^fmt_version: *//p') $(head -c 16 v1/root.hds)" "1 WithoutFreeSpace"
check "ploop check finds nothing" ploop check v1
check "nor does qemu-img" qemu-img check -f parallels v1/root.hds
check "the disk is the same" qemu-img compare -f parallels -F parallels v1/root.hds exp/root.hds
ploop snapshot v1
ploop snapshot-delete -u "$(ploop snapshot-list -Hs v1 | head -1)" v1
check "below a snapshot and back" qemu-img compare -f parallels -F parallels "v1/$(cd v1 && echo root.hds*)" exp/root.hds
mkdir mnt
run ploop mount -m mnt v1
is "it is not mounted: exit code" "$status" 11
like "by name" "$output" "format version 1, which is not mounted: 'ploop convert -v 2' comes first"

check "an empty directory is used" ploop init -s 16M there/root.hdd
mustfail "a second image beside the first is refused" ploop init -s 16M there/more.hdd
like "by name" "$output" "DiskDescriptor.xml"
mustfail "an existing file is refused" ploop init -s 16M there/root.hdd
is "as exit code 1" "$status" 1
check "the label is set" ploop init -s 16M -L data label/root.hds
ploop init -s 16M -f raw -L data rawlabel/root.hds
like "and read" "$(dumpe2fs -h "rawlabel/root.hds?offset=1048576" 2>&1)" "volume name: *data"
check "other cluster sizes" ploop init -s 16M -b 128 --tar t.tar small/root.hds
check "are images too" qemu-img check -f parallels small/root.hds
check "and sound" ploop check small
