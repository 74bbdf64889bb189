#!/bin/bash
# guest: kernel=plain root=host mem=3072 smp=2 boot=ploop time=300
# tools: ploop vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What is deleted inside of a disk is the host's again: at once where it is
# mounted, and the file is short, without a hole, when it is not. If this fails, a
# host fills up with what its containers have deleted.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"
requires ploop dmsetup e2fsck

cd "$tap_tmp"
mkdir src mnt
cp -a /usr/bin/[a-c]* src/
tar -C src -cf t.tar .
cleanup_fn "umount $tap_tmp/mnt 2>/dev/null || :"
no_device() { ! dmsetup ls 2>/dev/null | grep -q '^ploop-'; }
used() { echo $(($(stat -c %b "$1") * 512)); }
blocks_are() { test "$(used "$1")" "$2" "$3"; }

check "make a disk" ploop init -s 2G --tar t.tar i/root.hds
check "mount it" ploop mount -m mnt i
like "which discards" "$(grep " $tap_tmp/mnt " /proc/mounts)" '[ ,]discard[, ]'
check "unmount it" ploop umount i
wait_until 5 no_device
live=$(stat -c %s i/root.hds)
check "mount it" ploop mount -m mnt i
head -c 500M /dev/zero >mnt/big
sync mnt/big
check "write a lot" blocks_are i/root.hds -gt $((live + (490 << 20)))
for k in $(seq 40); do head -c 300000 /dev/urandom >"mnt/small.$k"; done
sync -f mnt
rm mnt/big
sync -f mnt
check "deleted, its space is back while it is mounted" wait_until 10 blocks_are i/root.hds -lt $((live + (40 << 20)))
sum=$(cat mnt/small.* | md5sum)
check "unmount it" ploop umount i
wait_until 5 no_device
now=$(stat -c %s i/root.hds)
diag "$live bytes before, $now after $((500 << 20)) were written and deleted and $((40 * 300000)) stayed"
check "the file is as short as what is in it" test "$now" -le $(((live + 40 * 300000) * 105 / 100 + (4 << 20)))
check "check finds nothing, holes among it" ploop check i
check "mount it" ploop mount -m mnt i
is "what stayed is there" "$(cat mnt/small.* | md5sum)" "$sum"
check "and the tree" tar -C mnt -df t.tar
rm mnt/small.*
check "trim it while it is mounted" ploop balloon discard i
like "it says how much" "$output" '^[0-9]+ bytes were given back$'
check "unmount it" ploop umount i
wait_until 5 no_device
check "the file is as at first, nearly" test "$(stat -c %s i/root.hds)" -le $((live * 105 / 100 + (2 << 20)))

# Used without discards, by a kernel that was told so.
check "mount it without" ploop mount -o nodiscard -m mnt i
head -c 200M /dev/zero >mnt/big
sync mnt/big
rm mnt/big
sync -f mnt
check "unmount it" ploop umount i
wait_until 5 no_device
check "it is long" test "$(stat -c %s i/root.hds)" -gt $((live + (150 << 20)))
check "trim it while it is not mounted" ploop balloon discard --automount i
wait_until 5 no_device
check "it is short" test "$(stat -c %s i/root.hds)" -le $((live * 105 / 100 + (2 << 20)))
check "check finds nothing" ploop check i
mustfail "a raw one has to be mounted" eval 'ploop init -s 64M -f raw r/root.hds && ploop balloon discard r'
is "with its exit code" "$status" 3

# As a tenant does it.
check "create a container" vzctl create 902 --ostemplate busybox --layout ploop:expanded
image=$(find /vz/private/902 -name 'root.hds.*')
check "on a golden image" test -n "$image"
check "start it" vzctl start 902
vzctl exec 902 'head -c 150000000 /dev/zero | tr "\0" z >/root/big; sync'
full=$(used "$image")
vzctl exec 902 'rm /root/big; sync'
check "what it deletes the host has" wait_until 15 blocks_are "$image" -lt $((full - 130000000))
check "stop it" vzctl stop 902 --fast
check "the image is short" test "$(stat -c %s "$image")" -lt $((64 << 20))
check "check finds nothing" ploop check /vz/private/902/root.hdd
check "destroy it" vzctl destroy 902
