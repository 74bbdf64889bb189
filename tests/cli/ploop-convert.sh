#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# ploop convert: an image of any format becomes one of any other, QEMU reads the
# same of each, and snapshots stay. If this fails, a disk is lost on its way to
# another host, or to this one.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires ploop qemu-img

cd "$tap_tmp"
mkdir src
cp /usr/bin/b[a-d]* src/
tar -C src -cf t.tar .
ploop init -s 32M -b 128 --tar t.tar --uuid 11111111-2222-4333-8444-555555555555 --time 1700000000 i/root.hds
cp i/root.hds orig

kind() { ploop info -s i | sed -n 's/^fmt_version: *//p; s/^format: *//p' | xargs; }
same() { # WANTED OPTIONS
	# shellcheck disable=SC2086 # words
	check "convert $2" ploop convert $2 i
	is "it is that" "$(kind)" "$1"
	case $1 in 0*) f=raw ;; *) f=parallels ;; esac
	check "QEMU reads the same" qemu-img compare -f $f -F parallels i/root.hds orig
	[ $f = raw ] || check "and finds no fault" qemu-img check -f parallels i/root.hds
	check "nor does check" ploop check i
	is "there is one file" "$(find i -type f | sort | xargs)" "i/DiskDescriptor.xml i/root.hds"
}
same "1 expanded" "-v 1"
same "0 raw" "-f raw"
same "2 preallocated" "-f preallocated"
same "1 preallocated" "-v 1"
same "2 expanded" "-f expanded"
inode=$(stat -c %i i/root.hds)
same "2 expanded" "-v 2"
is "what it is already is left alone" "$(stat -c %i i/root.hds)" "$inode"

# What QEMU made of a raw image, and of one of version 1.
ploop convert -f raw i
qemu-img convert -f raw -O parallels i/root.hds q.hds
check "an image of QEMU is sound" ploop check q.hds
ploop convert -f expanded i
qemu-img convert -f parallels -O parallels i/root.hds i/root.hds.new
mv i/root.hds.new i/root.hds
sed -i "s,<Blocksize>.*<,<Blocksize>2048<," i/DiskDescriptor.xml
same "1 expanded" "-v 1"
same "2 expanded" "-v 2"

ploop snapshot i >/dev/null
check "below a snapshot" ploop convert -f raw i
is "what lies at the bottom is" "$(grep -c Plain i/DiskDescriptor.xml)" 1
check "a sound disk" ploop check i
ploop convert -f expanded i
ploop convert -v 1 i
is "all images are" "$(head -qc 16 i/root.hds*)" WithoutFreeSpaceWithoutFreeSpace
ploop convert -v 2 i
ploop snapshot-merge -A i
check "one again it says what it said" qemu-img compare -f parallels -F parallels i/root.hds* orig

for args in "convert i" "convert -f raw -v 1 i" "convert -f what i" "convert -v 3 i" "convert -f raw" "convert -f raw i j" "convert -z i"; do
	# shellcheck disable=SC2086 # words
	run ploop $args
	is "refused: $args" "$status $(wc -l <<<"$output")" "38 1"
done
mustfail "nothing there" ploop convert -f raw nowhere
is "cannot be opened" "$status" 4
mustfail "an image alone" ploop convert -f raw q.hds
is "has no descriptor" "$status" 11
flock i/root.hds* -c 'ploop convert -f raw i' >out 2>&1 || status=$?
is "one that somebody holds is in use" "$status" 37
ploop init -s 16M -f raw r/root.hds
mustfail "a raw image has no version" ploop convert -v 1 r
is "as a wrong parameter" "$status" 38
