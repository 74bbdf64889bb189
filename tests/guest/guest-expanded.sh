#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# on-host: tools
# Without this, an image that our own tools made could be none that a machine boots
# from, or be less whole after one wrote to it.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
requires qemu-img
ploop() { "$top/build/bin/ploop" "$@"; }

tree=$tap_tmp/tree
mkdir -p "$tree/bin" "$tree/dev" "$tree/proc" "$tree/sys" "$tree/run" "$tree/tmp" "$tree/root" "$tree/etc" "$tree/mnt"
cp /bin/busybox "$tree/bin/busybox"
for tool in sh mount cat echo sync; do ln -s busybox "$tree/bin/$tool"; done
tar -C "$tree" --owner=0 --group=0 -cf "$tap_tmp/tar" .
check "an expanded image, from a tar" ploop init -s 200M -f expanded --tar "$tap_tmp/tar" "$tap_tmp/image/root.hds"
check "is smaller than its disk" test "$(stat -c %s "$tap_tmp/image/root.hds")" -lt $((100 << 20))

run "$top/tests/guest/run" -w -r "$tap_tmp/image" -- sh -c 'cat /proc/self/mounts; echo kept >/kept; sync'
is "a guest boots from its directory" "$status" 0
like "by its partition" "$output" '^/dev/vda1 / ext4 rw'
check "what it has written is in its place" ploop check "$tap_tmp/image/root.hds"
check "for QEMU, too" qemu-img check -q -f parallels "$tap_tmp/image/root.hds"
run "$top/tests/guest/run" -r "$tap_tmp/image/DiskDescriptor.xml" -- cat /kept
is "and is there for the next" "$output" kept
