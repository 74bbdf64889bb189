#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/unsupported.md against what vzctl does: every row of its tables is refused by
# name with the exit code in it, every key is named or not as it says. If this fails, an
# option or a key of OpenVZ is taken in silence, or a script gets another code than it was told.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/node.sh
. "$(dirname "$0")/../lib/node.sh"
requires vzctl

make_node
make_template tiny
V() { vzctl --config-root "$etc" "$@"; }
page=$(cd "$(dirname "$0")/../.." && pwd)/docs/unsupported.md
V --quiet create 101
conf=$etc/conf/101.conf
cp "$conf" "$tap_tmp/conf"

# table SECTION [HEADER] - its rows (of the table with that first column), as "first|second|third".
table() {
	sed -n "/^## $1\$/,/^## /p" "$page" | awk -v head="${2-}" '
		/^\| .* \|$/ { if (!on) { split($0, c, " *[|] *"); on = 1; take = !head || c[2] == head } }
		!/^\|/ { on = 0 }
		on && take && /^\| `/ { sub(/^\| */, ""); gsub(/ *\| */, "|"); gsub(/`/, ""); print }'
}

# refused EXIT NAME COMMAND... - in one line that has the name, with that code.
refused() {
	refused_want=$1 refused_name=$2
	shift 2
	run "$@"
	is "$*: exit code" "$status" "$refused_want"
	is "$*: one line" "$(printf '%s\n' "$output" | wc -l)" 1
	like "$*: by name" "$output" "^vzctl: .*$refused_name( .*)? is not supported yet"
}

table Commands >"$tap_tmp/commands"
while IFS='|' read -r name code _; do
	refused "$code" "$name" V "$name" 101 --some option
done <"$tap_tmp/commands"
is "so are all commands that it has not" "$(cut -d'|' -f1 "$tap_tmp/commands" | sort | xargs)" \
	"$(V --list-options | awk '$2 == "-" && $3 == "-" && $4 == "refused" { print $1 }' | sort -u | xargs)"

# Each of several names in a row, for each of several commands.
table Options >"$tap_tmp/rows"
while IFS='|' read -r names of code _; do
	for name in $(echo "$names" | tr -d ,); do
		for c in $(echo "$of" | tr -d ,); do echo "$name $c $code"; done
	done
done <"$tap_tmp/rows" >"$tap_tmp/options"
while read -r name c code; do
	case $c in
	create) refused "$code" "$name" V create 102 "$name" 1 ;;
	set) refused "$code" "$name" V set 101 "$name" 1 --save ;;
	# These want root before they look.
	*) [ "$(id -u)" != 0 ] || refused "$code" "$name" V "$c" 101 "$name" 1 ;;
	esac
done <"$tap_tmp/options"
is "so are all options that it has not" "$(awk '{ print $2, $1 }' "$tap_tmp/options" | grep -v ' -s$' | sort | xargs)" \
	"$(V --list-options | awk '$4 == "refused" && $2 ~ /^--/ { print $1, $2 }' | sort -u | xargs)"
for letter in e f t i l k b n x; do
	refused 1 '--[a-z]*' V set 101 -$letter 1 --save
done
check "nothing of it is stored" cmp "$conf" "$tap_tmp/conf"
is "and nothing is made" "$(ls "$etc/conf")" "101.conf
ve-small.conf-sample"

# named - what a container with the configuration of 101 is told, one word a line.
named() {
	cp "$conf" "$etc/conf/ve-small.conf-sample"
	sed -i '/^LOCAL_\|^VE_LAYOUT/d' "$etc/conf/ve-small.conf-sample"
	run V --quiet create 103
	printf '%s\n' "$output" | sed -n 's/^vzctl: container 103: not supported yet, not applied: //p' |
		tr ' ' '\n' >"$tap_tmp/named"
	V --quiet destroy 103
}
is_named() { grep -qx -- "$1" "$tap_tmp/named"; }

table Keys key >"$tap_tmp/rows"
while IFS='|' read -r keys when _; do
	for key in $(echo "$keys" | tr -d ,); do echo "$key $when"; done
done <"$tap_tmp/rows" >"$tap_tmp/keys"
sed -n '/^## Keys/,/^with the reasons/p' "$page" | grep -v '^with' | grep -o '`[A-Z_]*`' | tr -d '`' | sed 's/$/ always/' >>"$tap_tmp/keys"
sed -n '/^with the reasons/,/^Keys/p' "$page" >"$tap_tmp/met"
check "the page has keys" test "$(wc -l <"$tap_tmp/keys")" -gt 70

# Every key with a value that asks for something, in one file and then in the other.
while read -r key _; do echo "$key=77"; done <"$tap_tmp/keys" >"$tap_tmp/all"
as_page() {
	named
	while read -r key when _; do
		want=named got=silent
		[ "$when" != never ] || want=silent
		# Those of vz.conf are a container's own elsewhere.
		[ "$when" != in ] || [ "$1" = vz.conf ] || want=silent
		! is_named "$key" || got=named
		is "$key in $1: $when" "$got" "$want"
	done <"$tap_tmp/keys"
	is "in $1: nothing else" "$(grep -cvxFf "$tap_tmp/names" "$tap_tmp/named" || :)" "$2"
}
cut -d' ' -f1 "$tap_tmp/keys" >"$tap_tmp/names"
grep -v '^LOCAL_' "$tap_tmp/all" >>"$conf"
as_page CTID.conf 2 # the real names of two
is "an old name with the real one" "$(grep -A 1 -x DCACHE "$tap_tmp/named" | xargs)" "DCACHE (DCACHESIZE)"
cat "$tap_tmp/all" >>"$etc/vz.conf"
named
is "in both: once" "$(sort "$tap_tmp/named" | uniq -d)" ""
cp "$tap_tmp/conf" "$conf"
as_page vz.conf 4
like "the file is said" "$output" 'not applied: in vz\.conf: [A-Z]'
sed -i '/=77$/d' "$etc/vz.conf"

# What asks for what is so anyway.
awk '$2 == "unless" { print $1 "=" $3 }' "$tap_tmp/keys" >>"$conf"
printf '%s\n' DISK_QUOTA=yes NETFILTER=full QUOTATIME=0 QUOTAUGIDLIMIT=0 IOLIMIT=0 IOPSLIMIT=0 KMEMSIZE= VETH= >>"$conf"
for key in DISK_QUOTA NETFILTER QUOTATIME QUOTAUGIDLIMIT IOLIMIT IOPSLIMIT; do
	check "$key: the page says so" grep -q "\`$key\`" "$tap_tmp/met"
done
named
is "values that ask for nothing are not named" "$(cat "$tap_tmp/named")" ""
is "nor is anything else said" "$output" ""
