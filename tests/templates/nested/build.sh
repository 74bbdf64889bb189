#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A container that runs containers: Debian's Docker and podman, root and
# rootless, and something to make an image of.
set -eu
# shellcheck source=templates/lib/debian.sh
. "$VZTMPL_LIB/debian.sh"

suite=bookworm
packages='
	apparmor- busybox-static ca-certificates cron crun dbus dbus-user-session
	docker.io fuse-overlayfs ifupdown iproute2 iptables iputils-ping libpam-systemd
	netbase nftables podman procps psmisc slirp4netns sudo systemd systemd-sysv
	tzdata uidmap virt-what'

configure() {
	configure_base
	mask proc-sys-fs-binfmt_misc.automount sys-kernel-config.mount \
		sys-kernel-debug.mount sys-kernel-tracing.mount
}

build "$@"
