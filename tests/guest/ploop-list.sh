#!/bin/bash
# guest: kernel=plain root=host mem=3072 smp=2 boot=ploop time=200
# tools: ploop
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What is attached is told, and what its device has done: raw images and expanded
# ones, by device and by image, for people and as JSON. If this fails, nobody can
# tell which image a device of the host is on.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires ploop dmsetup losetup

cd "$tap_tmp"
mkdir raw-mnt mnt 'odd
mnt'
cleanup_fn "umount $tap_tmp/raw-mnt $tap_tmp/mnt '$tap_tmp/odd
mnt' 2>/dev/null || :"
device() { awk -v m="$tap_tmp/$1" '$2 == m { print $1 }' /proc/mounts; }
# field NAME - of the output of stat.
field() { printf '%s\n' "$output" | sed -n "s/^$1: *//p"; }
# listed [OPTION]... - what is of this test, on one line each, blanks as they come.
listed() { ploop list "$@" | grep -F "$tap_tmp" | tr -s ' '; }

check "an expanded disk" ploop init -s 64M e/root.hds
check "a raw one" ploop init -s 64M -f raw r/root.hds
is "nothing is attached" "$(listed -a)" ""
check "mount both" eval 'ploop mount -o nodiscard -m mnt e && ploop mount -r -m raw-mnt r'
dm=$(device mnt) loop=$(device raw-mnt)
is "both are listed" "$(listed)" "$dm $tap_tmp/e/root.hds $tap_tmp/mnt
$loop $tap_tmp/r/root.hds $tap_tmp/raw-mnt"
truncate -s 1M other
foreign=$(losetup -f --show other)
is "a loop device of somebody else is not" "$(listed -a | wc -l)" 2
mustfail "nor has it a stat" ploop stat -d "$foreign"
is "exit code" "$status" 2
losetup -d "$foreign"

# --- stat ---------------------------------------------------------------------------------

check "stat of an image" ploop stat e
is "its device" "$(field device)" "$dm"
is "its image" "$(field image)" "$tap_tmp/e/root.hds"
is "where it is mounted" "$(field mounted)" "$tap_tmp/mnt"
is "not read-only" "$(field read_only)" no
is "one image" "$(field levels)" 1
is "its cluster" "$(field blocksize)" 2048
is "what the target tells" "$(field flags)" o
is "size and offset are the disk" "$(($(field size) + $(field offset)))" $((64 << 20))
written=$(field write_bytes)
is "the same by its device" "$(ploop stat -d "$dm" | grep -c .)" "$(printf '%s\n' "$output" | grep -c .)"
head -c 8M /dev/urandom >mnt/file
sync mnt/file
output=$(ploop stat e)
check "what was written is counted" test "$(field write_bytes)" -ge $((written + (8 << 20)))
check "stat of a raw image" ploop stat r
is "its device" "$(field device)" "$loop"
is "read-only" "$(field read_only)" yes
check "it was read" test "$(field reads)" -gt 0
check "a snapshot" ploop snapshot e
check "stat" ploop stat e
is "two images now" "$(field levels)" 2
like "the new one is told" "$(field image)" '/e/root\.hds\.\{'

# --- JSON, and what is mounted nowhere --------------------------------------------------------

json() { python3 -c 'import json, sys; v = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"; }
if command -v python3 >/dev/null; then
	is "JSON of the list" "$(ploop list --json | json 'sorted(x["mounted"] for x in v)')" "['$tap_tmp/mnt', '$tap_tmp/raw-mnt']"
	is "JSON of a device" "$(ploop stat --json e | json '[v["levels"], v["read_only"], v["write_bytes"] > 0]')" "[2, False, True]"
else
	like "JSON of a device" "$(ploop stat --json e)" '"levels": 2,'
	like "JSON of the list" "$(ploop list --json)" '"mounted": ".*/raw-mnt"'
fi
exec 9<"$dm"
ploop umount e || :
is "held by a reader, it is in the list no more" "$(listed | wc -l)" 1
is "but with -a" "$(listed -a | grep -c -- ' -$')" 1
exec 9<&-
no_device() { ! listed -a | grep -q -- ' -$'; }
check "it goes with the reader" wait_until 10 no_device
mustfail "stat of what is not mounted" ploop stat e
is "exit code" "$status" 40
check "a mount point with a newline" ploop mount -m 'odd
mnt' e
is "is one line" "$(listed | grep -c 'odd\\012mnt$')" 1
