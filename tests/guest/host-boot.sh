#!/bin/sh
# guest: kernel=plain,debug root=host mem=3072 smp=1 time=300
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The host root: systemd comes up with nothing failed, what a Vesper host needs
# is there, and the boot has not grown slow.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"

run timeout 200 systemctl is-system-running --wait
is "systemd is up" "$output" running
is "no unit has failed" "$(systemctl --failed --no-legend --plain)" ""

debug=
! grep -q kasan /proc/kallsyms || debug=1
# What the image holds is the same on every kernel, and each look is slow on debug.
if [ -z "$debug" ]; then
	for p in vzctl vzlist vztmpl ploop criu nft iptables ip quota sshd e2fsck mke2fs losetup dmsetup zstd jq tmux; do
		check "has $p" sh -c "command -v $p"
	done
	for p in vzctl vzlist vztmpl ploop; do
		check "$p finds its libraries" sh -c "! ldd \"\$(command -v $p)\" | grep 'not found'"
	done
	check "vztmpl runs" vztmpl --version

	for t in debian-12 busybox; do
		run vztmpl info "$t"
		is "template $t is whole" "$status" 0
	done

	truncate -s 8M "$tap_tmp/loop.img"
	mke2fs -q -t ext4 "$tap_tmp/loop.img"
	check "mount -o loop works" mount -o loop "$tap_tmp/loop.img" /mnt
	umount /mnt
fi

is "no host key came with the image" "$(find /etc/ssh -name 'ssh_host_*')" ""
check "a machine id was made" test -s /etc/machine-id
is "root logs in on the console only" "$(sshd -T -C user=root,host=x,addr=x 2>/dev/null | grep -i permitemptypasswords || echo 'permitemptypasswords no')" "permitemptypasswords no"
is "this is no container" "$(systemd-detect-virt --container || :)" none

# What it took until the first test of this guest, by the emulator's processor time, of as many processors as here; and
# by the guest's clock, from the kernel's first line to systemd's last, without the longest
# time that one of the emulator's threads waited for others' work. On debug here only, since another boot
# would be dear; guest-time.sh measures plain from outside, too.
read -r used waited </run/vesper/boot-cost
took=$(systemctl show -p FinishTimestampMonotonic --value | awk '{ printf "%d", $1 / 1000 }')
limit=${debug:+240}
limit=${limit:-60}
diag "up with $used ms of processor time, after $took ms, $waited of them others'"
check "up in $limit s of its processors' time" test "$used" -gt 0 -a "$used" -le $((limit * 1000 * $(nproc)))
check "up in $limit s of its own" test "$took" -gt 0 -a $((took - waited)) -le $((limit * 1000))
