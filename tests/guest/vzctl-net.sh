#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 time=900
# tools: vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Addresses of containers: if this fails, a container is not reached by what it
# was given, gets what is somebody else's, or sends with a source that is not its own.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"

a=2601 b=2602
A6=2001:db8:26:1 B6=2001:db8:26:2
new_ct $a busybox --ipadd 10.26.0.1 --ipadd $A6::1/64
new_ct $b busybox --ipadd 10.26.0.2/24 --ipadd $B6::1
is "the file has them as OpenVZ wrote them" "$(sed -n 's/^IP_ADDRESS=//p' /etc/vz/conf/$a.conf)" "\"10.26.0.1 $A6::1/64\""
vzctl --quiet start $a
vzctl --quiet start $b
in_a() { vzctl exec2 $a "$@"; }
in_b() { vzctl exec2 $b "$@"; }
answers() { ping -c 1 -W 5 "$1"; }
silent() { ! ping -c 1 -W 2 "$1"; }
routes() { ip -o route show dev venet$a proto static && ip -6 -o route show dev venet$a proto static; }

for ip in 10.26.0.1 $A6::1 10.26.0.2 $B6::1; do check "the host reaches $ip" answers $ip; done
for ip in 192.0.2.1 fe80::1%venet0 10.26.0.2 $B6::1; do check "a container reaches $ip" in_a ping -c 1 -W 5 $ip; done
for ip in 10.26.0.1 $A6::1; do check "the other reaches $ip" in_b ping -c 1 -W 5 $ip; done
is "a mask is what the container sees" "$(in_b ip -4 -o addr show dev venet0 | awk '{ print $4 }')" 10.26.0.2/24
is "and nothing to the host" "$(ip -o route show dev venet$b | awk '{ print $1 }')" 10.26.0.2
is "the default routes" "$(in_a 'ip route show default; ip -6 route show default' | awk '{ print $3 }' | xargs)" "192.0.2.1 fe80::1"

# The table of neighbours is one for the host and all its containers.
init=$(sed -n 's/INIT_PID="\(.*\)"/\1/p' /run/vz/$a/state)
for i in 1 2 3 4 5; do in_a "ping -c 1 -W 1 10.99.0.$i; ping -c 1 -W 1 2001:db8:99::$i" >/dev/null 2>&1 || :; done
is "one neighbour a family, whatever the number of peers" \
	"$(nsenter -t "$init" -n sh -c 'ip -4 neigh show nud noarp; ip -6 neigh show nud noarp' | awk '$1 !~ /^ff/ { print $1 }' | sort | xargs)" \
	"192.0.2.1 fe80::1"

# A whole prefix.
in_a ip addr add $A6:aa::77/128 dev venet0
check "any address of the prefix is reached" answers $A6:aa::77
check "and may be a source" in_a ping -c 1 -W 5 -I $A6:aa::77 $B6::1
check "a route of the prefix, one neighbour behind it" sh -c "ip -6 route show $A6::/64 | grep -q 'via fe80::2 dev venet$a'"
passed() { cat /sys/class/net/venet$a/statistics/rx_packets; }
in_a 'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
before=$(passed)
mustfail "what is not there does not answer" ping -c 1 -W 2 $A6::dead
check "and is not sent round and round" test $(($(passed) - before)) -le 2
in_a 'echo 0 >/proc/sys/net/ipv6/conf/all/forwarding'

# --- sources ---------------------------------------------------------------------

install -m 755 /mnt/x/build/guest/rawsend /vz/root/$a/root/rawsend
raw() { # NAME PACKETS [-t] SOURCE DESTINATION - so many of one packet get to the host
	raw_name=$1 raw_want=$2 raw_tag=
	shift 2
	[ "$1" != -t ] || { raw_tag=-t && shift; }
	raw_before=$(passed)
	# shellcheck disable=SC2086 # no word or one
	vzctl exec3 $a /root/rawsend $raw_tag venet0 "$@"
	is "$raw_name: $raw_tag $* passes $raw_want" $(($(passed) - raw_before)) "$raw_want"
}
raw "its own" 1 10.26.0.1 10.26.0.2
raw "its own" 1 $A6::1 $B6::1
raw "of its prefix" 1 $A6:aa::77 $B6::1
raw "nobody's" 0 10.26.0.9 10.26.0.2
raw "nobody's" 0 2001:db8:99::1 $B6::1
raw "the neighbour's" 0 10.26.0.2 192.0.2.1
raw "the neighbour's" 0 $B6::1 $A6::1
raw "the host's" 0 192.0.2.1 10.26.0.2
raw "the host's" 0 fe80::1 $B6::1
raw "the network around an address" 0 10.26.0.0 10.26.0.2
raw "one bit beside the prefix" 0 2001:db8:26:0:ffff:ffff:ffff:ffff $B6::1
raw "none" 0 0.0.0.0 10.26.0.2
raw "none" 0 :: $B6::1
raw "IPv4 in IPv6's clothes" 0 ::ffff:10.26.0.1 $B6::1
raw "link-local" 0 fe80::2 $B6::1
raw "under a tag" 0 -t 10.26.0.9 10.26.0.2
raw "under a tag" 0 -t 2001:db8:99::1 $B6::1
raw "to all" 0 10.26.0.1 255.255.255.255
raw "to many" 0 10.26.0.1 224.0.0.1
raw "to many" 0 $A6::1 ff02::1
in_a 'ip addr add 10.99.0.9/32 dev venet0; ip addr add 2001:db8:99::9/128 dev venet0'
before=$(passed)
mustfail "an address it took itself is no source" in_a ping -c 1 -W 2 -I 10.99.0.9 10.26.0.2
mustfail "nor of IPv6" in_a ping -c 1 -W 2 -I 2001:db8:99::9 $B6::1
in_a 'ip link set venet0 down; ip link set venet0 up'
raw "after its device was down" 0 10.26.0.9 10.26.0.2
sysctl -q -w net.ipv4.conf.all.rp_filter=2
raw "with a loose reverse path filter" 0 10.26.0.9 10.26.0.2
sysctl -q -w net.ipv4.conf.all.rp_filter=0
is "none of it got out" "$(passed)" "$before"
vzctl --quiet restart $a --fast

# --- what is somebody else's -------------------------------------------------------

taken() { # NAME ADDRESS
	run vzctl set $a --ipadd "$2"
	is "$1: $2" "$status" 78
	taken_ip=${2%/*}
	like "$1 is named" "$output" "${taken_ip%%::*}.*(in use|already)"
}
taken "the neighbour's" 10.26.0.2
taken "the neighbour's" $B6::1
taken "around the neighbour's" $B6::/64
taken "its own" 10.26.0.1
taken "its own, by another mask" 10.26.0.1/24
taken "the host's" 192.0.2.1
ip addr add 2001:db8:26:5::5/64 dev dummy0
ip link set dummy0 up
ip route add 10.26.9.9 dev dummy0 metric 77
taken "the host's" 2001:db8:26:5::5
taken "the host's network" 2001:db8:26:5::1/64
taken "around the host's" 2001:db8:26:4::/62
taken "routed elsewhere" 10.26.9.9
run vzctl set $b --ipadd $A6::5
is "inside the neighbour's prefix: exit 78" "$status" 78
check "an address of a network of the host is free" vzctl set $a --ipadd 2001:db8:26:5::77
check "and reached" answers 2001:db8:26:5::77
vzctl set $a --ipdel 2001:db8:26:5::77 >/dev/null
is "refused ones left nothing" "$(routes | awk '{ print $1 }' | xargs)" "10.26.0.1 $A6::/64"

# --- live ----------------------------------------------------------------------------

check "more addresses" vzctl set $a --ipadd 10.26.1.1/24 --ipadd 10.26.1.2/24 --ipadd 2001:db8:26:7::1/64 --ipadd 2001:db8:26:7::2/64
for ip in 10.26.1.1 10.26.1.2 2001:db8:26:7::1 2001:db8:26:7::2; do check "$ip at once" answers $ip; done
check "one of two of a network goes" vzctl set $a --ipdel 10.26.1.1 --ipdel 2001:db8:26:7::1
for ip in 10.26.1.1 2001:db8:26:7::1; do check "$ip is silent" silent $ip; done
for ip in 10.26.1.2 2001:db8:26:7::2; do check "$ip stays" answers $ip; done
install -m 755 /mnt/x/build/guest/rawsend /vz/root/$a/root/rawsend
raw "what was taken away" 0 10.26.1.1 10.26.0.2
check "what is in effect is saved when it is given again" vzctl set $a --ipadd 10.26.1.2/24 --save
like "so" "$(cat /etc/vz/conf/$a.conf)" "^IP_ADDRESS=\"10.26.0.1 $A6::1/64 10.26.1.2/24 2001:db8:26:7::2/64\"\$"

mustfail "one of four is taken" vzctl set $a --ipdel 10.26.1.2 --ipadd 10.26.2.1 --ipadd 2001:db8:26:8::1/64 --ipadd $B6::1 --save
is "the others are not there" "$(routes | awk '{ print $1 }' | xargs)" "10.26.0.1 10.26.1.2 $A6::/64 2001:db8:26:7::/64"
is "nor inside" "$(in_a ip -o addr show dev venet0 | grep -cE '10.26.2.1|26:8::')" 0
check "what was to go is back" answers 10.26.1.2
like "and in the file" "$(cat /etc/vz/conf/$a.conf)" '^IP_ADDRESS=.* 10.26.1.2/24 '
raw "a source that was undone" 0 10.26.2.1 10.26.0.2

ip route add 10.26.3.3 dev venet$a proto static scope link
ip -6 route add 2001:db8:26:9::/64 via fe80::2 dev venet$a proto static
check "what a killed command had routed to it" vzctl set $a --ipadd 10.26.3.3 --ipadd 2001:db8:26:9::1/64
for ip in 10.26.3.3 2001:db8:26:9::1; do check "is added by the next: $ip" answers $ip; done
in_a 'ip link set venet0 down; ip link set venet0 name mine; ip link set mine up'
check "a container that renamed its device loses an address all the same" vzctl set $a --ipdel 10.26.3.3
is "its route" "$(ip route show 10.26.3.3)" ""
mustfail "and gets none" vzctl set $a --ipadd 10.26.3.4
is "by its exit code" "$status" 34
is "nor a route" "$(ip route show 10.26.3.4)" ""
in_a 'ip link set mine down; ip link set mine name venet0; ip link set venet0 up'
in_a 'ip link set venet0 mtu 1000'
check "one whose device can have no IPv6 any more does" vzctl set $a --ipdel 2001:db8:26:9::1
is "its route" "$(ip -6 route show 2001:db8:26:9::/64)" ""
in_a 'ip link set venet0 mtu 1500'
check "all of them go" vzctl set $a --ipdel all
is "routes too" "$(routes)" ""
raw "and sources" 0 10.26.0.1 10.26.0.2
check "and come again" vzctl set $a --ipadd 10.26.0.1
check "as before" answers 10.26.0.1

# --- the end ----------------------------------------------------------------------------

vzctl --quiet stop $a --fast
is "a stop leaves nothing" "$(leftovers $a)" ""
vzctl --quiet start $a
check "the file is in effect" answers 10.26.1.2
init=$(sed -n 's/INIT_PID="\(.*\)"/\1/p' /run/vz/$a/state)
kill -9 "$init"
check "an init that is killed takes the device along" wait_until 30 sh -c "! ip link show venet$a"
vzctl --quiet start $a
check "and the next start finds all free" answers $A6::1
