#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 time=300
# tools: vzctl vzlist
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The life of a small container: if this fails, containers do not start, run
# commands, talk to the host, stop, or go without a trace.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"
# shellcheck source=tests/lib/emulator.sh
. "$(dirname "$0")/../lib/emulator.sh"

id=2101
new_ct $id busybox --hostname small --ipadd 10.21.0.1
is "created" "$(state $id)" "exist unmounted down"

# A second on a machine of its own: what others had of the processors is not counted.
emulator_mount
waited=$(emulator_waited)
began=$(date +%s%N)
check "start" vzctl start $id
wait_until 60 sh -c "timeout 20 vzctl console $id </dev/null | grep -q 'press Enter'" || not_ok "init is up"
took=$((($(date +%s%N) - began) / 1000000))
waited=$(($(emulator_waited) - waited))
diag "$took ms from start to its init being up, $waited of them others'"
check "its init is up in 5 s, emulated" test $((took - waited)) -lt 5000
is "it runs" "$(state $id)" "exist mounted running"
is "its cgroup is a VE" "$(cat $CG/$id/ve.id) $(cat $CG/$id/ve.state)" "$id running"

run vzctl exec $id ps
is "init is process 1" "$(echo "$output" | awk '$1 == 1 { print $3 }')" init
is "the host name" "$(vzctl exec $id hostname)" small
like "uptime starts at zero" "$(vzctl exec $id cat /proc/uptime)" '^[0-9]{1,2}\.'
like "beancounters are its own" "$(vzctl exec $id cat /proc/user_beancounters)" "^ *$id:"
check "the markers are there" vzctl exec $id 'test -d /proc/vz && test ! -e /proc/bc'
check "the host reaches it" ping -c 1 -W 5 10.21.0.1
check "it reaches the host" vzctl exec $id ping -c 1 -W 5 192.0.2.1

vzctl exec $id 'exit 3' || status=$?
is "exec tells only failure" "$status" 8
status=0
vzctl exec2 $id 'exit 3' || status=$?
is "exec2 passes the status on" "$status" 3
status=0
# shellcheck disable=SC2016 # expands inside
vzctl exec2 $id 'kill -9 $$' || status=$?
is "exec2 tells a signal" "$status" 137
is "exec3 keeps arguments as they are" "$(vzctl exec3 $id echo 'a  *  b')" 'a  *  b'
is "exec carries input" "$(seq 20000 | vzctl exec $id 'cat | md5sum' | cut -c1-32)" \
	"$(seq 20000 | md5sum | cut -c1-32)"
is "exec returns while something stays in the background" \
	"$(timeout 20 vzctl exec $id 'sleep 300 & echo done')" "done"
run timeout 60 script -qec "vzctl enter $id --exec tty" /dev/null
like "enter has a terminal of the container" "$output" '/dev/pts/[0-9]'

run vzlist -H -o ctid,status,ip,hostname $id
is "vzlist" "$(echo "$output" | xargs)" "$id running 10.21.0.1 small"
is "vzlist counts processes" "$(vzlist -H -o numproc $id | xargs)" "$(awk '$1 == "numproc" { print $2 }' $CG/$id/ve.ubc.stat)"

check "stop" vzctl stop $id
is "it is down" "$(state $id)" "exist unmounted down"
is "nothing is left" "$(leftovers $id)" ""
is "no orphan" "$(orphans)" ""

check "start again" vzctl start $id
is "what was written is still there" "$(vzctl exec $id cat /etc/hostname)" small
check "restart" vzctl restart $id
is "it runs again" "$(state $id)" "exist mounted running"

# By name, as by number.
check "a name" vzctl --quiet set $id --name tiny --save
is "exec by name" "$(vzctl exec tiny hostname)" small
run timeout 60 script -qec "vzctl enter tiny --exec hostname" /dev/null
like "enter by name" "$output" small
check "stop by name" vzctl stop tiny
is "it is down" "$(state $id)" "exist unmounted down"
check "mount by name" vzctl mount tiny
is "it is mounted" "$(state tiny)" "exist mounted down"
check "umount by name" vzctl umount tiny
check "start by name" vzctl start tiny
is "it runs" "$(state $id)" "exist mounted running"

# Where init is looked for, in turn.
vzctl --quiet stop $id --fast
from=sbin
for to in etc bin; do
	vzctl --quiet mount $id
	mv /vz/root/$id/$from/init /vz/root/$id/$to/init
	vzctl --quiet umount $id
	vzctl --quiet start $id
	is "without /$from/init it is /$to/init" "$(vzctl exec $id ps | awk '$1 == 1 { print $3 }')" init
	check "which takes commands" vzctl exec $id "test -e /$to/init && ! test -e /$from/init"
	check "and halts when asked" vzctl stop $id
	from=$to
done
vzctl --quiet mount $id
mv /vz/root/$id/bin/init /vz/root/$id/sbin/init
vzctl --quiet umount $id
vzctl --quiet start $id

# A resolver on the host's loopback is none of the container's; what is behind it is.
cp /etc/resolv.conf "$tap_tmp/resolv" 2>/dev/null || :
mkdir -p /run/systemd/resolve
printf 'nameserver 127.0.0.53\nnameserver\t::1\nsearch example.org\n' >/etc/resolv.conf
printf 'nameserver 192.0.2.53\n' >/run/systemd/resolve/resolv.conf
check "inherit the host's DNS" vzctl --quiet set $id --nameserver inherit --searchdomain inherit --save
is "without its loopback addresses" "$(vzctl exec $id cat /etc/resolv.conf | xargs)" \
	"search example.org nameserver 192.0.2.53"
rm -r /run/systemd/resolve
run vzctl set $id --nameserver inherit --save
like "none at all is told" "$output" "warning: container $id inherits no DNS server"
vzctl --quiet set $id --nameserver 192.0.2.1 --save
rm -f /etc/resolv.conf
cp "$tap_tmp/resolv" /etc/resolv.conf 2>/dev/null || :

check "ONBOOT" vzctl set $id --onboot yes --save
check "the host is up" systemctl start vz vz-onboot
check "it goes down with its containers" systemctl stop vz
is "stopped" "$(state $id)" "exist unmounted down"
check "it comes up again" systemctl start vz vz-onboot
is "with those that start with it" "$(state $id)" "exist mounted running"

# One that does not start is seen, and the others are still stopped with the host.
vzctl --quiet stop $id --fast
new_ct 2102 busybox --onboot yes
mv /vz/private/2102 /vz/private/2102.away
systemctl stop vz
systemctl start vz vz-onboot || :
is "a container that does not start" "$(systemctl is-failed vz-onboot)" failed
is "keeps no other" "$(state $id)" "exist mounted running"
check "nor the end of the others" systemctl stop vz
is "is theirs" "$(state $id)" "exist unmounted down"
mv /vz/private/2102.away /vz/private/2102
mv /etc/vz/vz.conf "$tap_tmp/vz.conf"
echo rubbish >/etc/vz/vz.conf
systemctl reset-failed vz-onboot
systemctl start vz vz-onboot || :
is "a node that cannot be read" "$(systemctl is-failed vz-onboot)" failed
mv "$tap_tmp/vz.conf" /etc/vz/vz.conf
systemctl stop vz
vzctl --quiet destroy 2102
systemctl start vz vz-onboot

check "an end by itself" vzctl exec $id poweroff
wait_until 30 sh -c "! vzctl status $id | grep -q running"
is "is seen" "$(state $id | awk '{ print $3 }')" down
check "and does not keep it from starting" vzctl start $id
check "stop --fast" vzctl stop $id --fast
is "nothing is left after a kill" "$(leftovers $id)" ""
check "destroy" vzctl destroy $id
is "it is gone" "$(state $id)" "deleted unmounted down"
is "so is its private area" "$(ls -d /vz/private/$id 2>/dev/null || :)" ""
