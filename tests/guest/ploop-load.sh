#!/bin/bash
# guest: kernel=debug root=host mem=3072 smp=2 boot=load time=240
# tools: ploop
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A mounted disk under fio, which reads again what it wrote, and programs that
# change a tree of files, each of which knows what is in it, while the disk is
# snapshotted, grown, copied, trimmed and its snapshots are merged. If this fails,
# something that is done to a disk in use mixes up or loses what is written
# meanwhile, or the kernel has something to say of it.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
built=$(cd "$(dirname "$0")/../../build" && pwd)
requires ploop dmsetup e2fsck "$built/guest/stress"

cd "$tap_tmp"
mkdir mnt other
check "fio is there" tar -xf "$built/guest/fio.tar"
cleanup_fn "cd /; umount $tap_tmp/mnt $tap_tmp/other 2>/dev/null || :"
seed=${LOAD_SEED:-$(date +%Y%m%d)} seconds=${LOAD_SECONDS:-25}
diag "LOAD_SEED=$seed"

# Small clusters: that many more are given room, copied and moved.
check "make a disk" ploop init -s 256M -b 128 i/root.hds
check "mount it" ploop mount -m mnt i
mkdir mnt/a mnt/b
n=0
for t in a b; do
	n=$((n + 1))
	(
		rc=0
		"$built/guest/stress" mnt/$t "$seed$n" mnt/stop >$t.out 2>&1 || rc=$?
		echo $rc >$t.status
	) &
done
(
	rc=0
	fio/ld.so --library-path fio fio/fio --output=fio.out --directory=mnt --randseed="$seed" --thread --time_based --runtime="$seconds" \
		--size=12m --rate=1m,1m --verify=crc32c --verify_backlog=256 --verify_fatal=1 \
		--name=direct --rw=randwrite --bsrange=4k-64k --direct=1 --ioengine=libaio --iodepth=8 \
		--name=cached --rw=randrw --bsrange=4k-128k --fdatasync=16 --ioengine=psync || rc=$?
	echo $rc >fio.status
) &
runs() { [ ! -e fio.status ]; }
check "fio writes" wait_until 30 test -s mnt/cached.0.0

# What is done to it, in turns, as long as fio runs; all of it once at least. It grows before there are snapshots, and
# when they are merged: what stands on one that was smaller is not merged into it while it is in use.
snapshots() { ploop snapshot-list -H -o current,uuid i | sed -n 's/^  //p'; }
rounds=0
check "grow" ploop resize -s 300M i
while runs || [ $rounds -eq 0 ]; do
	rounds=$((rounds + 1))
	check "$rounds: a snapshot" ploop snapshot i
	check "$rounds: another snapshot" ploop snapshot i
	rm -f copy
	check "$rounds: copy" ploop copy -s i -d copy
	check "$rounds: trim" ploop balloon discard i
	for one in $(snapshots); do
		check "$rounds: merge" ploop snapshot-delete -u "$one" i
	done
	! grep -qv '^0$' ./*.status 2>/dev/null || break
done
check "grow again" ploop resize -s 333M i
touch mnt/stop
wait
diag "$rounds rounds; $(cat a.out b.out | xargs) changes of files"
for t in a b; do is "what was written to tree $t is in it" "$(cat $t.status) $(grep -v '^[0-9]*$' $t.out || :)" "0 "; done
is "fio read what it wrote" "$(cat fio.status)" 0
[ "$(cat fio.status)" = 0 ] || diag "$(tail -n 20 fio.out)"

# --- and then everything compares equal ----------------------------------------------
sum() { (cd "$1" && find . -type f ! -name stop -exec md5sum {} + | sort | md5sum); }
# e2fsck of what is mounted on it, read-only
sound() {
	run e2fsck -fn "$(awk -v m="$tap_tmp/$1" '$2 == m { print $1 }' /proc/mounts)"
	is "$2: its file system is sound, with nothing to recover" "$status" 0
}
was=$(sum mnt)
check "the copy mounts" ploop mount -r -m other copy
sound other "the copy made under load"
check "unmount it" ploop umount -m other
rm copy
check "a copy of the rest" ploop copy -s i -d copy
check "unmount" ploop umount -m mnt
# What was below the top was discarded in, too, and the unmount may have made it the top.
check "give back what is free" ploop balloon discard i
check "check finds nothing" ploop check i
check "mount" ploop mount -r -m mnt i
check "mount the copy" ploop mount -r -m other copy
sound mnt "the disk"
is "the disk has what it had" "$(sum mnt)" "$was"
is "so has the copy" "$(sum other)" "$was"
