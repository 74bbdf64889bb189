#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Completion in bash against the programs' own tables, both ways. If this fails,
# the shell offers what is refused, or hides what there is.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/node.sh
. "$(dirname "$0")/../lib/node.sh"
requires bash vzctl vzlist vztmpl ploop
script=$(cd "$(dirname "$0")/../.." && pwd)/etc/bash-completion/vesper.sh

# offered WORD... - what is offered for the last word, sorted, on one line. bash
# has split the words as it does.
offered() {
	bash --norc -c '
		. "$1" || exit 1
		shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE=$* COMP_POINT=${#COMP_LINE}
		f=$(complete -p "${1##*/}") && f=${f#*-F } && ${f%% *} "$1" "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
		printf "%s\n" "${COMPREPLY[@]}"
	' bash "$script" "$@" | sort | xargs
}
# rows PROGRAM SECTION STATE - the options of its table.
rows() { "$1" --list-options | awk -v s="$2" -v t="$3" '$1 == s && $4 == t && $2 ~ /^-./ { print $2 }' | sort -u | xargs; }
commands() { "$1" --list-options | awk -v t="$2" '$2 == "-" && $3 == "-" && $4 == t { print $1 }' | sort -u; }

check "bash reads it without a word" bash --norc -c '. "$1"' bash "$script"
is "and it is the completion of all four" \
	"$(bash --norc -c '. "$1"; complete -p' bash "$script" | awk '{ print $NF }' | sort | xargs)" "ploop vzctl vzlist vztmpl"

for p in vzctl vztmpl ploop; do
	is "$p: its commands" "$(offered $p '' | tr ' ' '\n' | grep -v '^-' | xargs)" "$(commands $p ok | xargs)"
	for c in $(commands $p ok); do
		case $p in
		vzctl) set -- vzctl "$c" 101 - ;;
		*) set -- $p "$c" - ;;
		esac
		[ "$p" = ploop ] && more=" --help" || more=
		is "$p $c: its options" "$(offered "$@" | tr ' ' '\n' | sort | xargs)" \
			"$(echo "$(rows $p "$c" ok)$more" | tr ' ' '\n' | sort | xargs)"
	done
	for c in $(commands $p refused); do
		is "$p $c is refused, and not offered" "$(offered $p "$c" | tr ' ' '\n' | grep -x -- "$c" || :)" ""
	done
done
is "vzlist: its options" "$(offered vzlist -)" "$(rows vzlist vzlist ok)"
fields() { vzlist -L | awk '{ print $1 }' | grep "$@" | sort | xargs; }
is "vzlist: its fields" "$(offered vzlist -o '')" "$(fields -v '\.')"
is "behind a comma" "$(offered vzlist -Ho ctid,uptim)" "ctid,uptime"
is "their suffixes" "$(offered vzlist --output numproc.)" "$(fields '^numproc\.')"
is "the field to sort by" "$(offered vzlist -a -s -upt)" "-uptime"
is "by the long option" "$(offered vzlist --sort = upt)" "uptime"

make_node
make_template tiny
: >"$node/template/cache/debian-12-x86_64.tar.zst"
: >"$node/template/cache/debian-12-x86_64.json"
V() { vzctl --quiet --config-root "$etc" "$@"; }
V create 101 --name web --ipadd 10.0.0.1 --ipadd 10.0.0.2
V create 102
# with WORD... - of vzctl on that node.
with() { offered vzctl --config-root "$etc" "$@"; }

is "containers by id and name" "$(with destroy '')" "101 102 web"
is "after a flag too" "$(offered vzctl --quiet --config-root "$etc" set w)" web
is "vzlist's too" "$(offered vzlist --config-root "$etc" -t 10)" "101 102"
is "to start: what does not run" "$(with start '')" "101 102 web"
is "to stop: what runs" "$(with stop '')" ""
is "none for a new one" "$(with create '')" ""
is "nothing of the host for a command inside" "$(with exec 101 '')" ""
is "templates" "$(with create 103 --ostemplate '')" "debian-12 tiny"
is "samples" "$(with create 103 --config '')" small
is "yes and no" "$(with set 101 --onboot '')" "no yes"
is "the same behind =" "$(with set 101 --onboot = y)" yes
is "with nothing typed" "$(with set 101 --onboot =)" "no yes"
is "no placeholder" "$(with set 101 --nameserver '')" inherit
is "addresses that it has" "$(with set web --ipdel 10.0.0.2)" 10.0.0.2
is "or all" "$(with set web --ipdel '')" "10.0.0.1 10.0.0.2 all"
is "nothing for a number" "$(with set 101 --cpuunits '')" ""
is "what a mode can be" "$(with set 101 --setmode '')" "ignore restart"
is "samples to take over" "$(with set 101 --applyconfig '')" small
is "no placeholder for a password" "$(with set 101 --userpasswd '')" ""
is "nor for a mask" "$(with set 101 --cpumask '')" "all auto"
is "the next option" "$(with set 101 --ram 1G --sa)" --save
is "no snapshot" "$(with snapshot-delete web --id '')" ""
V snapshot 102 --id 11111111-0000-4000-8000-000000000001
is "snapshots" "$(with snapshot-mount 102 --id 1)" 11111111-0000-4000-8000-000000000001
is "not for a new one" "$(with snapshot 102 --id '')" ""
is "their fields" "$(with snapshot-list 102 -o d)" "date desc device"
is "behind a comma" "$(with snapshot-list 102 -o uuid,na)" "uuid,name"
mkdir "$tap_tmp/files"
: >"$tap_tmp/files/x.tar"
is "paths" "$(with create 103 --private "$tap_tmp/fi")" "$tap_tmp/files"
is "a file of keys" "$(with set 101 --ssh-key "$tap_tmp/files/")" "$tap_tmp/files/x.tar"
is "a directory to mount on" "$(with snapshot-mount 102 --target "$tap_tmp/fi")" "$tap_tmp/files"
is "a script" "$(with runscript 101 "$tap_tmp/files/")" "$tap_tmp/files/x.tar"
is "what is to be mounted" "$(with set 101 --bindmount_add "$tap_tmp/fi")" "$tap_tmp/files"
V set 101 --bindmount_add "nosuid:$tap_tmp/files:/mnt/a" --bindmount_add "$tap_tmp/files:/mnt/b" --save >/dev/null
is "where something is mounted" "$(with set 101 --bindmount_del '')" "/mnt/a /mnt/b all"
is "files of ploop" "$(offered ploop init --tar "$tap_tmp/files/")" "$tap_tmp/files/x.tar"
is "images" "$(offered ploop check "$tap_tmp/files/")" "$tap_tmp/files/x.tar"
is "a value that there is one of" "$(offered ploop init -t '')" ext4
is "recipes" "$(offered vztmpl build debian-1 | tr ' ' '\n' | grep -x debian-12)" debian-12
is "a cache, directories only" "$(offered vztmpl list --cache "$tap_tmp/files/")" ""
is "a name with its path" "$(offered "$(command -v vzctl)" sta)" "start status"
is "an unknown command" "$(offered vzctl frobnicate 101 --)" ""
is "no node" "$(offered vzctl --config-root "$tap_tmp/none" start '')" ""

mustfail "the names of no node" vzctl --config-root "$tap_tmp/none" --list-templates
is "are refused as ever" "$status" 10
