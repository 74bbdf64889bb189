#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# start-stop.sh [ROUNDS] - what starting and ending a busybox container takes, ours
# beside lxc-start, systemd-nspawn and crun, in turns in an emulated guest: milliseconds
# on its clock, and in a second guest, of which the time counts instructions (run -i),
# millions of them, the kernel's with them. What is compared is ratios: the guest is
# many times slower than a machine, and its clock runs on while others work on this one.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
rounds=${1:-15}
out=$(mktemp)
trap 'rm -f "$out" "$out.i"' EXIT
make -s -C "$top" all
[ -r "$top/build/kernel/plain/bzImage" ] || "$top/scripts/build-kernel" plain
"$top/scripts/host-image" peers
# measure OPTION... - in a guest with those
measure() {
	"$top/tests/guest/run" -r "$top/build/peers/root.hdd" -m 3072 -t 1200 "$@" -x "$top/tests/bench" -- \
		/mnt/x/start-stop-in-guest "$rounds"
}
measure >"$out"
measure -i >"$out.i"

# of NAME WHAT FILE FIELD - the least, the median and the most
of() {
	awk -v n="$1" -v w="$2" -v f="$4" '$1 == n && $2 == w { printf "%.0f\n", $f / 1000 }' "$3" | sort -n |
		awk '{ v[NR] = $1 } END { print v[1], v[int((NR + 1) / 2)], v[NR] }'
}
# lacks NAME - what it has not, as Debian has it
lacks() { awk -v n="$1" '$1 == n && $2 == "lacks" { $1 = $2 = ""; l = l "," $0 } END { if (l) print "without" substr(l, 2) }' "$out"; }
# table WHAT UNIT FILE FIELD - of ours and of each peer, and ours to the peer's
table() {
	echo "# $1 of a busybox container, $2, median of $rounds (least-most), in turns; ratio: ours to the peer's"
	# shellcheck disable=SC2046 # three numbers
	set -- "$1" "$3" "$4" $(of vesper "$1" "$3" "$4")
	for name in vesper lxc nspawn crun; do
		of $name "$1" "$2" "$3" | {
			read -r least median most
			printf '%-10s %6d  (%d-%d)  %s  %s\n' $name "$median" "$least" "$most" \
				"$(awk -v a="$5" -v b="$median" 'BEGIN { printf "%.2f", a / b }')" "$(lacks $name)"
		}
	done
}
for what in start stop; do
	table $what "ms" "$out" 3
	table $what "millions of instructions" "$out.i" 4
done
