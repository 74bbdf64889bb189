#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, an edit of the applied tree could be lost, a refresh could rewrite
# every patch with dates and other noise, or take back what a pull has brought.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
requires quilt rsync
# A project of its own: the scripts, a source of three files, a series of two.
mkdir -p "$tap_tmp/top/scripts" "$tap_tmp/src/kernel" "$tap_tmp/top/patches/10-ve"
cp "$top/scripts/lib.sh" "$top/scripts/stage-kernel" "$top/scripts/kernel-src" "$top/scripts/refresh-patches" \
	"$top/scripts/applied.sh" "$tap_tmp/top/scripts/"
cp "$top/config.mk" "$tap_tmp/top/"
cp "$top/patches/quiltrc" "$tap_tmp/top/patches/" 2>/dev/null || true
export CACHE="$tap_tmp/cache" KERNEL_SERIES=6.12 KERNEL_TESTED=6.12.117 KERNEL_SOURCE="$tap_tmp/src"
cd "$tap_tmp"
printf 'VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 117\n' >src/Makefile
seq 1 40 >src/kernel/fork.c
printf 'From: A <a@b>\nSubject: ve: add\n\nWhy.\n\nSigned-off-by: A <a@b>\n\n--- /dev/null\n+++ b/kernel/ve.c\n@@ -0,0 +1,2 @@\n+one\n+two\n' \
	>top/patches/10-ve/10-add-ve.patch
printf 'From: A <a@b>\nSubject: fork: hook\n\nWhy.\n\nSigned-off-by: A <a@b>\n\n--- a/kernel/fork.c\n+++ b/kernel/fork.c\n@@ -8,6 +8,7 @@\n 8\n 9\n 10\n+ve_fork()\n 11\n 12\n 13\n' \
	>top/patches/10-ve/20-hook-fork.patch
printf '10-ve/10-add-ve.patch\n10-ve/20-hook-fork.patch\n' >top/patches/series
sums() { find top/patches -type f -exec sha256sum {} + | sort; }

check "make kernel-src" top/scripts/kernel-src
is "the tree has the series applied" "$(sed -n 11p top/build/linux/kernel/fork.c)" 've_fork()'
before=$(sums)
check "refresh with nothing edited" top/scripts/refresh-patches
is "changes no byte" "$(sums)" "$before"

sed -i 's/two/TWO/' top/build/linux/kernel/ve.c
sed -i 's/ve_fork()/ve_fork(task)/' top/build/linux/kernel/fork.c
check "refresh after two edits" top/scripts/refresh-patches
like "one is in the patch that made the file" "$(cat top/patches/10-ve/10-add-ve.patch)" '^\+TWO$'
like "the other in the hook" "$(cat top/patches/10-ve/20-hook-fork.patch)" '^\+ve_fork\(task\)$'
like "headers stay" "$(cat top/patches/10-ve/20-hook-fork.patch)" '^Signed-off-by: A <a@b>$'
is "no dates, no index lines" "$(grep -Ec '^(---|\+\+\+) .*[0-9]{4}-|^Index|^index' top/patches/10-ve/*.patch | grep -vc ':0$')" 0
before=$(sums)
check "once more" top/scripts/refresh-patches
is "writes the same bytes" "$(sums)" "$before"
check "and what it wrote applies" sh -c 'rm -rf top/build/linux && top/scripts/kernel-src'

echo edited >>top/build/linux/Makefile
mustfail "an edit of a file that no patch has is refused" top/scripts/refresh-patches
like "by name" "$output" 'in no patch.*Makefile'

# A pull, while a tree is there: what it brought is not taken back.
rm -rf top/build/linux
check "a tree" top/scripts/kernel-src
sed -i 's/TWO/PULLED/' top/patches/10-ve/10-add-ve.patch
before=$(sums)
mustfail "a patch that has changed since the tree was made: no refresh" top/scripts/refresh-patches
like "it is named" "$output" 'older series, changed since: 10-ve/10-add-ve\.patch '
is "nothing is written" "$(sums)" "$before"
mustfail "kernel-src does not take such a tree for one of today" top/scripts/kernel-src
like "says of what, and what to do" "$output" 'older series, changed since: 10-ve/10-add-ve\.patch .*remove it'
sed -i 's/PULLED/TWO/' top/patches/10-ve/10-add-ve.patch
check "the same bytes again: the tree is of today" top/scripts/kernel-src
sed -i 's/^Why\.$/Because./' top/patches/10-ve/10-add-ve.patch
check "an edited header is no such change" top/scripts/refresh-patches
like "and stays" "$(cat top/patches/10-ve/10-add-ve.patch)" '^Because\.$'
sed -i 's/TWO/THREE/' top/build/linux/kernel/ve.c
check "nor is what quilt itself has written" sh -c \
	'cd top/build/linux && quilt --quiltrc /dev/null refresh 10-ve/10-add-ve.patch && cd ../../.. && top/scripts/refresh-patches'
sed 's/ve\.c/ve2.c/' top/patches/10-ve/10-add-ve.patch >top/patches/10-ve/15-add-more.patch
sed -i 's/^.*20-hook/10-ve\/15-add-more.patch\n&/' top/patches/series
mustfail "a patch that has come between" top/scripts/refresh-patches
like "is named by its list" "$output" 'changed since: series '
rm top/patches/10-ve/15-add-more.patch
sed -i '/15-add/d' top/patches/series
check "gone again" top/scripts/refresh-patches

# Killed while it applies the series: the next run does not take the part for the whole.
rm -rf top/build/linux
mkdir bin
cat >bin/quilt <<END
#!/bin/sh
case \$* in
*push*) "$(command -v quilt)" --quiltrc /dev/null push 1 && kill -9 "\$PPID" ;;
*) exec "$(command -v quilt)" "\$@" ;;
esac
END
chmod +x bin/quilt
mustfail "kernel-src is killed" env PATH="$tap_tmp/bin:$PATH" top/scripts/kernel-src
check "the next one makes a tree" top/scripts/kernel-src
is "with all of the series" "$(wc -l <top/build/linux/.pc/applied-patches)" 2
is "and nothing beside it" "$(ls -A top/build)" linux
