#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 boot=debian time=400
# tools: vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The debian-12 template as containers: both come up with nothing failed, and
# what two servers must not share, machine id, the one of D-Bus, random seed and
# ssh host keys, each has made for itself; what the host set up of the network
# is left alone. One of the default sample has room for its updates.
# TEMPLATE= takes another release; make host-image with it before.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/pty.sh
. "$(dirname "$0")/../lib/pty.sh"
requires vzctl
template=${TEMPLATE:-debian-12}

for id in 951 952; do
	cleanup_fn "{ vzctl stop $id --fast; vzctl destroy $id; } >/dev/null 2>&1"
	check "$id: create" vzctl create "$id" --ostemplate "$template" --hostname "ct$id" --ipadd "10.0.9.$((id - 900))"
	check "$id: start" vzctl start "$id"
done
for id in 951 952; do
	run timeout 150 vzctl exec "$id" 'until [ -S /run/dbus/system_bus_socket ]; do sleep 1; done; systemctl is-system-running --wait'
	is "$id: systemd is up" "$output" running
	is "$id: nothing failed" "$(vzctl exec "$id" systemctl --failed --no-legend --plain)" ""
done

# What updates take on top: a dist-upgrade of apt's has 80 MB of memory and as much as it
# unpacks on the disk. These are several times that, beside all that runs.
is "the default sample" "$(sed -n 's/^PHYSPAGES=//p; s/^DISKSPACE=//p' /etc/vz/conf/951.conf | xargs)" "0:1G 10G"
peak=$(cat /sys/fs/cgroup/vz.slice/951/memory.peak)
diag "the most memory until here: $((peak >> 20)) MB"
check "half of its memory was never used" test "$peak" -lt $((512 << 20))
check "400 MB more fit" vzctl exec2 951 "perl -e '\$x = q(x) x (400 << 20); exit !length \$x'"
is "and nothing was killed" "$(awk '$1 == "oom_kill" { print $2 }' /sys/fs/cgroup/vz.slice/951/memory.events)" 0
check "8 GB of disk are free" vzctl exec2 951 'fallocate -l 8G /var/cache/apt/room && rm /var/cache/apt/room'

# Nobody's password opens it, but it asks.
at_terminal vzctl console 951 <<'END'
test getty asks on the console
send root\r
expect assword:
END

each() { for id in 951 952; do vzctl exec2 "$id" "$1"; done | sort -u | wc -l; }
is "machine ids differ" "$(each 'cat /etc/machine-id')" 2
is "they are ids" "$(vzctl exec 951 cat /etc/machine-id | grep -cxE '[0-9a-f]{32}')" 1
dbus() { vzctl exec2 "$1" dbus-uuidgen --get; }
is "D-Bus has the same id" "$(dbus 951)" "$(vzctl exec2 951 cat /etc/machine-id)"
is "and another in the other" "$(dbus 952)" "$(vzctl exec2 952 cat /etc/machine-id)"
is "no other is stored for it" "$(vzctl exec2 951 'cat /var/lib/dbus/machine-id 2>/dev/null || cat /etc/machine-id')" "$(dbus 951)"
# systemd saves none in a container, where the kernel's state is the host's; one
# that is there all the same must be the container's own.
seed() { vzctl exec2 "$1" 'f=/var/lib/systemd/random-seed; ! test -e $f || sha256sum <$f'; }
if [ -n "$(seed 951)$(seed 952)" ]; then
	mustfail "random seeds differ" test "$(seed 951)" = "$(seed 952)"
else
	ok "no random seed came with the template"
fi
for kind in ed25519 ecdsa rsa; do
	is "$kind host keys differ" "$(each "cut -d' ' -f2 /etc/ssh/ssh_host_${kind}_key.pub")" 2
done
is "ssh listens with them" "$(vzctl exec2 951 'ss -Hltn sport = :22 | grep -c :22')" 2
like "the host name is the container's" "$(vzctl exec 952 hostname)" '^ct952$'

# Both have venet0 in their files, as it is.
check "networkd starts" vzctl exec2 951 systemctl start systemd-networkd
check "and is content" vzctl exec2 951 'sleep 2; systemctl is-active systemd-networkd'
check "networking restarts" vzctl exec2 951 systemctl restart networking
check "and the network is still there" ping -c 1 -W 5 10.0.9.51
like "with its address" "$(vzctl exec 951 ip -o -4 addr show venet0)" "10\.0\.9\.51/32"

for id in 951 952; do check "$id: stop" vzctl stop "$id"; done
