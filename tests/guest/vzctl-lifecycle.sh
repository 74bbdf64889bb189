#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 boot=debian time=600
# tools: vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A Debian container with systemd, as the README shows it: if this fails, a real
# distribution does not come up whole, or the demo's commands do not work.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"

id=2201
drop_ct $id
cleanup_fn "drop_ct $id"
check "create" vzctl create $id --ostemplate debian-12
check "set" vzctl set $id --hostname ct$id --ram 512M --cpulimit 100 --ipadd 10.22.0.1 --ipadd 2001:db8:22::1/64 --save
check "start" vzctl start $id
is "systemd is running" "$(come_up $id)" running
is "no unit has failed" "$(vzctl exec $id systemctl --failed --no-legend --plain)" ""
is "it knows where it is" "$(vzctl exec $id systemd-detect-virt || :)" openvz
case $(systemd-detect-virt --container || :) in
openvz) not_ok "the host is no container" ;;
*) ok "the host is no container" ;;
esac

run vzctl exec $id ps ax
like "init is process 1" "$output" '^ *1 .* init'
is "no process of the host is seen" "$(echo "$output" | grep -c 'vzctl\|qemu\|kthreadd')" 0
is "the host name" "$(vzctl exec $id hostname)" ct$id
is "hostnamed agrees" "$(vzctl exec $id cat /etc/hostname)" ct$id
check "the host reaches it" ping -c 1 -W 5 10.22.0.1
check "it reaches the host" vzctl exec $id ping -c 1 -W 5 192.0.2.1
is "the default route" "$(vzctl exec $id ip -4 route show default | xargs)" "default via 192.0.2.1 dev venet0 proto static onlink"
is "of IPv6" "$(vzctl exec $id ip -6 route show default | awk '{ print $3, $5 }')" "fe80::1 venet0"
# The distribution's own tools for networks, both of them, know our addresses and leave them as they are.
addresses() { vzctl exec $id 'ip -o addr show dev venet0; ip route; ip -6 route' | sed 's/^[0-9]*: //' | sort; }
before=$(addresses)
check "ifupdown" vzctl exec2 $id 'systemctl restart networking && ifdown -a && ifup -a'
is "has changed nothing" "$(addresses)" "$before"
check "systemd-networkd" vzctl exec2 $id 'systemctl start systemd-networkd && networkctl reload && systemctl restart systemd-networkd'
is_setup() { [ "$(vzctl exec $id networkctl --no-pager --no-legend list venet0 | awk '{ print $5 }')" = "$1" ]; }
check "has it without udev" wait_until 60 is_setup configured
is "and has changed nothing" "$(addresses)" "$before"
# A file of a tenant that wants all of them.
vzctl exec2 $id 'printf "[Match]\nName=*\n[Network]\nAddress=10.99.0.1/24\n" >/etc/systemd/network/50-all.network
	systemctl restart systemd-networkd'
check "nor takes another file venet0" wait_until 60 is_setup configured
is "its addresses are the same" "$(addresses | grep venet0)" "$(echo "$before" | grep venet0)"
vzctl exec2 $id 'rm /etc/systemd/network/50-all.network'
check "and it has its routes" vzctl exec $id ping -c 1 -W 5 192.0.2.1
for ip in 10.22.0.1 2001:db8:22::1; do check "the host reaches $ip after that" ping -c 1 -W 5 $ip; done
vzctl exec $id systemctl stop systemd-networkd.socket systemd-networkd
like "beancounters" "$(vzctl exec $id cat /proc/user_beancounters)" "^ *$id: .*|numproc"
like "uptime is the container's" "$(vzctl exec $id cat /proc/uptime | cut -d. -f1)" '^[0-9]{1,3}$'
is "nothing is mounted over proc and sys" \
	"$(vzctl exec $id awk "'\$2 ~ \"^/(proc|sys)/\" && \$2 != \"/sys/fs/cgroup\" { print \$2 }' /proc/mounts" | grep -v binfmt_misc || :)" ""
check "a nested proc mount works" vzctl exec $id \
	'unshare -m -p -f sh -c "mkdir -p /tmp/p && mount -t proc proc /tmp/p && test -d /tmp/p/1"'

check "a running one is changed" vzctl set $id --hostname new --ipadd 10.22.0.2 --cpulimit 50 --ram 600M --save
is "host name" "$(vzctl exec $id hostname)" new
check "second address" ping -c 1 -W 5 10.22.0.2
is "limits" "$(cat $CG/$id/cpu.max $CG/$id/memory.max | xargs)" "50000 100000 629145600"
check "address removed" vzctl set $id --ipdel 10.22.0.1 --save
is "its route is gone" "$(ip route show 10.22.0.1)" ""

# What an upgrade of the host's packages does beside it: systemd owns none of the containers' cgroups.
before=$(vzctl exec $id 'cat /proc/1/stat | cut -d" " -f22')
for what in daemon-reload daemon-reexec daemon-reload; do check "systemctl $what on the host" systemctl $what; done
is "leaves it running" "$(state $id)" "exist mounted running"
is "the same init" "$(vzctl exec $id 'cat /proc/1/stat | cut -d" " -f22')" "$before"
is "with its limits" "$(cat $CG/$id/cpu.max $CG/$id/memory.max | xargs)" "50000 100000 629145600"
is "and its controllers" "$(xargs <$CG/$id/cgroup.controllers)" "$(xargs <$CG/cgroup.subtree_control)"
check "and new ones are made" vzctl exec $id true
for what in daemon-reload daemon-reexec; do check "systemctl $what inside" vzctl exec $id systemctl $what; done
is "is its own affair" "$(vzctl exec $id systemctl is-system-running || :)" running

run timeout 120 vzctl stop $id
is "it halts when asked" "$status $output" "0 Stopping container...
Container was stopped
Container is unmounted"
is "nothing is left" "$(leftovers $id)" ""
check "destroy" vzctl destroy $id
