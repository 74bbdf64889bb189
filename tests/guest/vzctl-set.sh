#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=2 boot=ploop time=300
# tools: vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# set on a running container: CPU masks, samples, limits back to the file's, and what
# it refuses. If this fails, a container runs on CPUs that are not its own, or what is
# in effect and what is in the file are not what was said.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"

id=2802
new_ct $id busybox
check "a CPU" vzctl --quiet set $id --cpumask 1 --save
check "start" vzctl --quiet start $id
is "is the one" "$(cat $CG/$id/cpuset.cpus) $(vzctl exec $id awk '/^Cpus_allowed_list/{print\ \$2}' /proc/self/status)" "1 1"
check "another, running" vzctl --quiet set $id --cpumask 0
is "is in effect" "$(vzctl exec $id awk '/^Cpus_allowed_list/{print\ \$2}' /proc/self/status)" 0
mustfail "a failed change" vzctl set $id --cpumask 0-1 --userpasswd nobody9:x
is "is taken back" "$(cat $CG/$id/cpuset.cpus)" 0

# Half of a change is none: nothing of it was saved. (No name and no name server is set.)
# shellcheck disable=SC2016 # expands inside
etc() { vzctl exec $id 'hostname; cd /etc; for f in resolv.conf hostname hosts; do ls -ln $f; cat $f; done 2>&1' |
	awk '/^[-l][-rwx]+ / { print $1, $3, $4, $9, $10, $11; next } { print }'; }
former=$(etc)
mustfail "a host name and name servers, with a user that is not there" \
	vzctl set $id --hostname half.example --nameserver 192.0.2.1 --cpumask auto --nodemask 0 --userpasswd nobody9:x
is "are taken back" "$(etc)" "$former"
is "and so are the nodes" "$(cat $CG/$id/cpuset.mems.effective) $(cat $CG/$id/cpuset.cpus)" "0 0"
check "a link in its place" vzctl exec $id 'rm -f /etc/resolv.conf; ln -s ../run/none /etc/resolv.conf'
former=$(etc)
mustfail "the same again" vzctl set $id --hostname half.example --nameserver 192.0.2.1 --userpasswd nobody9:x
is "the link is there again" "$(etc)" "$former"
vzctl exec $id 'rm -f /etc/resolv.conf'
# The first of its two files is written and the second is not.
vzctl exec $id 'echo 127.0.0.1 localhost >/etc/hosts'
former=$(etc)
chattr +i /vz/root/$id/etc/hosts
run vzctl set $id --hostname half.example
chattr -i /vz/root/$id/etc/hosts
is "a host name that fails half way: 70" "$status" 70
is "is taken back" "$(etc)" "$former"
run vzctl set $id --cpumask 0-99
is "a CPU that is not there: 2" "$status" 2
like "is named" "$output" "this host has no CPU [0-9]+ \(it has 0-1\)"
check "nodes" vzctl --quiet set $id --cpumask auto --nodemask 0
is "auto: their CPUs" "$(cat $CG/$id/cpuset.cpus) $(cat $CG/$id/cpuset.mems)" "0-1 0"
check "all" vzctl --quiet set $id --cpumask all --nodemask all
is "is all" "$(cat $CG/$id/cpuset.cpus.effective)" 0-1
is "cpuset is not the container's" "$(vzctl exec $id cat /sys/fs/cgroup/cgroup.controllers | grep -c cpuset || :)" 0

check "for now" vzctl set $id --ram 300M --swap 0 --numproc 77
check "the file's limits again" vzctl set $id --reset_ub
is "are in effect" "$(cat $CG/$id/memory.max) $(awk '$1 == "numproc" { print $4 }' $CG/$id/ve.ubc.stat)" "1073741824 9223372036854775807"
check "a sample, running" vzctl --quiet set $id --applyconfig vswap-256m --save
is "is in effect" "$(cat $CG/$id/memory.max)" 268435456
like "and in the file" "$(cat /etc/vz/conf/$id.conf)" '^ORIGIN_SAMPLE="vswap-256m"$'
ip route add 10.28.0.9 dev lo
run vzctl set $id --ipadd 10.28.0.9 --force --save
is "--force saves what was refused" "$status $(grep -c 'IP_ADDRESS="10.28.0.9"' /etc/vz/conf/$id.conf)" "0 1"
like "and says so" "$output" "not applied, saved all the same"
ip route del 10.28.0.9 dev lo
