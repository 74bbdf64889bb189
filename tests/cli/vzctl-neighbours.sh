#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The files of other containers, bad in every way that a file can be. If this
# fails, one bad line in one file stops all of a node, or a container gets host
# ids that are another's.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/node.sh
. "$(dirname "$0")/../lib/node.sh"
requires vzctl vzlist timeout mkfifo

make_node
make_template tiny
V() { timeout 60 vzctl --config-root "$etc" "$@"; }
uid() { sed -n 's/^LOCAL_UID="\(.*\)"$/\1/p' "$etc/conf/$1.conf"; }
lines() { printf '%s' "${1:+$1
}" | wc -l; }
first=1006632960 last=1878786048

V --quiet create 101
is "a whole node: the first ids" "$(uid 101)" "$first"

# A bad line, which does not hide the ids in the others.
V --quiet create 102
echo 'HOSTNAME="a' >>"$etc/conf/102.conf"
run V --quiet create 103
is "beside a bad line: create, without a word" "$status $output" "0 "
is "the ids in that file are its own still" "$(uid 103)" $((first + 2 * 262144))
V --quiet destroy 103

# bad ID PATTERN - that file is bad: what each command makes of the others.
bad() {
	bad_id=$1 bad_like=$2
	run V --quiet create 103
	is "$bad_id: create 103" "$status" 0
	like "$bad_id: one line names it and says what is done" "$output" "^vzctl: warning: .*$bad_like.*container $bad_id has is not known: those of container 103 are taken from the end$"
	is "$bad_id: and no more" "$(lines "$output")" 1
	is "$bad_id: ids that it never had" "$(uid 103)" "$last"
	run V --quiet create 104 --local_uid 1207959552 --local_gid 1207959552
	like "$bad_id: ids by hand are not compared" "$status $output" "^0 vzctl: warning: .*$bad_like.*104 are not compared with them$"
	run V --quiet set 103 --ipadd 10.0.0.3 --netif_add eth0 --name three --save
	is "$bad_id: set, without a word" "$status $output" "0 "
	run V status three
	is "$bad_id: status by its name" "$status $output" "0 CTID 103 exist unmounted down"
	run V --quiet destroy 104
	is "$bad_id: destroy, without a word" "$status $output" "0 "
	run timeout 60 vzlist --config-root "$etc" -a -H -o ctid,onboot
	is "$bad_id: vzlist" "$status" 0
	like "$bad_id: vzlist names it" "$output" "^vzlist: .*$bad_like"
	is "$bad_id: vzlist has all" "$(printf '%s\n' "$output" | grep -v ^vzlist | awk '{ printf "%s %s;", $1, $2 }')" "101 no;102 -;103 no;"
	run V set "$bad_id" --onboot no --save
	is "$bad_id: a command of its own is 85" "$status" 85
	like "$bad_id: in words" "$output" "^vzctl: .*$bad_like"
	rm -rf "$etc/conf/103.conf"* "$etc/conf/104.conf"* "$etc/names/three" "$node/private/103"
}
f=$etc/conf/102.conf
keep=$(cat "$f")
# shellcheck disable=SC2016 # the file is to say that
printf '%s\n' "$keep" | sed 's/^LOCAL_GID=.*/LOCAL_GID=$(id -g)/' >"$f"
bad 102 "$f:[0-9]+: only .VEID expands"
printf 'ONBOOT="no"\nrubbish\n' >"$f"
bad 102 "$f:2: not KEY=\"value\""
printf 'ONBOOT="no"\0\n' >"$f"
bad 102 "$f: contains a NUL byte"
head -c 2000000 /dev/zero | tr '\0' '\n' >"$f"
bad 102 "'$f' is larger than"
rm "$f"
mkdir "$f"
bad 102 "'$f' is not a regular file"
rmdir "$f"
mkfifo "$f"
bad 102 "'$f' is not a regular file"
rm "$f"
ln -s /nowhere/102.conf "$f"
bad 102 "'$f' is a link to a file that is missing"
run V create 102
is "a link to nowhere: no container is made there" "$status $(readlink "$f")" "85 /nowhere/102.conf"
rm "$f"
ln -s 102.conf "$f"
bad 102 "'$f': Too many levels"
rm "$f"
if [ "$(id -u)" != 0 ]; then
	printf '%s\n' "$keep" >"$f"
	chmod 0 "$f"
	bad 102 "'$f': Permission denied"
	rm -f "$f"
fi

# The name of a container whose file is away for now is not given to another.
ln -s /nowhere/102.conf "$f"
ln -s ../conf/102.conf "$etc/names/two"
run V --quiet set 101 --name two --save
is "its name is its own" "$status" 131
rm "$f" "$etc/names/two"

# One that is being made.
mkfifo "$f.creating"
run V --quiet create 103
like "a draft that is a FIFO" "$status $output" "^0 vzctl: warning: '$f.creating' is not a regular file; which host ids"
V --quiet destroy 103
rm "$f.creating"

# An area that two files name is not removed, though one of them has a bad line.
printf 'VE_PRIVATE="%s"\nrubbish\n' "$node/private/101" >"$f"
run V --quiet destroy 101
like "an area that a damaged file names" "$status $output" "private/101' is also that of container 102"
is "is kept" "$(ls -d "$node/private/101")" "$node/private/101"

rm "$f" "$etc/conf/ve-small.conf-sample"
mkfifo "$etc/conf/ve-small.conf-sample"
run V create 103
like "a sample that is a FIFO is not waited for" "$status $output" "^85 vzctl: .*ve-small.conf-sample' is not a regular file"
