#!/bin/sh
# guest: kernel=debug root=host mem=3072 smp=2 time=100
# tools: vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The thread from template to container and back on the kernel that checks
# itself: if this fails, a lock, a reference or memory of the kernel is misused
# on the way of each container. What vzctl does in detail is tested on plain.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"

id=3001
new_ct $id busybox --hostname core --ipadd 10.31.0.1 --ram 128M --numproc 60
check "start" vzctl start $id
is "it is a VE that runs" "$(cat $CG/$id/ve.id) $(cat $CG/$id/ve.state)" "$id running"
is "a command inside" "$(vzctl exec $id 'hostname; grep envID /proc/self/status' | tr -s '\n\t' '  ')" "core envID: $id "
like "its own beancounters" "$(vzctl exec $id cat /proc/user_beancounters)" "^ *$id:"
check "the host reaches it" ping -c 1 -W 10 10.31.0.1
mustfail "its limit of processes holds" vzctl exec2 $id 'i=0; while [ $i -lt 80 ]; do sleep 100 & i=$((i + 1)); done; wait'
vzctl exec $id 'killall sleep' >/dev/null 2>&1 || :
vzctl exec $id 'touch /run/before; reboot' >/dev/null 2>&1 || :
again() { vzctl exec $id 'test ! -e /run/before' 2>/dev/null; }
check "a reboot inside starts it again" wait_until 100 again
check "stop" vzctl --quiet stop $id --fast
is "nothing is left" "$(leftovers $id)$(orphans)" ""
check "destroy" vzctl --quiet destroy $id
