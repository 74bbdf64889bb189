#!/bin/sh
# guest: kernel=plain root=host mem=2048 smp=1 time=60
# tools: none
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What real software makes of the markers: systemd-detect-virt takes the host
# for a host (or the machine it runs on) and a container for openvz.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires systemd-detect-virt unshare

root=/sys/fs/cgroup
ve=$root/vetest-markers
# shellcheck disable=SC2329 # run at the end
remove() {
	echo 1 >"$ve/cgroup.kill"
	wait_until 10 rmdir "$ve/init"
	wait_until 10 rmdir "$ve"
}

run systemd-detect-virt --container
is "the host is no container" "$output" none

mkdir "$ve"
echo 4711 >"$ve/ve.id"
mkdir "$ve/init"
cleanup_fn remove
# in VE COMMAND... - run it as a task of the container, with a /proc of its own.
inside() {
	# shellcheck disable=SC2016 # the inner shell's
	sh -c 'echo 0 >"$1/init/cgroup.procs" && shift && exec unshare --mount --pid --fork --mount-proc "$@"' inside "$ve" "$@"
}
run inside systemd-detect-virt --container
is "a container is openvz" "$output" openvz
run inside sh -c 'ls -d /proc/vz /proc/bc 2>&1; cat /proc/vz/veinfo; grep envID: /proc/self/status'
like "it has /proc/vz" "$output" '^/proc/vz$'
like "it has no /proc/bc" "$output" 'cannot access ./proc/bc.: No such file'
like "its number is in veinfo" "$output" '^      4711     2 +[0-9]+$'
like "and in the status" "$output" 'envID:.*4711'

echo 0 >"$ve/ve.marker"
run inside systemd-detect-virt --container
is "without the marker it is not" "$output" none
run inside ls -d /proc/vz
like "and /proc/vz is not there" "$output" 'No such file'
run systemd-detect-virt --container
is "the host is still none" "$output" none
