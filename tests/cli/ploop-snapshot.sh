#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# ploop's snapshot commands as a person types them: lists, exit codes, one line
# for what is wrong, images that QEMU reads as we do when they are one again. If
# this fails, scripts that keep snapshots see another thing, or lose one.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires ploop qemu-img e2fsck

cd "$tap_tmp"
mkdir src
cp /usr/bin/b[a-h]* src/
tar -C src -cf t.tar .
one=11111111-0000-4000-8000-000000000001
two=22222222-0000-4000-8000-000000000002
top='{5fbaabe3-6958-40ff-92a7-860e329aab41}'
zero='{00000000-0000-0000-0000-000000000000}'

check "make a disk" ploop init -s 64M --tar t.tar --uuid 11111111-2222-4333-8444-555555555555 --time 1700000000 i/root.hds
sum=$(sha256sum <i/root.hds)
run ploop snapshot-list i
is "it is one image" "$(sed 's/ *$//' <<<"$output")" "$(printf '%-38s %s %-38s %s\n' PARENT_UUID C UUID FNAME "$zero" '*' "$top" i/root.hds)"
run ploop snapshot -u "$one" i/DiskDescriptor.xml
is "a snapshot" "$output" "Snapshot {$one} was made"
is "leaves the file as it is" "$(sha256sum <i/root.hds)" "$sum"
run ploop snapshot i
like "another, with a name of its own" "$output" '^Snapshot \{[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\} was made$'
three=$(sed 's/.*\({.*}\).*/\1/' <<<"$output")
is "the list, without a head" "$(ploop snapshot-list -H -o uuid,parent_uuid,current i | tr -s ' ' | sed 's/ $//')" \
	"$(printf '%s\n' "{$one} $zero" "$three {$one}" "$top $three *")"
is "UUIDs only" "$(ploop snapshot-list -H -s i/DiskDescriptor.xml | xargs)" "{$one} $three $top"
is "one of them" "$(ploop snapshot-list -H -u "$one" -o fname i/)" i/root.hds
check "check finds nothing" ploop check i
is "info tells of the disk" "$(ploop info -s i | sed -n 's/^size: *//p')" $((64 << 20))

for args in "snapshot -u x i" "snapshot -u $one i" "snapshot-switch i" "snapshot-delete i" "snapshot-merge -A -u $one i" \
	"snapshot-merge -n i" "snapshot-list -o what i" "snapshot-list -o uuid,uuid,uuid,uuid,uuid i" "snapshot i j" "snapshot -z i" "mount -u x -m src i"; do
	# shellcheck disable=SC2086 # words
	mustfail "refused: $args" ploop $args
	is "as a wrong parameter" "$status" 38
	is "in one line" "$(wc -l <<<"$output")" 1
done
for args in "snapshot-switch -u $two i" "snapshot-delete -u $two i" "snapshot-merge -u $two i" "snapshot-list -u $two i" \
	"snapshot-delete -u $top i" "mount -u $two -m src i" "snapshot-merge -u $one i"; do
	# shellcheck disable=SC2086 # words
	mustfail "there is none: $args" ploop $args
	is "with its exit code" "$status" 43
	is "in one line" "$(wc -l <<<"$output")" 1
done
mustfail "no descriptor, no snapshots" ploop snapshot i/root.hds
is "is said" "$(grep -c 'without a descriptor' <<<"$output")" 1
mustfail "no directory" ploop snapshot nowhere
is "cannot be opened" "$status" 4

check "go back to the first" ploop snapshot-switch -u "{$one}" i
is "the disk stands on it" "$(ploop snapshot-list -H -u "$top" -o parent_uuid i)" "{$one}"
mustfail "the two on it are in the way of a merge" ploop snapshot-merge i
is "which is said" "$status" 38
check "give the other one up" ploop snapshot-delete -u "$three" i
is "its file is gone" "$(find i -type f | wc -l)" 3
check "merge all" ploop snapshot-merge -A i
is "one file is left" "$(find i -type f | sort | xargs)" "i/DiskDescriptor.xml i/root.hds"
is "which says what it said" "$(ploop snapshot-list -H -o uuid,fname i)" "$top i/root.hds"
check "QEMU finds no fault in it" qemu-img check -f parallels i/root.hds
tar -C src -cf t2.tar .
check "the same disk again" ploop init -s 64M --tar t2.tar --uuid 11111111-2222-4333-8444-555555555555 --time 1700000000 j/root.hds
check "says the same to QEMU" qemu-img compare -f parallels -F parallels i/root.hds j/root.hds

# What a command that was killed left does not stay.
echo left >i/left
printf 'left\n../t.tar\nroot.hds\n' >i/DiskDescriptor.xml.expect
check "the next snapshot" ploop snapshot i
is "takes away what was left, and only that" "$(find i t.tar -name left -o -name '*.expect' -o -name t.tar -o -name root.hds | sort | xargs)" "i/root.hds t.tar"
