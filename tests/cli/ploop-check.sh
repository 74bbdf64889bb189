#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# ploop check finds what is wrong with an image, says it, exits 11, and changes
# nothing.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires ploop perl

cd "$tap_tmp"
ploop init -s 16M --uuid 11111111-2222-4333-8444-555555555555 --time 1700000000 good/root.hds
check "a sound image" ploop check good
is "says so" "$output" "good: no errors"
check "silently" ploop check -s good
is "says nothing" "$output" ""

# damaged NAME OFFSET HEX PATTERN
damaged() {
	rm -rf bad && cp -r good bad
	perl -e 'print pack "H*", shift' "$3" | dd of=bad/root.hds bs=1 seek=$(($2)) conv=notrunc status=none
	cp bad/root.hds before
	run ploop check bad
	is "$1: exit code" "$status" 11
	like "$1: is told" "$output" "$4"
	check "$1: nothing was changed" cmp before bad/root.hds
}

damaged "signature" 0 58 "not an expanded ploop image"
damaged "cluster size" 0x1c 01 "clusters of 2049 sectors"
damaged "disk size" 0x24 00010000 "block table entries"
damaged "in use" 0x2c 596e6f74 "marked as in use"
damaged "unknown flag" 0x34 08 "unknown flags 0x8"
damaged "block outside of the file" 0x40 ffff0000 "block 0 is said to be in cluster 65535"
damaged "two blocks in one cluster" 0x40 02000000 "both said to be in cluster 2"
damaged "lost cluster" 0x40 00000000 "1 clusters of the file belong to no block"
damaged "primary partition table" 0x100200 00 "no partition table at sector 1"
damaged "partition entry" 0x100420 01 "partition entries at sector 2 have a wrong checksum"

rm -rf bad && cp -r good bad
truncate -s -1000 bad/root.hds
run ploop check bad
is "a cut file: exit code" "$status" 11
like "a cut file: is told" "$output" "bytes into a cluster"

mustfail "what is not there" ploop check none
is "is exit code 4" "$status" 4
like "by name" "$output" "none"
sed 's,root.hds,../root.hds,' good/DiskDescriptor.xml >bad/DiskDescriptor.xml
run ploop check bad
is "a descriptor that points outside is exit code 39" "$status" 39

# An image whose writer died: its marker, and room at the end that got no entry.
rm -rf bad && cp -r good bad
printf 'Ynot' | dd of=bad/root.hds bs=1 seek=44 conv=notrunc status=none
head -c 1500000 /dev/urandom >>bad/root.hds
run ploop check bad
is "one that was not closed: exit code" "$status" 11
run ploop check -d -r bad
is "to close it and to change nothing is a wrong parameter" "$status" 38
check "it is closed by -d" ploop check -d bad
check "and is as it was" cmp good/root.hds bad/root.hds
check "one that is closed stays" ploop check --drop-inuse bad
check "as it is" cmp good/root.hds bad/root.hds
if fallocate -p -o 1100000 -l 65536 bad/root.hds 2>/dev/null; then
	run ploop check -f bad
	like "a hole in a closed one is told" "$output" "hole in the image file at byte"
	check "it gets blocks by -S" ploop check -S bad
	check "and is as long as it was" test "$(stat -c %s bad/root.hds)" = "$(stat -c %s good/root.hds)"
	cp good/root.hds bad/root.hds
fi
printf 'Ynot' | dd of=bad/root.hds bs=1 seek=44 conv=notrunc status=none
printf '\377\377' | dd of=bad/root.hds bs=1 seek=64 conv=notrunc status=none
cp bad/root.hds before
run ploop check -d bad
is "one with a wrong block table: exit code" "$status" 11
like "it is told" "$output" "block 0 of .* is said to be in cluster 65535, outside"
check "and not changed" cmp before bad/root.hds
printf '\002\000' | dd of=bad/root.hds bs=1 seek=64 conv=notrunc status=none
mustfail "with two blocks in one cluster neither" ploop check -d bad
like "it is told" "$output" "in its block table twice"
flock good/root.hds -c 'ploop check -d good' >out 2>&1 || status=$?
is "one that somebody holds is in use" "$status" 37
for o in -F --hard-force; do
	run ploop check "$o" good
	is "repair ($o) is refused as a parameter" "$status" 38
done
