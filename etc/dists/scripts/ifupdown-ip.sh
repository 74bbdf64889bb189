#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# ADD_IP and DEL_IP: the addresses of venet0 for ifupdown. They are there already;
# ifup only puts them back where they are missing.
# shellcheck disable=SC2154
dir=/etc/network/interfaces.d
[ -d /etc/network ] || exit 0
mkdir -p "$dir" || exit 1
list=$(addresses "$dir/venet0")
{
	echo "# Written by the host at every start, and when addresses change."
	echo "# addresses: $list"
	echo "auto venet0"
	echo "iface venet0 inet manual"
	echo "	up ip link set venet0 up"
	routes=
	for a in $list; do
		case $a in
		*:*)
			echo "	up ip -6 addr replace $(with_prefix "$a") dev venet0 nodad noprefixroute"
			route="ip -6 route replace default via fe80::1 dev venet0 onlink"
			;;
		*)
			echo "	up ip addr replace $(with_prefix "$a") dev venet0"
			route="ip route replace default via $FAKEGATEWAY dev venet0 onlink"
			;;
		esac
		case $routes in *"$route"*) ;; *) routes="$routes	up $route
" ;; esac
	done
	printf %s "$routes"
} | put "$dir/venet0"
