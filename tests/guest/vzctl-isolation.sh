#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 time=300
# tools: vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# If this fails, a tenant sees or reaches something of the host or of a neighbour.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"

a=2301 b=2302
new_ct $a busybox --ipadd 10.23.0.1
new_ct $b busybox --ipadd 10.23.0.2
vzctl --quiet start $a
vzctl --quiet start $b
init_of() { sed -n 's/INIT_PID="\(.*\)"/\1/p' "/run/vz/$1/state"; }
init=$(init_of $a)

is "its mounts are its own" "$(vzctl exec $a cat /proc/mounts | awk '{ print $2 }' | sort | xargs)" \
	"/ /dev /dev/console /dev/pts /proc /run /sys /sys/fs/cgroup"
is "init has no descriptor of the host" "$(find /proc/"$init"/fd -lname '/vz*' -o -lname '*mnt*' -o -lname 'socket:*' | head -n 3)" ""
# shellcheck disable=SC2016 # expands inside
is "a command has no descriptor but its three" \
	"$(vzctl exec $a 'for f in 0 1 2 3 4 5 6 7 8 9; do [ ! -e /proc/$$/fd/$f ] || echo $f; done' | xargs)" "0 1 2"
# shellcheck disable=SC2016
is "these are pipes, also when ours is a file" "$(vzctl exec $a 'readlink /proc/$$/fd/0' </etc/hostname | cut -d: -f1)" pipe
is "root's directory is not the host's" "$(vzctl exec $a ls /proc/1/root/vz 2>&1 | grep -c 'No such file')" 1
# shellcheck disable=SC2016
is "only its own processes" "$(vzctl exec $a 'for p in /proc/[0-9]*; do readlink $p/ns/pid; done' | sort -u | wc -l)" 1
for ns in cgroup ipc mnt net pid time user uts; do
	own=$(readlink /proc/"$init"/ns/$ns)
	is "its $ns namespace is its own" "$({ readlink /proc/self/ns/$ns; readlink /proc/"$(init_of $b)"/ns/$ns; } | grep -cxF "$own")" 0
	echo "$own" >>"$tap_tmp/ns"
done
is "a command is in the same" \
	"$(vzctl exec $a 'for n in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$n; done')" "$(cat "$tap_tmp/ns")"
segment=$(ipcmk -M 4096 | sed 's/.*: //')
cleanup_fn "ipcrm -m $segment"
key=$(awk -v id="$segment" '$2 == id { print $1 }' /proc/sysvipc/shm)
like "the host has a segment of memory" "$key" '^-?[1-9][0-9]*$'
is "which it does not see" "$(vzctl exec $a cat /proc/sysvipc/shm | awk -v key="$key" '$1 == key' | wc -l)" 0
# shellcheck disable=SC2016 # expands inside
is "exec takes sh where there is no bash" "$(vzctl exec $a 'echo $0 ${BASH_VERSION:-is none}')" "sh is none"
is "its cgroup is the root of what it sees" "$(vzctl exec $a cat /proc/1/cgroup | cut -d: -f3)" /
is "a command is in a leaf below it" "$(vzctl exec $a cat /proc/self/cgroup | grep -c '^0::/vzctl-[0-9]*$')" 1
is "and in the VE" "$(vzctl exec $a cat /proc/self/status | awk '$1 == "envID:" { print $2 }')" $a
mustfail "limits are out of its reach" vzctl exec2 $a 'echo max >/sys/fs/cgroup/memory.max'
mustfail "so is the way up" vzctl exec2 $a 'mkdir /sys/fs/cgroup/../x'

like "root inside is nobody outside" "$(stat -c %u /proc/"$init")" '^1[0-9]{9}$'
is "two containers share no host ids" \
	"$(sort -u /etc/vz/conf/$a.conf /etc/vz/conf/$b.conf | grep -c LOCAL_UID)" 2
mustfail "no device can be made" vzctl exec2 $a mknod /root/sda b 8 0

# A device node that came in the image opens for nobody: the root stays nodev.
mknod /vz/root/$a/root/vda b 253 0
mknod /vz/root/$a/root/kmsg c 1 11
chmod 666 /vz/root/$a/root/vda /vz/root/$a/root/kmsg
mustfail "a block device of the image does not open" vzctl exec2 $a head -c 1 /root/vda
mustfail "nor does a character device" vzctl exec2 $a head -c 1 /root/kmsg
mustfail "and nodev cannot be taken off" vzctl exec2 $a mount -o remount,bind,dev /
mustfail "the host's own view of the disk is closed" su nobody -s /bin/sh -c "ls /vz/root/$a"
like "and has no setuid" "$(grep " /vz/root/$a " /proc/self/mountinfo)" 'nosuid'

# Shared among those inside, as on a machine: rootless podman asks for it.
like "its root is a shared mount" "$(vzctl exec $a 'grep " / / " /proc/self/mountinfo')" 'shared:'
check "a mount made inside" vzctl exec $a 'mkdir -p /mnt/t && mount -t tmpfs t /mnt/t'
is "stays inside" "$(grep -c " /vz/root/$a/mnt" /proc/self/mountinfo)" 0
is "as many files can be open as the kernel allows" "$(vzctl exec $a 'ulimit -Hn')" "$(cat /proc/sys/fs/nr_open)"

check "the neighbour answers" vzctl exec $a ping -c 1 -W 5 10.23.0.2
vzctl exec $a 'ip addr add 10.99.0.9/32 dev venet0'
mustfail "a foreign source address gets no answer" vzctl exec2 $a ping -c 1 -W 2 -I 10.99.0.9 10.23.0.2
mustfail "an address of the neighbour is refused" vzctl set $a --ipadd 10.23.0.2
is "by its exit code" "$status" 78

# A tenant may leave traps where vzctl works in its files.
mkdir -p /tmp/trap && echo untouched >/tmp/trap/hostname
rm -f /vz/root/$a/etc/hostname
ln -s /tmp/trap/hostname /vz/root/$a/etc/hostname
check "a host name over a link" vzctl set $a --hostname trapped --save
is "stays in the container" "$(cat /tmp/trap/hostname)" untouched
vzctl --quiet stop $a --fast
vzctl --quiet mount $a
rm -rf /vz/root/$a/dev
ln -s /tmp/trap /vz/root/$a/dev
vzctl --quiet umount $a
mustfail "a /dev that leads out is refused" vzctl start $a
is "by its exit code" "$status" 47
is "nothing was left by it" "$(leftovers $a)" ""
is "nothing got out" "$(ls /tmp/trap)" hostname
