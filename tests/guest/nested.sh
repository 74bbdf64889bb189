#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 boot=nested time=600
# tools: vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Containers of other kinds inside of ours: if this fails, a tenant's Docker or
# podman does not work, as root or without, by hand or as a service. Nothing was
# granted to the container; only for Docker's --privileged a feature is.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"

id=2901
templates=$(dirname "$0")/../../build/host/templates
cp "$templates"/nested-x86_64.* /vz/template/cache/
new_ct $id nested --ram 1G --diskspace 6G --hostname nest
rm -f /vz/template/cache/nested-x86_64.*
check "start" vzctl start $id

# Words are joined, and a shell of the container reads them.
inside() { vzctl exec2 $id "$*"; }

run inside 'until [ -S /run/dbus/system_bus_socket ]; do sleep 1; done; systemctl is-system-running --wait'
is "systemd is up, Docker's daemon with it" "$output" running
# What lies below the host it says after that.
is "virt-what knows where it is" "$(inside virt-what | head -n 1)" openvz
is "and that the host is none" "$(virt-what | grep -cx openvz)" 0
inside 'mkdir -p /srv/i/bin && cp /bin/busybox /srv/i/bin/ && ln -s busybox /srv/i/bin/sh'
# Something to run as a service: process 1 of a container hears a signal that it asked for only.
printf '#!/bin/sh\ntrap "exit 0" TERM\nbusybox sleep 1000 &\nwait\n' |
	inside 'cat >/srv/i/bin/serve; chmod 755 /srv/i/bin/serve; tar -C /srv/i -cf /srv/i.tar .'

# service NAME COMMAND... - run it as a unit of the system.
service() {
	name=$1
	shift
	printf '[Service]\nLimitNOFILE=1048576\nExecStart=%s\n' "$*" | inside "cat >/etc/systemd/system/$name.service; systemctl daemon-reload; systemctl start $name"
}

check "docker: an image" inside docker import /srv/i.tar bb
# Each run takes seconds under emulation: one for what can be seen in one.
said=$(inside 'docker run --rm --hostname inner --memory 32m --pids-limit 20 bb sh -c "
	busybox hostname; busybox cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max"')
is "docker: a command in a container" "$(echo "$said" | sed -n 1p)" inner
is "docker: with a limit of memory" "$(echo "$said" | sed -n 2p)" 33554432
is "docker: with one of tasks" "$(echo "$said" | sed -n 3p)" 20
service box-docker docker run --rm --name box bb serve
check "docker: a service" wait_until 60 inside docker exec box busybox true
is "docker: it is in the same VE" "$(inside docker exec box busybox cat /proc/self/status | awk '$1 == "envID:" { print $2 }')" $id
address=$(inside "docker inspect -f '{{.NetworkSettings.IPAddress}}' box")
check "docker: two of them reach each other" inside docker run --rm bb busybox ping -c 1 -W 5 "$address"
check "docker: the service stops" inside systemctl stop box-docker

check "podman: an image" inside podman import /srv/i.tar bb
is "podman: a command in a container" "$(inside podman run --rm bb busybox echo here)" here
service box-podman podman run --rm --name box bb serve
check "podman: a service" wait_until 60 inside podman exec box busybox true
check "podman: the service stops" inside systemctl stop box-podman

inside 'useradd -m -s /bin/bash joe && loginctl enable-linger joe'
joe() { inside "su - joe -c 'export XDG_RUNTIME_DIR=/run/user/\$(id -u); $*'"; }
wait_until 60 joe 'systemctl --user is-system-running --wait >/dev/null' || :
check "rootless: an image" joe podman import /srv/i.tar bb
said=$(joe 'podman run --rm bb sh -c "echo here; busybox cat /proc/self/uid_map"' 2>/dev/null)
is "rootless: a command in a container" "$(echo "$said" | sed -n 1p)" here
is "rootless: its root is joe" "$(echo "$said" | awk 'NR == 2 { print $2 }')" "$(inside id -u joe)"
joe 'mkdir -p .config/systemd/user; printf "[Service]\nExecStart=podman run --rm --name box bb serve\n" >.config/systemd/user/box.service; systemctl --user daemon-reload; systemctl --user start box'
check "rootless: a service of the user" wait_until 60 joe podman exec box busybox true
check "rootless: the service stops" joe systemctl --user stop box

is "nothing has failed inside" "$(inside systemctl --failed --no-legend --plain)" ""

# Docker before 23 asks for every capability then. Up to Docker is enough of a start.
mustfail "docker: --privileged takes a feature" inside docker run --rm --privileged bb busybox true
like "which it says" "$output" 'capabilit|not permitted'
inside 'printf "[Unit]\nRequires=basic.target docker.service\nAfter=docker.service\nAllowIsolate=yes\n" >/etc/systemd/system/nest.target; systemctl set-default nest.target' >/dev/null 2>&1
vzctl --quiet set $id --features nesting:on --save
check "with it" vzctl --quiet restart $id --fast
# One that waits for it, as each question to Docker is some seconds' work.
inside 'until systemctl start docker.service; do sleep 1; done' >/dev/null 2>&1
run inside 'docker run --rm --privileged bb sh -c "echo in; busybox mknod /d b 7 0 && busybox head -c 1 /d"'
like "docker: --privileged" "$output" '^in$'
mustfail "and opens no disk of the host" test "$status" -eq 0
check "stop" vzctl --quiet stop $id
is "and nothing is left" "$(leftovers $id)$(orphans)" ""
