#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The log and --verbose. If this fails, what was done to a container cannot be read
# afterwards, a password can, somebody forges a line, or a full log stops the work.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/node.sh
. "$(dirname "$0")/../lib/node.sh"
requires vzctl

make_node
make_template tiny
log=$node/vzctl.log
V() { vzctl --config-root "$etc" "$@"; }
# logged - what is in the log since the last time, without the dates.
logged() {
	sed 's/^[0-9T:-]*[+-][0-9]\{4\} //' "$log" 2>/dev/null || :
	rm -f "$log"
}
node_key() {
	sed -i "/^$1=/d" "$etc/vz.conf"
	[ -z "$2" ] || echo "$1=$2" >>"$etc/vz.conf"
}

check "create" V --quiet create 101
like "a line has date, program, container and text" "$(head -n 1 "$log")" \
	'^2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[+-][0-9]{4} vzctl : CT 101 : Creating container private area \(tiny\)$'
is "with --quiet too" "$(logged)" "vzctl : CT 101 : Creating container private area (tiny)
vzctl : CT 101 : Container private area was created"
V --quiet set 101 --ram 100M --ipadd 10.0.0.1 --name web --save
is "what set changed" "$(logged)" "vzctl : CT 101 : CT configuration saved to $etc/conf/101.conf
vzctl : CT 101 : done: set --ram 100M --ipadd 10.0.0.1 --name web --save"
run V set web --ipadd 10.0.0 --save
is "an error, as it is shown" "$(logged)" "$(echo "$output" | sed 's/^vzctl: /vzctl : CT 101 : /')"
run V set 101 --frobnicate
is "an option that is not" "$(logged)" "$(echo "$output" | sed 's/^vzctl: /vzctl : CT 101 : /')"
V status 101 >/dev/null
run V exec 101 true
is "nothing of what changes nothing" "$(logged)" ""
V --quiet set 101 --save
is "nor of a set of nothing" "$(logged)" ""

run V --quiet set 101 --description "$(printf 'a\nb vzctl : CT 1 : forged')" --save
is "a text of two lines is one" "$(logged | wc -l)" 1
printf 'DESCRIPTION="ok"\n' >"$etc/conf/ve-x.conf-sample"
run V --quiet set 101 --applyconfig "$(printf 'x\n2026-11-26T00:00:00+0000 vzctl : CT 1 : forged')" --save
like "so is an error" "$(logged)" '^vzctl : CT 101 : .*x\\0122026-.* forged'
V --quiet set 101 --applyconfig small --save
like "a sample" "$(logged)" 'done: set --applyconfig small --save$'
# It fails without a mount; the password must not be there even so.
run V set 101 --userpasswd root:sesame
run V set 101 --userpasswd "$(printf 'a\nb'):sesame"
is "no password" "$(logged | grep -c sesame)" 0

node_key LOGGING no
V --quiet set 101 --cpuunits 500 --save
is "LOGGING=no" "$(ls "$log" 2>/dev/null || :)" ""
node_key LOGGING yes
node_key LOG_LEVEL 1
V --quiet create 102
like "LOG_LEVEL=1 has details" "$(cat "$log")" "CT 102 : private area '$node/private/102': a disk of 67108864 bytes from '.*tiny-x86_64.tar.gz'"
like "the time" "$(logged)" '^vzctl : CT 102 : create took [0-9]+ ms$'
node_key LOG_LEVEL ''

run V --verbose create 103
is "create says what it did" "$status" 0
for what in "host ids from [0-9]+ and [0-9]+, 262144 of them" "private area '$node/private/103': a disk of 67108864 bytes" "create took [0-9]+ ms"; do
	like "--verbose: $what" "$output" "^vzctl: $what"
done
like "beside the usual" "$output" '^Container private area was created$'
is "on standard error" "$(V --verbose set 103 --cpuunits 10 --save 2>/dev/null)" "CT configuration saved to $etc/conf/103.conf"
like "set" "$(V --verbose set 103 --cpuunits 20 --save 2>&1)" '^vzctl: done: set --cpuunits 20 --save$'
is "no more without" "$(V set 103 --cpuunits 30 --save 2>&1)" "CT configuration saved to $etc/conf/103.conf"
node_key VERBOSE 1
like "VERBOSE=1 is --verbose" "$(V set 103 --cpuunits 20 --save 2>&1)" '^vzctl: set took [0-9]+ ms$'
is "--quiet is above it" "$(V --quiet set 103 --cpuunits 20 --save 2>&1)" ""
is "status is its line alone" "$(V status 103 2>&1)" "CTID 103 exist unmounted down"
node_key VERBOSE ''
logged >"$tap_tmp/rest"

# What cannot be written.
for file in "$tap_tmp" "$node/none/log" /dev/full "$tap_tmp/fifo"; do
	[ "$file" != "$tap_tmp/fifo" ] || mkfifo "$file"
	node_key LOGFILE "\"$file\""
	run timeout 20 vzctl --config-root "$etc" --quiet set 103 --cpuunits 10 --save
	is "a log in $(basename "$file") stops nothing" "$status $output" "0 "
done
like "it is said to who asks" "$(V --verbose set 103 --cpuunits 20 --save 2>&1)" "^vzctl: the log '.*fifo' cannot be written$"
node_key LOGFILE relative
run sh -c "cd '$tap_tmp' && vzctl --config-root '$etc' --quiet set 103 --cpuunits 30 --save"
is "a path that is none" "$status $output" "0 vzctl: warning: LOGFILE 'relative' is not an absolute path: there is no log"
is "no file is made of it" "$(ls "$tap_tmp/relative" 2>/dev/null || :)" ""
run V --quiet create 104
is "create takes it for an error" "$status" 85
like "by name" "$output" 'LOGFILE: .relative. is not an absolute path'
node_key LOGFILE ''
node_key LOG_LEVEL much
run V --quiet create 104
is "a level that is none" "$status" 85
node_key LOG_LEVEL ''
node_key LOGFILE "\"$log\""

# Many at once: no line is cut by another.
for i in 1 2 3 4; do
	(for j in 1 2 3 4 5; do V --quiet set 103 --bogus$i$j || :; done) >/dev/null 2>&1 &
done
wait
is "lines do not mix" "$(grep -cE "^[0-9T:+-]+ vzctl : CT 103 : set: bad option '--bogus[1-4][1-5]' \(try vzctl --help\)\$" "$log")" 20

top=$(cd "$(dirname "$0")/../.." && pwd)
if command -v logrotate >/dev/null; then
	sed "s,/var/log/vzctl.log,$log," "$top/etc/logrotate.d/vzctl" >"$tap_tmp/rotate"
	sed -i "s/create 0640 root root/create 0640 $(id -un) $(id -gn)/" "$tap_tmp/rotate"
	check "logrotate takes our file" logrotate -d -s "$tap_tmp/state" "$tap_tmp/rotate"
fi
like "and it is about the log that is written" "$(cat "$top/etc/logrotate.d/vzctl")" \
	"^$(sed -n 's/^LOGFILE="\(.*\)"$/\1/p' "$top/etc/vz.conf") {"
