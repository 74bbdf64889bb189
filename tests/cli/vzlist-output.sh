#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What panels, libvirt and collectd parse. If this fails, they see no
# containers, or the wrong ones.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/node.sh
. "$(dirname "$0")/../lib/node.sh"
requires vzctl vzlist jq

make_node
make_template tiny
V() { vzctl --quiet --config-root "$etc" "$@"; }
L() { vzlist --config-root "$etc" "$@"; }

mustfail "nothing there" L -a
is "exits 1" "$status" 1
is "JSON of nothing" "$(L -a -j)" "[]"

V create 101 --hostname b.example --ipadd 10.0.0.1 --ipadd 10.0.0.2
V create 1000 --hostname a.example --name web --description 'say "hi" \ there'
V set 1000 --onboot yes --save

mustfail "none runs" L
is "all" "$(L -a -H | awk '{ print $1, $2, $3, $4 }')" "101 - stopped 10.0.0.1
1000 - stopped -"
is "the header" "$(L -a | head -n 1 | xargs)" "CTID NPROC STATUS IP_ADDR HOSTNAME"
is "libvirt asks so" "$(L -a -ovpsid,status -H | xargs)" "101 stopped 1000 stopped"
is "and so" "$(L 101 -ostatus -H)" "stopped"
is "and so too" "$(L -o hostname 101 -H)" "b.example"
is "collectd asks so" "$(L -aHo veid | xargs)" "101 1000"
is "and so for a name" "$(L -Ho name 101)" "-"
is "ids only" "$(L -a -1 | xargs)" "101 1000"
is "stopped only" "$(L -S -1 | xargs)" "101 1000"
is "by name" "$(L -H -o ctid web | xargs)" 1000
is "names first" "$(L -a -n | awk 'NR == 1 { print $1 }')" NAME
is "sorted" "$(L -a -H -o ctid -s hostname | xargs)" "1000 101"
is "sorted down" "$(L -a -H -o ctid -s -ctid | xargs)" "1000 101"
is "by host name" "$(L -a -1 -h 'a.*')" "      1000"
is "by name pattern" "$(L -a -1 -N 'w?b')" "      1000"
is "by description" "$(L -a -1 -d '*hi*')" "      1000"
is "numproc has five values" "$(L -a -H -o numproc,numproc.m,numproc.b,numproc.l,numproc.f 101 | xargs)" "- - - - -"

L -a -j >"$tap_tmp/json"
check "JSON parses" jq -e . "$tap_tmp/json"
is "ids are numbers" "$(jq -c 'map(.ctid)' "$tap_tmp/json")" "[101,1000]"
is "addresses are arrays" "$(jq -c '.[0].ip, .[1].ip' "$tap_tmp/json" | xargs)" "[10.0.0.1,10.0.0.2] null"
is "booleans are real" "$(jq -c '.[1].onboot, .[1].disabled' "$tap_tmp/json" | xargs)" "true null"
is "text arrives whole" "$(jq -r '.[1].description' "$tap_tmp/json")" 'say "hi" \ there'
is "chosen fields" "$(L -a -j -o ctid,status | jq -c .)" '[{"ctid":101,"status":"stopped"},{"ctid":1000,"status":"stopped"}]'
mustfail "no suffix in JSON" L -a -j -o numproc.l
mustfail "an unknown field" L -a -o frobs
like "is named" "$output" "'frobs'"
mustfail "a suffix of a field that has none" L -a -o ctid.l
mustfail "an unknown option" L --frobs
is "exits 2" "$status" 2
mustfail "an unknown name" L nobody
is "exits 21" "$status" 21
every_field() {
	L -L | while read -r f _; do
		L -a -o "$f" >/dev/null || exit 1
	done
}
check "every field of -L can be shown" every_field

echo rubbish >>"$etc/conf/101.conf"
run L -a -1
is "a bad file costs a line" "$(printf '%s\n' "$output" | grep -c '101.conf:')" 1
like "and not the others" "$output" '^ *1000$'
