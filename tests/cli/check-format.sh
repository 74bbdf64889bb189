#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Without this, a file of any format could come into the tree with no licence,
# or with a misspelt one, and the gate would say nothing.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires git clang-format
repo=$(cd "$(dirname "$0")/../.." && pwd)

tree=$tap_tmp/tree
mkdir -p "$tree/scripts" "$tree/LICENSES" "$tree/t/etc"
cp "$repo/scripts/check-format" "$repo/scripts/lib.sh" "$tree/scripts/"
cp "$repo/.clang-format" "$tree/"
echo text >"$tree/LICENSES/GPL-2.0-or-later.txt"
id='SPDX-License-Identifier: GPL-2.0-or-later'
printf '/* %s */\nint x;\n' "$id" >"$tree/t/x.c"
printf '# %s\n' "$id" | tee "$tree/t/x.conf" "$tree/t/hosts" >"$tree/Makefile"
printf '<!-- %s -->\n# Page\n' "$id" >"$tree/t/page.md"
echo root:x:0: >"$tree/t/etc/group"
: >"$tree/t/empty"
git -C "$tree" init -q
git -C "$tree" add .
gate() { run "$tree/scripts/check-format"; }

gate
is "a tree in order passes" "$status $output" "0 "

for f in t/x.c t/x.conf t/hosts t/page.md Makefile; do
	cp "$tree/$f" "$tap_tmp/kept"
	sed -i '/SPDX/d' "$tree/$f"
	echo '/* none */' >>"$tree/$f"
	gate
	like "$f without the line is named" "$output" "$f has no SPDX line"
	is "$f: and the gate fails" "$status" 1
	cp "$tap_tmp/kept" "$tree/$f"
done
sed -i 's/GPL-2.0-or-later/GPL-3.0/' "$tree/t/x.conf"
gate
like "a licence that is not there is named" "$output" "t/x.conf is under GPL-3.0, which LICENSES/ does not have"
is "and the gate fails" "$status" 1
sed -i 's/GPL-3.0/GPL-2.0-or-later/' "$tree/t/x.conf"

echo 'int   y ;' >>"$tree/t/x.c"
gate
like "a file out of format is named" "$output" "t/x.c:3"
is "and the gate fails" "$status" 1
check "make format mends it" "$tree/scripts/check-format" --fix
gate
is "and then it passes" "$status $output" "0 "
