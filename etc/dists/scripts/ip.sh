#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# ADD_IP and DEL_IP: the addresses of venet0, all that it has by now, in the files of
# ifupdown and of systemd-networkd, of each that is there. They are on venet0 already,
# whichever runs: it only puts them back where they are missing.
# shellcheck disable=SC2154
header() {
	echo "# Written by the host at every start, and when addresses change."
	echo "# addresses: $IP_ADDRESS"
}

# Without IPv6 inside, or with a default route of the tenant's own, it is no failure.
ifupdown() {
	header
	echo "auto venet0"
	echo "iface venet0 inet manual"
	echo "	up ip link set venet0 up"
	v4='' v6=''
	for a in $IP_ADDRESS; do
		case $a in
		*:*)
			echo "	up ip -6 addr replace $(with_prefix "$a") dev venet0 nodad noprefixroute || :"
			# The rest of a prefix is lost with lo, and packets to it would go round and round.
			case $(with_prefix "$a") in */128) ;; *) echo "	up ip -6 route replace unreachable $a metric 2147483647 proto static || :" ;; esac
			v6="	up ip -6 route add default via fe80::1 dev venet0 onlink proto static 2>/dev/null || :"
			;;
		*)
			echo "	up ip addr replace $(with_prefix "$a") dev venet0 || :"
			v4="	up ip route add default via $FAKEGATEWAY dev venet0 onlink proto static 2>/dev/null || :"
			;;
		esac
	done
	printf '%s\n%s\n' "$v4" "$v6"
}

networkd() {
	header
	printf '[Match]\nName=venet0\n'
	# Nobody waits to be online by what has no address.
	[ -n "$IP_ADDRESS" ] || printf '\n[Link]\nRequiredForOnline=no\n'
	printf '\n[Network]\nLinkLocalAddressing=no\nIPv6AcceptRA=no\nKeepConfiguration=yes\nConfigureWithoutCarrier=yes\n'
	v4='' v6=''
	for a in $IP_ADDRESS; do
		printf '\n[Address]\nAddress=%s\n' "$(with_prefix "$a")"
		case $a in
		*:*) printf 'DuplicateAddressDetection=none\nAddPrefixRoute=no\n' && v6=fe80::1 ;;
		*) v4=$FAKEGATEWAY ;;
		esac
	done
	for gateway in $v4 $v6; do
		printf '\n[Route]\nGateway=%s\nGatewayOnLink=yes\n' "$gateway"
	done
}

# without_udev - where /sys can be written to, networkd waits for udev with each device,
# for ever where there is none. For it alone /sys is as in other containers, read-only.
without_udev() {
	dir=/etc/systemd/system/systemd-networkd.service.d
	if [ -e /usr/lib/systemd/systemd-udevd ] || [ -e /lib/systemd/systemd-udevd ]; then
		rm -f "$dir/10-vzctl.conf"
		return 0
	fi
	[ -d "$dir" ] || mkdir -p "$dir" 2>/dev/null || :
	put "$dir/10-vzctl.conf" "# Written by the host at every start: there is no udev to wait for.
[Service]
ReadOnlyPaths=/sys"
}

failed=
if [ -d /etc/network ]; then
	dir=/etc/network/interfaces.d
	[ -d "$dir" ] || mkdir -p "$dir" 2>/dev/null || :
	put "$dir/venet0" "$(ifupdown)" || failed=1
fi
if [ -d /etc/systemd/network ]; then
	file=/etc/systemd/network/10-venet0.network
	before=$(text "$file")
	put "$file" "$(networkd)" || failed=1
	without_udev || failed=1
	if [ "$VE_STATE" = running ] && [ "$(text "$file")" != "$before" ] &&
		systemctl -q is-active systemd-networkd 2>/dev/null; then
		networkctl reload </dev/null
	fi
fi
# venet0 has its addresses in a start without any file.
[ -z "$failed" ] || [ "$VE_STATE" = starting ]
