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

# What is waited for until it speaks: a guest that boots.
cat >"$tap_tmp/wait" <<'END'
. "$(dirname "$0")/lib.sh"
status=0
until_output booting -- sh -c "$1" || status=$?
exit "$status"
END
waits() { bash -o pipefail -c "$(cat "$tap_tmp/wait")" "$top/scripts/builder" "$1"; }
run waits 'sleep 7; echo one; sleep 1; printf "two\nthree"'
is "what is waited for, at its end" "$status" 0
like "after five seconds is told" "$output" '^builder: booting 0:0[5-7] $'
is "and then what it says, all of it" "$(printf '%s\n' "$output" | sed 's/0:0[5-9]/0:0N/g')" "builder: booting 0:0N $(printf '\n')
builder: booting: done in 0:0N
one
two
three"
run waits 'exit 3'
is "one that ends without a word has its status" "$status:$output" 3:
run waits 'echo one; exit 4'
is "and one that has said something" "$status $(printf '%s\n' "$output" | tail -n 1)" "4 one"

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

at_terminal bash -o pipefail -c "$(cat "$tap_tmp/wait")" "$top/scripts/builder" 'sleep 3; echo up' <<'END'
test what is waited for moves, too
expect \rbuilder: booting 0:00
absent \n
expect \rbuilder: booting 0:0
test until it speaks
expect \r\e[Kbuilder: booting: done in 0:0
expect up
status 0
END
