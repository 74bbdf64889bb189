#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# on-host: alone
# Without this, the guest could grow slow, and every test with it.
#
# Judged is what a boot takes of a machine of its own: the processor time that the
# emulator has used, and the time until COMMAND's first line without the longest in which
# one of its threads was ready and others had the processors. The best of three of each, as what
# runs before the emulator, and the caches, are not told apart so.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)

# boot ARG... - "USED WAITED TOOK", in ms, of a guest's way to its first line.
boot() {
	local start used waited
	start=$(date +%s%3N)
	# shellcheck disable=SC2016 # expands in the guest
	"$top/tests/guest/run" -e -x "$top/tests/lib" "$@" -- \
		sh -c '. /mnt/x/emulator.sh; emulator_mount; echo "$(emulator_used) $(emulator_waited)"' | {
		read -r used waited
		echo "$used $waited $(($(date +%s%3N) - start))"
		cat >/dev/null
	}
}

# within NAME LIMIT ARG...
within() {
	local name=$1 limit=$(($2 * 1000)) used waited took least_used=999999 least=999999
	shift 2
	for _ in 1 2 3; do
		read -r used waited took < <(boot "$@")
		diag "$name: $used ms used, $took ms until the first line, $waited of them others'"
		[ "$used" -ge "$least_used" ] || least_used=$used
		[ $((took - waited)) -ge "$least" ] || least=$((took - waited))
		[ "$least" -ge "$limit" ] || [ "$least_used" -ge "$limit" ] || break
	done
	check "$name: in $((limit / 1000)) s of processor time" test "${least_used:-0}" -gt 0 -a "$least_used" -lt "$limit"
	check "$name: in $((limit / 1000)) s of its own" test "$least" -lt "$limit"
}
within mini 8
within "the host root" 60 -r host -m 3072
# On debug host-boot.sh asks for it, where the guest has booted anyway.
