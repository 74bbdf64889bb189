# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# For tests of what a person sees at a terminal. Source it after functions.sh.
#
#   at_terminal COMMAND... <SCRIPT   one check for each test of SCRIPT (tests/guest/pty.c)

pty_top=$(cd "$(dirname "$0")/../.." && pwd)
pty=$pty_top/build/guest/pty

at_terminal() {
	: "${tap_tmp:?functions.sh is sourced first}"
	cat >"$tap_tmp/pty.script"
	"$pty" -t "${pty_limit:-60}" "$tap_tmp/pty.script" -- "$@" >"$tap_tmp/pty.log" </dev/null || :
	while IFS= read -r pty_line; do
		case $pty_line in
		"ok "*) ok "${pty_line#ok }" ;;
		"not ok "*) not_ok "${pty_line#not ok }" ;;
		*) printf '%s\n' "$pty_line" ;;
		esac
	done <"$tap_tmp/pty.log"
	is "as many tests as the script has" "$(grep -c '^ok ' "$tap_tmp/pty.log")" "$(grep -c '^test ' "$tap_tmp/pty.script")"
}
