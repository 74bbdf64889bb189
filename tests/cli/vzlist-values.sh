#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The numbers of vzlist, read from a cgroup of plain files. If this fails, a
# panel bills or throttles by a value that the kernel never said.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/node.sh
. "$(dirname "$0")/../lib/node.sh"
requires vzlist jq

make_node
cg=$tap_tmp/cg
sed -i "s,^CGROUP_ROOT=.*,CGROUP_ROOT=\"$cg\"," "$etc/vz.conf"
L() { vzlist --config-root "$etc" "$@"; }
# values ID FIELD - the column and its suffixes, as a line.
values() { L -H -o "$2,$2.m,$2.b,$2.l,$2.f" "$1" | xargs; }
J() { L -j "$1" | jq -c ".[0] | $2"; }

cat >"$etc/conf/101.conf" <<'END'
HOSTNAME="one.example"
PHYSPAGES="0:512M"
SWAPPAGES="0:unlimited"
NUMPROC="100:200"
KMEMSIZE="14372700:14790164"
PRIVVMPAGES="65536:9223372036854775807"
LOCKEDPAGES="8M"
SHMPAGES="21504"
DISKSPACE="2G:3G"
DISKINODES="131072:144179"
CPUUNITS="1000"
CPULIMIT="50%"
CPUS="2"
IOLIMIT="10M"
IOPSLIMIT="300"
IOPRIO="7"
BOOTORDER="5"
VM_OVERCOMMIT="1.5"
ONBOOT="YES"
FEATURES="nfs:on,sit:off"
NETFILTER="stateless"
VE_LAYOUT="ploop:raw"
LOCAL_UID="1000000"
END

# A container that does not run: what its next start would set.
is "limits are those of the file" "$(values 101 numproc)" "- - 100 200 -"
is "in pages" "$(values 101 physpages)" "- - 0 131072 -"
is "unlimited is LONG_MAX, as ever" "$(values 101 swappages)" "- - 0 9223372036854775807 -"
is "in bytes" "$(values 101 kmemsize)" "- - 14372700 14790164 -"
is "LONG_MAX is not multiplied" "$(values 101 privvmpages)" "- - 65536 9223372036854775807 -"
is "a suffix is of bytes" "$(values 101 lockedpages)" "- - 2048 2048 -"
is "one value sets both" "$(values 101 shmpages)" "- - 21504 21504 -"
is "nothing is nothing" "$(values 101 numfile)" "- - - - -"
is "libvirt asks so" "$(L --no-header -oprivvmpages.b,privvmpages.l 101 | xargs)" "65536 9223372036854775807"
is "the disk, in KiB" "$(L -H -o diskspace,diskspace.s,diskspace.h 101 | xargs)" "- 2097152 3145728"
is "inodes" "$(L -H -o diskinodes,diskinodes.s,diskinodes.h 101 | xargs)" "- 131072 144179"
is "vswap" "$(L -H -o vswap 101 | xargs)" yes
is "nothing runs" "$(L -H -o status,uptime,laverage 101 | xargs)" "stopped - -"
is "JSON of a beancounter" "$(J 101 .numproc)" '{"held":null,"maxheld":null,"barrier":100,"limit":200,"failcnt":null}'
is "JSON of the disk" "$(J 101 .diskspace)" '{"usage":null,"softlimit":2097152,"hardlimit":3145728}'
is "JSON of what is not there" "$(J 101 .numfile)" null
is "numbers are numbers" "$(J 101 '[.cpulimit, .cpuunits, .cpus, .iolimit, .iopslimit, .ioprio, .bootorder, .vm_overcommit, .local_uid]')" \
	"[50,1000,2,10485760,300,7,5,1.5,1000000]"
is "booleans booleans" "$(J 101 '[.onboot, .vswap, .disabled]')" "[true,true,null]"
is "lists lists" "$(J 101 .features)" '["nfs:on","sit:off"]'
is "and words words" "$(J 101 '[.netfilter, .layout, .status]')" '["stateless","ploop","stopped"]'

# OpenVZ took INT_MAX pages for no limit on 32 bits.
for limit in unlimited 2147483647 9223372036854775807; do
	printf 'PHYSPAGES="0:%s"\n' $limit >"$etc/conf/102.conf"
	is "no vswap with $limit" "$(L -H -o vswap 102 | xargs)" no
done
for bad in '0:x' '2:1' '-1' ''; do
	printf 'PHYSPAGES="%s"\nNUMPROC="%s"\nCPULIMIT="x%s"\n' "$bad" "$bad" "$bad" >"$etc/conf/102.conf"
	is "a value that is none ($bad) is not shown" "$(L -H -o physpages.l,numproc.l,cpulimit 102 | xargs)" "- - -"
done

# It runs: what the kernel counts and enforces, and nothing else.
run_ct() {
	mkdir -p "$cg/$1" "$node/run/$1"
	echo running >"$cg/$1/ve.state"
	echo 'numproc 12 30 100 max 4' >"$cg/$1/ve.ubc.stat"
	echo 409600000 >"$cg/$1/memory.current"
	echo 819200000 >"$cg/$1/memory.peak"
	echo 1073741824 >"$cg/$1/memory.max"
	printf 'low 0\nhigh 0\nmax 77\noom 3\noom_kill 2\noom_group_kill 1\n' >"$cg/$1/memory.events"
	echo 0 >"$cg/$1/memory.swap.current"
	echo 4096 >"$cg/$1/memory.swap.peak"
	echo max >"$cg/$1/memory.swap.max"
	printf 'high 0\nmax 5\nfail 6\n' >"$cg/$1/memory.swap.events"
}
run_ct 101
is "it is listed without -a" "$(L -H -o ctid,status | xargs)" "101 running"
is "the kernel's numbers" "$(values 101 numproc)" "12 30 100 9223372036854775807 4"
is "memory, in pages" "$(values 101 physpages)" "100000 200000 0 262144 3"
is "swap" "$(values 101 swappages)" "0 1 0 9223372036854775807 6"
is "what the kernel does not count" "$(values 101 kmemsize)$(values 101 privvmpages)" "- - - - -- - - - -"
is "what is not in effect" "$(L -H -o cpus,iolimit,vm_overcommit 101 | xargs)" "- - -"
is "what is" "$(L -H -o cpulimit,cpuunits,hostname 101 | xargs)" "50 1000 one.example"
is "no load: the host's is not its own" "$(L -H -o laverage 101 | xargs) $(J 101 .laverage)" "- null"
is "JSON of a beancounter now" "$(L -j -o numproc 101 | tr -d ' \n')" \
	'[{"numproc":{"held":12,"maxheld":30,"barrier":100,"limit":9223372036854775807,"failcnt":4}}]'
is "JSON of one that is not counted" "$(J 101 .kmemsize)" null
rm "$cg/101/memory.peak" "$cg/101/memory.events"
is "a kernel without a file costs that value" "$(values 101 physpages)" "100000 - 0 262144 -"
echo 'numfile 7 8 9 10 11' >>"$cg/101/ve.ubc.stat"
is "what a kernel counts besides is shown" "$(values 101 numfile)" "7 8 9 10 11"
echo stopping >"$cg/101/ve.state"
is "one that stops still runs" "$(L -H -o status 101)" running
echo starting >"$cg/101/ve.state"
is "one that starts does not yet" "$(L -H -o status 101)" stopped
echo running >"$cg/101/ve.state"

# Changed without --save.
printf 'HOSTNAME="now.example"\nCPULIMIT="70"\nIP_ADDRESS=""\n' >"$node/run/101/changes"
is "what was set for now is shown" "$(L -H -o hostname,cpulimit 101 | xargs)" "now.example 70"
is "and found" "$(L -1 -h 'now.*' | xargs)$(L -1 -h 'one.*' 2>/dev/null | xargs)" 101

# The record of the start: this shell is its init.
record() {
	printf 'BOOT_ID="%s"\nINIT_PID="%s"\nINIT_START="%s"\nSTARTED="1"\n' \
		"$(cat /proc/sys/kernel/random/boot_id)" "$1" "$2" >"$node/run/101/state"
}
ticks() { sed 's/.*) //' "/proc/$1/stat" | cut -d' ' -f20; }
is "without a record no uptime" "$(L -H -o uptime 101 | xargs)" -
record $$ "$(ticks $$)"
like "its age" "$(L -H -o uptime 101)" '^000d00h:0[0-9]m:[0-5][0-9]s$'
like "in seconds" "$(J 101 .uptime)" '^[0-9]+(\.[0-9]{1,3})?$'
record 1 "$(ticks 1)"
up=$(L -j 101 | jq '.[0].uptime')
check "of the first process of the machine: the machine's" \
	awk -v a="$up" '{ exit !(a <= $1 + 5 && a > $1 - 60) }' /proc/uptime
record $$ 1
is "of a process that is not it" "$(L -H -o uptime 101 | xargs)" -

# The kernel runs what has no file, or a bad one.
run_ct 300
run_ct 301
echo rubbish >"$etc/conf/301.conf"
is "a container whose file is gone is listed" "$(L -H -o ctid,status,numproc 2>/dev/null | xargs)" "101 running 12 300 running 12 301 running 12"
is "one whose file is bad says what the kernel knows" \
	"$(L -H -o physpages.l,vswap,cpulimit 301 2>/dev/null | xargs)" "262144 yes -"
mkdir "$cg/302" "$cg/system.slice"
is "a cgroup that is none is not" "$(L -a -1 2>/dev/null | xargs)" "101 102 300 301"

# Sorting: absent first, equal ones by id.
for i in 401 402 403; do echo 'NUMPROC="7"' >"$etc/conf/$i.conf"; done
printf 'IP_ADDRESS="10.0.0.10"\nNUMPROC="30"\n' >>"$etc/conf/401.conf"
printf 'IP_ADDRESS="10.0.0.9"\nNUMPROC="4"\n' >>"$etc/conf/402.conf"
is "by address" "$(L -1 -s ip 401 402 403 | xargs)" "403 402 401"
is "by a value of a beancounter, down" "$(L -1 -s -numproc.l 403 402 401 | xargs)" "401 403 402"
is "by status" "$(L -1 -s status 401 101 402 | xargs)" "101 401 402"
is "by memory" "$(L -1 -s physpages 401 101 | xargs)" "401 101"
