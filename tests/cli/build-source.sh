#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, a kernel of another series could be patched and built.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
export CACHE="$tap_tmp/cache" KERNEL_SERIES=6.12 KERNEL_TESTED=6.12.117

# tree VERSION PATCHLEVEL SUBLEVEL - a kernel source as far as staging looks at it.
tree() {
	mkdir -p "$tap_tmp/linux-$1.$2.$3/kernel"
	printf '# SPDX\nVERSION = %s\nPATCHLEVEL = %s\nSUBLEVEL = %s\n' "$1" "$2" "$3" >"$tap_tmp/linux-$1.$2.$3/Makefile"
	seq 1 20 >"$tap_tmp/linux-$1.$2.$3/kernel/fork.c"
	tar -C "$tap_tmp" -cJf "$tap_tmp/linux-$1.$2.$3.tar.xz" "linux-$1.$2.$3"
}
stage() { KERNEL_SOURCE=$1 "$top/scripts/stage-kernel" "${2:-stock}"; }

run stage "$tap_tmp/none.tar.xz"
is "no source: fails" "$status" 1
like "no source: names it and what to do" "$output" '^stage-kernel: no kernel source at .*none.tar.xz \(install linux-source-6.12, or set KERNEL_SOURCE='
is "no source: one line" "$(printf '%s\n' "$output" | wc -l)" 1

tree 6 11 9
for source in "$tap_tmp/linux-6.11.9" "$tap_tmp/linux-6.11.9.tar.xz"; do
	run stage "$source"
	is "another series ($(basename "$source")): fails" "$status" 1
	like "another series ($(basename "$source")): says which" "$output" 'is Linux 6.11.9; this series is for 6.12.y'
done
check "another series: nothing unpacked" sh -c "! find '$CACHE' -name fork.c | grep -q ."

tree 6 12 117
run stage "$tap_tmp/linux-6.12.117.tar.xz"
is "the tested release: no notice" "$(printf '%s\n' "$output" | grep -c notice)" 0
like "the tested release: the tree is named for version and checksum" "$output" '/kernel/6\.12\.117-[0-9a-f]{12}/stock$'

tree 6 12 200
run stage "$tap_tmp/linux-6.12.200.tar.xz"
is "another point release: goes on" "$status" 0
is "another point release: one line of notice" "$(printf '%s\n' "$output" | grep -c '^stage-kernel: notice: source is Linux 6.12.200, last tested with 6.12.117$')" 1
run stage "$tap_tmp/linux-6.12.200.tar.xz"
is "the second time: nothing is unpacked" "$(printf '%s\n' "$output" | grep -c unpacking)" 0

head -c 200 "$tap_tmp/linux-6.12.200.tar.xz" >"$tap_tmp/cut.tar.xz"
run stage "$tap_tmp/cut.tar.xz"
is "a cut tarball: fails" "$status" 1
