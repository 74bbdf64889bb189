#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# ct.conf(5) and vz.conf(5) against what reads such files: examples, grammar,
# and the files that we ship. If this fails, somebody follows the page and his
# container does not start, or an old script that sources a file runs what stands in it.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires vzctl vzlist jq mandoc
top=$(cd "$(dirname "$0")/../.." && pwd)
etc=$tap_tmp/etc
mkdir -p "$etc/conf"
J() { vzlist --config-root "$etc" -j "$1" | jq -c ".[0] | $2"; }
conf=$etc/conf/101.conf

# literal PAGE SECTION - the literal block of a section, as a reader sees it.
literal() {
	mandoc -T ascii "$top/docs/man/$1" | sed 's/.\x08//g' | awk -v s="$2" '
		/^[^ ]/ || /^   [^ ]/ { on = $0 ~ "^ *" s "$" }
		on && /^           [^ ]/ { print substr($0, 12) }'
}
keys() { sed -n 's/^\([A-Z_]*\)=.*/\1/p' "$@"; }
# known [STATE] FILE... - its keys are in the table, as ok or with that state too.
known() {
	state=ok
	case $1 in refused) state=$1 && shift ;; esac
	vzctl --list-options | awk -v s="$state" '$4 == "ok" || $4 == s { print $3 }' | sort -u >"$tap_tmp/known"
	keys "$@" | while read -r k; do grep -qx "$k" "$tap_tmp/known" || { echo "$k"; exit 1; }; done
}
# in_shell KEY FILE - its value for a script that sources the file.
# shellcheck disable=SC1090,SC2034 # the file is what the test is about
in_shell() { (VEID=101 && . "$2" && eval "printf '%s\n' \"\${$1-}\""); }

literal vz.conf.5 EXAMPLES >"$etc/vz.conf"
literal ct.conf.5 EXAMPLES >"$conf"
is "the examples are there" "$(keys "$etc/vz.conf" | wc -l) $(keys "$conf" | wc -l)" "8 6"
check "their keys are known" known "$etc/vz.conf" "$conf"
is "the container's" "$(J 101 '[.hostname, .physpages.limit, .swappages.limit, .ip, .private]')" \
	'["ct101",131072,262144,["10.0.0.101","2001:db8:0:101::1/64"],"/vz/private/101"]'
like "and its Ethernet pair" "$(J 101 .netif)" '^"ifname=eth0,bridge=br0,mac=00:18:51:AB:CD:EF,'
is "and the node's below it" "$(J 101 '[.root, .nameserver, .stop_timeout]')" '["/srv/vz/root/101",["inherit"],60]'
is "the node's own" "$(vzctl --config-root "$etc" --list-templates)" ""
for k in $(keys "$conf"); do
	f=$(echo "$k" | sed 's/^VE_//; s/^IP_ADDRESS$/IP/; s/PAGES$/PAGES.L/' | tr A-Z a-z)
	case $f in *.l) continue ;; esac # not the text of the file
	is "$k in a shell" "$(in_shell "$k" "$conf")" "$(vzlist --config-root "$etc" -Ho "$f" 101)"
done

# Grammar: what each rule allows, with its value.
allowed() {
	printf '%s\n' "$1" >"$conf"
	is "allowed: $1" "$(vzlist --config-root "$etc" -Ho description 101)" "$2"
	is "and the same in a shell" "$(in_shell DESCRIPTION "$conf")" "${2#-}"
}
refused() {
	printf '\n%s\n' "$1" >"$conf"
	run vzctl --config-root "$etc" status 101
	is "refused: $1" "$status" 85
	like "with file, line and reason" "$output" "101\.conf:2: ."
}
# shellcheck disable=SC2016,SC1003 # meant as they stand
{
	is "the page has the grammar" "$(literal ct.conf.5 Grammar | awk '{ print $1 }' | xargs)" \
		"line KEY value double single bare veid comment blanks"
	allowed '# nothing but a comment' -
	allowed '	  DESCRIPTION=bare  # a comment' bare
	allowed 'DESCRIPTION=' -
	allowed 'DESCRIPTION=a#b' 'a#b'
	allowed 'DESCRIPTION="two words"' 'two words'
	allowed 'DESCRIPTION="a\"b\\c\$d\`e"' 'a"b\c$d`e'
	allowed "DESCRIPTION='\$VEID \`id\` \\'" '$VEID `id` \'
	allowed 'DESCRIPTION="$VEID and ${VEID}x"' '101 and 101x'
	allowed 'DESCRIPTION=ct$VEID' ct101
	allowed 'DESCRIPTION="it'\''s 5 $"' "it's 5 \$"
	allowed '_x9="unknown, and kept"' -
	refused 'DESCRIPTION'
	refused 'DESCRIPTION = x'
	refused '9X=1'
	refused 'export DESCRIPTION=x'
	refused 'DESCRIPTION="open'
	refused "DESCRIPTION='open"
	refused 'DESCRIPTION="a"b'
	refused 'DESCRIPTION=two words'
	refused 'DESCRIPTION="$HOME"'
	refused 'DESCRIPTION="$(id)"'
	refused 'DESCRIPTION="`id`"'
	refused 'DESCRIPTION=a;id'
	refused 'DESCRIPTION=~'
	refused 'DESCRIPTION=a\b'
	refused "$(printf 'DESCRIPTION="a\001b"')"
}

# What `make install` puts there.
check "the keys of our files are known" known "$top"/etc/vz.conf "$top"/etc/conf/ve-vswap-*.conf-sample
check "so are those of before VSwap, what has no effect yet among them" \
	known refused "$top/etc/conf/ve-basic.conf-sample" "$top/etc/conf/ve-light.conf-sample"
cp "$top/etc/vz.conf" "$etc/vz.conf"
for sample in "$top"/etc/conf/*.conf-sample; do
	cp "$sample" "$conf"
	check "$(basename "$sample") parses" vzctl --config-root "$etc" status 101
done
