#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 time=300
# tools: vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# If this fails, a container opens a device of the host that nobody gave it, or
# not one that it was given, or lets vzctl make a node where it should not.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"

id=2501 other=2502
truncate -s 1M /tmp/vesper-disk
loop=$(losetup -f --show /tmp/vesper-disk)
cleanup_fn "losetup -d $loop 2>/dev/null; rm -f /tmp/vesper-disk"
name=${loop#/dev/}
number=7:${name#loop}
new_ct $id busybox
new_ct $other busybox
vzctl --quiet start $id
init() { sed -n 's/INIT_PID="\(.*\)"/\1/p' /run/vz/$id/state; }
# nodes - TYPE:MAJOR:MINOR:NAME of all in the container's /dev
nodes() {
	# shellcheck disable=SC2016 # expands inside
	vzctl exec $id 'cd /dev; find . -type c -o -type b | grep -v -e /pts/ -e /console | while read -r f; do
		stat -c %A:%t:%T:%u:%g:$f $f; done' | sort | xargs
}
# plant NAME TYPE MAJOR MINOR - as an image could bring it, but in the one file system where nodes open.
plant() { mknod -m 666 "/proc/$(init)/root/dev/$1" "$2" "$3" "$4"; }
# opens MODE NAME - "yes", or why it does not.
opens() {
	# shellcheck disable=SC2016 # expands inside
	case $1 in
	r) try='exec 3<"$1"' ;;
	w) try='exec 3>>"$1"' ;;
	rw) try='exec 3<>"$1"' ;;
	esac
	run vzctl exec3 $id sh -c "$try" sh "/dev/$2"
	if [ "$status" = 0 ]; then echo yes; else echo "$output" | sed 's/.*: //'; fi
}
refused="Operation not permitted"

is "the nodes it starts with" "$(nodes)" \
	"crw-rw-rw-:1:3:0:0:./null crw-rw-rw-:1:5:0:0:./zero crw-rw-rw-:1:7:0:0:./full crw-rw-rw-:1:8:0:0:./random crw-rw-rw-:1:9:0:0:./urandom crw-rw-rw-:5:0:0:0:./tty crw-rw-rw-:a:c8:0:0:./net/tun crw-rw-rw-:a:e5:0:0:./fuse"
for d in null zero full random urandom net/tun fuse ptmx; do
	is "$d opens" "$(opens rw $d)" yes
done
mustfail "full is full" vzctl exec2 $id 'echo x >/dev/full'
mustfail "no node can be made, not even of null" vzctl exec2 $id mknod /dev/null2 c 1 3

# Whatever nodes there are: memory, ports, the kernel's log, console, screens, autofs, disks.
i=0
for d in c:1:1 c:1:4 c:1:11 c:5:1 c:4:0 c:4:64 c:10:235 c:10:237 c:10:232 b:7:0 b:253:0 b:1:3; do
	i=$((i + 1))
	# shellcheck disable=SC2046 # three words
	plant "x$i" $(echo $d | tr : ' ')
	is "$d does not open" "$(opens r x$i)" "$refused"
done
plant kmsg c 1 11
plant disk b 7 "${name#loop}"
# shellcheck disable=SC2016 # expands inside
run vzctl exec $id 'mkdir /sys/fs/cgroup/own && echo $$ >/sys/fs/cgroup/own/cgroup.procs && head -c 1 /dev/kmsg'
like "nor from a cgroup of its own making" "$output" "$refused"

# What root inside tries alone: nodes, by himself and in a user namespace of his own, where he has
# every capability; wherever he puts them.
cp "$(dirname "$0")/../../build/guest/syscall" /vz/root/$id/bin/syscall
# shellcheck disable=SC2016 # expands inside
make='mkdir -p /own && mount -t tmpfs -o dev none /own && mknod /own/pipe p && ls /own
	for d in "b 8 0" "b 7 0" "b 253 0" "c 1 1" "c 1 3" "c 1 11" "c 10 200" "c 10 237"; do
		for dir in /own /root /dev /dev/shm; do
			mknod $dir/x $d 2>&1 | grep -v "Operation not permitted" || :
			[ ! -e $dir/x ] || echo "$d is in $dir"
		done
	done'
is "root makes a pipe and no device" "$(vzctl exec $id "$make; umount /own")" pipe
is "nor in a user namespace" "$(vzctl exec3 $id unshare -r -m sh -c "$make")" pipe
# shellcheck disable=SC2016 # expands inside
is "nor does he open one there" \
	"$(vzctl exec3 $id unshare -r -m sh -c 'for f in /dev/x* /dev/disk /dev/kmsg; do (: <$f) 2>&1; done' |
		sed 's/.*: //' | sort | uniq -c | xargs)" "$((i + 2)) $refused"
is "by a copy of /dev with other flags" \
	"$(vzctl exec $id 'mkdir -p /own && mount --bind /dev /own && mount -o remount,bind,dev /own && : </own/kmsg' 2>&1 |
		sed 's/.*: //')" "$refused"
vzctl exec $id 'umount /own'
# Memory and levers of the host that are files: those that this kernel has.
# shellcheck disable=SC2016 # expands inside
files='for f in kcore kmsg kpagecount kpageflags; do (: </proc/$f) 2>/dev/null && echo $f; done
	for f in sysrq-trigger sys/kernel/core_pattern sys/kernel/modprobe sys/vm/drop_caches; do
		(: >>/proc/$f) 2>/dev/null && echo $f; done; :'
like "the host opens /proc/kmsg and others" "$(sh -c "$files" | xargs)" '^k.* sys/vm/drop_caches$'
is "root inside none of them" "$(vzctl exec $id "$files")" ""
is "nor in a user namespace" "$(vzctl exec3 $id unshare -r -p -f --mount-proc sh -c "$files")" ""

# No program of his own judges devices, and no code gets into the kernel: init_module, finit_module,
# kexec_load, kexec_file_load, bpf, and what it would take beside them.
sysctl -q -w kernel.unprivileged_bpf_disabled=0
install -m 755 "$(dirname "$0")/../../build/guest/syscall" /tmp/vesper-syscall
cleanup_fn rm -f /tmp/vesper-syscall
is "anybody may ask for bpf(2) on this host" "$(su nobody -s /bin/sh -c '/tmp/vesper-syscall 321')" EINVAL
# shellcheck disable=SC2016 # expands inside
calls='for c in 175 313 246 320 321 304 172 "-i 128" "-i 350" "-i 283" "-i 357"; do syscall $c; done | sort | uniq -c'
is "not in a container" "$(vzctl exec $id "$calls" | xargs)" "11 EPERM"
is "nor in a user namespace of it" "$(vzctl exec3 $id unshare -r sh -c "$calls" | xargs)" "11 EPERM"

# A device granted to a running container.
check "a disk for reading" vzctl set $id --devnodes "$name:r"
is "is there, root's, with the host's permissions" "$(nodes | tr ' ' '\n' | grep "$name")" \
	"$(stat -c %A "$loop"):7:${name#loop}:0:0:./$name"
is "reads" "$(opens r "$name")" yes
is "does not write" "$(opens w "$name")" "$refused"
is "the kernel knows" "$(grep "^$number " $CG/$id/ve.devices)" "$number r"
is "without --save the file is as it was" "$(grep -c DEVNODES /etc/vz/conf/$id.conf)" 0
check "for writing" vzctl set $id --devnodes "$name:rw" --save
is "writes" "$(opens rw "$name")" yes
mustfail "does not mount" vzctl exec2 $id "mount -t ext4 /dev/$name /mnt"
like "is in the file" "$(cat /etc/vz/conf/$id.conf)" "^DEVNODES=\"$name:rw\"$"
vzctl --quiet start $other
mustfail "another container cannot have it" vzctl set $other --devnodes "$name:r"
is "by its exit code" "$status" 86
like "and says whose it is" "$output" "device b:$number is another container's"
check "quota only" vzctl set $id --devnodes "$name:q"
is "does not open" "$(opens r disk)" "$refused"
is "but is its own" "$(grep "^$number " $CG/$id/ve.devices)" "$number quota"
check "nothing" vzctl set $id --devnodes "$name:none"
is "its node is gone" "$(nodes | grep -c "$name")" 0
is "and another node of it does not open" "$(opens r disk)" "$refused"
is "nor does the kernel know it" "$(grep -c "^$number " $CG/$id/ve.devices)" 0
check "now the other can have it" vzctl set $other --devnodes "$name:r"
check "and give it back" vzctl set $other --devnodes "$name:none"

vzctl --quiet restart $id
is "what was saved is there after a restart" "$(opens rw "$name")" yes
check "by number" vzctl set $id --devices c:1:11:r
plant kmsg c 1 11
is "reads" "$(opens r kmsg)" yes
is "does not write" "$(opens w kmsg)" "$refused"
check "taken back" vzctl set $id --devices c:1:11:none
is "does not open" "$(opens r kmsg)" "$refused"
check "what every container has, taken away" vzctl set $id --devnodes fuse:none
plant fuse2 c 10 229
is "does not open" "$(opens rw fuse2)" "$refused"
is "its node is gone" "$(nodes | grep -c '/fuse ')" 0
check "and given again" vzctl set $id --devnodes fuse:rw
is "opens" "$(opens rw fuse)" yes
disk=$(findmnt -no MAJ:MIN /vz/root/$id | tr -d ' ')
mustfail "its own disk is not given" vzctl set $id --devices "b:$disk:rw"
is "by its exit code" "$status" 86
is "and stays what it was" "$(grep "^$disk " $CG/$id/ve.devices)" "$disk quota"

mknod /dev/vanish c 1 5
vzctl --quiet set $id --devnodes vanish:r --devices c:1:11:r
rm /dev/vanish
check "a device that the host has no more keeps no other" vzctl set $id --devices c:1:11:none
is "from being taken away" "$(opens r kmsg)" "$refused"
check "and can be taken away" vzctl set $id --devnodes vanish:none

# Traps in its /dev: a link on the way, something in the node's place, another /dev.
mkdir -p /tmp/trap
cleanup_fn rm -rf /tmp/trap
vzctl --quiet set $id --devnodes net/tun:none
vzctl exec $id 'rmdir /dev/net && mkdir -p /tmp/trap && ln -s /tmp/trap /dev/net'
mustfail "a link in the way" vzctl set $id --devices c:1:11:r --devnodes net/tun:rw
is "is refused" "$status" 86
is "and followed nowhere" "$(ls /tmp/trap; vzctl exec $id ls /tmp/trap)" ""
is "the other half of that change is taken back" "$(opens r kmsg)" "$refused"
mustfail "the other way round" vzctl set $id --devnodes net/tun:rw --devices c:1:11:r
is "it is, too" "$(opens r kmsg)" "$refused"
plant tun2 c 10 200
is "so is the device itself" "$(opens rw tun2)" "$refused"
vzctl exec $id 'rm /dev/net && mkdir /dev/net && touch /dev/net/tun'
mustfail "a file in the way" vzctl set $id --devnodes net/tun:rw
like "is named" "$output" "'/dev/net/tun' in the container is something else"
vzctl exec $id 'rm /dev/net/tun && mount -t tmpfs none /dev/net'
mustfail "a mount in the way" vzctl set $id --devnodes net/tun:rw
vzctl exec $id 'umount /dev/net'
check "with none of them it works" vzctl set $id --devnodes net/tun:rw
is "and opens" "$(opens rw net/tun)" yes
vzctl --quiet set $id --devnodes fuse:none
vzctl exec $id 'mount -t tmpfs none /dev && mknod /dev/x p'
mustfail "another file system on /dev" vzctl set $id --devnodes fuse:rw
like "is seen" "$output" "not the one that it was started with"
check "but keeps no device from being taken away" vzctl set $id --devnodes net/tun:none
vzctl exec $id 'umount /dev'
plant tun3 c 10 200
is "as it is" "$(opens rw tun3)" "$refused"

vzctl --quiet stop $id --fast
is "nothing is left" "$(leftovers $id)" ""
check "the disk is free" vzctl set $other --devnodes "$name:rw"
run vzctl start $id
is "who comes second does not start" "$status" 86
like "and says why" "$output" "device b:$number is another container's"
is "and leaves nothing" "$(leftovers $id)" ""
vzctl --quiet stop $other --fast
check "then it does" vzctl start $id
vzctl --quiet stop $id --fast
losetup -d "$loop"
mv /dev/"$name" /dev/"$name.away"
run vzctl start $id
mv /dev/"$name.away" /dev/"$name"
is "without the device it does not start" "$status" 86
like "and names it" "$output" "the host has no device '/dev/$name'"
