#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 time=300
# tools: vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a tenant's software asks of the kernel: a router with NAT and a filter that knows
# connections, VPNs, devices and file systems of its own. If this fails, one of them is
# not there in a container, or does not do its work.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"
requires nft xtables-nft-multi conntrack ip perl

id=2961 ip=10.29.61.1
root=/vz/root/$id
new_ct $id busybox --ipadd $ip --devnodes ppp:rw
vzctl --quiet start $id

# carry PROGRAM [NAME] - the host's, with what it loads: busybox has none of them.
carry() {
	carry_file=$(realpath "$(command -v "$1")")
	install -D "$carry_file" "$root/usr/local/sbin/${2:-$1}"
	ldd "$carry_file" | grep -o '/[^ ]*' | while read -r carry_lib; do
		[ -e "$root$carry_lib" ] || install -D "$carry_lib" "$root$carry_lib"
	done
}
carry ip iproute2 # ip and iproute are busybox's own, which it takes before any of a path
carry nft
carry conntrack
carry perl
carry xtables-nft-multi iptables
plugins=/usr/lib/x86_64-linux-gnu/xtables
for p in "$plugins"/*.so; do install -D "$p" "$root$p"; done

inside() { vzctl exec2 $id "PATH=/usr/local/sbin:\$PATH; $*"; }
lan() { inside "iproute2 netns exec lan $*"; }

# --- a router with a network behind it ---------------------------------------------------

# shellcheck disable=SC2016 # expands inside
inside 'iproute2 netns add lan
	iproute2 link add out type veth peer name eth0 netns lan
	iproute2 addr add 10.9.0.1/24 dev out
	iproute2 link set out up'
lan sh -c "'
	iproute2 link set lo up
	iproute2 addr add 10.9.0.2/24 dev eth0
	iproute2 link set eth0 up
	iproute2 route add default via 10.9.0.1'"
inside '
	echo 1 >/proc/sys/net/ipv4/ip_forward
	mkdir -p /srv/own /srv/lan; echo router >/srv/own/who; echo behind >/srv/lan/who
	httpd -p 80 -h /srv/own'
lan httpd -p 80 -h /srv/lan

# `ip netns exec` takes /sys away and mounts that of the other network: the container's root
# needs none in sight for that. A user namespace of his own still shows no more than he left.
is "/sys is that of the other network" "$(lan ls /sys/class/net | grep -x 'eth0\|out\|venet0')" eth0
covered() { inside "unshare -m sh -c 'mount -t tmpfs none $1 && unshare -U -r -m -n mount -t sysfs none /srv'"; }
check "a user namespace of a tenant mounts a /sys like one that it sees" covered /tmp
mustfail "and none when a part of that is covered" covered /sys/kernel

# On the host: who a connection is from, as it sees it; and a client.
perl -MIO::Socket::INET -e '
	$s = IO::Socket::INET->new(LocalPort => 7000, Listen => 5, ReuseAddr => 1) or die $@;
	while ($c = $s->accept) { print $c $c->peerhost, "\n"; close $c }' &
cleanup_fn "kill $!"
# fetch PORT - what the container serves there.
fetch() {
	perl -MIO::Socket::INET -e '
		$s = IO::Socket::INET->new(PeerAddr => "$ARGV[0]:$ARGV[1]", Timeout => 3) or exit 1;
		print $s "GET /who HTTP/1.0\r\n\r\n";
		while (<$s>) { $body ? print : ($body = /^\r?$/) }' $ip "$1"
}
is "a server of the container" "$(fetch 80)" router
check "its own network is there" inside ping -c 1 -W 5 10.9.0.2
mustfail "which nobody outside answers" lan ping -c 1 -W 1 192.0.2.1

rules_nft() {
	inside 'nft -f -' <<-END
		table ip router {
			chain out { type nat hook postrouting priority 100; oifname venet0 ip saddr 10.9.0.0/24 masquerade; }
			chain in { type nat hook prerouting priority -100; iifname venet0 tcp dport 8080 dnat to 10.9.0.2:80; }
			chain own {
				type filter hook input priority 0; policy drop;
				ct state established,related accept
				iifname != venet0 accept
			}
		}
	END
}
rules_iptables() {
	inside 'iptables -t nat -A POSTROUTING -o venet0 -s 10.9.0.0/24 -j MASQUERADE &&
		iptables -t nat -A PREROUTING -i venet0 -p tcp --dport 8080 -j DNAT --to-destination 10.9.0.2:80 &&
		iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT &&
		iptables -A INPUT ! -i venet0 -j ACCEPT && iptables -P INPUT DROP'
}
for by in nft iptables; do
	check "$by: a masquerade, a redirection, a filter of connections" rules_$by
	check "$by: who is behind it reaches the host" lan ping -c 1 -W 5 192.0.2.1
	is "$by: which sees the container" "$(lan nc -w 5 192.0.2.1 7000)" $ip
	like "$by: the connection is known by both its sides" "$(inside conntrack -L -p tcp --dport 7000 2>/dev/null)" \
		"^tcp .* src=10\.9\.0\.2 dst=192\.0\.2\.1 .* src=192\.0\.2\.1 dst=10\.29\.61\.1 "
	is "$by: to the container alone" "$(conntrack -L 2>/dev/null | grep -c 10.9.0.2)" 0
	is "$by: a port leads to who is behind it" "$(fetch 8080)" behind
	mustfail "$by: a new connection is dropped" fetch 80
	is "$by: what answers its own is not" "$(inside nc -w 5 192.0.2.1 7000)" $ip
	inside 'nft flush ruleset; conntrack -F' >/dev/null 2>&1
	is "$by: without rules all is as before" "$(fetch 80)" router
done

# program NAME - its text into the container.
program() { cat >"$root/root/$1"; }

# --- VPNs and devices of its own -----------------------------------------------------------

check "wireguard" inside 'iproute2 link add wg0 type wireguard && iproute2 addr add 10.8.0.1/24 dev wg0 && iproute2 link set wg0 up'
inside 'iproute2 link add mac0 link out type macvlan mode bridge && iproute2 addr add 10.7.0.1/24 dev mac0 && iproute2 link set mac0 up &&
	iproute2 link add mac1 link out type macvlan mode bridge && iproute2 link set mac1 netns lan' || :
lan sh -c "'iproute2 addr add 10.7.0.2/24 dev mac1 && iproute2 link set mac1 up'" || :
check "macvlan: one reaches the other" inside ping -c 1 -W 5 10.7.0.2
check "an xfrm interface" inside 'iproute2 link add xfrm0 type xfrm dev out if_id 7 && iproute2 link set xfrm0 up'
program esp <<'END'
# esp MINE - both ways of ESP to the other of 10.9.0.1 and 10.9.0.2, here.
key=0x00112233445566778899aabbccddeeff01234567
for from in 1 2; do
	to=$((3 - from)) dir=in
	[ $from != "$1" ] || dir=out
	iproute2 xfrm state add src 10.9.0.$from dst 10.9.0.$to proto esp spi 0x10$from mode transport \
		aead 'rfc4106(gcm(aes))' $key 128 || exit
	iproute2 xfrm policy add src 10.9.0.$from dst 10.9.0.$to dir $dir tmpl proto esp mode transport || exit
done
END
check "IPsec: here" inside sh /root/esp 1
check "IPsec: behind it" lan sh /root/esp 2
check "IPsec: passes" inside ping -c 1 -W 5 10.9.0.2
like "IPsec: as ESP" "$(lan iproute2 -s xfrm state list spi 0x101 2>&1)" '[^0-9]1\(packets\)$'
program tun <<'END'
open T, "+<", "/dev/net/tun" or die $!;
$wanted = pack "a16 s x22", "tun7", 0x1001;
ioctl T, 0x400454ca, $wanted or die $!;
system "ip addr add 10.6.0.1/24 dev tun7; ip link set tun7 up; ping -c 1 -W 1 10.6.0.2 >/dev/null &";
do { sysread T, $p, 2000 or die $! } until ord($p) >> 4 == 4;
print join ".", unpack "x16 C4", $p;
END
is "tun: a program gets what is sent" "$(inside perl /root/tun)" 10.6.0.2
program ppp <<'END'
open P, "+<", "/dev/ppp" or die $!;
$unit = pack "i", -1;
ioctl P, 0xc004743e, $unit or die $!;
system "cat /sys/class/net/ppp" . unpack("i", $unit) . "/type";
END
is "ppp: a device, where its node was given" "$(inside perl /root/ppp)" 512

# --- file systems --------------------------------------------------------------------------

check "overlay" inside 'mkdir -p /o/low /o/up /o/work /o/all && echo low >/o/low/file && echo low >/o/low/other &&
	mount -t overlay -o lowerdir=/o/low,upperdir=/o/up,workdir=/o/work overlay /o/all && echo up >/o/all/file && rm /o/all/other'
is "what is written is above" "$(inside 'cat /o/all/file /o/up/file /o/low/file; ls /o/all' | xargs)" "up up low file"

# A file system that knows how large it is, and no more.
program fs <<'END'
open F, "+<", "/dev/fuse" or die $!;
fcntl F, 2, 0; # the mount is another program's
mkdir "/fuse";
system("mount -t fuse -o fd=" . fileno(F) . ",rootmode=40000,user_id=0,group_id=0 none /fuse") == 0 or die;
if (!fork) {
	while (sysread F, $r, 1 << 18) {
		($op, $unique) = unpack "x4 L Q", $r;
		$said = $op == 26 ? pack("L4 S2 L2 x36", 7, 31, 4096, 0, 12, 9, 4096, 1) : $op == 17 ? pack("Q5 L4 x24", 4242, 42, 42, 1, 1, 4096, 255, 4096) : "";
		syswrite F, pack("L l Q", 16 + length $said, $said eq "" ? -38 : 0, $unique) . $said;
	}
	exit;
}
system "stat -f -c '%b %a' /fuse";
system "umount /fuse";
END
is "fuse: a program is a file system" "$(inside perl /root/fs)" "4242 42"

check "binfmt_misc" inside 'mount -t binfmt_misc none /proc/sys/fs/binfmt_misc && echo :tenant:E::tenant::/bin/echo: >/proc/sys/fs/binfmt_misc/register &&
	echo nothing >/root/a.tenant && chmod 755 /root/a.tenant'
is "a file runs by what was registered" "$(inside env /root/a.tenant)" /root/a.tenant
mustfail "in the container alone" env $root/root/a.tenant
# No user namespace can mount it, and /dev/autofs is not there (docs/security.md): systemd leaves its automounts then.
run inside 'mkdir /auto; mount -t autofs -o fd=1,pgrp=1,minproto=5,maxproto=5,direct auto /auto | cat'
like "autofs is the host's" "$output" 'permission denied'

vzctl --quiet stop $id --fast
is "nothing is left" "$(leftovers $id)$(orphans)" ""
