#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, the gate of the patches could hold nothing.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
requires quilt perl
real=$("$top/scripts/stage-kernel" stock)
export CACHE="$tap_tmp/cache" KERNEL_SERIES=6.12 KERNEL_TESTED=6.12.117
export KERNEL_SOURCE="$tap_tmp/src" PATCHES="$tap_tmp/patches"

mkdir -p "$KERNEL_SOURCE/kernel" "$KERNEL_SOURCE/scripts"
cp "$real/scripts/checkpatch.pl" "$real/scripts/spelling.txt" "$real/scripts/const_structs.checkpatch" "$KERNEL_SOURCE/scripts/"
printf 'VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 117\n' >"$KERNEL_SOURCE/Makefile"
seq 1 40 | sed 's|.*|/* & */|' >"$KERNEL_SOURCE/kernel/fork.c"

header() { printf 'From: A B <a@b.c>\nSubject: %s\nForwarded: not-needed, ours\n\nThe reason for it, in a sentence that is long enough.\n\nSigned-off-by: A B <a@b.c>\n\n' "$1"; }
hook() {
	header "fork: call the hook"
	printf -- '--- a/kernel/fork.c\n+++ b/kernel/fork.c\n@@ -8,6 +8,%d @@\n /* 8 */\n /* 9 */\n /* 10 */\n' $((6 + $1))
	seq 1 "$1" | sed 's|.*|+/* hook & */|'
	printf ' /* 11 */\n /* 12 */\n /* 13 */\n'
}
fresh() {
	rm -rf "$PATCHES"
	mkdir -p "$PATCHES/10-ve"
	{
		header "ve: add the controller"
		printf -- '--- /dev/null\n+++ b/kernel/ve.c\n@@ -0,0 +1,2 @@\n+// SPDX-License-Identifier: GPL-2.0-only\n+/* one */\n'
	} >"$PATCHES/10-ve/10-add-ve.patch"
	hook 2 >"$PATCHES/10-ve/20-hook-fork.patch"
	printf '# 10-ve  identity\n10-ve/10-add-ve.patch\n10-ve/20-hook-fork.patch\n' >"$PATCHES/series"
	table
}
table() { { "$top/scripts/check-series" --table; echo; } >"$PATCHES/README.md"; }
# refused NAME PATTERN - the gate fails, and says so.
refused() {
	run "$top/scripts/check-series"
	if [ "$status" -ne 0 ] && printf '%s\n' "$output" | grep -Eq -- "$2"; then
		ok "refused: $1"
	else
		not_ok "refused: $1"
		diag "status $status"
		diag "$output"
	fi
}
hookfile() { printf '%s\n' "$PATCHES/10-ve/20-hook-fork.patch"; }

fresh
check "a good series passes" "$top/scripts/check-series"
fresh; cp "$(hookfile)" "$PATCHES/10-ve/21-hook-unused.patch"; table
refused "a patch that is not in the series" '21-hook-unused.patch: is not in the series'
fresh; sed -i '/^10/d' "$PATCHES/series"; printf '10-ve/20-hook-fork.patch\n10-ve/10-add-ve.patch\n' >>"$PATCHES/series"
refused "an order that is not sort's" 'series: is not in the order of sort'
fresh; mv "$(hookfile)" "$PATCHES/10-ve/15-hook-fork.patch"; sed -i s/20-hook/15-hook/ "$PATCHES/series"; table
refused "a number outside its role" "number 15 is not of the role 'hook'"
for field in From Subject Forwarded Signed-off-by; do
	fresh; sed -i "/^$field: /d" "$(hookfile)"
	refused "a header without $field" "20-hook-fork.patch: (has no $field|header does not end in $field|subject is not)"
done
fresh; sed -i 's/^Subject: .*/Subject: [PATCH 1\/2] fork: hook./' "$(hookfile)"
refused "a subject of another form" "subject is not 'area: do the thing'"
fresh; hook 11 >"$(hookfile)"; table
refused "a hook of more than 10 lines" 'adds 11 lines to kernel/fork.c; 10 are the budget'
sed -i 's/^The reason/Hook size: a table. The reason/' "$(hookfile)"
check "unless it says why" "$top/scripts/check-series"
fresh; sed -i 's/hook 1 \*\//hook 1 *\/\n+#ifdef CONFIG_VE\n+#endif/; s/+8,8/+8,10/' "$(hookfile)"; table
refused "an ifdef in an upstream file" 'puts an #ifdef CONFIG_ into kernel/fork.c'
fresh; sed -i 's/ \/\* 9 \*\// \/* nine *\//' "$(hookfile)"
refused "context that needs fuzz" 'does not apply to Linux 6.12.117 at fuzz 0'
fresh; sed -i 's/^--- a.kernel.fork.c/&\t2026-01-01 00:00:00/' "$(hookfile)"
refused "dates" 'has dates in file lines'
fresh; sed -i 's/hook 1 .*/&   /' "$(hookfile)"
refused "what checkpatch finds" 'checkpatch: '
fresh; echo '| topic | symbol | patches |' >"$PATCHES/README.md"
refused "a table that is old" "README.md: the table of topics is not what"

# A kernel.org tree beside the source that is built.
fresh
cp -a "$KERNEL_SOURCE" "$tap_tmp/vanilla"
export VANILLA_SOURCE="$tap_tmp/vanilla"
run "$top/scripts/check-series"
is "it applies to a vanilla tree, too" "$status" 0
sed -i 's|^/\* 10 \*/$|/* ten */|' "$VANILLA_SOURCE/kernel/fork.c"
refused "one of which a line differs" '20-hook-fork.patch.*the vanilla tree|the vanilla tree.*20-hook-fork.patch'
VANILLA_SOURCE="$tap_tmp/none"
refused "one that is not there" 'VANILLA_SOURCE is no tree: .*/none'
