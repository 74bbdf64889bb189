#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 time=900
# tools: vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Ethernet pairs of containers: if this fails, a container is not on its bridge,
# sends with a MAC that is not its own, or leaves devices in the host.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"

a=2611 b=2612
cleanup_fn "ip link del brt0; ip link del brt1; ip link del veth2611.7 2>/dev/null"
ip link add brt0 address fe:00:00:00:00:01 type bridge
ip link add brt1 type bridge
ip link set brt0 up
ip link set brt1 up
ip addr add 10.27.0.254/24 dev brt0
new_ct $a busybox --ipadd 10.26.1.1
new_ct $b busybox

code() { # NAME EXIT PATTERN COMMAND...
	code_name=$1 code_want=$2 code_like=$3
	shift 3
	run "$@"
	is "$code_name: exit" "$status" "$code_want"
	like "$code_name: named" "$output" "^vzctl: .*$code_like"
}
netif() { sed -n 's/^NETIF="\(.*\)"/\1/p' /etc/vz/conf/$1.conf; }
field() { netif "$1" | tr ',' '\n' | sed -n "s/^$2=//p"; }
in_a() { vzctl exec2 $a "$@"; }
in_b() { vzctl exec2 $b "$@"; }
bridge_of() { basename "$(readlink "/sys/class/net/$1/master")"; }
mac_of() { tr a-f A-F <"/sys/class/net/$1/address"; }

code "a bridge that is none" 130 "nobr" vzctl set $a --netif_add eth0,,,,nobr --save
code "a device that is no bridge" 130 "dummy0" vzctl set $a --netif_add eth0,,,,dummy0 --save
check "a pair, of a stopped one" vzctl set $a --netif_add eth0,,,,brt0 --save
like "is stored as OpenVZ stored it" "$(netif $a)" \
	"^ifname=eth0,bridge=brt0,mac=00:18:51(:[0-9A-F]{2}){3},host_ifname=veth$a.0,host_mac=00:18:51(:[0-9A-F]{2}){3}\$"
is "none of the MACs is the other" "$([ "$(field $a mac)" = "$(field $a host_mac)" ] && echo same)" ""
vzctl --quiet start $a
vzctl --quiet start $b
is "it is there after the start" "$(in_a cat /sys/class/net/eth0/address | tr a-f A-F)" "$(field $a mac)"
is "and outside" "$(mac_of veth$a.0)" "$(field $a host_mac)"
is "on its bridge" "$(bridge_of veth$a.0)" brt0

check "a pair, of a running one" vzctl set $b --netif_add eth0,00:18:51:aa:bb:cc,vethb,00:18:51:aa:bb:cd,brt0 --save
is "is stored" "$(netif $b)" "ifname=eth0,bridge=brt0,mac=00:18:51:AA:BB:CC,host_ifname=vethb,host_mac=00:18:51:AA:BB:CD"
in_a 'ip addr add 10.27.0.1/24 dev eth0; ip link set eth0 up'
in_b 'ip addr add 10.27.0.2/24 dev eth0; ip link set eth0 up'
check "container to host" wait_until 30 vzctl exec2 $a ping -c 1 -W 2 10.27.0.254
check "host to container" ping -c 1 -W 5 10.27.0.1
check "container to container" in_a ping -c 1 -W 5 10.27.0.2

# --- MACs -------------------------------------------------------------------------------

is "the bridge has the address that it was given" "$(mac_of brt0)" FE:00:00:00:00:01
before=$(mac_of brt1)
vzctl set $b --netif_add eth1,,,00:00:01:00:00:01,brt1 >/dev/null
is "and one that nobody gave any keeps its own" "$(mac_of brt1)" "$before"
vzctl set $b --netif_del eth1 >/dev/null

ip link add brt3 type bridge
cleanup_fn ip link del brt3
before=$(mac_of brt3)
vzctl set $b --netif_add eth1,,,fe:ff:ff:00:00:f1,brt3 >/dev/null
is "also when it has no other port" "$(mac_of brt3)" "$before"
vzctl set $b --ifname eth1 --host_mac 00:00:01:00:00:02 >/dev/null
is "and when a port of it gets a lower one" "$(mac_of brt3)" "$before"
vzctl set $b --netif_del eth1 >/dev/null
sysctl -q -w net.ipv4.conf.all.rp_filter=2
mustfail "a pair without a bridge where sources are not checked" vzctl set $b --netif_add eth1
is "is refused by its exit code" "$status" 130
is "and not made" "$(ls -d /sys/class/net/veth$b.1 2>/dev/null)" ""
check "with a bridge it is" vzctl set $b --netif_add eth1,,,,brt1
mustfail "and is not taken off it then" vzctl set $b --ifname eth1 --bridge ''
sysctl -q -w net.ipv4.conf.all.rp_filter=0
check "but now" vzctl set $b --ifname eth1 --bridge ''
vzctl set $b --netif_del eth1 >/dev/null

forge() { in_a "ip link set eth0 down; ip link set eth0 address $1; ip link set eth0 up; ip neigh flush dev eth0 2>/dev/null; true"; }
mac=$(field $a mac)
forge 00:18:51:66:66:66
ip neigh flush dev brt0
mustfail "a forged MAC does not get out" in_a ping -c 2 -W 2 10.27.0.254
is "the host has not learnt it" "$(ip neigh show 10.27.0.1 dev brt0 | grep -c 00:18:51:66)" 0
is "nor has the bridge" "$(bridge fdb show br brt0 | grep -ci 00:18:51:66)" 0
forge "$(field $b mac)"
mustfail "nor does the neighbour's" in_a ping -c 2 -W 2 10.27.0.254
check "without the filter" vzctl set $a --ifname eth0 --mac_filter off --save
like "(stored)" "$(netif $a)" ',mac_filter=off$'
forge 00:18:51:66:66:66
check "it does" wait_until 20 vzctl exec2 $a ping -c 1 -W 2 10.27.0.254
check "the filter is back" vzctl set $a --ifname eth0 --mac_filter on --save
is "(and not stored: it is what there is)" "$(netif $a | grep -c mac_filter)" 0
mustfail "and it does not" in_a ping -c 2 -W 2 10.27.0.254
check "a new MAC from outside" vzctl set $a --ifname eth0 --mac 00:18:51:12:34:56 --save
is "is inside" "$(in_a cat /sys/class/net/eth0/address)" 00:18:51:12:34:56
check "and passes" wait_until 20 vzctl exec2 $a ping -c 1 -W 2 10.27.0.254
forge "$mac"
mustfail "the one before it does not" in_a ping -c 2 -W 2 10.27.0.254
forge 00:18:51:12:34:56

# --- a pair that is on no bridge -----------------------------------------------------------

check "a pair without a bridge" vzctl set $b --netif_add eth2
ip addr add 10.28.0.254/24 dev veth$b.2
in_b 'ip addr add 10.28.0.1/24 dev eth2; ip addr add 10.99.0.1/32 dev eth2; ip link set eth2 up'
check "is a way to the host" wait_until 30 vzctl exec2 $b ping -c 1 -W 2 10.28.0.254
refused() { awk '/^TcpExt:/ { if (!n) n = split($0, names); else for (i = 1; i <= n; i++) if (names[i] == "IPReversePathFilter") print $i }' /proc/net/netstat; }
before=$(refused)
mustfail "not for a source that is not behind it" in_b ping -c 1 -W 1 -I 10.99.0.1 10.28.0.254
check "which the host drops" test "$(refused)" -gt "$before"
vzctl set $b --netif_del eth2 >/dev/null

# --- changes of what runs -----------------------------------------------------------------

check "another name in the host, another MAC, another bridge" \
	vzctl set $a --ifname eth0 --host_ifname vetha --host_mac 00:18:51:00:00:0a --bridge brt1 --save
is "name and MAC" "$(mac_of vetha)" 00:18:51:00:00:0A
is "bridge" "$(bridge_of vetha)" brt1
is "stored" "$(netif $a)" "ifname=eth0,bridge=brt1,mac=00:18:51:12:34:56,host_ifname=vetha,host_mac=00:18:51:00:00:0A"
check "off the bridge" vzctl set $a --ifname eth0 --bridge '' --save
is "it is on none" "$(ls /sys/class/net/vetha/master 2>/dev/null)" ""
check "and on it again" vzctl set $a --ifname eth0 --bridge brt0 --save
check "where it works" wait_until 20 vzctl exec2 $a ping -c 1 -W 2 10.27.0.254

ip link add veth$a.7 type dummy
mustfail "two pairs, the name of the second taken in the host" vzctl set $a --netif_add eth6 --netif_add eth7 --save
is "by its exit code" "$status" 130
like "and its name" "$output" "veth$a.7"
is "the first is not there" "$(ls -d /sys/class/net/veth$a.6 2>/dev/null)" ""
is "nor stored" "$(netif $a | grep -c eth6)" 0
check "nor was the other's device touched" ip link show veth$a.7
in_a ip link add eth8 type dummy
code "a name taken inside" 130 "eth8" vzctl set $a --netif_add eth8
is "left nothing" "$(ls -d /sys/class/net/veth$a.8 2>/dev/null)" ""
mustfail "a pair and an address that is taken" vzctl set $a --netif_add eth5 --ipadd 10.26.1.1
is "take the pair back" "$(ls -d /sys/class/net/veth$a.5 2>/dev/null)" ""
mustfail "a change and an address that is taken" vzctl set $a --ifname eth0 --host_ifname vethx --mac_filter off --ipadd 192.0.2.1
is "take the change back" "$(bridge_of vetha)" brt0

check "a second pair" vzctl set $a --netif_add eth1
check "removed" vzctl set $a --netif_del eth1
is "is gone outside" "$(ls -d /sys/class/net/veth$a.1 2>/dev/null)" ""
is "and inside" "$(in_a ls /sys/class/net | grep -c eth1)" 0
in_b ip link del eth0
check "one whose end the container removed" vzctl set $b --netif_del eth0 --save
is "is forgotten" "$(netif $b)" ""

# --- the end --------------------------------------------------------------------------------

check "a wrong name in the file" sed -i "s/host_ifname=vetha/host_ifname=veth$a.7/" /etc/vz/conf/$a.conf
vzctl --quiet stop $a --fast
code "is refused at the start" 130 "veth$a.7" vzctl start $a
is "which leaves nothing" "$(leftovers $a)" ""
check "and does not touch it" ip link show veth$a.7
ip link del veth$a.7
sed -i 's/^NETIF="/&network=net1,/' /etc/vz/conf/$a.conf
code "what a record of OpenVZ 7 has besides" 85 "NETIF.*network" vzctl start $a
sed -i 's/network=net1,//' /etc/vz/conf/$a.conf
vzctl --quiet start $a
check "all is there again" test -e /sys/class/net/veth$a.7
kill -9 "$(sed -n 's/INIT_PID="\(.*\)"/\1/p' /run/vz/$a/state)"
check "an init that is killed takes its pairs along" wait_until 30 sh -c "! ip link show veth$a.7"
vzctl --quiet start $a
vzctl --quiet stop $a --fast
is "a stop leaves nothing" "$(leftovers $a)" ""

# What a killed vzctl leaves: the next command finds it by the container's group.
group=$(vzctl --quiet start $a && ip -o link show venet$a | sed -n 's/.* group \([0-9]*\).*/\1/p')
vzctl --quiet stop $a --fast
ip link add lost1 group "$group" type veth peer name lost2 group "$group"
vzctl --quiet start $a
is "what is left of an earlier start is cleaned up" "$(ls -d /sys/class/net/lost1 2>/dev/null)" ""
ip link add veth$a.9 group "$group" type veth peer name lost3
check "what is left of an earlier set" vzctl set $a --netif_add eth9
check "is made again" vzctl exec2 $a test -e /sys/class/net/eth9
check "all of them go" vzctl set $a --netif_del all --save
is "the file" "$(netif $a)" ""
is "the host" "$(ip -o link show | grep -c "veth$a")" 0
