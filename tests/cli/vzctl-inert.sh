#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What set and create write is inert when a shell sources the file, as old scripts
# do as root, and means the same there as to vzctl. If this fails, who may name a
# container runs commands on the host.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/node.sh
. "$(dirname "$0")/../lib/node.sh"
requires vzctl vzlist

make_node
make_template tiny
V() { vzctl --config-root "$etc" --quiet "$@"; }
conf=$etc/conf/101.conf
V create 101
printf '# a comment with "$(touch %s/comment)"\nFUTURE=kept # so\n\n#UUID: 42\n' "$tap_tmp" >>"$conf"
grep -v '^DESCRIPTION=' "$conf" >"$tap_tmp/rest"

shells=
for s in dash bash busybox; do
	! command -v "$s" >/dev/null || shells="$shells $s"
done

# sourced SHELL KEY - the value as that shell has it, sourcing the file in a directory of its own.
sourced() {
	mkdir -p "$tap_tmp/cwd"
	case $1 in busybox) set -- "busybox sh" "$2" ;; esac
	# shellcheck disable=SC2016 # for that shell
	(cd "$tap_tmp/cwd" && env -i PATH="$PATH" VEID=101 $1 -c '. "$1" && eval "printf %s. \"\$$2\""' sh "$conf" "$2")
}

nl='
'
n=0
# shellcheck disable=SC2016 # hostile as they stand
for v in '$(touch pwned)' '`touch pwned`' '"; touch pwned; "' "'; touch pwned; '" '\' '\\' '\"' '\$HOME' \
	'$HOME $VEID ${VEID}' 'a\' '"' "'" '$' '$$' '!!' '#' 'a # b' '*' '~' '&' '|' '>pwned' '<(touch pwned)' \
	'${x:=$(touch pwned)}' '$((1+1))' '\`touch pwned\`' '"$(touch pwned)"' "\$'\\n'" 'é ü ☃' ' leading' 'trailing ' \
	'\"$(touch pwned)\"' '\\"; touch pwned #' '%s%n' '-n' '=' 'a=b'; do
	n=$((n + 1))
	V set 101 --description "$v" --save || not_ok "value $n: set"
	for s in $shells; do
		[ "$(sourced "$s" DESCRIPTION)" = "$v." ] || not_ok "value $n in $s: $(sourced "$s" DESCRIPTION)"
	done
	[ "$(vzctl --config-root "$etc" --quiet set 101 --description "$v" --save 2>&1)" = "" ] || not_ok "value $n: twice"
	grep -v '^DESCRIPTION=' "$conf" | cmp -s - "$tap_tmp/rest" || not_ok "value $n: other lines changed"
done
ok "$n hostile values in$shells"
is "nothing ran" "$(ls -A "$tap_tmp/cwd")$(ls "$tap_tmp/comment" 2>/dev/null || :)" ""

# refused CODE OPTION VALUE - and the file is as it was.
refused() {
	cp "$conf" "$tap_tmp/before"
	run V set 101 "$2" "$3" --save
	is "$2 $(printf %s "$3" | tr -c 'a-zA-Z0-9/:' _) is refused: $1" "$status" "$1"
	check "and nothing is written" cmp "$conf" "$tap_tmp/before"
}
refused 21 --description "two${nl}touch pwned"
refused 21 --description "$(printf 'a\033[2Jb')"
refused 21 --description "$(printf 'a\rb')"
# shellcheck disable=SC2016 # hostile as they stand
refused 70 --hostname '$(touch pwned)'
refused 131 --name '`touch pwned`'
refused 71 --ipadd '1.2.3.4;touch pwned'
refused 72 --nameserver '$(touch pwned)'
refused 73 --searchdomain 'a"b'
refused 21 --bindmount_add "$tap_tmp:/a${nl}touch pwned"
refused 2 --cpumask '$(touch pwned)'
refused 1 --ram '1G;touch pwned'

# A path may hold what a shell acts on, but no blank.
# shellcheck disable=SC2016 # hostile as it stands
dir='d$(touch${IFS}pwned)`x`"'\''\'
mkdir "$tap_tmp/$dir"
V set 101 --bindmount_add "$tap_tmp/$dir:/mnt" --save
for s in $shells; do
	is "a hostile path in $s" "$(sourced "$s" BINDMOUNT)" "$tap_tmp/$dir:/mnt."
done
# shellcheck disable=SC2016 # only VEID is to expand
V create 102 --root "$node/r/\$VEID" --private "$node/p/\$VEID"
is "VEID expands" "$(sed -n 's/^VE_ROOT=//p' "$etc/conf/102.conf")" "\"$node/r/102\""
run V create 103 --root "$node/r\"; touch pwned; \""
is "no quote gets out of a path: 21" "$status" 21
is "nothing ran at all" "$(find "$tap_tmp" . -maxdepth 2 -name 'pwned*' 2>/dev/null)" ""
