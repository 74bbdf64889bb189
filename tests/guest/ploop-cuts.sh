#!/bin/bash
# guest: kernel=plain root=host mem=3072 smp=2 time=400 boot=cuts
# tools: ploop
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The power goes while the target ploop is written to: a log of all that the
# disk below the image's file system was given is replayed, and cut at flushes
# and at any other place. After each cut that file system mounts, the image is
# mended, the file system inside is sound, and what a program had been told to be
# stable is there. If this fails, a node that loses power loses containers.
# CRASH_POINTS of the flushes and as many other places are taken, other ones each
# day, or all flushes (CRASH_SEED, tests/lib/crash.sh). What the cuts are:
# tests/guest/cuts.c.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires dmsetup ploop e2fsck mkfs.ext4 losetup
cuts=$(cd "$(dirname "$0")/../.." && pwd)/build/guest/cuts
CRASH_SEED=${CRASH_SEED:-$(($(date +%s) / 86400))}
diag "CRASH_SEED=$CRASH_SEED"

# Of each log so many flushes, and as many other places, are cut at; all: every flush.
share() { [ "${CRASH_POINTS:-}" = all ] && echo 0 || echo $(($1 * ${CRASH_POINTS:-25} / 25)); }
steps=60

dir=$tap_tmp/cuts
mkdir "$dir"
mount -t tmpfs -o size=2500m cuts "$dir"
older=$(mktemp -d /var/tmp/ploop-cuts.XXXXXX)
drop() {
	cd /
	umount "$dir/inner" 2>/dev/null || :
	dmsetup remove vesper-disk 2>/dev/null || :
	umount "$dir/outer" 2>/dev/null || :
	dmsetup remove vesper-log 2>/dev/null || :
	for f in "$dir"/*.img; do losetup -j "$f" | cut -d: -f1 | xargs -r losetup -d; done
	umount -l "$dir"
	rm -rf "$older"
}
cleanup_fn drop
cd "$dir"
mkdir outer inner
cp "$cuts" cuts # the share keeps no pages
loop() { losetup -f --show "$1"; }
node() { echo "/dev/dm-$(dmsetup info -c --noheadings -o minor "$1")"; }

# record IMAGE COMMAND - IMAGE makes one on a fresh disk; COMMAND runs with the log below it.
size=160
record() {
	rm -f ./*.img
	truncate -s ${size}M disk.img
	truncate -s 1G log.img
	mkfs.ext4 -q -F -J size=4 disk.img
	disk=$(loop disk.img)
	mount "$disk" outer
	"$1"
	umount outer
	cp --sparse=always disk.img start.img
	log=$(loop log.img)
	dmsetup create vesper-log --table "0 $((size * 2048)) log-writes $disk $log"
	mount "$(node vesper-log)" outer
	"$2"
	umount outer
	dmsetup remove vesper-log
	losetup -d "$disk" "$log"
	rm disk.img
}

# A cut is mostly waiting for RCU, as devices and mounts come and go.
hurry() { [ ! -w /sys/kernel/rcu_expedited ] || echo "$1" >/sys/kernel/rcu_expedited; }
# replay POINTS OPTION... - in two processes; leaves $output, $status and the number of $cuts_made.
replay() {
	replay_points=$1
	shift
	set -- "$@" log.img "$dir/m" image/root.hds "$replay_points" "$replay_points" "$CRASH_SEED"
	for k in 0 1; do
		cp --sparse=always start.img base$k.img
		truncate -s ${size}M cow$k.img
		set -- "$@" "base$k.img:$(loop base$k.img):$(loop cow$k.img)"
	done
	hurry 1
	run ./cuts check "$@"
	hurry 0
	for f in base0 base1 cow0 cow1; do
		losetup -j $f.img | cut -d: -f1 | xargs losetup -d
		rm $f.img
	done
	cuts_made=$(printf '%s\n' "$output" | sed -n 's/^# \([0-9]*\) cuts$/\1/p')
}
# good NAME POINTS OPTION...
good() {
	good_name=$1
	shift
	replay "$@"
	diag "$(printf '%s\n' "$output" | sed 's/^# //' | cut -c1-500 | tail -n 40)"
	if [ "$status" -eq 0 ] && [ "${cuts_made:-0}" -gt 0 ]; then
		ok "$good_name: $cuts_made cuts"
	else
		not_ok "$good_name"
	fi
}

# table FILE... - of the disk behind the image's partition table; as long as the image says.
sectors() { od -An -tu8 -j36 -N8 outer/image/root.hds | xargs; }
table() {
	table_line="0 $(($(sectors) - 2048)) ploop 7 off=2048" fd=20
	for f; do
		case $f in
		*:r) eval "exec $fd<${f%:r}" ;;
		# The one that a device has is not to be opened for writing: it goes on with its own.
		*) eval "exec $fd<>$f" 2>/dev/null || eval "exec $fd<$f" ;;
		esac
		table_line="$table_line $fd" fd=$((fd + 1))
	done
}
shut() { while [ "$fd" -gt 20 ]; do fd=$((fd - 1)) && eval "exec $fd>&-"; done; }
attach() {
	table "$@"
	dmsetup create vesper-disk --table "$table_line"
	shut
	mount -o discard "$(node vesper-disk)" inner
}
detach() {
	umount inner
	dmsetup remove vesper-disk
}
# load FIRST - write, and mark what is told to be stable; FIRST as in cuts-load.c.
load() { ./cuts load vesper-log inner "$CRASH_SEED" $steps "$1"; }

image() { ploop init -s 64M -b 128 -f expanded outer/image/root.hds; }
written() {
	attach outer/image/root.hds
	load 1
	dmsetup message vesper-disk 0 set_falloc_new_clu 1
	load 400
	detach
}
record image written
good "a device that is written to" "$(share 20)"
# What the target must not do, done by the replay.
replay 4 -x
like "with writes lost that were flushed, it is found" "$output" '^cut at'

# Clusters are copied from an older delta.
empty_top() {
	mkdir outer/image
	head -c 64 "$older/image/root.hds" >outer/image/root.hds
	truncate -s 64K outer/image/root.hds
}
copied() {
	attach "$older/image/root.hds:r" outer/image/root.hds
	load 1
	detach
}
ploop init -s 64M -b 128 -f expanded "$older/image/root.hds"
record empty_top copied
good "one that has an older delta" "$(share 8)" -o "$older/image/root.hds"

# The disk grows twice under the load; each time clusters have to make way for the table.
grow() {
	dmsetup message vesper-log 0 mark focus
	dmsetup message vesper-disk 0 resize "$1"
	dmsetup message vesper-log 0 mark "z:$1:0:0"
	dmsetup message vesper-log 0 mark blur
}
grown() {
	attach outer/image/root.hds
	load 1 &
	sleep 1
	grow 2600000
	wait $!
	table outer/image/root.hds
	dmsetup load vesper-disk --table "$table_line"
	shut
	dmsetup message vesper-log 0 mark focus
	dmsetup suspend vesper-disk
	dmsetup resume vesper-disk
	dmsetup message vesper-log 0 mark blur
	load 300 &
	resize2fs "$(node vesper-disk)" 2>/dev/null
	grow 5000000
	wait $!
	detach
}
record image grown
good "one that grows" "$(share 15)" -f
