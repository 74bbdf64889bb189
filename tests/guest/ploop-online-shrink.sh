#!/bin/bash
# guest: kernel=plain root=host mem=3072 smp=1 boot=images time=600
# tools: ploop
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A mounted disk that is to be smaller: from then on no more is used of it than will
# fit, df says so, and it is that small after the unmount. If this fails, who buys a
# smaller disk goes on with the larger one, or finds at the next stop that it does
# not fit; or a container takes the limit off.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires ploop dmsetup e2fsck resize2fs tune2fs chattr unshare

cd "$tap_tmp"
mkdir src mnt
cp -a /usr/bin/[a-c]* src/
tar -C src -cf t.tar .
cleanup_fn "umount $tap_tmp/mnt 2>/dev/null || :"
no_device() { ! dmsetup ls 2>/dev/null | grep -q '^ploop-' && [ -z "$(losetup -a)" ]; }
value() { ploop info -s "$1" | sed -n "s/^$2: *//p"; }
kib() { df -k --output="$1" mnt | tail -n 1 | xargs; }
taken() { find "$1" -type f -printf '%b\n' | awk '{ n += $1 } END { print int(n / 2048) }'; }
less_taken() { [ "$(taken "$1")" -lt "$2" ]; }
off() {
	ploop umount -m mnt
	wait_until 20 no_device
}
# Nobody who is root in a user namespace only, as a container's root is, has the reserve.
inside() { unshare --user --map-root-user -- "$@"; }

for format in expanded raw preallocated; do
	check "$format: make a disk" ploop init -s 1G -f $format --tar t.tar $format/root.hds
	check "$format: mount it" ploop mount -m mnt $format
	{ head -c 10M /dev/urandom; head -c 50M /dev/zero; } >mnt/keep
	head -c 200M /dev/zero >mnt/gone
	sync
	sum=$(md5sum <mnt/keep)
	was=$(kib size)
	before=$(taken $format)
	run ploop resize -s 200M $format
	is "$format: not to less than it has" "$status" 26
	like "$format: says what it needs" "$output" 'needs a disk of [0-9]* bytes at least'
	needs=$(printf '%s\n' "$output" | sed -n 's/.*disk of \([0-9]*\) bytes.*/\1/p')
	is "$format: nothing has changed" "$(kib size) $(value $format pending_size)" "$was "
	rm mnt/gone
	sync
	run ploop resize -s 400M $format
	is "$format: make it smaller" "$status" 0
	like "$format: says that it is pending" "$output" 'gets that small when it is unmounted'
	is "$format: info says so" "$(value $format size) $(value $format pending_size)" "$((1 << 30)) $((400 << 20))"
	check "$format: df shows it" test "$(kib size)" -lt $((400 << 10))
	check "$format: nearly all of it" test "$(kib size)" -gt $((350 << 10))
	[ $format = preallocated ] ||
		check "$format: free space is the host's" wait_until 20 less_taken $format $((before - 150))
	mustfail "$format: no more than that goes in" inside sh -c 'head -c 500M /dev/zero >mnt/more'
	check "$format: it has no more than fits" test "$(stat -c %s mnt/more)" -lt $((350 << 20))
	check "$format: all is used" test "$(kib avail)" -lt 1024
	rm mnt/more
	run ploop resize -s 100M $format
	is "$format: not to less than it has, again" "$status" 26
	check "$format: the limit is as it was" test "$(kib size)" -gt $((350 << 10))
	check "$format: to what it is again" ploop resize -s 1G $format
	is "$format: nothing is pending" "$(kib size) $(value $format pending_size)" "$was "
	check "$format: smaller, and smaller" ploop resize -s 500M $format
	check "$format: once more" ploop resize -s 300M $format
	mustfail "$format: full up to that" inside sh -c 'head -c 400M /dev/zero >mnt/more'
	off
	is "$format: it is that small after the unmount" "$(value $format size) $(value $format pending_size)" "$((300 << 20)) "
	check "$format: check finds nothing" ploop check $format
	check "$format: mount it" ploop mount -m mnt $format
	check "$format: the file system, too" test "$(kib size)" -lt $((300 << 10))
	check "$format: it is sound" e2fsck -fn "$(awk -v m="$tap_tmp/mnt" '$2 == m { print $1 }' /proc/mounts)"
	check "$format: the tree is there" tar -C mnt -df t.tar
	is "$format: and the file" "$(md5sum <mnt/keep)" "$sum"
	off
	diag "$format: a disk that needed $((needs >> 20)) MiB"
done

# --- what a crash kept from the end -----------------------------------------------------
check "mount it" ploop mount -m mnt expanded
rm -f mnt/more
check "make it smaller" ploop resize -s 250M expanded
# As a host that dies leaves it, but for the journal: an unmount that is not ours.
umount mnt
wait_until 20 no_device
is "it is pending still" "$(value expanded pending_size)" $((250 << 20))
check "the next mount makes it so" ploop mount -m mnt expanded
is "it is that small" "$(value expanded size) $(value expanded pending_size)" "$((250 << 20)) "
off

# --- who may not ------------------------------------------------------------------------
check "mount it" ploop mount -m mnt expanded
check "make it smaller" ploop resize -s 200M expanded
size=$(kib size)
check "a file" inside sh -c 'echo x >mnt/mine && mkdir mnt/dir'
check "the host's root may" sh -c 'chattr -p 7 mnt/mine && chattr -p 0 mnt/mine'
mustfail "root in a user namespace gives no file another project" inside chattr -p 7 mnt/mine
mustfail "nor keeps a directory from its" inside chattr -P mnt/dir
is "new directories show the limit, too" "$(df -k --output=size mnt/dir | tail -n 1 | xargs)" "$size"
like "by the flag that they have" "$(lsattr -d mnt/dir)" 'P'
off

# --- one without a quota, as former ones are ----------------------------------------------
check "one without" ploop init -s 300M -f raw old/root.hds
truncate -s 300M fs
start=1048576
dd if=old/root.hds of=fs bs=1M skip=1 status=none
check "its quota is taken off" tune2fs -O ^project,^quota fs
dd if=fs of=old/root.hds bs=1M seek=$((start >> 20)) count=298 conv=notrunc status=none
check "mount it" ploop mount -m mnt old
run ploop resize -s 200M old
is "it is refused while it is mounted" "$status" 37
like "by name" "$output" 'has no project quota'
off
check "and shrinks while it is not" ploop resize -s 200M old
