# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# For tests that run containers: a container is destroyed whatever the test
# does. Source it after functions.sh.
#
#   new_ct ID TEMPLATE [OPTION...]   create it, to be destroyed at the end
#   state ID                         "exist mounted running"
#   come_up ID                       wait for its systemd; prints what that says of itself: running
#   leftovers ID                     what the host still holds for it; empty is right

CG=/sys/fs/cgroup/vz.slice

requires vzctl

drop_ct() {
	vzctl --quiet stop "$1" --fast >/dev/null 2>&1 || :
	vzctl --quiet umount "$1" >/dev/null 2>&1 || :
	vzctl --quiet destroy "$1" >/dev/null 2>&1 || :
	rm -f "/etc/vz/conf/$1".*.destroyed
}

new_ct() {
	drop_ct "$1"
	cleanup_fn "drop_ct $1"
	ct_id=$1 ct_template=$2
	shift 2
	vzctl --quiet create "$ct_id" --ostemplate "$ct_template" --diskspace 2G "$@"
}

state() { vzctl status "$1" | cut -d' ' -f3-; }

# Asked once: each question is one program more on the processor on which it comes up.
come_up() {
	timeout 400 vzctl exec "$1" \
		'until [ -S /run/dbus/system_bus_socket ]; do sleep 1; done; systemctl is-system-running --wait' || :
}

leftovers() {
	ip -o link show "venet$1" 2>/dev/null || :
	ip -o link show group $((2147483647 - $1)) 2>/dev/null || :
	ls -d "$CG/$1" "/run/vz/$1" 2>/dev/null || :
	grep " /vz/root/$1 " /proc/self/mountinfo || :
	losetup -n -O NAME,BACK-FILE 2>/dev/null | grep "/vz/private/$1/" || :
	dmsetup ls --target ploop 2>/dev/null | while read -r ct_dm _; do
		dmsetup message "$ct_dm" 0 get_img_name 0 2>/dev/null | grep "^/vz/private/$1/" || :
	done
	ip -o route show dev "venet$1" 2>/dev/null || :
}
