#!/bin/sh
# guest: kernel=debug root=mini mem=1024 smp=2 time=60
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The unit tests of the ve controller ran at boot: the parsers, the numproc
# counter, the table of states, the moments of a stop and of an exec, and the
# owner of an address space are what the pages say.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"

[ -d /sys/kernel/debug/kunit ] || mount -t debugfs debugfs /sys/kernel/debug
results=$(cat /sys/kernel/debug/kunit/ve/results)
diag "$results"
like "the suite passed" "$results" '^ok 1 ve$'
for case in parse_id parse_start parse_limits parse_device numproc states open stopped exec mm decode_exit; do
	like "$case" "$results" "^ *ok [0-9]+ ve_test_$case\$"
done
