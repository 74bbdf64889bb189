# shellcheck shell=sh disable=SC2154
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the scripts share: one way to fail, one way to show progress, one place
# that knows the defaults of the caches when a script runs without make.

top=$(cd "$(dirname "$0")/$([ "$(basename "$(dirname "$0")")" = guest ] && echo ../.. || echo ..)" && pwd)
me=$(basename "$0")
CACHE=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vesper}
JOBS=${JOBS:-$(nproc)}

die() { printf '%s: %s\n' "$me" "$*" >&2; exit 1; }
say() { printf '%s: %s\n' "$me" "$*" >&2; }

# config_value NAME - the default of a knob as config.mk states it.
config_value() { sed -n "s/^$1 *?= *//p" "$top/config.mk"; }

# progress WHAT COUNTER-COMMAND -- COMMAND... runs COMMAND with its output in
# $log and shows WHAT, the elapsed time and what the counter prints: rewriting
# one line on a terminal, a line every 30 s otherwise. Returns COMMAND's status.
progress() {
	p_what=$1 p_count=$2
	shift 3
	p_start=$(date +%s)
	p_shown=-30
	"$@" >"$log" 2>&1 </dev/null &
	p_pid=$!
	while kill -0 "$p_pid" 2>/dev/null; do
		p_now=$(($(date +%s) - p_start))
		tick "$p_count"
		# What is done in less than a second is not waited for.
		if [ "$p_now" -lt 1 ]; then sleep 0.1; else sleep 1; fi
	done
	p_status=0
	wait "$p_pid" || p_status=$?
	p_now=$(($(date +%s) - p_start))
	wipe
	[ "$p_status" -ne 0 ] || say "$p_what: done in $(elapsed "$p_now")"
	return "$p_status"
}

# until_output WHAT -- COMMAND... shows WHAT and the elapsed time until COMMAND has written
# its first line, and then what it writes. With pipefail the status is COMMAND's.
until_output() {
	p_what=$1
	shift 2
	p_start=$(date +%s)
	p_shown=-30
	(
		while :; do
			p_now=$(($(date +%s) - p_start))
			tick no_count
			sleep 1
		done
	) &
	p_pid=$!
	"$@" | {
		p_line=''
		IFS= read -r p_line && p_line="$p_line
" || :
		kill "$p_pid"
		wipe
		[ -z "$p_line" ] || say "$p_what: done in $(elapsed $(($(date +%s) - p_start)))"
		printf '%s' "$p_line"
		cat
	}
}

# tick COUNTER-COMMAND - of progress: what is shown now.
tick() {
	if [ -t 2 ]; then
		printf '\r%s: %s %s  %s ' "$me" "$p_what" "$(elapsed "$p_now")" "$($1)" >&2
	elif [ $((p_now - p_shown)) -ge 30 ] && [ "$p_now" -ge 5 ]; then
		say "$p_what $(elapsed "$p_now") $($1)"
		p_shown=$p_now
	fi
}
wipe() { if [ -t 2 ]; then printf '\r\033[K' >&2; fi; }

elapsed() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }
no_count() { :; }
