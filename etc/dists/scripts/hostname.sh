#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# SET_HOSTNAME: the name for the next boot, and itself in /etc/hosts, in one line, which
# the mark says to be ours. Another, in the tenant's file, stays.
# shellcheck disable=SC2154
mark='# vzctl' nl='
'
put /etc/hostname "$HOSTNM" || exit 1
# As in what vzctl does by itself: such a one is the tenant's affair.
if [ -h /etc/hosts ] || { [ -e /etc/hosts ] && { [ ! -f /etc/hosts ] || [ "$(exec wc -c </etc/hosts)" -gt 262144 ]; }; }; then
	echo "'/etc/hosts' stays as it is: a link, no file, or too large" >&2
	exit 0
fi
short=
case $HOSTNM in *.*) short=" ${HOSTNM%%.*}" ;; esac
line="127.0.1.1	$HOSTNM$short $mark"
hosts=$nl$(text /etc/hosts)$nl
# Nothing to do where it is the only one of ours, as in most starts.
case $hosts in *"$nl$line$nl"*)
	case "${hosts%%"$nl$line$nl"*}$nl${hosts#*"$nl$line$nl"}" in *"$mark$nl"*) ;; *) exit 0 ;; esac
	;;
esac
others=$(text /etc/hosts | sed "/$mark\$/d")
put /etc/hosts "${others:+$others$nl}$line"
