#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 time=300
# tools: vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# If this fails, a limit of a container is not what its configuration says, or
# one container takes what is the others'.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"

id=2401
new_ct $id busybox --ram 64M --swap 0 --cpulimit 50 --cpuunits 2000 --numproc 30
vzctl --quiet start $id
value() { cat "$CG/$id/$1"; }

is "memory" "$(value memory.max)" 67108864
is "swap" "$(value memory.swap.max)" 0
is "CPU cap" "$(value cpu.max)" "50000 100000"
is "CPU weight" "$(value cpu.weight)" 200
is "processes" "$(awk '$1 == "numproc" { print $4, $5 }' $CG/$id/ve.ubc.stat)" "30 30"

# 40 sleeps do not fit under 30.
vzctl set $id --cpulimit 0 >/dev/null
# shellcheck disable=SC2016 # expands inside
run timeout 150 vzctl exec2 $id 'i=0; while [ $i -lt 40 ]; do sleep 300 & i=$((i+1)); done'
held=$(awk '$1 == "numproc" { print $3 }' $CG/$id/ve.ubc.stat)
fails=$(awk '$1 == "numproc" { print $6 }' $CG/$id/ve.ubc.stat)
check "no more processes than the barrier" test "$held" -le 31
check "what was refused is counted" test "$fails" -gt 0
check "entering works at the limit" vzctl exec $id killall sleep

run timeout 150 vzctl exec2 $id dd if=/dev/zero of=/dev/null bs=80M count=1
check "the kill is counted in its cgroup" sh -c "awk '\$1 == \"oom_kill\" && \$2 > 0 { ok = 1 } END { exit !ok }' $CG/$id/memory.events"
check "and the container lives" vzctl exec $id true

check "limits change at once" vzctl set $id --ram 128M --cpulimit 70 --cpuunits 1000 --numproc 100:200
is "memory now" "$(value memory.max)" 134217728
is "CPU cap now" "$(value cpu.max)" "70000 100000"
is "processes now" "$(awk '$1 == "numproc" { print $4, $5 }' $CG/$id/ve.ubc.stat)" "100 200"
run vzctl set $id --cpuunits 500000
is "what cannot be weighed is said" "$status $output" "0 cpuunits 500000 is outside what the kernel can weigh: applied as 100000"
run vzctl set $id --cpuunits 8
is "nor what is below it" "$status $output" "0 cpuunits 8 is outside what the kernel can weigh: applied as 10"
is "it has the least weight" "$(value cpu.weight)" 1
run vzctl set $id --cpuunits 10
is "the least that can be weighed is not talked about" "$status $output $(value cpu.weight)" "0  1"
is "without --save the file is as it was" "$(grep -c 'PHYSPAGES="0:64M"' /etc/vz/conf/$id.conf)" 1

# A change that fails half way takes the first half back.
ip route add 10.24.0.9 dev lo
mustfail "an address that is taken, after one that is not" vzctl set $id --ram 256M --ipadd 10.24.0.1 --numproc 50 --ipadd 10.24.0.9 --save
is "takes the memory back" "$(value memory.max)" 134217728
is "and the other address" "$(ip route show 10.24.0.1)" ""
ip route del 10.24.0.9 dev lo

check "an address for now" vzctl set $id --ipadd 10.24.0.1
check "can be taken away again" vzctl set $id --ipdel 10.24.0.1
is "and is" "$(ip route show 10.24.0.1)" ""
check "another one for good" vzctl set $id --ipadd 10.24.0.2 --save
is "only that is in the file" "$(grep -c 'IP_ADDRESS="10.24.0.2"' /etc/vz/conf/$id.conf)$(grep -c 'PHYSPAGES="0:64M"' /etc/vz/conf/$id.conf)" 11
