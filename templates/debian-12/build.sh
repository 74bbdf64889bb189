#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A container that behaves as a Debian server after its first start.
set -eu
# shellcheck source=templates/lib/debian.sh
. "$VZTMPL_LIB/debian.sh"

suite=bookworm
packages='
	adduser bash-completion ca-certificates cron curl dbus ifupdown iproute2
	iptables iputils-ping less libpam-systemd logrotate
	mawk netbase nftables openssh-server procps psmisc quota sudo systemd
	systemd-sysv tzdata vim-tiny wget'

configure() {
	configure_base
	configure_host_keys
	# Mounts that a user namespace may not make, and that no container needs.
	mask proc-sys-fs-binfmt_misc.automount sys-kernel-config.mount \
		sys-kernel-debug.mount sys-kernel-tracing.mount
}

build "$@"
