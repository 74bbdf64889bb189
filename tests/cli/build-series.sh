#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, a half-patched tree could be built, or one changed line could
# compile the whole kernel again.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
requires quilt rsync
export CACHE="$tap_tmp/cache" KERNEL_SERIES=6.12 KERNEL_TESTED=6.12.117
export KERNEL_SOURCE="$tap_tmp/src" PATCHES="$tap_tmp/patches"

mkdir -p "$KERNEL_SOURCE/kernel" "$PATCHES/10-ve"
printf 'VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 117\n' >"$KERNEL_SOURCE/Makefile"
seq 1 40 >"$KERNEL_SOURCE/kernel/fork.c"
seq 1 40 >"$KERNEL_SOURCE/kernel/exit.c"

# patch NAME FILE OLD NEW [CONTEXT] - a hook that replaces line OLD of seq 1 40.
hook() {
	{
		printf 'From: A <a@b>\nSubject: %s\n\n--- a/%s\n+++ b/%s\n' "$1" "$2" "$2"
		printf '@@ -%d,3 +%d,3 @@\n %s\n-%d\n+%s\n %d\n' $(($3 - 1)) $(($3 - 1)) "${5:-$(($3 - 1))}" "$3" "$4" $(($3 + 1))
	} >"$PATCHES/10-ve/$1"
}
add() {
	printf -- '--- /dev/null\n+++ b/kernel/ve/ve.c\n@@ -0,0 +1 @@\n+%s\n' "$1" >"$PATCHES/10-ve/10-add-ve.patch"
}
series() { printf '10-ve/%s\n' "$@" >"$PATCHES/series"; }
stage() { "$top/scripts/stage-kernel" linux; }
stamp() { stat -c '%n %Y.%y %s' "$linux/$1"; }

add one
hook 20-hook-fork.patch kernel/fork.c 10 ten
hook 21-hook-exit.patch kernel/exit.c 10 ten
series 10-add-ve.patch 20-hook-fork.patch 21-hook-exit.patch
run stage
is "a series applies" "$status" 0
linux=$output
is "a new file is there" "$(cat "$linux/kernel/ve/ve.c")" one
is "a hook is there" "$(sed -n 10p "$linux/kernel/fork.c")" ten
is "the stock is as it was" "$(sed -n 10p "$(dirname "$linux")/stock/kernel/fork.c")" 10

fork=$(stamp kernel/fork.c) exit=$(stamp kernel/exit.c) mk=$(stamp Makefile)
sleep 0.1
hook 20-hook-fork.patch kernel/fork.c 10 TEN
run stage
is "an edited patch: its file is new" "$(sed -n 10p "$linux/kernel/fork.c")" TEN
check "an edited patch: its file has a new time" test "$fork" != "$(stamp kernel/fork.c)"
is "an edited patch: a file of another patch keeps its time" "$(stamp kernel/exit.c)" "$exit"
is "an edited patch: a file of the stock keeps its time" "$(stamp Makefile)" "$mk"

series 20-hook-fork.patch
run stage
is "a dropped patch: its file is the stock's" "$(cat "$linux/kernel/exit.c")" "$(seq 1 40)"
check "a dropped patch: its time is new" test "$exit" != "$(stamp kernel/exit.c)"
check "a dropped patch: its new files go, and their directory" test ! -e "$linux/kernel/ve"

fork=$(stamp kernel/fork.c)
hook 21-hook-exit.patch kernel/exit.c 10 ten drifted
hook 22-hook-exit.patch kernel/exit.c 30 thirty drifted
series 20-hook-fork.patch 21-hook-exit.patch 22-hook-exit.patch
run stage
is "context that drifted: fails" "$status" 1
like "context that drifted: the hunk is named" "$output" '10-ve/21-hook-exit.patch: kernel/exit.c: hunk #1'
like "context that drifted: and every later one" "$output" '10-ve/22-hook-exit.patch: kernel/exit.c: hunk #1'
is "context that drifted: no file changed" "$(stamp kernel/fork.c)" "$fork"
is "context that drifted: nothing half patched" "$(cat "$linux/kernel/exit.c")" "$(seq 1 40)"

series 20-hook-fork.patch
run stage
is "and the next run goes on" "$status" 0
