#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Whatever a tar may hold is in the image: any names, times, owners, links, holes,
# attributes, in each of the ways to write them; others each day, the same again
# with NASTY_SEED. If this fails, somebody's files come back as others.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires ploop perl e2fsck qemu-img
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
treelist=$top/build/cli/treelist
[ -x "$treelist" ] || make -s -C "$top" cli-programs
seed=${NASTY_SEED:-$(($(date +%s) / 86400))}
diag "NASTY_SEED=$seed"

cd "$tap_tmp"

# list IMAGE WANT: of directories that no entry is of only that they are there.
list() {
	"$treelist" "$1?offset=1048576" >listed
	awk 'NR == FNR { if ($4 == "implied") implied[$1]; next }
		!($1 in implied) { print; next } $2 == "type" { print $1, "type", $3, "implied" }' "$2" listed | LC_ALL=C sort
}

compare() { # WHAT IMAGE
	list "$2" want >got
	if diff want got >differences; then
		ok "$1"
	else
		not_ok "$1"
		diag "$(grep '^[<>]' differences | sed 's/^\(.\{40\}\)[^ ]* /\1... /' | cut -c1-200 | head -20)"
	fi
}

for round in 1 2 3; do
	s=$seed$round
	check "seed $s: a tar" perl "$here/nasty.pl" "$s" t.tar want.unsorted
	LC_ALL=C sort want.unsorted >want
	rm -rf raw expanded
	check "seed $s: an image of it" ploop init -s 64M -f raw --uuid 01234567-89ab-cdef-0123-456789abcdef --time 1700000000 --tar t.tar raw/root.hds
	check "seed $s: e2fsck" e2fsck -fn "raw/root.hds?offset=1048576"
	compare "seed $s: all $(wc -l <want) facts are in it, and no others" raw/root.hds
	ploop init -s 64M --uuid 01234567-89ab-cdef-0123-456789abcdef --time 1700000000 --tar t.tar expanded/root.hds
	qemu-img convert -f parallels -O raw expanded/root.hds other.raw
	check "seed $s: the same bytes in an expanded one" cmp raw/root.hds other.raw
done

# The comparison sees what is not so.
while IFS='|' read -r what how; do
	cp --sparse=always raw/root.hds changed.raw
	debugfs -w -R "$how" "changed.raw?offset=1048576" >/dev/null 2>&1
	list changed.raw want >got
	mustfail "it sees $what" cmp -s want got
done <<'END'
an owner|sif /deep gid 4464
a second|sif /deep mtime 20010203040507
an attribute|ea_set /deep user.more value
a file more|mknod more p
END
