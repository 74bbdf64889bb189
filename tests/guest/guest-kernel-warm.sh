#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# on-host: build
# limit: 2400
# Without this, a changed line of one patch could compile the whole kernel again, or the
# progress of a first build count up to a number that is none.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
CACHE=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vesper}
# A tree of its own beside the clone's kernels, which guests boot meanwhile; what is compiled is shared.
mkdir "$tap_tmp/top"
cp -r "$top/scripts" "$top/config.mk" "$top/kernel-config" "$top/patches" "$tap_tmp/top/"
top=$tap_tmp/top
compiled() { grep -c '^  CC ' "$1" || true; }

check "build" "$top/scripts/build-kernel" --again plain
log=$(ls -t "$CACHE"/kernel/*/build.plain.log | head -n 1)
# Where the gate before this one has built it already, once is enough.
[ "$(compiled "$log")" -eq 0 ] || "$top/scripts/build-kernel" --again plain 2>/dev/null
is "nothing changed: nothing is compiled" "$(grep '^  CC ' "$log" | grep -vc 'vmlinux\|version\|kallsyms' || true)" 0

# A copy of the series in which one new .c file of ours has another comment.
cp -r "$top/patches" "$tap_tmp/patches"
file=kernel/ve/numproc.c
patch=$(grep -l "^+++ b/$file" "$tap_tmp"/patches/*/*.patch)
sed -i "/^+++ b\/kernel\/ve\/numproc.c/,/^--- / s|^+// SPDX-License-Identifier: .*|& /* warm */|" "$patch"
check "build after one file changed" env PATCHES="$tap_tmp/patches" "$top/scripts/build-kernel" plain
like "that file is compiled" "$(cat "$log")" '^  CC      kernel/ve/numproc.o'
n=$(compiled "$log")
diag "$n files were compiled"
check "and no other but what the link needs" test "$n" -le 6
check "build of the true series again" "$top/scripts/build-kernel" plain

# scripts/kernel-objects, of each flavour that is built here: near enough for who waits.
of=$(dirname "$log")
for obj in linux/obj-plain linux/obj-debug stock/obj-base; do
	[ -e "$of/$obj/vmlinux" ] || continue
	flavour=${obj##*-}
	said=$(sed -n "s/^$flavour //p" "$top/scripts/kernel-objects")
	# Those of the image: what is left of another configuration does not count, nor the few for the build itself.
	has=$(ar t "$of/$obj/vmlinux.a" | wc -l)
	diag "scripts/kernel-objects has $said objects for $flavour, the image has $has"
	check "$flavour: the number of objects is known, and a few are not the image's" test $((has * 100)) -ge $((said * 90)) -a "$has" -lt "$said"
done
