#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# on-host: build
# limit: 2400
# Without this, who builds the tree with our symbols off could get other code than
# the stock's, and who takes the first topic only a tree that does not build.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
export CACHE=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vesper}
mkdir -p "$CACHE/kernel"
KERNEL_CC=gcc
if command -v ccache >/dev/null; then
	KERNEL_CC="ccache gcc"
	export CCACHE_DIR="${CCACHE_DIR:-$CACHE/ccache}" CCACHE_DEPEND=1 CCACHE_NOHASHDIR=1 CCACHE_COMPRESS=1
fi
export KERNEL_CC

# What the hooks touch, and what is made of the table of controllers.
objects=$(cd "$top/patches" && sed -n 's/^+++ b\/\(.*\)\.c$/\1.o/p' ./*/*-hook-*.patch | sort -u)
objects="$objects kernel/cgroup/cgroup.o"

# compile TREE - the objects in the configuration of base; they are in $src/obj-off.
compile() (
	exec 9>"$CACHE/kernel/$1.build.lock"
	flock 9
	src=$("$top/scripts/stage-kernel" "$1" 9>&-)
	echo "$src/obj-off" >"$tap_tmp/$1"
	"$top/scripts/merge-config" base "$src" "$src/obj-off" 9>&-
	# shellcheck disable=SC2086 # a list
	make -s -C "$src" O="$src/obj-off" ARCH=x86_64 CC="$KERNEL_CC" -j"${JOBS:-$(nproc)}" KCFLAGS=-Werror \
		KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 1970' $objects 9>&-
)
check "the hooked files of the stock are compiled" compile stock
check "those of the series with our symbols off, too" compile linux
read -r stock <"$tap_tmp/stock"
read -r linux <"$tap_tmp/linux"
mustfail "off they are" grep -qE '^CONFIG_(VE|DM_PLOOP)=' "$linux/.config"

# The instructions and what they refer to. Numbers that the compiler gives to statics
# of functions count the declarations before them; from them comes, too, which of
# two equals it compares with which.
code() {
	objdump -dr --no-show-raw-insn "$1" | sed -E -e 1,3d -e 's/\.[0-9]+\b/.N/g; s/(__UNIQUE_ID_[A-Za-z_]*)[0-9]+/\1N/g' \
		-e 's/\b(cmp +)(%[a-z0-9]+),([^ ]*\([^ ]*\))$/\1\3,\2/'
}
n=0
for o in $objects; do
	code "$stock/$o" >"$tap_tmp/stock.s"
	code "$linux/$o" >"$tap_tmp/linux.s"
	check "$o: the same instructions" diff "$tap_tmp/stock.s" "$tap_tmp/linux.s"
	n=$((n + $(grep -c '^ ' "$tap_tmp/stock.s")))
done
diag "$n lines compared"
check "and they were some" test "$n" -gt 10000

# A tree of the first topic alone, with what of the symbols it has: beside the
# clone's own kernel.
sed '/^# 50-/,$d' "$top/patches/series" >"$tap_tmp/series"
mkdir "$tap_tmp/top"
cp -r "$top/scripts" "$top/config.mk" "$top/kernel-config" "$tap_tmp/top/"
cp -r "$top/patches" "$tap_tmp/patches"
cp "$tap_tmp/series" "$tap_tmp/patches/series"
sed -i '/^CONFIG_DM_PLOOP=/d' "$tap_tmp/top/kernel-config/project.config"
check "the topic 10-ve alone" grep -q '^10-ve/90-' "$tap_tmp/patches/series"
check "builds" env PATCHES="$tap_tmp/patches" "$tap_tmp/top/scripts/build-kernel" plain
check "with VE and without DM_PLOOP" sh -c "grep -qx CONFIG_VE=y '$tap_tmp/top/build/kernel/plain/config' &&
	! grep -q DM_PLOOP '$tap_tmp/top/build/kernel/plain/config'"
