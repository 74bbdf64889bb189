#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# ADD_IP and DEL_IP: the addresses of venet0 for systemd-networkd. The file takes
# the place of the one that tells it to leave venet0 alone.
# shellcheck disable=SC2154
dir=/etc/systemd/network
[ -d /etc/systemd ] || exit 0
mkdir -p "$dir" || exit 1
list=$(addresses "$dir/10-venet0.network")
{
	echo "# Written by the host at every start, and when addresses change."
	echo "# addresses: $list"
	printf '[Match]\nName=venet0\n\n'
	printf '[Network]\nLinkLocalAddressing=no\nIPv6AcceptRA=no\nKeepConfiguration=yes\nConfigureWithoutCarrier=yes\n'
	v4='' v6=''
	for a in $list; do
		printf '\n[Address]\nAddress=%s\n' "$(with_prefix "$a")"
		case $a in
		*:*) printf 'DuplicateAddressDetection=none\nAddPrefixRoute=no\n' && v6=fe80::1 ;;
		*) v4=$FAKEGATEWAY ;;
		esac
	done
	for gateway in $v4 $v6; do
		printf '\n[Route]\nGateway=%s\nGatewayOnLink=yes\n' "$gateway"
	done
} | put "$dir/10-venet0.network" || exit 1
if [ "$VE_STATE" = running ] && systemctl -q is-active systemd-networkd 2>/dev/null; then
	networkctl reload </dev/null
fi
