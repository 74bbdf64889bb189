#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The machine that containers run on; the test guest boots it. Small and quick
# to start under emulation: no udev (the kernel's devtmpfs makes the nodes),
# no logind, ssh only when somebody connects.
set -eu
# shellcheck source=templates/lib/debian.sh
. "$VZTMPL_LIB/debian.sh"

suite=bookworm
dpkg_options=dpkg.cfg
packages='
	attr acl ca-certificates conntrack criu dbus dmsetup e2fsprogs
	ethtool fdisk file iproute2 iptables iputils-ping jq kmod less libarchive13 libcap2-bin
	libext2fs2 libjansson4 libmnl0 libnetfilter-conntrack3 libnettle8 libseccomp2 libuuid1 libxml2
	netbase nftables openssh-server procps psmisc quota rsync strace systemd
	systemd-sysv tcpdump tmux tzdata util-linux vim-tiny virt-what xz-utils zstd'

configure() {
	configure_base
	echo vesper >"$root/etc/hostname"
	configure_host_keys
	in_root passwd -q -d root
	in_root systemctl -q disable ssh.service
	in_root systemctl -q enable ssh.socket console-getty.service
	mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
		e2scrub_reap.service fstrim.timer getty@tty1.service logrotate.timer man-db.timer \
		systemd-pstore.service systemd-update-utmp.service systemd-update-utmp-runlevel.service
}

build "$@"
