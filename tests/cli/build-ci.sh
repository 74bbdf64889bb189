#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, who reads the last line of a run would read make's, or a failure would be taken for none.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
requires bash make
unset MAKEFLAGS MFLAGS

mkdir -p "$tap_tmp/tree/.ci"
cp "$top/.ci/run" "$tap_tmp/tree/.ci/"
# ci COMMAND... - the end of a run whose `make test` is that.
ci() {
	printf 'test:\n' >"$tap_tmp/tree/Makefile"
	for c; do printf '\t@%s\n' "$c" >>"$tap_tmp/tree/Makefile"; done
	run "$tap_tmp/tree/.ci/run"
	last=$(printf '%s\n' "$output" | tail -n 1)
}
sums() { printf '%s\n' "$output" | grep -c ' passed, '; }

ci 'echo "ok - gate cli (1.0 s)"' 'echo "12 passed, 0 failed, 1 skipped"'
is "all passed: the sums are last" "$status:$last" "0:12 passed, 0 failed, 1 skipped"
is "once" "$(sums)" 1
ci 'echo "3 passed, 1 failed, 0 skipped"' 'echo "12 passed, 1 failed, 1 skipped"' false
is "one failed: the sums are last, and make's status is kept" "$status:$last" "2:12 passed, 1 failed, 1 skipped"
like "after what make says" "$output" '^make.*\*\*\*.*Error 1'
ci 'echo "setup: no network" >&2; exit 1'
is "what fails before there are sums is one failure" "$status:$last" "2:0 passed, 1 failed, 0 skipped"
ci 'echo nothing'
is "so is a run that ends without them" "$status:$last" "1:0 passed, 1 failed, 0 skipped"
ci 'echo "12 passed, 0 failed, 1 skipped"; kill -9 $$$$'
is "a run that is killed has failed" "$status:$last" "2:12 passed, 1 failed, 1 skipped"

# It is the command that the README gives, by which all of this is tested.
like "README and CI run the same" "$(cat "$top/README.md")" '^    make test '
like "and nothing else" "$(grep -c '^make' "$top/.ci/run") $(grep '^make' "$top/.ci/run")" '^1 make test( |$)'
