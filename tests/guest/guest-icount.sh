#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# on-host
# Without this, a figure of the benchmark would be noise of the machine.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)

# The same loop in two guests: the guest's own clock must say nearly the same.
measure() {
	"$top/tests/guest/run" -i "$@" -- sh -c '
		t() { read -r up idle </proc/uptime; echo "${up%.*}${up#*.}"; }
		i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); done
		a=$(t); i=0; while [ $i -lt 60000 ]; do i=$((i + 1)); done; b=$(t)
		nproc; echo $((b - a))'
}
# Once beside as many busy loops as there are processors, and asked for more than one.
first=$(measure)
for _ in $(seq "$(nproc)"); do
	(while :; do :; done) &
	cleanup_fn kill $!
done
second=$(measure -s 4)
is "one CPU" "$(echo "$first" | head -n 1)" 1
is "one CPU, whatever -s says" "$(echo "$second" | head -n 1)" 1
one=$(echo "$first" | tail -n 1) two=$(echo "$second" | tail -n 1)
diag "the loop took $one and $two hundredths of a second of the guest"
check "a time differs by less than 3 %, however busy the machine is" awk -v a="$one" -v b="$two" 'BEGIN { d = a - b; if (d < 0) d = -d; exit !(a > 10 && d <= 1 + a * 0.03) }'
like "nothing is where chance put it" "$("$top/tests/guest/run" -i -- cat /proc/cmdline)" ' norandmaps nokaslr( |$)'
