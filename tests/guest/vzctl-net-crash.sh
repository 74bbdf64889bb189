#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 time=900
# tools: vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# set killed while it changes the network of a running container: the same
# command again completes it, taking it away leaves nothing. If this fails, an
# address or a device is lost, or in the way until the container stops.
# CRASH_POINTS of all calls that change something are taken, other ones each
# day, or all (tests/lib/crash.sh).
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"
# shellcheck source=tests/lib/crash.sh
. "$(dirname "$0")/../lib/crash.sh"

id=2621
points=${CRASH_POINTS:-10}
cuts=sendto,bpf,setns,write,fsync,rename,renameat
conf=/etc/vz/conf/$id.conf
cleanup_fn "ip link del brt2"
ip link add brt2 type bridge
ip link set brt2 up

change="set $id --ipadd 10.26.5.1/24 --ipadd 2001:db8:26:b::1/64 --netif_add eth0,,,,brt2 --save"
unset_all() { vzctl --quiet set $id --ipdel all --netif_del all --save; }
held() {
	ip -o link show group $((2147483647 - id)) | awk '{ print $2 }'
	for f in -4 -6; do ip $f -o route show dev venet$id proto static; done
	vzctl exec2 $id 'ip -o addr show dev venet0; ip -o link' | grep -E '10.26.5|26:b::|eth0' || :
}
# killed NAME N - set, killed as it makes the Nth call of that name; prints what is wrong after that.
# shellcheck disable=SC2086
killed() {
	# How often netlink is asked differs a little from time to time: where the call does not come, the one before it.
	set -- "$1" "$2" "$2"
	while kill_at "$1" "$2" vzctl --quiet $change; do
		[ "$2" -gt 1 ] && [ "$2" -gt $(($3 - 3)) ] || { echo "$1 $3: not killed" && break; }
		unset_all || echo "$1 $2: not taken away"
		set -- "$1" $(($2 - 1)) "$3"
	done
	saved=$(grep -c '^IP_ADDRESS="10.26' $conf || :)
	[ "$saved" = 1 ] || vzctl --quiet $change || echo "$1 $2: not completed"
	for ip in 10.26.5.1 2001:db8:26:b::1; do ping -c 1 -W 5 $ip >/dev/null || echo "$1 $2: $ip is silent"; done
	[ "$(basename "$(readlink /sys/class/net/veth$id.0/master)")" = brt2 ] || echo "$1 $2: no pair on its bridge"
	vzctl exec2 $id test -e /sys/class/net/eth0 || echo "$1 $2: no eth0 inside"
	unset_all || echo "$1 $2: not taken away"
	[ "$(held)" = "$nothing" ] || echo "$1 $2: left $(held)"
}

new_ct $id busybox --diskspace 128M
vzctl --quiet start $id
nothing=$(held)
# shellcheck disable=SC2086 # words of a command line
list=$(cut_points $cuts "$points" vzctl --quiet $change)
diag "set makes $(wc -l <"$tap_tmp/calls") of them"
like "the cuts are in it" "$(printf '%s\n' "$list" | wc -l)" '^[0-9]{2,}$'
check "all is taken away" unset_all
is "and nothing is left" "$(held)" "$nothing"
is "a killed set" "$(printf '%s\n' "$list" | while read -r name n; do killed "$name" "$n" </dev/null; done)" ""
vzctl --quiet set $id --ipadd 10.26.5.1 --ipadd 2001:db8:26:b::1/64 --netif_add eth0 --save
vzctl --quiet stop $id --fast
is "a stop leaves nothing" "$(leftovers $id)" ""
check "and the file is in effect at the start" vzctl --quiet start $id
check "of the address" ping -c 1 -W 5 10.26.5.1
check "and the pair" test -e /sys/class/net/veth$id.0
