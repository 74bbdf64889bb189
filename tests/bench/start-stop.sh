#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# start-stop.sh [ROUNDS] - milliseconds to start and to end a busybox container,
# ours beside lxc-start, systemd-nspawn and crun, in turns in one emulated guest.
# What is compared is ratios: the guest is many times slower than a machine.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
rounds=${1:-15}
out=$(mktemp)
trap 'rm -f "$out"' EXIT
make -s -C "$top" all
[ -r "$top/build/kernel/plain/bzImage" ] || "$top/scripts/build-kernel" plain
"$top/scripts/host-image" peers
"$top/tests/guest/run" -r "$top/build/peers/root.hdd" -m 3072 -t 1200 -x "$top/tests/bench" -- \
	/mnt/x/start-stop-in-guest "$rounds" >"$out"

# median NAME WHAT
median() { awk -v n="$1" -v w="$2" '$1 == n && $2 == w { print $3 }' "$out" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
# lacks NAME - what it has not, as Debian has it
lacks() { awk -v n="$1" '$1 == n && $2 == "lacks" { $1 = $2 = ""; l = l "," $0 } END { if (l) print "without" substr(l, 2) }' "$out"; }
echo "# a busybox container, median of $rounds, in turns; ratio: ours to the peer's"
printf '%-16s %10s %8s %10s %8s\n' "" 'start, ms' ratio 'end, ms' ratio
ours_start=$(median vesper start) ours_stop=$(median vesper stop)
for name in vesper lxc nspawn crun; do
	a=$(median $name start) b=$(median $name stop)
	printf '%-16s %10d %8s %10d %8s  %s\n' $name "$a" "$(awk -v a="$ours_start" -v b="$a" 'BEGIN { printf "%.2f", a / b }')" \
		"$b" "$(awk -v a="$ours_stop" -v b="$b" 'BEGIN { printf "%.2f", a / b }')" "$(lacks $name)"
done
