#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 time=400
# tools: vzctl ploop
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a container, its image or a copied configuration can do to the host's
# tools. If this fails, one tenant takes the machine, another's disk, or keeps
# root from stopping and removing his container.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"

a=2601 b=2602
conf=/etc/vz/conf/$a.conf
code() {
	code_name=$1 code_want=$2
	shift 2
	run "$@"
	is "$code_name: exit $code_want" "$status" "$code_want"
}

new_ct $a busybox --hostname hostile
cp $conf "$tap_tmp/conf"
sum_of_host() { md5sum /etc/hostname /etc/hosts /etc/resolv.conf 2>&1; }
host_before=$(sum_of_host)

# VE_ROOT on what is mounted already: the host's root, a tmpfs, another container's disk.
echo 'VE_ROOT="/"' >>$conf
code "start in the host's root" 85 vzctl start $a
like "names it" "$output" "VE_ROOT: '/'"
code "unmount of the host's root" 51 vzctl umount $a
is "status is not taken in" "$(state $a)" "exist unmounted down"
is "the host's files are as they were" "$(sum_of_host)" "$host_before"
cp "$tap_tmp/conf" $conf
mkdir -p /root/closed/m
mount -t tmpfs none /root/closed/m
echo 'VE_ROOT="/root/closed/m"' >>$conf
code "start on a tmpfs" 50 vzctl start $a
like "names it" "$output" "mounted on '/root/closed/m'"
code "its unmount" 51 vzctl umount $a
check "it is still mounted" mountpoint -q /root/closed/m
umount /root/closed/m
cp "$tap_tmp/conf" $conf

# A configuration that was copied, with all its paths and ids.
new_ct $b busybox
cp /etc/vz/conf/$b.conf "$tap_tmp/conf-b"
echo "VE_ROOT=\"/vz/root/$b\" VE_PRIVATE=\"/vz/private/$b\"" | tr ' ' '\n' >>$conf
vzctl --quiet mount $b
check "the disk of a mounted neighbour may be looked at" vzctl status $a
rm -rf /vz/private/$a.away
code "its area is not destroyed" 41 vzctl destroy $a
vzctl --quiet umount $b
code "nor after it is unmounted" 52 vzctl destroy $a
like "the neighbour is named" "$output" "container $b"
check "it is whole" test -e /vz/private/$b/root.hdd/root.hds
cp "$tap_tmp/conf" $conf

# The same host ids: not both at once.
new_ct $b busybox
grep ^LOCAL_ $conf >>/etc/vz/conf/$b.conf
vzctl --quiet start $a
code "a second container with the same host ids" 85 vzctl start $b
like "the first is named" "$output" "container $a"
is "nothing of the second is left" "$(leftovers $b)" ""
vzctl --quiet stop $a --fast
check "alone it starts" vzctl --quiet start $b
code "and then the first does not" 85 vzctl start $a
vzctl --quiet stop $b --fast

# The mount point: what is there keeps its mode.
mkdir -p /srv
mode=$(stat -c %a /srv)
echo "VE_ROOT=\"/srv/$a\"" >>$conf
code "a mount point in an open directory" 49 vzctl start $a
like "that is named" "$output" "'/srv' is open to others"
is "and stays open" "$(stat -c %a /srv)" "$mode"
is "and empty" "$(ls /srv)" ""
cp "$tap_tmp/conf" $conf
echo 'VE_PRIVATE="/home"' >>$conf
touch /home/letters
code "a private area that is none" 52 vzctl destroy $a
check "is not removed" test -e /home/letters
cp "$tap_tmp/conf" $conf

# A super block that asks for a panic at the first error.
loop=$(losetup -f --show -o 1M /vz/private/$a/root.hdd/root.hds)
tune2fs -e panic "$loop" >/dev/null
losetup -d "$loop"
vzctl --quiet mount $a
loop=$(awk -v m=/vz/root/$a '$2 == m { print $1 }' /proc/mounts)
echo 1 >"/sys/fs/ext4/${loop#/dev/}/trigger_fs_error"
mustfail "an error in the file system makes it read-only" touch /vz/root/$a/x
ok "and the host lives on"
vzctl --quiet umount $a

# A file system that e2fsck cannot repair alone; its last word says why.
cp --sparse=always /vz/private/$a/root.hdd/root.hds "$tap_tmp/good"
loop=$(losetup -f --show -o 1M /vz/private/$a/root.hdd/root.hds)
printf '%s\n' 'clri <2>' 'ssv state 2' | debugfs -w -f - "$loop" >/dev/null 2>&1
losetup -d "$loop"
code "an image beyond repair" 50 vzctl start $a
like "e2fsck says why" "$output" 'status [0-9]+: .*[A-Za-z]{4}'
is "nothing is left of it" "$(leftovers $a)" ""
cp --sparse=always "$tap_tmp/good" /vz/private/$a/root.hdd/root.hds
check "the good one mounts again" vzctl --quiet mount $a
vzctl --quiet umount $a

# An image from elsewhere with owners that the container's range does not hold, and
# one on which the host's root left such a file; each as long as it is so.
disk=/vz/private/$a/root.hdd
vetted() { getfattr --absolute-names --only-values -n trusted.ploop.checked $disk/root.hds | sed 's/.* //'; }
is "what was made for a range is known to fit" "$(vetted)" 262143
loop=$(losetup -f --show -o 1M $disk/root.hds)
debugfs -w -R 'sif /etc/passwd uid 300000' "$loop" >/dev/null 2>&1
losetup -d "$loop"
code "an owner above the range" 50 vzctl start $a
like "the file and what it takes are named" "$output" \
	"LOCAL_SIZE is too small: '$disk/root.hds': has a file '/etc/passwd' that belongs to 300000; .* 300001 are needed"
is "nothing is left of it" "$(leftovers $a)" ""
sed -i 's/^LOCAL_SIZE=.*/LOCAL_SIZE="300001"/' $conf
check "a larger range holds it" vzctl --quiet mount $a
vzctl --quiet umount $a
is "which is known then" "$(vetted)" 300000
cp "$tap_tmp/conf" $conf
code "and is no word for a smaller one" 50 vzctl mount $a
mkdir -p "$tap_tmp/m"
ploop mount -m "$tap_tmp/m" $disk >/dev/null
chown 0 "$tap_tmp/m/etc/passwd"
ploop umount -m "$tap_tmp/m" >/dev/null
check "with another owner it mounts" vzctl --quiet mount $a
vzctl --quiet umount $a
ploop mount -m "$tap_tmp/m" $disk >/dev/null
chgrp 262144 "$tap_tmp/m/etc"
ploop umount -m "$tap_tmp/m" >/dev/null
code "what root did on a mount without a range is looked at" 50 vzctl mount $a
like "by name" "$output" "file '/etc' that belongs to the group 262144"
cp --sparse=always "$tap_tmp/good" $disk/root.hds

# Cgroups that the container makes: by name, by depth, by number.
vzctl --quiet start $a
is "it has as many cgroups as it may" \
	"$(cat $CG/$a/init/cgroup.max.depth $CG/$a/init/cgroup.max.descendants | xargs)" "32 2048"
vzctl exec $a 'cd /sys/fs/cgroup && mkdir .x ..x .x/. .x/.y 2>/dev/null
	while mkdir d 2>/dev/null; do cd d; done'
is "no deeper than that" "$(find $CG/$a -type d -name d | wc -l)" 32
mustfail "nor can it raise that" vzctl exec2 $a 'echo 99 >/sys/fs/cgroup/cgroup.max.depth'
check "another exec has its leaf while one starts" sh -c "
	for i in 1 2 3 4 5 6 7 8; do vzctl exec $a true & pids=\"\$pids \$!\"; done
	for p in \$pids; do wait \$p || exit 1; done"
# Whatever a tenant does to his tree, he keeps nobody out.
vzctl exec $a 'cd /sys/fs/cgroup && mkdir keep'
find $CG/$a/init -mindepth 1 -type d | wc -l >$CG/$a/init/cgroup.max.descendants
is "exec where no cgroup can be made" "$(vzctl exec $a 'mkdir /sys/fs/cgroup/no 2>/dev/null || grep -c ^0::/../vzctl- /proc/self/cgroup')" 1
echo 2048 >$CG/$a/init/cgroup.max.descendants
is "and in the tree again" "$(vzctl exec $a 'grep -c ^0::/vzctl- /proc/self/cgroup')" 1
# shellcheck disable=SC2016 # of the container's shell
vzctl exec $a 'cd /sys/fs/cgroup && echo $$ >cgroup.procs && echo +pids >cgroup.subtree_control'
is "exec where none takes a process" "$(vzctl exec $a 'grep -c ^0::/../vzctl- /proc/self/cgroup')" 1
is "only leaves in use are kept" "$(find $CG/$a -maxdepth 1 -name 'vzctl-*' | wc -l)" 0
check "it stops all the same" vzctl --quiet stop $a
is "and leaves nothing" "$(leftovers $a)" ""
