#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# on-host
# Without this, tests of images would not know what they booted, or two guests
# could write one image.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
requires mke2fs qemu-img sfdisk debugfs
# One processor where it does not matter: two that are emulated wait for each other.
guest() { "$top/tests/guest/run" -s 1 "$@"; }

# A root without systemd: busybox and directories, as ext4 made without root.
tree=$tap_tmp/tree
mkdir -p "$tree/bin" "$tree/dev" "$tree/proc" "$tree/sys" "$tree/run" "$tree/tmp" "$tree/root" "$tree/etc" "$tree/mnt"
cp /bin/busybox "$tree/bin/busybox"
for tool in sh true mount cat echo sleep touch ls pivot_root mkdir umount sha256sum dd sync; do ln -s busybox "$tree/bin/$tool"; done
truncate -s 64M "$tap_tmp/ext4"
mke2fs -q -F -t ext4 -d "$tree" "$tap_tmp/ext4"

# The same in the first partition of a GPT, and as a ploop image (QEMU's parallels).
truncate -s 80M "$tap_tmp/gpt"
echo 'label: gpt
start=2048' | sfdisk -q "$tap_tmp/gpt"
dd if="$tap_tmp/ext4" of="$tap_tmp/gpt" bs=1M seek=1 conv=notrunc,sparse status=none
qemu-img convert -q -f raw -O parallels "$tap_tmp/gpt" "$tap_tmp/ploop"
mkdir "$tap_tmp/image"
cp "$tap_tmp/ploop" "$tap_tmp/image/root.hds"
echo '<Parallels_disk_image><StorageData><Storage><Image><File>root.hds</File></Image></Storage></StorageData></Parallels_disk_image>' \
	>"$tap_tmp/image/DiskDescriptor.xml"

for root in ext4 gpt ploop image; do
	before=$(find "$tap_tmp/$root" -type f -exec sha256sum {} + | sha256sum)
	run guest -r "$tap_tmp/$root" -- sh -c 'cat /proc/self/mounts; echo written >/file && cat /file'
	is "$root: boots" "$status" 0
	like "$root: the root is ext4 on the disk" "$output" '^/dev/vda1? / ext4 rw'
	like "$root: it can be written" "$output" '^written$'
	is "$root: and the file keeps what it had" "$(find "$tap_tmp/$root" -type f -exec sha256sum {} + | sha256sum)" "$before"
done
cp "$tap_tmp/ext4" "$tap_tmp/misnamed.qcow2"
run guest -r "$tap_tmp/misnamed.qcow2" -- true
is "the content tells and not the name" "$status" 0

# --- mini is a root to leave, too ---
run guest -- sh -c 'mkdir /n && mount -t tmpfs n /n && mkdir /n/old && cd /n && pivot_root . old && echo pivoted'
is "pivot_root works in mini" "$output" pivoted

# --- written through ---
for root in ext4 ploop; do
	run guest -w -r "$tap_tmp/$root" -- sh -c 'echo kept >/kept'
	is "$root: -w ends well" "$status" 0
	run guest -r "$tap_tmp/$root" -- cat /kept
	is "$root: and what it wrote stays" "$output" kept
done
check "ext4: left clean" e2fsck -fn "$tap_tmp/ext4"
check "ploop: left clean" qemu-img check -q -f parallels "$tap_tmp/ploop"

"$top/tests/guest/run" -w -r "$tap_tmp/ext4" -- sh -c 'echo up; sleep 60' >"$tap_tmp/up" 2>/dev/null &
pid=$!
wait_until 30 grep -q up "$tap_tmp/up"
run guest -w -r "$tap_tmp/ext4" -- true
is "a second -w of one file is refused" "$status" 98
like "by name" "$output" "ext4' is written through by another guest"
run guest -r "$tap_tmp/ext4" -- true
is "a reader beside a -w is refused" "$status" 98
kill "$pid"
wait "$pid" || true
# QEMU lets go a moment after run.
wait_until 15 flock -n "$tap_tmp/ext4" true || true
"$top/tests/guest/run" -r "$tap_tmp/ext4" -- sleep 8 &
pid=$!
run guest -r "$tap_tmp/ext4" -- true
is "any number of guests may read one file" "$status" 0
wait "$pid" || true

# --- shares and disks ---
mkdir "$tap_tmp/a" "$tap_tmp/b"
echo A >"$tap_tmp/a/file"
echo B >"$tap_tmp/b/file"
run guest -x "$tap_tmp/a" -x "$tap_tmp/b" -- sh -c 'cat /mnt/x/file /mnt/x2/file; echo back >/mnt/x2/back'
is "-x: both shares are there" "$output" "A
B"
is "-x: and can be written" "$(cat "$tap_tmp/b/back")" back
truncate -s 8M "$tap_tmp/d0"
truncate -s 16M "$tap_tmp/d1"
run guest -r "$tap_tmp/ext4" -d "$tap_tmp/d0" -d "$tap_tmp/d1" -- sh -c 'cat /sys/block/vda/size /sys/block/vdb/size; echo disk >/dev/vdb; sync'
is "-d: disks in order, from vda" "$output" "16384
32768"
is "-d: and they are written" "$(head -n 1 "$tap_tmp/d1")" disk
