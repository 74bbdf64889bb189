#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, a failed, cut or skipped test could count as passed.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$tap_tmp/top/tests/cli" "$tap_tmp/top/tests/lib"
cp "$top/tests/run" "$tap_tmp/top/tests/"
cp "$top/tests/lib/functions.sh" "$tap_tmp/top/tests/lib/"

# verdict NAME SCRIPT SUMS - a suite of just that script.
verdict() {
	printf '#!/bin/sh\n%s\n' "$2" >"$tap_tmp/top/tests/cli/one.sh"
	chmod +x "$tap_tmp/top/tests/cli/one.sh"
	run "$tap_tmp/top/tests/run" cli
	is "$1" "$(printf '%s\n' "$output" | tail -n 1)" "$3"
	case $3 in
	*' 0 failed'*) is "$1: and the runner succeeds" "$status" 0 ;;
	*) is "$1: and the runner fails" "$status" 1 ;;
	esac
}
verdict "TAP that passes" 'echo "ok 1 - a"; echo "ok 2 - b"; echo 1..2' "2 passed, 0 failed, 0 skipped"
verdict "TAP with a failure" 'echo "ok 1 - a"; echo "not ok 2 - b"; echo 1..2; exit 1' "1 passed, 1 failed, 0 skipped"
verdict "a failure with status 0" 'echo "not ok 1 - b"; echo 1..1' "0 passed, 1 failed, 0 skipped"
verdict "all ok with status 1" 'echo "ok 1 - a"; echo 1..1; exit 1' "1 passed, 1 failed, 0 skipped"
verdict "fewer than planned" 'echo "ok 1 - a"; echo 1..3' "1 passed, 1 failed, 0 skipped"
verdict "no TAP, status 0" 'echo words' "1 passed, 0 failed, 0 skipped"
verdict "no TAP, status 3" 'exit 3' "0 passed, 1 failed, 0 skipped"
verdict "a required test that skips" 'echo "1..0 # SKIP no reason"; exit 77' "0 passed, 1 failed, 0 skipped"
verdict "one that may skip" '# may-skip: only on some machines
echo "1..0 # SKIP not here"; exit 77' "0 passed, 0 failed, 1 skipped"
verdict "a required check that skips" 'echo "ok 1 - a"; echo "ok 2 - b # SKIP no"; echo 1..2' "1 passed, 1 failed, 0 skipped"
verdict "one of functions.sh that ends early" ". $tap_tmp/top/tests/lib/functions.sh; set -e; ok a; false; ok b" "1 passed, 1 failed, 0 skipped"
rm "$tap_tmp/top/tests/cli/one.sh"
run "$tap_tmp/top/tests/run" cli
is "no test at all is a failure" "$status" 1
