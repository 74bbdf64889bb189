#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Points of a disk that is not mounted: what is written since is noted in the
# image, QEMU reads it the same, and a copy of that makes a backup what the disk
# is. If this fails, a backup lacks what was written, or a host copies all of a
# disk every night.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires ploop qemu-img qemu-io qemu-nbd

cd "$tap_tmp"
p=11111111-2222-3333-4444-555555555555
q=22222222-2222-3333-4444-555555555555
other=33333333-2222-3333-4444-555555555555
url="nbd+unix:///?socket=$tap_tmp/s"
server=
# shellcheck disable=SC2016 # at the end
cleanup_fn '[ -z "$server" ] || kill "$server" 2>/dev/null || :'
# change IMAGE COMMAND... - by qemu-io, through us.
change() {
	image=$1
	shift
	ploop serve --once -U s "$image" 2>serve.err &
	server=$!
	wait_until 20 test -S s
	for command; do set -- "$@" -c "$command" && shift; done
	qemu-io -f raw "$@" -c flush "$url" >/dev/null
	wait "$server"
	server=
}
# told IMAGE POINT - "START LENGTH" in MiB of each piece that QEMU takes for written.
told() {
	rm -f q
	qemu-nbd -r -f parallels -k "$tap_tmp/q" -B "$2" "$1" 2>q.err &
	server=$!
	wait_until 20 test -S q
	qemu-img map --output=json --image-opts "driver=nbd,server.type=unix,server.path=$tap_tmp/q,x-dirty-bitmap=qemu:dirty-bitmap:$2" |
		sed -n 's/.*"start": \([0-9]*\), "length": \([0-9]*\),.*"data": false.*/\1 \2/p' |
		awk '{ printf "%s%d %d", (NR > 1 ? ", " : ""), $1 / 1048576, $2 / 1048576 }'
	wait "$server"
	server=
}
same() { # A B - two disks, chains and all
	ploop serve -r --once -U s1 "$1" & server=$!
	ploop serve -r --once -U s2 "$2" &
	wait_until 20 test -S s1 -a -S s2
	qemu-img compare -f raw -F raw "nbd+unix:///?socket=$tap_tmp/s1" "nbd+unix:///?socket=$tap_tmp/s2"
}
sound() {
	check "$1: check finds nothing" ploop check "$1"
	check "$1: nor does QEMU" qemu-img check -f parallels "$(ls "$1"/root.hds.* 2>/dev/null || echo "$1/root.hds")"
}

ploop init -s 64M --uuid 11111111-2222-4333-8444-555555555555 --time 1700000000 src/root.hds
is "there is none" "$(ploop point-list src)" ""
check "a point" ploop point -u $p src
is "is said" "$output" "Point {$p} was made"
is "and listed" "$(ploop point-list src)" "{$p} 0"
sound src
mustfail "the same name again" ploop point -u $p src
is "exit code" "$status" 38
mustfail "one that is not there is not given up" ploop point-delete -u $q src
is "exit code" "$status" 43
cp -a src full
cp -a src dirty

change src 'write -P 7 20M 100k' 'write -P 8 40M 3M' 'write -z 2M 1M'
is "what was written is noted" "$(ploop point-list src)" "{$p} 4194304"
like "as JSON" "$(ploop point-list --json src | xargs)" "^\[ \{ uuid: \{$p\}, written_bytes: 4194304 \} \]\$"
is "as QEMU reads it" "$(told src/root.hds $p)" "20 1, 40 3"
sound src
change src 'write -P 9 62M 512'
is "by the next writer, too" "$(told src/root.hds $p)" "20 1, 40 3, 62 1"

# --- copies ----------------------------------------------------------------------------------

cp -a full piped
check "what was written since" ploop copy -s src --since $p -u $q -d full
is "how much that is" "$output" "5242880 bytes were copied that were written since {$p}"
check "is the disk now" same src full
is "what it was is a snapshot" "$(ploop snapshot-list -s full | sed 1d | sort)" "$(printf '%s\n' "{$p}" '{5fbaabe3-6958-40ff-92a7-860e329aab41}')"
is "the copy is at the new point" "$(ploop point-list full)" "{$q} 0"
is "and so is the disk" "$(ploop point-list src | grep $q)" "{$q} 0"
sound full
sound src
change src 'write -P 5 21M 2M' 'write -z 40M 1M'
check "the next time" ploop copy -s src --since $q -d full
check "is the disk again" same src full
is "which is at no point now" "$(ploop point-list full)" ""
check "the zeros hide what lies below" ploop snapshot-merge -A full
check "in one image, too" same src full

check "the first one through a pipe" sh -c "ploop copy -s src --since $p -o 1 2>sent | ploop copy -d piped -i 0"
like "says how much" "$(cat sent)" "^[0-9]+ bytes were copied that were written since"
check "is the disk" same src piped
for cut in 0 63 64 100 127 128 160 70000; do
	cp -a dirty cut
	ploop copy -s src --since $p -o 1 2>/dev/null | head -c $cut >part || :
	run ploop copy -d cut -i 0 <part
	is "cut at $cut: refused, as before" "$status $(find cut -type f | wc -l) $(ploop point-list cut)" "13 2 {$p} 0"
	rm -r cut
done
ploop copy -s src --since $p -o 1 >part 2>/dev/null
run ploop copy -d new -i 0 <part
is "without what it is of: refused, nothing is made" "$status $(ls -d new 2>/dev/null || :)" "4 "

# --- what is refused ---------------------------------------------------------------------------

change dirty 'write -P 1 1M 512'
refused() { # CODE PATTERN ARGUMENT...
	code=$1 pattern=$2
	shift 2
	run ploop "$@"
	is "refused: $*" "$status" "$code"
	like "by name" "$output" "$pattern"
}
refused 38 "was written to since the point" copy -s src --since $p -d dirty
refused 38 "is no copy of the disk at the point" copy -s src --since $p -d full
refused 43 "has no point" copy -s src --since $other -d full
refused 38 "--since goes with -s" copy --since $p -d full -i 0
refused 38 "-u goes with --since" copy -s src -u $p -o 1
refused 38 "-u goes with --since" copy -d x -u $p -i 0
refused 40 "is not mounted" copy -s src -u $p -d x
refused 38 "is no|not a UUID|UUID" point -u nonsense src
refused 4 "cannot open" point nothing
is "a copy that failed has left no new point" "$(ploop copy -s src --since $p -u $other -d dirty 2>/dev/null || ploop point-list src | grep -c $other)" 0
ploop init -s 16M -f raw raw/root.hds
refused 11 "raw image, which has no points" point raw
cp -a src odd
ploop resize -s 64M odd >/dev/null 2>&1 || :
qemu-io -f parallels -c 'write -P 1 5M 512' odd/root.hds >/dev/null 2>&1
is "who knows of none gives it up" "$(ploop point-list odd)" ""
refused 43 "has no point" copy -s odd --since $p -d dirty
cp -a src crashed
printf Ynot | dd of=crashed/root.hds bs=1 seek=44 conv=notrunc status=none
refused 37 "in use" point crashed
refused 37 "in use" copy -s crashed --since $p -d dirty
ploop check -d crashed >/dev/null || :
is "a crash gives it up" "$(ploop point-list crashed)" ""
check "with the space that it took" ploop balloon discard crashed
sound crashed
exec 8<src/root.hds
flock -s 8
refused 37 "in use" point src
flock -u 8

# --- given up, and space ------------------------------------------------------------------------

check "given up" ploop point-delete -u $p src
is "the other stays" "$(ploop point-list src | cut -d' ' -f1)" "{$q}"
sound src
check "that as well" ploop point-delete -u $q src
is "none is left" "$(ploop point-list src)" ""
sound src
ploop point -u $p src
change src 'write -P 3 50M 4M'
ploop snapshot src >/dev/null
is "a snapshot has its image, and the disk none" "$(ploop point-list src)" ""
sound src
mkdir v1
ploop init -s 16M -v 1 v1/root.hds >/dev/null
check "format version 1 as well" ploop point -u $p v1
change v1 'write -P 3 5M 1M'
is "notes" "$(told v1/root.hds $p)" "5 1"
check "check finds nothing" ploop check v1
