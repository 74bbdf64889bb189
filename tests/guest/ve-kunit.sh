#!/bin/sh
# guest: kernel=debug root=mini mem=1024 smp=2 time=60
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The unit tests of the ve controller ran at boot: the parsers, the numproc
# counter, the table of states, the moments of a stop and of an exec, the VE
# of a number, and the owner of an address space are what the pages say. So did those of the target
# ploop: options, headers, the map, memory for it, the end of an I/O, the order of a commit, clusters,
# the scan for free ones, tracking.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"

[ -d /sys/kernel/debug/kunit ] || mount -t debugfs debugfs /sys/kernel/debug

# suite NAME CASE... - it passed, and each of these was in it.
suite() {
	suite=$1
	shift
	results=$(cat "/sys/kernel/debug/kunit/$suite/results")
	diag "$results"
	like "the suite $suite passed" "$results" "^ok 1 $suite\$"
	for case; do like "$case" "$results" "^ *ok [0-9]+ ${suite}_test_$case\$"; done
}
suite ve parse_id parse_start parse_limits parse_device numproc states open stopped find exec mm decode_exit
suite ploop options header map no_memory io_ends commit commit_free commit_fails alloc scan track
