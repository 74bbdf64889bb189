#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# ploop-io.sh [ROUNDS] - what an I/O costs on a mounted image, beside a raw file on a
# loop device (direct I/O), dm-thin on two such, and qcow2 through qemu-nbd: in
# instructions of the whole machine, fio's among them, as an emulator has no times
# that mean anything. Ratios are what the other costs to what ours does: what ours
# would do more on a disk that is not what is waited for. Spread: the least and the
# most of the rounds. A figure has its aim when most rounds have it.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
rounds=${1:-5}
out=${VESPER_BENCH_OUT:-$(mktemp)}
# In memory: the host's disk is not what is measured.
disk=$(mktemp /dev/shm/vesper-bench.XXXXXX)
trap 'rm -f "$disk"; [ -n "${VESPER_BENCH_OUT:-}" ] || rm -f "$out"' EXIT
truncate -s 8G "$disk"
make -s -C "$top" all
[ -r "$top/build/kernel/plain/bzImage" ] || "$top/scripts/build-kernel" plain
"$top/scripts/host-image" peers
"$top/tests/guest/run" -i -r "$top/build/peers/root.hdd" -d "$disk" -m 2048 -t 7200 -x "$top/tests" -- \
	/mnt/x/bench/ploop-io-in-guest "$rounds" >"$out"

echo "# instructions an I/O, thousands: median of $rounds rounds; ratio of the other's to ours, least to most"
echo "# KiB: what an I/O wrote to the files' disk, by ours, loop, dm-thin and qcow2"
printf '%-24s %6s | %-22s | %-22s | %-22s | %s\n' '' ours 'loop, raw' 'dm-thin' 'qcow2, qemu-nbd' KiB
awk 'NF == 6' "$out" | sort -s -k3,4 | awk '
function flush_row(	t, i, j, k, n, r, v, good, s, aim) {
	s = sprintf("%-24s %6.1f", row, median(cost, "ploop") / 1000)
	for (t = 1; t <= 3; t++) {
		n = good = 0
		aim = t == 1 && row ~ /^allocated/ ? 0.95 : 1
		for (i in cost)
			if (split(i, k, SUBSEP) && k[2] == names[t]) {
				r[++n] = cost[i] / cost[k[1], "ploop"]
				good += r[n] >= aim
			}
		for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (r[j] < r[i]) { v = r[i]; r[i] = r[j]; r[j] = v }
		s = s sprintf(" | %5.2f (%.2f-%.2f) %s", r[int((n + 1) / 2)], r[1], r[n],
			      t == 1 && row ~ /^fresh/ ? "    " : good * 2 > n ? "ok  " : "MISS")
	}
	if (row ~ /write/)
		s = s sprintf(" | %d %d %d %d", median(sectors, "ploop") / 2, median(sectors, "loop") / 2,
			      median(sectors, "thin") / 2, median(sectors, "qcow2") / 2)
	print s
	delete cost
	delete sectors
}
function median(of, name,	i, j, k, n, v, a) {
	for (i in of) if (split(i, k, SUBSEP) && k[2] == name) a[++n] = of[i]
	for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (a[j] < a[i]) { v = a[i]; a[i] = a[j]; a[j] = v }
	return a[int((n + 1) / 2)]
}
BEGIN { split("loop thin qcow2", names) }
{ if (row && row != $3 " " $4) flush_row(); row = $3 " " $4; cost[$1, $2] = $5; sectors[$1, $2] = $6 }
END { flush_row() }'
# of ROW - the median and the most of it
of() { awk -v w="$1" 'NF == 3 && $2 == w { print $3 }' "$out" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)], "(at most " v[NR] ")" }'; }
echo "longest write beside a snapshot of a disk of 100 GiB, ms: $(of pause); aim: below 100"
echo "bytes read to attach an image of 16 TiB: $(of attach); aim: at most 1048576"
echo "# aims: allocated, 0.95 of the loop device; ahead of the other two everywhere; measured $(date -u +%F) on $(cat "$top/build/kernel/plain/version")"
