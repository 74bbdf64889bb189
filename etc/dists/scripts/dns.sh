#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# SET_DNS: the servers and the domains to search.
# shellcheck disable=SC2154
put /etc/resolv.conf "$(
	[ -z "$SEARCHDOMAIN" ] || echo "search $SEARCHDOMAIN"
	for server in $NAMESERVER; do echo "nameserver $server"; done
)"
