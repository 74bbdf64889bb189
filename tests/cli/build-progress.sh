#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, a long step of a build could be silent, or its failure be lost.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)

# step COMMAND - as a script of scripts/ runs one.
step() {
	# shellcheck disable=SC2016 # expands there
	sh -c '. "$(dirname "$0")/lib.sh"
		log=$1
		count() { echo 7/9 things; }
		progress working count -- sh -c "$2"' "$top/scripts/builder" "$tap_tmp/log" "$1"
}
run step 'echo "its output"; sleep 7'
is "a step that works" "$status" 0
like "says after five seconds what it does, for how long, how far" "$output" '^builder: working 0:0[5-7] 7/9 things$'
like "and at its end how long it took" "$output" '^builder: working: done in 0:[01][0-9]$'
is "in a line each" "$(printf '%s\n' "$output" | wc -l)" 2
is "its output is in the log" "$(cat "$tap_tmp/log")" "its output"
run step 'echo why >&2; exit 3'
is "a step that fails has its status" "$status" 3
is "is not said to be done" "$output" ""
is "and its errors are in the log" "$(cat "$tap_tmp/log")" why
