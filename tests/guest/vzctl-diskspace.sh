#!/bin/bash
# guest: kernel=plain root=host mem=3072 smp=1 boot=images time=480
# tools: vzctl ploop
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The disk of a container gets another size, running or not, and gives back what is
# free. If this fails, set --diskspace says that it did what it did not, or a
# container loses its files over it.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"
requires vzctl ploop resize2fs

id=931
value() { sed -n "s/^DISKSPACE=\"\(.*\)\"\$/\1/p" /etc/vz/conf/$id.conf; }
inside() { vzctl exec $id 'df -k / | tail -n 1' | awk '{ print $2 }'; }
size() { ploop info -s /vz/private/$id/root.hdd | sed -n 's/^size: *//p'; }
taken() { find /vz/private/$id/root.hdd -type f -links 1 -printf '%b\n' | awk '{ n += $1 } END { print n * 512 }'; }

for layout in expanded raw; do
	new_ct $id busybox --layout ploop:$layout --diskspace 300M
	check "$layout: start" vzctl --quiet start $id
	was=$(inside)
	check "$layout: grow it as it runs" vzctl --quiet set $id --diskspace 500M --save
	check "$layout: it sees that" test "$(inside)" -gt $((was * 15 / 10))
	is "$layout: it is saved" "$(value)" 500M
	vzctl exec $id 'head -c 30000000 /dev/urandom >/root/keep; head -c 60000000 /dev/urandom >/root/gone; sync; rm /root/gone'
	sum=$(vzctl exec $id 'md5sum </root/keep')
	run vzctl set $id --diskspace 30M --save
	is "$layout: not smaller than what is on it as it runs" "$status" 154
	like "$layout: says what it needs as it runs" "$output" 'needs a disk of [0-9]* bytes'
	is "$layout: nothing is saved" "$(value) $(size)" "500M $((500 << 20))"
	all=$(inside)
	run vzctl set $id --diskspace 280M --save
	is "$layout: smaller as it runs" "$status" 0
	like "$layout: says that it is pending" "$output" 'gets smaller at the next stop'
	is "$layout: that is saved" "$(value) $(size)" "280M $((500 << 20))"
	check "$layout: it sees that" test "$(inside)" -lt $((280 << 10))
	check "$layout: it uses no more" vzctl exec $id 'head -c 400000000 /dev/zero >/root/much && exit 1; rm /root/much'
	check "$layout: as it was" vzctl --quiet set $id --diskspace 500M --save
	is "$layout: it has its room again" "$(inside)" "$all"
	check "$layout: smaller again" vzctl --quiet set $id --diskspace 280M --save
	run vzctl set $id --diskspace 600M --offline-resize --save
	is "$layout: nor larger if only a stopped one is to be" "$status" 32
	run vzctl compact $id
	is "$layout: compact it as it runs" "$status" 0
	like "$layout: says what it takes" "$output" 'takes [0-9]* MiB on the host, [0-9]* before'
	check "$layout: what was deleted is the host's" wait_until 20 sh -c "test \$(find /vz/private/$id/root.hdd -type f -links 1 -printf '%b\n' | awk '{ n += \$1 } END { print n / 2048 }' | cut -d. -f1) -lt 75"
	check "$layout: stop" vzctl --quiet stop $id --fast
	is "$layout: it is that small" "$(size)" $((280 << 20))
	check "$layout: shrink it" vzctl --quiet set $id --diskspace 250M --save
	is "$layout: it is that small, and saved" "$(size) $(value)" "$((250 << 20)) 250M"
	run vzctl set $id --diskspace 20M --save
	is "$layout: not smaller than what is on it" "$status" 154
	like "$layout: says what it needs" "$output" 'needs a disk of [0-9]* bytes'
	is "$layout: nothing is saved" "$(size) $(value)" "$((250 << 20)) 250M"
	run vzctl set $id --diskspace 260M
	is "$layout: nothing without --save" "$status $(size)" "31 $((250 << 20))"
	check "$layout: grow it" vzctl --quiet set $id --diskspace 400M --offline-resize --save
	is "$layout: it is that large" "$(size) $(value)" "$((400 << 20)) 400M"
	check "$layout: compact it" vzctl --quiet compact $id
	is "$layout: it is not mounted after that" "$(state $id)" "exist unmounted down"
	check "$layout: start" vzctl --quiet start $id
	is "$layout: its file is there" "$(vzctl exec $id 'md5sum </root/keep')" "$sum"
	check "$layout: it has that room" test "$(inside)" -gt $((was * 12 / 10))
	diag "$layout: takes $(($(taken) >> 20)) MiB"
	check "$layout: stop" vzctl --quiet stop $id --fast
	check "$layout: check finds nothing" ploop check -s /vz/private/$id/root.hdd
	check "$layout: destroy" vzctl --quiet destroy $id
done
