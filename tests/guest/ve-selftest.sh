#!/bin/sh
# guest: kernel=plain,debug root=mini mem=1024 smp=2 boot=selftest time=200
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The kernel's own tests of the ve controller (tools/testing/selftests/ve):
# identity, doors, entry, life, owners, devices, numproc, /proc. If one fails,
# containers leak, escape, or are told lies.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
bin=$(cd "$(dirname "$0")/../.." && pwd)/build/kernel/selftests/ve

# The test of devices has nodes of its own there; programs go there, as the share keeps no page of them.
mount -o remount,dev /tmp
cp "$bin"/test_* "$tap_tmp/"
like "the controller is there" "$(cat /proc/cgroups)" '^ve'
for test in identity doors entry life owner device numproc proc; do
	if [ ! -x "$tap_tmp/test_$test" ]; then
		not_ok "$test: the test is not built (make kernel)"
		continue
	fi
	run "$tap_tmp/test_$test"
	diag "$output" | grep -v '^#[# ]*\(RUN\|OK\|ok\) ' || :
	if [ "$status" -eq 0 ]; then ok "$test"; else not_ok "$test (status $status)"; fi
	check "$test: all of it ran" sh -c 'printf "%s\n" "$1" | grep -q "^# Totals: pass:[1-9][0-9]* fail:0 .* skip:0 error:0"' sh "$output"
done
is "no orphan is left" "$(orphans)" ""
