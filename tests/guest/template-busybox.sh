#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 time=120
# tools: none
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The busybox template as a system: in plain namespaces its init comes up, what
# it starts stays up, and each signal by which a host ends it does, with the
# reboot(2) code that tells halt from reboot.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires unshare nsenter zstd

root=$tap_tmp/root
console=$tap_tmp/console
mkdir "$root"
zstd -dc /vz/template/cache/busybox-x86_64.tar.zst | tar -C "$root" -xpf -

# boot - start it; $pid is its init.
boot() {
	# shellcheck disable=SC2016 # the inner shell's $1
	unshare --map-root-user --pid --fork --kill-child --mount --uts --ipc --net sh -c '
		mount -t tmpfs dev "$1/dev" && mount -t proc proc "$1/proc" || exit
		for n in null zero random urandom; do
			: >"$1/dev/$n" && mount --bind "/dev/$n" "$1/dev/$n" || exit
		done
		exec chroot "$1" /sbin/init -z' boot "$root" </dev/null >"$console" 2>&1 &
	outer=$!
	wait_until 10 pgrep -P "$outer" || return 1
	pid=$(pgrep -P "$outer")
	wait_until 10 inside pidof crond && wait_until 10 inside pidof syslogd
}

inside() { nsenter -t "$pid" -U -m -p -u -i -n --preserve-credentials chroot "$root" /bin/busybox "$@"; }

# ends NAME SIGNAL STATUS - the signal ends it, within 10 s, as STATUS.
ends() {
	if boot; then ok "$1: it starts"; else not_ok "$1: it starts"; fi
	kill -"$2" "$pid"
	check "$1: it ends" wait_until 10 sh -c "! kill -0 $pid 2>/dev/null"
	status=0
	wait "$outer" || status=$?
	is "$1: the kernel's code" "$status" "$3"
}

if boot; then ok "it starts"; else not_ok "it starts"; fi
sleep 2
is "what it started stays: no respawn" "$(inside pidof crond | wc -w) $(inside pidof syslogd | wc -w)" "1 1"
# The shell of the console is offered again and again: nobody is at this one.
is "nothing complained" "$(grep -v '^[[:space:]]*$\|^Please press Enter to activate this console' "$console")" ""
like "and a shell is offered" "$(cat "$console")" '^Please press Enter'
inside logger hello from the test
like "its log takes lines" "$(inside logread)" "hello from the test"
like "the loopback device is up" "$(inside ip -o addr show lo)" "127.0.0.1/8"
check "a machine id was made" test -s "$root/etc/machine-id"
kill -USR1 "$pid"
wait "$outer" || :
ends halt USR1 130
ends poweroff USR2 130
ends reboot TERM 129
