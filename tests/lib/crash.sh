# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# For tests that kill a command at a system call. Source it after functions.sh.
#
#   cut_points CALLS N COMMAND...   run it; of its calls among CALLS about N, spread
#                                   evenly: "NAME K", the K-th of that name; all of
#                                   them are in $tap_tmp/calls
#   kill_at NAME K COMMAND...       run it, killed as it makes the K-th call of NAME

requires strace
: "${tap_tmp:?}"

cut_points() {
	cut_calls=$1 cut_count=$2
	shift 2
	strace -qq -o "$tap_tmp/strace" -e trace="$cut_calls" "$@" >/dev/null 4<&- 5<&-
	sed -n 's/^\([a-z0-9_]*\)(.*/\1/p' "$tap_tmp/strace" | awk '{ print $1, ++n[$1] }' >"$tap_tmp/calls"
	awk -v want="$cut_count" '{ l[NR] = $0 } END {
		step = NR / want; if (step < 1) step = 1
		for (i = 1; i <= NR; i += step) print l[int(i)] }' "$tap_tmp/calls"
}

kill_at() {
	cut_calls=$1 cut_count=$2
	shift 2
	strace -qq -o /dev/null -e trace="$cut_calls" -e inject="$cut_calls:signal=KILL:when=$cut_count" "$@" >/dev/null 2>&1 4<&- 5<&-
}
