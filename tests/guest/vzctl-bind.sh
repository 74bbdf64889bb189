#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=2 time=300
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Bind mounts and CPU masks. If this fails, a container does not see what it was
# given, sees it with ids of others, gets to what it was not given, or runs on CPUs
# that are not its own.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"

id=2801
src=/srv/bind
root=/vz/root/$id
rm -rf $src
mkdir -p $src/data/below $src/other $src/tmpfs
chmod 700 $src
cleanup_fn "umount $src/data/below $src/tmpfs 2>/dev/null; rm -rf $src"
echo text >$src/data/file
echo alone >$src/single
printf '#!/bin/sh\nid -u\n' >$src/data/prog
chmod 755 $src/data/prog
chown 1000:1000 $src/data/file
mknod $src/data/null c 1 3
chmod 666 $src/data/null
mount -t tmpfs tmpfs $src/data/below
mount -t tmpfs tmpfs $src/tmpfs

new_ct $id busybox
check "a directory" vzctl --quiet set $id --bindmount_add $src/data:/mnt/deep/data --save
check "one with options" vzctl --quiet set $id --bindmount_add nosuid,noexec:$src/tmpfs:/opt/t --save
check "a file" vzctl --quiet set $id --bindmount_add $src/single:/etc/single --save
check "start" vzctl --quiet start $id
is "it is there" "$(vzctl exec $id cat /mnt/deep/data/file)" text
is "the file is there" "$(vzctl exec $id cat /etc/single)" alone
is "with the container's ids" "$(vzctl exec $id stat -c %u:%g /mnt/deep/data/file /mnt/deep/data | xargs)" "1000:1000 0:0"
is "its root owns what it makes" "$(vzctl exec $id 'echo x >/mnt/deep/data/new'; stat -c %u:%g $src/data/new)" "0:0"
is "what is mounted below stays the host's" "$(vzctl exec $id 'grep -c deep /proc/mounts; ls /mnt/deep/data/below')" 1
check "programs run" vzctl exec $id /mnt/deep/data/prog
mustfail "devices open for nobody" vzctl exec $id 'echo x >/mnt/deep/data/null'
vzctl exec $id 'cp /mnt/deep/data/prog /opt/t/prog'
mustfail "noexec" vzctl exec $id /opt/t/prog
like "nosuid" "$(vzctl exec $id cat /proc/mounts)" ' /opt/t tmpfs rw,nosuid,nodev,noexec'
mustfail "it cannot be unmounted inside" vzctl exec $id umount /mnt/deep/data
mustfail "nor its options changed" vzctl exec $id mount -o remount,bind,exec /opt/t

run vzctl set $id --bindmount_add $src/other:/opt/o --save
is "for a running one" "$output" "BINDMOUNT is in effect from the next start on
CT configuration saved to /etc/vz/conf/$id.conf"
mustfail "not there yet" vzctl exec $id test -e /opt/o
check "restarted when asked" vzctl --quiet set $id --bindmount_del /opt/t --setmode restart --save
check "there now" vzctl exec $id test -e /opt/o
is "the other is gone" "$(vzctl exec $id grep -c /opt/t /proc/mounts || :)" 0

# The tenant's tree and what it can write must not lead the host anywhere.
vzctl exec $id 'mv /opt /opt.away; mkdir /opt; ln -s /etc /opt/o; ln -s /etc /mnt/deep/data/link'
vzctl --quiet stop $id --fast
run vzctl start $id
is "a link as the target: 50" "$status" 50
like "is named" "$output" "^vzctl: cannot start $id: BINDMOUNT: cannot use '/opt/o' in the container"
is "nothing is left" "$(leftovers $id)" ""
vzctl --quiet set $id --bindmount_del all --save
run vzctl set $id --bindmount_add $src/data/link:/opt/x --save
is "a link as the source: 21" "$status" 21
like "is named" "$output" "'$src/data/link' has a symbolic link in it"
vzctl --quiet set $id --bindmount_add $src/data/below:/opt/x --save
umount $src/data/below
rmdir $src/data/below
ln -s /root $src/data/below
run vzctl start $id
is "a link that came later: 50" "$status" 50
is "nothing is left of that" "$(leftovers $id)" ""
rm $src/data/below
run vzctl start $id
is "a source that is gone: 50" "$status" 50
like "is named" "$output" "cannot open '$src/data/below': No such file"
mkdir $src/data/below
chmod 755 $src
run vzctl set $id --bindmount_add $src/data:/opt/y --save
like "users of the host are thought of" "$output" "^$src/data.*set-uid"
vzctl --quiet set $id --bindmount_del all --save

check "a CPU" vzctl --quiet set $id --cpumask 1 --save
check "start" vzctl --quiet start $id
is "is the one" "$(cat $CG/$id/cpuset.cpus) $(vzctl exec $id awk '/^Cpus_allowed_list/{print\ \$2}' /proc/self/status)" "1 1"
check "another, running" vzctl --quiet set $id --cpumask 0
is "is in effect" "$(vzctl exec $id awk '/^Cpus_allowed_list/{print\ \$2}' /proc/self/status)" 0
mustfail "a failed change" vzctl set $id --cpumask 0-1 --userpasswd nobody9:x
is "is taken back" "$(cat $CG/$id/cpuset.cpus)" 0
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
