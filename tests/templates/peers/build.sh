#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The test guest's host, and beside our tools those that start containers too.
set -eu
# shellcheck source=templates/lib/debian.sh
. "$VZTMPL_LIB/debian.sh"

suite=bookworm
packages='
	crun dbus dmsetup e2fsprogs fio iproute2 iptables jq kmod libarchive13 libcap2-bin libext2fs2
	libjansson4 libmnl0 libseccomp2 libssl3 libuuid1 libxml2 lxc mount nftables
	procps psmisc qemu-utils systemd systemd-container systemd-sysv tzdata uidmap util-linux zstd'

configure() {
	configure_base
	echo vesper >"$root/etc/hostname"
	in_root passwd -q -d root
	in_root systemctl -q enable console-getty.service
	mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
		e2scrub_reap.service fstrim.timer getty@tty1.service lxc.service lxc-net.service \
		lxc-monitord.service systemd-pstore.service systemd-update-utmp.service \
		systemd-update-utmp-runlevel.service
}

build "$@"
