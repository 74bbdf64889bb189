#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, the first page could show commands that `make demo` does not run,
# or gates that `make test` has not.
set -eu
unset MAKEFLAGS MFLAGS
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
readme=$top/README.md

is "what it shows is what the demo types" "$(sed -n 's/^    \[root@vesper ~\]# //p' "$readme")" \
	"$(sed -n "/<<'END'\$/,/^END\$/p" "$top/scripts/demo-transcript" | sed '1d;$d')"
is "the gates that it lists are those that run" "$(sed -n 's/^    \([a-z-]*\)  *[0-9.]* s  ok\(, beside others\)\{0,1\}$/\1/p' "$readme")" \
	"$(sed -n "/^gates='\$/,/^'\$/s/^\([a-z-][a-z-]*\) .*/\1/p" "$top/tests/run")"
is "and those that run beside others" "$(sed -n 's/^    \([a-z-]*\)  *[0-9.]* s  ok, beside others$/\1/p' "$readme")" \
	"$(sed -n "/^gates='\$/,/^'\$/s/^\([a-z-][a-z-]*\)  *beside .*/\1/p" "$top/tests/run")"
sums=$(sed -n 's/^    \([0-9]*\) passed, 0 failed, 0 skipped$/\1/p' "$readme" | xargs)
check "its closing line has more than the last gate's" test "${sums##* }" -gt "${sums%% *}"
for target in $(sed -n 's/^    make \([a-z-]*\) .*/\1/p' "$readme"); do
	like "make $target is one that make help lists" "$(make -s -C "$top" help)" "^ *$target "
done
