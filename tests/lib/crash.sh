# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# For tests that kill a command at a system call. Source it after functions.sh.
#
#   cut_points CALLS N COMMAND...   run it; of its calls among CALLS N, spread
#                                   evenly, or "all": "NAME K", the K-th of that name;
#                                   all of them are in $tap_tmp/calls
#   kill_at NAME K COMMAND...       run it, killed as it makes the K-th call of NAME
#
# CRASH_SEED says which ones of all: the day's number unless set, so that each
# day takes others and a day that failed can be had again. How many a test takes
# CRASH_POINTS says; CRASH_POINTS=all takes every one.

requires strace
: "${tap_tmp:?}"
CRASH_SEED=${CRASH_SEED:-$(($(date +%s) / 86400))}
diag "CRASH_SEED=$CRASH_SEED"

# spread N - of the lines of input N, in equal steps from a first one that the
# seed chooses: steps of the golden section come closest to none of the former.
spread() {
	awk -v want="$1" -v seed="$CRASH_SEED" '{ l[NR] = $0 } END {
		if (want == "all" || want + 0 > NR) want = NR
		first = seed * 0.6180339887498949; first -= int(first)
		for (k = 0; k < want; k++) print l[1 + int((first + k) * NR / want)] }'
}

cut_points() {
	cut_calls=$1 cut_count=$2
	shift 2
	strace -qq -o "$tap_tmp/strace" -e trace="$cut_calls" "$@" >/dev/null 4<&- 5<&-
	sed -n 's/^\([a-z0-9_]*\)(.*/\1/p' "$tap_tmp/strace" | awk '{ print $1, ++n[$1] }' >"$tap_tmp/calls"
	spread "$cut_count" <"$tap_tmp/calls"
}

kill_at() {
	cut_calls=$1 cut_count=$2
	shift 2
	strace -qq -o /dev/null -e trace="$cut_calls" -e inject="$cut_calls:signal=KILL:when=$cut_count" "$@" >/dev/null 2>&1 4<&- 5<&-
}
