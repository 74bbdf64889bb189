#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 time=120
# tools: vzctl vztmpl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A container's own tree, imported as a directory while it is mounted, is a
# template again: a container made from it starts, and has an id of its own.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires vzctl vztmpl

cleanup_fn "{ for id in 961 962; do vzctl stop \$id --fast; vzctl destroy \$id; done; vztmpl remove again; } >/dev/null 2>&1"
check "create" vzctl create 961 --ostemplate busybox
check "start" vzctl start 961
check "it makes its id" wait_until 20 vzctl exec2 961 test -s /etc/machine-id
vzctl exec2 961 'echo mine >/etc/motd; chown 1234:4321 /etc/motd; touch -d "2001-02-03 00:00:00" /etc/motd'
check "stop" vzctl stop 961
check "mount" vzctl mount 961
run vztmpl import --name again /vz/root/961
is "import" "$status" 0
like "its id is left out" "$output" "left out what belongs to one machine only: .*machine id \(1\)"
check "umount" vzctl umount 961
check "verify" vztmpl verify again

check "create from it" vzctl create 962 --ostemplate again
check "start" vzctl start 962
is "what was written is there, and whose" "$(vzctl exec2 962 'cat /etc/motd; stat -c "%u:%g %Y" /etc/motd')" \
	"$(vzctl exec2 962 'printf "mine\n1234:4321 "; date -d 2001-02-03 +%s')"
check "it makes an id" wait_until 20 vzctl exec2 962 test -s /etc/machine-id
check "start the first again" vzctl start 961
mustfail "their ids differ" test "$(vzctl exec2 961 cat /etc/machine-id)" = "$(vzctl exec2 962 cat /etc/machine-id)"
