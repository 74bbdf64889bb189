# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What test scripts share: TAP on standard output, clean-up at any end. Source
# it with . "$(dirname "$0")/../lib/functions.sh"; it works in dash, bash and
# busybox ash, on the host and in the guest.
#
#   check NAME COMMAND...     ok when COMMAND succeeds; its output only when not
#   mustfail NAME COMMAND...  ok when it fails; its output is left in $output
#   run COMMAND...            keep $output (both streams) and $status, judge nothing
#   is NAME GOT WANT          ok when the strings are equal
#   like NAME TEXT PATTERN    ok when a line of TEXT matches the extended regular expression
#   ok NAME / not_ok NAME     a verdict of your own
#   skip NAME REASON          counts as skipped;  skip_all REASON leaves with 77
#   requires COMMAND...       skip_all unless each is there
#   cleanup_fn COMMAND...     run at the end, last one first, whatever happens
#   wait_until SEC COMMAND... try each 0.2 s until it succeeds
#   orphans                   what is left of containers that are gone; empty is right
#
# The plan is printed at the end. A script that ends in the middle (set -e, a
# signal) has failed, whatever it printed before.

tap_count=0
tap_failed=0
tap_cleanup=
tap_ending=
output=
status=0

# Where a test may write; gone at the end.
tap_tmp=$(mktemp -d "${TMPDIR:-/tmp}/vesper-test.XXXXXX")

ok() {
	tap_count=$((tap_count + 1))
	printf 'ok %d - %s\n' "$tap_count" "$*"
}

not_ok() {
	tap_count=$((tap_count + 1))
	tap_failed=$((tap_failed + 1))
	printf 'not ok %d - %s\n' "$tap_count" "$*"
}

diag() { printf '%s\n' "$*" | sed 's/^/# /'; }

skip() {
	tap_count=$((tap_count + 1))
	printf 'ok %d - %s # SKIP %s\n' "$tap_count" "$1" "$2"
}

skip_all() {
	tap_ending=1
	printf '1..0 # SKIP %s\n' "$*"
	exit 77
}

requires() {
	for tap_x; do
		command -v "$tap_x" >/dev/null 2>&1 || skip_all "needs $tap_x"
	done
}

run() {
	status=0
	output=$("$@" 2>&1) || status=$?
}

check() {
	tap_name=$1
	shift
	run "$@"
	if [ "$status" -eq 0 ]; then
		ok "$tap_name"
	else
		not_ok "$tap_name"
		diag "$* (status $status)"
		diag "$output"
	fi
}

mustfail() {
	tap_name=$1
	shift
	run "$@"
	if [ "$status" -ne 0 ]; then
		ok "$tap_name"
	else
		not_ok "$tap_name"
		diag "$* (succeeded)"
		diag "$output"
	fi
}

is() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1"
		diag "got:  $2"
		diag "want: $3"
	fi
}

like() {
	if printf '%s\n' "$2" | grep -Eq -- "$3"; then
		ok "$1"
	else
		not_ok "$1"
		diag "no line matches $3 in:"
		diag "$2"
	fi
}

wait_until() {
	tap_end=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$tap_end" ] || return 1
		sleep 0.2
	done
}

# The kernel takes namespaces away behind the back of the last that was in them.
orphans() {
	wait_until 30 sh -c '! grep -q . /sys/fs/cgroup/ve.orphans' || cat /sys/fs/cgroup/ve.orphans
}

# Newline-separated, newest first; the words are evaluated as one command line.
cleanup_fn() {
	tap_cleanup="$*
$tap_cleanup"
}

tap_end() {
	tap_status=$?
	trap - EXIT
	set +e
	eval "$tap_cleanup"
	rm -rf "$tap_tmp"
	[ -z "$tap_ending" ] || exit "$tap_status"
	if [ "$tap_status" -ne 0 ]; then
		not_ok "the test ended early, with status $tap_status"
	fi
	printf '1..%d\n' "$tap_count"
	[ "$tap_failed" -eq 0 ] && [ "$tap_count" -gt 0 ]
	exit $?
}

trap tap_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
