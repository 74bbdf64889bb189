#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# SET_HOSTNAME: the name for the next boot, and itself in /etc/hosts, in one line, which
# the mark says to be ours. Another, in the tenant's file, stays.
# shellcheck disable=SC2154
mark='# vzctl'
put /etc/hostname "$HOSTNM" || exit 1
short=
case $HOSTNM in *.*) short=" ${HOSTNM%%.*}" ;; esac
others=$(text /etc/hosts | sed "/$mark\$/d")
put /etc/hosts "${others:+$others
}127.0.1.1	$HOSTNM$short $mark"
