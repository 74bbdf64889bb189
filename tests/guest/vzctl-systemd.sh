#!/bin/sh
# guest: kernel=debug root=host mem=3072 smp=1 time=250
# tools: vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A whole Debian on the kernel that checks itself: systemd uses far more of it than
# busybox does, cgroups and namespaces of its own among it. If this fails, a lock, a
# reference or memory is misused there. What is in the template is tested on plain.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"

id=3101
check "create" new_ct $id debian-12 --hostname whole --ipadd 10.31.1.1
check "start" vzctl --quiet start $id
is "systemd is up" "$(come_up $id)" running
is "no unit has failed" "$(vzctl exec $id systemctl --failed --no-legend --plain)" ""
is "it is process 1 of its own" "$(vzctl exec $id 'cat /proc/1/comm; hostname; systemd-detect-virt' | xargs)" "systemd whole openvz"
check "a unit with limits runs" vzctl exec2 $id systemd-run --quiet --wait -p MemoryMax=64M -p TasksMax=20 -p PrivateTmp=yes true
check "stop" vzctl --quiet stop $id
is "nothing is left" "$(leftovers $id)$(orphans)" ""
check "destroy" vzctl --quiet destroy $id
