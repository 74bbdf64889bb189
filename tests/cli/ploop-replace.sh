#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# ploop replace and ploop restore-descriptor as a person types them. If this
# fails, a disk stands on another file than was meant, or on none.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires ploop qemu-img

cd "$tap_tmp"
one=11111111-0000-4000-8000-000000000001
two=22222222-0000-4000-8000-000000000002
files() { ploop snapshot-list -H -o fname i | xargs -n1 basename | xargs; }
fresh() {
	rm -rf i
	ploop init -s 16M -b 128 --uuid 11111111-2222-4333-8444-555555555555 --time 1700000000 i/root.hds
	ploop snapshot -u $one i >/dev/null
	ploop snapshot -u $two i >/dev/null
	cp i/root.hds i/copy
}
fresh
top=$(basename "$(ploop snapshot-list -H -u 5fbaabe3-6958-40ff-92a7-860e329aab41 -o fname i)")
mid=$(basename "$(ploop snapshot-list -H -u $two -o fname i)")
check "by its UUID" ploop replace -u $one -i copy i
is "another file" "$(files)" "copy $mid $top"
check "the old one stays" test -e i/root.hds
check "by its level, of the same name" ploop replace -l 0 -k -i i/root.hds i/DiskDescriptor.xml
is "it has that of the old one" "$(files)" "copy $mid $top"
check "which is gone" test ! -e i/root.hds
cp "i/$mid" i/second
check "by its file" ploop replace -o "i/$mid" -i second i
is "another one" "$(files)" "copy second $top"
check "the disk is sound" ploop check i
ploop snapshot-merge -A i
check "and what it was" qemu-img check -f parallels "i/$(files)"

fresh
for args in "replace i" "replace -u $one i" "replace -i copy i" "replace -u $one -l 0 -i copy i" "replace -u x -i copy i" \
	"replace -l 7 -i copy i" "replace -l x -i copy i" "replace -o none -i copy i" "replace -u $one -i root.hds i" "replace -u $one -i copy" \
	"replace -z i" "restore-descriptor i" "restore-descriptor -b 3 i copy" "restore-descriptor -f what i copy" "restore-descriptor i copy"; do
	# shellcheck disable=SC2086 # words
	run ploop $args
	is "refused: $args" "$status $(wc -l <<<"$output")" "38 1"
done
mustfail "no such snapshot" ploop replace -u $one$one -i copy i
mustfail "no such file" ploop replace -u $one -i none i
is "cannot be opened" "$status" 4
mustfail "nor another snapshot" ploop replace -u 33333333-0000-4000-8000-000000000003 -i copy i
is "with its exit code" "$status" 43
echo changed | dd of=i/copy bs=1 seek=$((3 << 16)) conv=notrunc status=none
mustfail "what is not the same" ploop replace -u $one -i copy i
is "as a damaged image" "$status" 11
like "is told, with the place" "$output" "'copy' and 'root.hds' are not the same at byte [0-9]+"
is "and nothing was changed" "$(files | cut -d' ' -f1)" root.hds

# A descriptor that is lost.
ploop init -s 16M -b 128 --uuid 11111111-2222-4333-8444-555555555555 --time 1700000000 d/root.hds
ploop init -s 16M -f preallocated --uuid 11111111-2222-4333-8444-555555555555 --time 1700000000 p/root.hds
ploop init -s 16M -f raw --uuid 11111111-2222-4333-8444-555555555555 --time 1700000000 r/root.hds
for d in d p r; do
	mv $d/DiskDescriptor.xml $d.xml
	check "$d: is made again" ploop restore-descriptor $d root.hds
	check "$d: the same" cmp $d.xml $d/DiskDescriptor.xml
	check "$d: check finds nothing" ploop check $d
done
rm d/DiskDescriptor.xml
mustfail "an image of another format" ploop restore-descriptor -f raw d root.hds
is "is refused" "$status" 38
check "of that one" ploop restore-descriptor -f expanded d root.hds
rm i/DiskDescriptor.xml i/copy
mustfail "one of several" ploop restore-descriptor i root.hds
like "is refused by the name of another" "$output" "has the image 'root.hds\\.\\{.*which of the two stands on the other cannot be known"
is "as a format that is not supported" "$status" 11
is "and none was made" "$(find i -name 'Disk*')" ""
