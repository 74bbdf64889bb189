#!/bin/sh
# guest: kernel=debug root=host mem=3072 smp=1 time=160
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
# shellcheck source=tests/lib/crash.sh
. "$(dirname "$0")/../lib/crash.sh"

id=3001
cleanup_fn "ip link del brcore 2>/dev/null"
ip link add brcore type bridge
ip link set brcore up
ip addr add 10.31.2.254/24 dev brcore
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
# Who started it may have it locked for a moment more.
check "stop --fast" wait_until 30 vzctl --quiet stop $id --fast
is "nothing is left" "$(leftovers $id)$(orphans)" ""

# The same with what else the host holds for one: an Ethernet pair, IPv6, a device, a
# directory of the host, and changes while it runs.
mkdir -p "$tap_tmp/shared"
check "parameters" vzctl --quiet set $id --netif_add eth0,,,,brcore --ipadd 2001:db8:31::1/64 --devnodes loop7:rw \
	--bindmount_add "$tap_tmp/shared:/srv" --cpulimit 50 --save
check "start with them" vzctl --quiet start $id
vzctl exec $id 'ip addr add 10.31.2.1/24 dev eth0; ip link set eth0 up' || :
check "its pair is on the bridge" wait_until 30 ping -c 1 -W 5 10.31.2.1
check "IPv6 too" wait_until 30 ping -c 1 -W 5 2001:db8:31::1
check "the directory and the device" vzctl exec $id 'echo x >/srv/file && test -b /dev/loop7'
check "changes while it runs" vzctl --quiet set $id --ram 160M --cpulimit 80 --ipdel 2001:db8:31::1 --netif_del eth0 \
	--devnodes loop7:none --bindmount_del /srv --userpasswd root:word --save
mustfail "are in effect" vzctl exec2 $id 'test -e /sys/class/net/eth0 || dd if=/dev/loop7 of=/dev/null count=0'
check "a terminal" timeout 100 script -qec "vzctl enter $id --exec tty" /dev/null
check "a polite stop" vzctl --quiet stop $id
is "nothing is left of that" "$(leftovers $id)$(orphans)" ""

# Killed while it is taken away: the next command goes on.
check "start once more" vzctl --quiet start $id
kill_at rmdir 1 vzctl --quiet stop $id --fast || :
mustfail "killed in a stop: it does not run" sh -c "vzctl status $id | grep -q running"
check "and starts" vzctl --quiet start $id
check "stop" vzctl --quiet stop $id --fast
is "nothing is left after all that" "$(leftovers $id)$(orphans)" ""
check "destroy" vzctl --quiet destroy $id
