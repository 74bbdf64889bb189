#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 time=400
# tools: vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A container with a process that cannot be killed, as it writes to a disk that is
# frozen. If this fails, stop waits for ever, says that it stopped it, or leaves it for good.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"

id=2952
new_ct $id busybox
cleanup_fn "fsfreeze -u /vz/root/$id 2>/dev/null || :"
vzctl --quiet start $id
fsfreeze -f /vz/root/$id
vzctl exec $id 'echo >/frozen' >/dev/null 2>&1 &
stuck=$!
wait_until 20 sh -c "grep -lx 'State:	D.*' /proc/[0-9]*/status | sed 's/status/cgroup/' | xargs cat | grep -q /$id/" || :
run timeout 120 vzctl stop $id --fast
is "processes that do not die: 33" "$status" 33
like "by name" "$output" "container $id: processes do not die"
fsfreeze -u /vz/root/$id
wait $stuck 2>/dev/null || :
gone() {
	vzctl --quiet stop $id --fast >/dev/null 2>&1 || :
	[ "$(state $id)" = "exist unmounted down" ]
}
check "when they can, it is stopped" wait_until 60 gone
is "nothing is left" "$(leftovers $id)" ""
