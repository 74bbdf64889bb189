#!/bin/bash
# guest: kernel=plain root=host mem=3072 smp=2 boot=ploop time=300
# tools: ploop
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A group of processes with little memory, and no swap, writes much more than it
# may have to a mounted image. If this fails, what is dirty cannot be written, as
# that takes memory which is dirty; or somebody else pays for the writing.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires ploop

dir=$(mktemp -d /var/tmp/ploop-pressure.XXXXXX)
group=/sys/fs/cgroup/vesper-pressure
cleanup_fn "cd /; umount $dir/mnt 2>/dev/null; rmdir $group; rm -rf $dir"
cd "$dir"
mkdir mnt
ploop init -s 512M -f expanded i/root.hds >/dev/null
check "mount" ploop mount -m mnt i
is "there is no swap" "$(tail -n +2 /proc/swaps)" ""
echo "+memory +io" >/sys/fs/cgroup/cgroup.subtree_control
mkdir $group
limit=$((32 << 20)) count=192
echo $limit >$group/memory.max
# in_group COMMAND... - with a time limit that only a hang comes to.
in_group() { (echo $BASHPID >$group/cgroup.procs && exec timeout -k 5 200 "$@"); }
started=$(date +%s)
check "six times its memory is written" in_group sh -c "yes 0123456789 | dd bs=1M count=$count iflag=fullblock of=mnt/x status=none"
check "and is on the disk" in_group sync -f mnt
diag "$count MB in $(($(date +%s) - started)) s, at most $(($(cat $group/memory.peak) >> 20)) MB of memory"
check "with no more memory than it may have" test "$(cat $group/memory.peak)" -le $limit
is "nobody had to die for it" "$(sed -n 's/^oom_kill //p' $group/memory.events)" 0
diag "$(cat $group/io.stat)"
# On the disk that has the image, not on the image's own device.
paid=$(grep -v "^$(mountpoint -d mnt) " $group/io.stat | sed -n 's/.* wbytes=\([0-9]*\) .*/\1/p' | sort -n | tail -n 1)
check "the writes to the image's disk are its own (${paid:-0})" test "${paid:-0}" -ge $((count << 19))
# Many at once, in small pieces, some of which wait for the disk.
for n in 1 2 3 4; do in_group dd if=/dev/zero of=mnt/y$n bs=64k count=256 conv=fsync status=none & done
for _ in 1 2 3 4; do wait -n || not_ok "a writer fails"; done
check "unmount" ploop umount -m mnt
check "mount" ploop mount -m mnt i
yes 0123456789 | head -c $((count << 20)) >model || :
check "what was written is there" cmp model mnt/x
check "unmount" ploop umount -m mnt
