#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, a long step of a build could be silent, or its failure be lost.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/pty.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)

# A step as a script of scripts/ runs one.
cat >"$tap_tmp/step" <<'END'
. "$(dirname "$0")/lib.sh"
log=$1
count() { echo 7/9 things; }
progress working count -- sh -c "$2"
END
# step COMMAND
step() { sh -c "$(cat "$tap_tmp/step")" "$top/scripts/builder" "$tap_tmp/log" "$1"; }
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

# At a terminal a person sees it move, in one line.
"$top/tests/guest/run" --prepare
at_terminal sh -c "$(cat "$tap_tmp/step")" "$top/scripts/builder" "$tap_tmp/log" 'echo "its output"; sleep 4' <<'END'
test a step is shown at once, with its time and how far it is
expect \rbuilder: working 0:00  7/9 things
test and again, over the same line
absent \n
expect \rbuilder: working 0:0
absent \n
test until it is done, and the line is cleared
expect \r\e[Kbuilder: working: done in 0:0
status 0
END
