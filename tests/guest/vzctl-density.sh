#!/bin/bash
# guest: kernel=plain root=host mem=3072 smp=2 boot=density time=900
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two hundred containers on a small host: if this fails, the last ones do not
# start, start much slower than the first, or cost more memory than was said.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"

n=200 first=4001
last=$((first + n - 1))
drop_all() {
	seq $first $last | xargs -P 16 -I ID vzctl --quiet stop ID --fast >/dev/null 2>&1 || :
	seq $first $last | xargs -P 2 -I ID vzctl --quiet destroy ID >/dev/null 2>&1 || :
	rm -f /etc/vz/conf/4[0-9][0-9][0-9].conf.destroyed
}
cleanup_fn drop_all

# KB of what a container keeps of the kernel and in its processes; caches are dropped before.
kept() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk -v keys="$1" 'BEGIN { split(keys, k, " "); for (i in k) want[k[i] ":"] = 1 } $1 in want { n += $2 } END { print n }' /proc/meminfo
}
kernel='Slab KernelStack PageTables Percpu' processes=AnonPages
now() { date +%s%N; }
# median FROM TO - of the starts with these numbers, in milliseconds.
median() { sed -n "$1,$2p" "$tap_tmp/starts" | sort -n | awk '{ t[NR] = $1 } END { printf "%d", (t[int((NR + 1) / 2)] + t[int(NR / 2) + 1]) / 2 / 1000000 }'; }

run sh -c "seq $first $last | xargs -P 2 -I ID vzctl --quiet create ID --ostemplate busybox --diskspace 256M --hostname hID"
is "$n containers are created" "$status $(vzlist -H -a -o ctid | awk -v a=$first -v b=$last '$1 >= a && $1 <= b' | wc -l)" "0 $n"

kernel_before=$(kept "$kernel") processes_before=$(kept "$processes")
bad=
for ((id = first; id <= last; id++)); do
	t=$(now)
	vzctl --quiet start $id || bad="$bad $id"
	echo $(($(now) - t)) >>"$tap_tmp/starts"
done
is "all start" "$bad" ""
is "all run" "$(vzlist -H -o ctid | wc -l)" $n
kernel_each=$((($(kept "$kernel") - kernel_before) / n)) processes_each=$((($(kept "$processes") - processes_before) / n))
diag "memory a container: $kernel_each KB of the kernel, $processes_each KB of its processes"
check "that is less than 2 MB" test $((kernel_each + processes_each)) -lt 2048
a=$(median 1 20) b=$(median $((n - 19)) $n)
diag "median of the first 20 starts $a ms, of the last 20 $b ms"
check "the last start within 1.3 times the first" test $((b * 10)) -le $((a * 13))

bad=
for ((id = first; id <= last; id++)); do
	[ "$(vzctl exec $id hostname)" = "h$id" ] || bad="$bad $id"
done
is "each answers as itself" "$bad" ""

run sh -c "seq $first $last | xargs -P 16 -I ID vzctl --quiet stop ID"
is "all stop" "$status $(vzlist -H -o ctid 2>/dev/null | wc -l)" "0 0"
bad=
for ((id = first; id <= last; id++)); do
	[ -z "$(leftovers $id)" ] || bad="$bad $id"
done
is "and leave nothing" "$bad$(cat /sys/fs/cgroup/ve.orphans)" ""
run sh -c "seq $first $last | xargs -P 2 -I ID vzctl --quiet destroy ID"
is "all are destroyed" "$status $(vzlist -H -a -o ctid 2>/dev/null | awk -v a=$first -v b=$last '$1 >= a && $1 <= b' | wc -l)" "0 0"
