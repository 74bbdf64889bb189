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
is "and by the long option" "$(L --all --name --no-header | awk '{ print $1, $2 }' | xargs)" "- 101 web 1000"
is "each once, in the order of ids" "$(L -1 1000 web 101 1000 | xargs)" "101 1000"
is "sorted" "$(L -a -H -o ctid -s hostname | xargs)" "1000 101"
is "sorted down" "$(L -a -H -o ctid -s -ctid | xargs)" "1000 101"
is "by host name" "$(L -a -1 -h 'a.*')" "      1000"
is "by name pattern" "$(L -a -1 -N 'w?b')" "      1000"
is "what has no name matches no pattern" "$(L -a -1 -N '*' | xargs)" 1000
is "patterns add up" "$(L -a -j -N web -h 'b.*')" "[]"
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
is "and exits 1" "$status" 1
mustfail "so is one to sort by" L -a -s frobs
like "by name" "$output" "'frobs'"
mustfail "two of them" L -a -s ctid,name
mustfail "a suffix of a field that has none" L -a -o ctid.l
mustfail "no field at all" L -a -o ,
mustfail "a field of OpenVZ 7" L -a -o uuid
like "is refused by name" "$output" "field 'uuid' is not supported"
mustfail "an unknown option" L --frobs
is "exits 2" "$status $output" "2 vzlist: bad option '--frobs' (try vzlist --help)"
mustfail "an unknown letter" L -Hx
is "too" "$status $output" "2 vzlist: bad option '-x' (try vzlist --help)"
mustfail "a missing argument" L -o
is "is named" "$status $output" "2 vzlist: missing argument of '-o' (try vzlist --help)"
mustfail "an option of OpenVZ 7" L -i
is "is refused by name " "$status $output" "2 vzlist: option -i is not supported: see the field netif"
mustfail "an unknown name" L nobody
is "exits 21" "$status" 21
mustfail "an id that nobody has" L -1 102 101
is "is named, the others are listed" "$status $output" "1 vzlist: container 102 does not exist
       101"
mustfail "no node" vzlist --config-root "$tap_tmp/none" -a
is "exits 10" "$status" 10
[ ! -e /dev/full ] || { full() { L -a >/dev/full; }; mustfail "what cannot be written is told" full; }
like "in one line" "$output" '^vzlist: cannot write'

is "of a list the first item, no part of one" "$(L -H -o ip,ctid 101 | xargs)" "10.0.0.1 101"
is "all of it with -t" "$(L -t -H -o ip,ctid 101 | xargs)" "10.0.0.1 10.0.0.2 101"
is "and in the last column" "$(L -H -o ctid,ip 101 | xargs)" "101 10.0.0.1 10.0.0.2"
V create 1001 --hostname "$(printf 'long%.0s' 1 2 3 4 5 6 7 8 9).example"
is "long text is cut" "$(L -H -o hostname,ctid 1001 | wc -L)" 43
is "not with -t" "$(L -t -H -o hostname,ctid 1001 | wc -L)" 55
is "nor in the last column" "$(L -Ho hostname 1001 | wc -L)" 44
V destroy 1001

every_field() {
	L -L | while read -r f _; do
		L -a -o "$f" >/dev/null || exit 1
	done
}
check "every field of -L can be shown" every_field
L -L | awk '{ print $1 }' | grep -v '\.\|^veid$\|^vpsid$' | sort >"$tap_tmp/fields"
L -j 101 | jq -r '.[] | keys[]' | sort >"$tap_tmp/keys"
check "and stands in JSON, once" cmp "$tap_tmp/fields" "$tap_tmp/keys"
grep -o '^[A-Z_]*=' "$etc/conf/101.conf" | tr -d = >"$tap_tmp/set"
every_key() {
	while read -r key; do
		case $key in
		IP_ADDRESS) f=ip ;;
		VE_*) f=$(echo "${key#VE_}" | tr A-Z a-z) ;;
		*) f=$(echo "$key" | tr A-Z a-z) ;;
		esac
		[ "$(L -H -o "$f" 101)" != - ] || { [ "$f" = diskspace ] && [ "$(L -H -o diskspace.h 101)" != - ]; } ||
			[ "$(L -H -o "$f.l" 101)" != - ] || { echo "$key"; exit 1; }
	done <"$tap_tmp/set"
}
check "what the file says can be seen" every_key

flock -F "$node/lock/101.lck" sleep 20 &
locker=$!
is_locked() { ! flock -n "$node/lock/101.lck" true; }
check "the lock is held" wait_until 10 is_locked
is "vzlist does not wait for it" "$(timeout 5 vzlist --config-root "$etc" -1 101 | xargs)" 101
is "nor vzctl status" "$(timeout 5 vzctl --config-root "$etc" status 101)" "CTID 101 exist unmounted down"
check "and it is held still" is_locked
kill "$locker"

echo rubbish >>"$etc/conf/101.conf"
run L -a -H -o ctid,status,hostname
is "a bad file costs a line" "$(printf '%s\n' "$output" | grep -c '101.conf:')" 1
like "and not the others" "$output" '^ *1000 stopped   a.example$'
like "nor the container: what the kernel says is shown" "$output" '^ *101 stopped   -$'
is "as success" "$status" 0
is "nothing of the file is guessed" \
	"$(L -j 101 2>/dev/null | jq -c '.[] | [.ctid, .status, .hostname, .onboot, .root, .vswap]')" '[101,"stopped",null,null,null,null]'
echo rubbish >>"$etc/vz.conf"
mustfail "a bad vz.conf" L -a
is "exits 85" "$status" 85
