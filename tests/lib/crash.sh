# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# For tests that kill a command at a system call. Source it after functions.sh.
#
#   cut_points CALLS N COMMAND...   run it; of its calls among CALLS N, spread
#                                   evenly, or "all": "NAME K", the K-th of that name;
#                                   all of them are in $tap_tmp/calls
#   step_points CALLS COMMAND...    the same, one of each of its steps, which it names on
#                                   standard error (vzctl --verbose --verbose); "STEP NAME K" of all
#                                   is in $tap_tmp/steps, and what comes after the last is of "end"
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

# A step's calls are those before the line that says what it took.
step_points() {
	cut_calls=$1
	shift
	strace -qq -s 200 -o "$tap_tmp/strace" -e trace="$cut_calls" "$@" >/dev/null 2>&1 4<&- 5<&-
	awk '/^[a-z0-9_]+\(/ { call = $0; sub(/\(.*/, "", call); l[++m] = call " " ++n[call] }
		/step .[a-z]+. took/ { step = $0; sub(/.*step ./, "", step); sub(/. took.*/, "", step); while (from < m) print step, l[++from] }
		END { while (from < m) print "end", l[++from] }' "$tap_tmp/strace" >"$tap_tmp/steps"
	cut -d' ' -f2- "$tap_tmp/steps" >"$tap_tmp/calls"
	if [ "${CRASH_POINTS:-}" = all ]; then
		cat "$tap_tmp/calls"
	else
		cut -d' ' -f1 "$tap_tmp/steps" | uniq | while read -r cut_step; do
			sed -n "s/^$cut_step //p" "$tap_tmp/steps" | spread 1
		done
	fi
}

kill_at() {
	cut_calls=$1 cut_count=$2
	shift 2
	strace -qq -o /dev/null -e trace="$cut_calls" -e inject="$cut_calls:signal=KILL:when=$cut_count" "$@" >/dev/null 2>&1 4<&- 5<&-
}
