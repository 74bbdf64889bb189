#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The table of fields in vzlist(8) and what vzlist does. If this fails, somebody
# who parses by the page cuts lines at the wrong column, or meets a type he does not expect.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/node.sh
. "$(dirname "$0")/../lib/node.sh"
requires vzlist jq

make_node
L() { vzlist --config-root "$etc" "$@"; }
page=$(cd "$(dirname "$0")/../.." && pwd)/docs/man/vzlist.8
# "field|header|width|JSON" a line
sed -n 's/^\.It \([a-z_]*\) Ta /\1|/p' "$page" | sed 's/ Ta /|/g' | cut -d'|' -f1-4 >"$tap_tmp/table"

L -L | grep -v '^[a-z_]*\.' | awk '{ print $1, $2 }' >"$tap_tmp/program"
cut -d'|' -f1,2 "$tap_tmp/table" | tr '|' ' ' >"$tap_tmp/page"
run diff "$tap_tmp/program" "$tap_tmp/page"
is "fields and headers, in their order" "$output" ""

# A container that has every parameter.
key() {
	case $1 in
	ip) echo IP_ADDRESS ;;
	root | private | layout) echo "VE_$1" | tr a-z A-Z ;;
	*) echo "$1" | tr a-z A-Z ;;
	esac
}
value() {
	case $1-$2 in
	ip-*) echo 10.0.0.1 ;;
	*-boolean) echo yes ;;
	cpuunits-*) echo 1000 ;;
	*-float) echo 1.5 ;;
	*-string) echo /some/text ;;
	*) echo 7 ;;
	esac
}
while IFS='|' read -r field _ _ type; do
	echo "$(key "$field")=$(value "$field" "$type")"
done <"$tap_tmp/table" | sed 's/^NAME=.*/NAME=web/; s/^HOSTNAME=.*/HOSTNAME=h/' >"$etc/conf/101.conf"
L -j -o "$(cut -d'|' -f1 "$tap_tmp/table" | paste -sd,)" 101 >"$tap_tmp/json"

while IFS='|' read -r field header width type; do
	line=$(L -o "$field,ctid" 101 | head -n 1)
	is "$field: the next column begins where it should" \
		"$((${#line} - 10))" "$(($([ ${#header} -gt "$width" ] && echo ${#header} || echo "$width") + 1))"
	got=$(jq -r ".[0].$field | type" "$tap_tmp/json")
	case $field-$got in uptime-null | laverage-null) continue ;; esac
	case $type in
	integer | float) want=number ;;
	beancounter | quota) want=object ;;
	*) want=$type ;;
	esac
	is "$field: its type" "$got" "$want"
done <"$tap_tmp/table"
