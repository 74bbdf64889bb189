#!/bin/bash
# guest: kernel=plain root=host mem=3072 smp=1 boot=density time=1300
# tools: vzctl vzlist
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two hundred containers on a small host: if this fails, the last ones do not
# start, start much slower than the first, or cost more memory than was said.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"
# shellcheck source=tests/lib/emulator.sh
. "$(dirname "$0")/../lib/emulator.sh"

n=200 first=4001
last=$((first + n - 1)) timed=20
ids() { seq "$1" "$2"; }
# each FROM TO PARALLEL COMMAND... - COMMAND, in which ID is the number, for each.
each() {
	each_from=$1 each_to=$2 each_parallel=$3
	shift 3
	ids "$each_from" "$each_to" | xargs -P "$each_parallel" -I ID "$@"
}
# ours [VZLIST OPTION] - how many of ours vzlist names.
ours() { vzlist -H -o ctid "$@" 2>/dev/null | awk -v a=$first -v b=$last '$1 >= a && $1 <= b' | wc -l; }
drop_all() {
	[ "$(ours -a)" -gt 0 ] || return 0
	each $first $last 16 vzctl --quiet stop ID --fast >/dev/null 2>&1 || :
	each $first $last 2 vzctl --quiet destroy ID >/dev/null 2>&1 || :
	rm -f /etc/vz/conf/4[0-9][0-9][0-9].conf.destroyed
}
cleanup_fn drop_all

# What the host still holds for any of them.
held() {
	ls -d $CG/4??? /run/vz/4??? 2>/dev/null || :
	grep -E ' /vz/root/4[0-9]{3} ' /proc/self/mountinfo || :
	losetup -n -O NAME,BACK-FILE 2>/dev/null | grep '/vz/private/4' || :
	ip -o link | grep 'venet4' || :
	orphans
}

# KB of what a container keeps of the kernel and in its processes; caches are dropped before.
kept() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk -v keys="$1" 'BEGIN { split(keys, k, " "); for (i in k) want[k[i] ":"] = 1 } $1 in want { n += $2 } END { print n }' /proc/meminfo
}
kernel='Slab KernelStack PageTables Percpu' processes=AnonPages

# What the emulator has used of its processors, in ms: work is measured, not how much
# of the machine there was for it. One processor in the guest, as one that waits for
# another would be counted, too.
emulator_mount
# How much a unit of work costs at this moment: the machine's caches and clock are not ours alone.
yardstick() { awk 'BEGIN { for (i = 0; i < 100000; i++) x += i }'; }
# start_timed FILE FROM TO - start them one by one; FILE has "MS PERCENT CLOCK", what each
# cost, how that is to the yardstick beside it, and the ms that a person waited for it.
start_timed() {
	for id in $(ids "$2" "$3"); do
		t=$(emulator_used)
		yardstick
		y=$(emulator_used) from=${EPOCHREALTIME/./}
		vzctl --quiet start "$id" || return 1
		to=${EPOCHREALTIME/./} z=$(emulator_used)
		echo "$((z - y)) $((100 * (z - y) / (y - t))) $(((to - from) / 1000))" >>"$1"
	done
}
# median FILE COLUMN
median() { cut -d' ' -f"$2" "$1" | sort -n | awk '{ t[NR] = $1 } END { printf "%d", (t[int((NR + 1) / 2)] + t[int(NR / 2) + 1]) / 2 }'; }

check "$n containers are created" each $first $last 2 \
	vzctl --quiet create ID --ostemplate busybox --diskspace 256M --hostname hID
is "all are there" "$(ours -a)" $n

kernel_before=$(kept "$kernel") processes_before=$(kept "$processes")
check "the first start" start_timed "$tap_tmp/first" $first $((first + timed - 1))
check "most of them" each $((first + timed)) $((last - timed)) 2 vzctl --quiet start ID
check "the last start" start_timed "$tap_tmp/last" $((last - timed + 1)) $last
is "all run" "$(ours)" $n
kernel_each=$((($(kept "$kernel") - kernel_before) / n)) processes_each=$((($(kept "$processes") - processes_before) / n))
diag "memory a container: $kernel_each KB of the kernel, $processes_each KB of its processes"
check "that is less than 2 MB" test $((kernel_each + processes_each)) -lt 2048
diag "processor time of the first $timed starts, median: $(median "$tap_tmp/first" 1) ms, of the last $(median "$tap_tmp/last" 1) ms"
diag "by the clock: $(median "$tap_tmp/first" 3) ms and $(median "$tap_tmp/last" 3) ms"
a=$(median "$tap_tmp/first" 2) b=$(median "$tap_tmp/last" 2)
diag "to a unit of work at the time: $a and $b in 100"
check "the last start within 1.3 times the first" test $((b * 10)) -le $((a * 13))

# shellcheck disable=SC2016 # expands in the shell of each
is "each answers as itself" "$(each $first $last 2 sh -c 'h=$(vzctl exec ID hostname); [ "$h" = hID ] || echo "ID is $h"')" ""
check "all stop" each $first $last 16 vzctl --quiet stop ID
is "none runs" "$(ours)" 0
is "and leave nothing" "$(held)" ""
check "all are destroyed" each $first $last 2 vzctl --quiet destroy ID
is "none is there" "$(ours -a)" 0
