# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A node of files in the test's own directory: $etc with vz.conf, a sample, and
# $node for everything it names. Source it after functions.sh.

# shellcheck disable=SC2154 # functions.sh sets it
node=$tap_tmp/node
etc=$tap_tmp/etc

# Not every host has its cgroup2 where ours do.
cgroup2=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
cgroup_root=${cgroup2:-/sys/fs/cgroup}/vesper-test-$$

make_node() {
	mkdir -p "$etc/conf" "$etc/names" "$node/template/cache"
	cat >"$etc/vz.conf" <<END
LOCKDIR="$node/lock"
RUNDIR="$node/run"
TEMPLATE="$node/template"
LOGFILE="$node/vzctl.log"
CGROUP_ROOT="$cgroup_root"
VE_ROOT="$node/root/\$VEID"
VE_PRIVATE="$node/private/\$VEID"
CONFIGFILE="small"
DEF_OSTEMPLATE="tiny"
END
	cat >"$etc/conf/ve-small.conf-sample" <<END
ONBOOT="no"
PHYSPAGES="0:64M"
SWAPPAGES="0:64M"
DISKSPACE="64M"
END
}

# make_template NAME - a root file system of a few files.
make_template() {
	mkdir -p "$tap_tmp/rootfs/sbin" "$tap_tmp/rootfs/etc"
	echo 'not really' >"$tap_tmp/rootfs/sbin/init"
	echo "$1" >"$tap_tmp/rootfs/etc/hostname"
	tar -C "$tap_tmp/rootfs" --owner=0 --group=0 -czf "$node/template/cache/$1-x86_64.tar.gz" .
}
