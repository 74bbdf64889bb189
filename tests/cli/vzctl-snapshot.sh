#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# vzctl's snapshot commands of a container that does not run: lists, the files
# that they keep, exit codes, one line for what is wrong, a Snapshots.xml of
# anybody's, commands that are killed. If this fails, scripts that keep snapshots
# see another thing, or a name is lost. (What is mounted and runs:
# tests/guest/vzctl-snapshot.sh.)
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/node.sh
. "$(dirname "$0")/../lib/node.sh"
# shellcheck source=tests/lib/crash.sh
. "$(dirname "$0")/../lib/crash.sh"
requires vzctl ploop
export LC_ALL=C.UTF-8

make_node
make_template tiny
V() { vzctl --config-root "$etc" "$@"; }
one=11111111-0000-4000-8000-000000000001
two=22222222-0000-4000-8000-000000000002
top=5fbaabe3-6958-40ff-92a7-860e329aab41
private=$node/private/101 conf=$etc/conf/101.conf xml=$node/private/101/Snapshots.xml
V --quiet create 101 --layout ploop:expanded --name web
squeezed() { tr -s ' ' | sed 's/ $//'; }
list() { V snapshot-list 101 -H -o "$@" | squeezed; }

# --- a whole life -------------------------------------------------------------------
run V snapshot-list web
is "no snapshots: a head" "$(squeezed <<<"$output")" "PARENT_UUID C UUID DATE NAME"
is "looking makes no file" "$(ls "$private")" root.hdd
run V snapshot 101 --id $one --name 'a "first" & <one>' --description "Größe"
is "one" "$output" "Creating snapshot {$one}
Snapshot {$one} has been successfully created"
run V snapshot 101
is "another, with a name of its own: no word but two lines" "$(wc -l <<<"$output")" 2
like "of which the second has it" "$output" '^Snapshot \{[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\} has been successfully created$'
three=$(sed -n 's/.*Snapshot \({.*}\).*/\1/p' <<<"$output")
is "the list" "$(V snapshot-list 101 | squeezed | sed 's/20[-0-9]* [:0-9]*/DATE/')" "PARENT_UUID C UUID DATE NAME
 {$one} DATE a \"first\" & <one>
{$one} * $three DATE"
is "in columns" "$(V snapshot-list 101 | head -n 1)" "$(printf '%-38s %s %-38s %-19s %s' PARENT_UUID C UUID DATE NAME)"
is "fields, by both names" "$(list id,parent_id,current,desc)" "{$one} Größe
$three {$one} *"
is "one of them" "$(list name --id $one)" 'a "first" & <one>'
is "with a head" "$(V snapshot-list 101 --id "$three" -o uuid,target | squeezed)" "UUID TARGET
$three"
is "what can be listed" "$(V snapshot-list 101 -L | cut -d' ' -f1 | xargs)" "uuid parent_uuid current date name desc device target"
is "the files" "$(cd "$private" && find . -maxdepth 1 -mindepth 1 | sort | xargs)" "./Snapshots.xml ./dump ./root.hdd"
is "the configurations" "$(cd "$private/dump" && find . -type f | sort)" "$(printf '%s\n' "./{$one}.ve.conf" "./$three.ve.conf" | sort)"
check "the configuration as it is" cmp "$conf" "$private/dump/{$one}.ve.conf"
like "the file as other programs look into it" "$(cat "$xml")" "<SavedStateItem guid=\"$three\" current=\"yes\">"
check "closed to others" test "$(stat -c %a "$private/dump")" = 700

cp "$conf" "$tap_tmp/conf"
check "change the container" V --quiet set 101 --hostname later.example --name other --cpuunits 500 --save
sed -i 's/^LOCAL_UID=.*/LOCAL_UID="1010000000"/' "$conf"
check "go back" V snapshot-switch 101 --id "{$one}" --skip-resume
is "the configuration is that of then, but for its place" "$(diff "$tap_tmp/conf" "$conf" | grep '^>')" \
	'> NAME="other"
> LOCAL_UID="1010000000"'
is "the name leads there" "$(readlink "$etc/names/other")" ../conf/101.conf
is "the disk stands on the first" "$(list current,uuid)" "* {$one}
 $three"
check "change it" V --quiet set 101 --cpuunits 700 --save
check "go back without the configuration" V snapshot-switch 101 --id "$three" --skip-config
like "which stays" "$(cat "$conf")" '^CPUUNITS="700"$'
check "one without a configuration" V --quiet snapshot 101 --id $two --skip-config
check "none was kept" test ! -e "$private/dump/{$two}.ve.conf"
check "go back to it" V snapshot-switch 101 --id $two
like "the configuration stays" "$(cat "$conf")" '^CPUUNITS="700"$'
check "delete the first, on which others stand" V snapshot-delete 101 --id $one
is "they are there" "$(list parent_uuid,current,uuid)" " $three
$three * {$two}"
check "its configuration is gone" test ! -e "$private/dump/{$one}.ve.conf"

# --- what is wrong ---------------------------------------------------------------------
# wrong EXIT PATTERN ARG... - in one line.
wrong() {
	wrong_want=$1 wrong_like=$2
	shift 2
	run V --quiet "$@"
	is "$*: $wrong_want" "$status" "$wrong_want"
	like "$*: says why" "$output" "^vzctl: .*$wrong_like"
	is "$*: in one line" "$(wc -l <<<"$output")" 1
}
before=$(cat "$xml" "$private/root.hdd/DiskDescriptor.xml")
none=99999999-0000-4000-8000-000000000009
for c in snapshot-switch snapshot-delete; do wrong 20 "$c: --id is missing" $c 101; done
wrong 21 "'x' is no UUID" snapshot 101 --id x
wrong 21 "'$two}' is no UUID" snapshot-delete 101 --id "$two}"
wrong 21 '--name: not a line of UTF-8' snapshot 101 --name "$(printf 'a\033[1m')"
wrong 21 '--name: not a line of UTF-8' snapshot 101 --name "$(printf 'a\nb')"
wrong 21 '--description: not a line of UTF-8' snapshot 101 --description "$(printf '\377')"
wrong 21 '--description: more than' snapshot 101 --description "$(printf '%5000s' x)"
wrong 20 "bad option '--skip-resume'" snapshot 101 --skip-resume
wrong 20 "unexpected argument 'x'" snapshot 101 x
wrong 20 'missing argument' snapshot-list 101 -o
wrong 21 "unknown field 'size'" snapshot-list 101 -o uuid,size
wrong 21 '-o needs fields' snapshot-list 101 -o ''
wrong 21 'too many fields' snapshot-list 101 -o uuid,uuid,uuid,uuid,uuid,uuid,uuid,uuid,uuid
wrong 156 "there is a snapshot \{$two\} already" snapshot 101 --id $two
wrong 156 "there is a snapshot \{$top\} already" snapshot 101 --id $top
wrong 156 'is no name for a snapshot' snapshot 101 --id 00000000-0000-0000-0000-000000000000
wrong 159 "there is no snapshot \{$none\}" snapshot-switch 101 --id $none
wrong 158 "there is no snapshot \{$none\}" snapshot-delete 101 --id $none
wrong 158 "there is no snapshot \{$top\}" snapshot-delete 101 --id $top
wrong 167 "has no snapshot \{$none\}" snapshot-list 101 --id $none
wrong 17 '--must-resume is not supported' snapshot-switch 101 --id $two --must-resume
for c in snapshot "snapshot-switch --id $one" "snapshot-delete --id $one" snapshot-list; do
	# shellcheck disable=SC2086 # words
	set -- $c
	c=$1
	shift
	wrong 14 'does not exist' "$c" 103 "$@"
done
if [ "$(id -u)" = 0 ]; then
	wrong 20 '--target is missing' snapshot-mount 101 --id $two
	wrong 160 "there is no snapshot" snapshot-mount 101 --id $none --target "$tap_tmp"
	wrong 160 "nowhere" snapshot-mount 101 --id $two --target "$tap_tmp/nowhere"
	wrong 161 "there is no snapshot" snapshot-umount 101 --id $none
	wrong 40 'is not mounted' snapshot-umount 101 --id $two
else
	wrong 12 'must be run as root' snapshot-mount 101 --id $two --target "$tap_tmp"
fi
is "nothing of it was done" "$(cat "$xml" "$private/root.hdd/DiskDescriptor.xml")" "$before"
V --quiet create 102
mv "$node/private/102" "$node/private/102.away"
wrong 43 'is missing' snapshot 102
wrong 43 'is missing' snapshot-list 102
mv "$node/private/102.away" "$node/private/102"
check "a raw disk has them, too" V --quiet snapshot 102 --id $one
check "and goes back" V --quiet snapshot-switch 102 --id $one
check "and goes away with all of it" V --quiet destroy 102
is "nothing is left" "$(ls -d "$node"/private/102* 2>/dev/null || :)" ""

# --- configurations and names of anybody's ------------------------------------------------
kept=$private/dump/$three.ve.conf
cp "$kept" "$tap_tmp/kept"
echo 'CPUUNITS="many"' >>"$kept"
wrong 85 'the configuration of then .*CPUUNITS' snapshot-switch 101 --id "$three"
cp "$tap_tmp/kept" "$kept"
chmod g+w "$kept"
wrong 85 "not root's alone to write" snapshot-switch 101 --id "$three"
rm "$kept"
ln -s "$conf" "$kept"
wrong 85 'the configuration of then' snapshot-switch 101 --id "$three"
rm "$kept"
is "the disk stays where it was" "$(list current,uuid | grep '^\*')" "* {$two}"
cp "$xml" "$tap_tmp/xml"
printf '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><ParallelsSavedStates>&e;</ParallelsSavedStates>' >"$xml"
for c in snapshot "snapshot-switch --id $two" "snapshot-delete --id $two"; do
	# shellcheck disable=SC2086 # words
	set -- $c
	c=$1
	shift
	run V --quiet "$c" 101 "$@"
	like "$c: not over a file that is none of ours" "$status" '^15[689]$'
	like "says which" "$output" "$xml. has a document type"
done
run V snapshot-list 101 -H -o uuid
is "but it is listed" "$(grep -v warning <<<"$output" | squeezed)" "$three
{$two}"
like "without names, which is said" "$output" "^vzctl: warning: .*no names are known"
sed 's/<Name\/>/<Name>a\&#13;\x1b[1m<\/Name>/' "$tap_tmp/xml" | tr -d '\033' >"$xml"
like "what is no character for a terminal is not sent to one" "$(list name)" '^a\\015\[1m$'
cp "$tap_tmp/xml" "$xml"

# The descriptor has the last word.
sed -i "s/{$two}/{$none}/" "$xml"
echo x >"$private/dump/{$none}.ve.conf"
echo y >"$private/dump/mine"
check "ploop makes one" ploop snapshot -u $one "$private/root.hdd"
is "the list is the descriptor's" "$(list uuid)" "$three
{$two}
{$one}"
check "the next command" V --quiet snapshot-switch 101 --id $one
is "makes the names follow" "$(grep -o 'guid="{[^"]*' "$xml" | cut -d'"' -f2)" "$three
{$two}
{$one}"
is "and takes away what is nobody's, and only that" "$(ls "$private/dump")" mine
rm "$xml" "$private/dump/mine"
check "a file that is gone" V --quiet snapshot-delete 101 --id $one
is "is made again" "$(grep -c 'guid="{' "$xml")" 2
check "all away" V --quiet snapshot-delete 101 --id $two
check "all away" V --quiet snapshot-delete 101 --id "$three"

# --- killed ------------------------------------------------------------------------------------
cuts=rename,renameat,unlinkat,mkdir,linkat,fsync
calls() { cut_points $cuts "${CRASH_POINTS:-30}" vzctl --config-root "$etc" --quiet "$@"; }
each() {
	while read -r name n; do
		"$2" "$name" "$n" </dev/null || echo "$name $n: status $?"
	done <<<"$1" 2>/dev/null | head -n 20
}
settled() {
	grep -o 'guid="{[^"]*' "$xml" | cut -d'"' -f2 | sort | cmp -s - <(list uuid | sort) || echo "$1: $(cat "$xml")"
	[ "$(ls "$private/dump")" = "$(list uuid | sed 's/$/.ve.conf/' | sort)" ] || echo "$1: $(ls "$private/dump")"
	ploop check "$private/root.hdd" >/dev/null || echo "$1: the disk is damaged"
}
after_make() {
	kill_at "$1" "$2" vzctl --config-root "$etc" --quiet snapshot 101 --id $one --name kept || :
	case $(list uuid,name) in
	"") V --quiet snapshot 101 --id $one --name kept || echo "$1 $2: does not come" ;;
	"{$one} kept") ;;
	*) echo "$1 $2: $(list uuid,name)" ;;
	esac
	V --quiet snapshot-switch 101 --id $one || echo "$1 $2: no way back"
	settled "$1 $2"
	V --quiet snapshot-delete 101 --id $one
}
make=$(calls snapshot 101 --id $one --name kept)
diag "snapshot makes $(wc -l <"$tap_tmp/calls") of them"
V --quiet snapshot-delete 101 --id $one
is "a killed snapshot is there with all of it, or not" "$(each "$make" after_make)" ""
after_delete() {
	V --quiet snapshot 101 --id $one
	V --quiet snapshot 101 --id $two
	kill_at "$1" "$2" vzctl --config-root "$etc" --quiet snapshot-delete 101 --id $one || :
	! list uuid | grep -q $one || V --quiet snapshot-delete 101 --id $one || echo "$1 $2: is not completed"
	V --quiet snapshot-switch 101 --id $two
	settled "$1 $2"
	V --quiet snapshot-delete 101 --id $two
}
V --quiet snapshot 101 --id $one
V --quiet snapshot 101 --id $two
ends=$(calls snapshot-delete 101 --id $one)
V --quiet snapshot-delete 101 --id $two
is "a killed delete is completed" "$(each "$ends" after_delete)" ""
check "destroy" V --quiet destroy 101
is "nothing is left" "$(ls -d "$node"/private/101* 2>/dev/null || :)" ""
