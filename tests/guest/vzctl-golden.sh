#!/bin/bash
# guest: kernel=plain root=host mem=3072 smp=1 boot=images time=300
# tools: vzctl ploop vztmpl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Containers whose disks stand on the golden image of their template: made in
# no time whatever the template's size, each its own, and nothing that becomes of
# the template or of another one reaches them. If this fails, one container
# reads or loses what is another's.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"
# shellcheck source=tests/lib/crash.sh
. "$(dirname "$0")/../lib/crash.sh"
requires ploop vzctl vztmpl flock

cd "$tap_tmp"
cache=/vz/template/cache
golden=/vz/template/golden
cleanup_fn 'for c in 911 912 913 914 915; do vzctl --quiet stop $c --fast; vzctl --quiet destroy $c; done >/dev/null 2>&1 || :'
images() { find "/vz/private/$1/root.hdd" -name 'root.hds*' | sort; }
base() { echo "/vz/private/$1/root.hdd/root.hds"; }
make() { vzctl create "$1" --ostemplate "${2:-debian-12}" --layout ploop:expanded "${@:3}"; }
ms() { local t=${EPOCHREALTIME/./}; "$@" >/dev/null 2>&1 || echo "failed: $*"; echo $(((${EPOCHREALTIME/./} - t) / 1000)); }
inode() { stat -c %i "$1"; }

# Of whoever was in this guest before.
rm -rf "$golden"
first=$(ms make 911)
check "the first container makes one" test -d "$golden"
second=$(ms make 912)
diag "create from Debian: $first ms the first, $second ms the second (emulated)"
check "the second one takes a fourth of the time at most" test "$((second * 4))" -le "$first"
is "their bases are one file" "$(inode "$(base 911)")" "$(inode "$(base 912)")"
is "which has three names" "$(stat -c %h "$(base 911)")" 3
is "and each its own top" "$(images 911 | wc -l) $(images 912 | wc -l)" "2 2"
check "the second takes little" test "$(stat -c %b "$(images 912 | tail -n 1)")" -le 4096
for c in 911 912; do check "$c is sound" ploop check "/vz/private/$c/root.hdd"; done
is "nobody else reads them" "$(stat -c %a "$golden" "$(base 911)" | xargs)" "700 600"

check "start one" vzctl start 911
check "and the other beside it" vzctl start 912
vzctl exec 911 'echo one >/root/word; rm /etc/debian_version; sync'
vzctl exec 912 'echo two >/root/word; sync'
is "each has its own word" "$(vzctl exec 911 cat /root/word) $(vzctl exec 912 cat /root/word)" "one two"
check "what one removed the other has" vzctl exec 912 test -s /etc/debian_version
mustfail "while they run, nobody deletes what they stand on" ploop snapshot-delete -u 676f6c64-656e-4000-8000-000000000000 /vz/private/911/root.hdd
is "as in use" "$status" 37
like "by name" "$output" 'other disks have it in common'
check "stop the first" vzctl stop 911 --fast
check "destroy it, while the second runs" vzctl destroy 911
check "which goes on" vzctl exec 912 'cat /etc/debian_version /usr/bin/perl >/dev/null'
is "with its word" "$(vzctl exec 912 cat /root/word)" two

# --- the template goes ------------------------------------------------------------------
cp "$cache"/debian-12-x86_64.* .
check "remove the template" vztmpl remove debian-12
is "its golden image is gone" "$(find "$golden" -name 'debian*')" ""
check "the container runs on" vzctl exec 912 'cat /usr/bin/perl >/dev/null; echo still >/root/word'
check "and stops" vzctl stop 912 --fast
check "and starts" vzctl start 912
is "as it was" "$(vzctl exec 912 cat /root/word)" still
check "stop it" vzctl stop 912 --fast
cp debian-12-x86_64.* "$cache"
check "another archive of the same name" make 913
check "is another golden image" test "$(inode "$(base 912)")" != "$(inode "$(base 913)")"
is "of which there is one" "$(find "$golden" -mindepth 1 -maxdepth 1 -type d | wc -l)" 1
check "independent, too, if asked for" ploop snapshot-merge -A /vz/private/913/root.hdd
is "then it is one file" "$(images 913 | wc -l)" 1
check "and sound" ploop check /vz/private/913/root.hdd
check "it starts" vzctl start 913
check "stop it" vzctl stop 913 --fast
check "destroy them" eval 'vzctl destroy 912 && vzctl destroy 913'

# --- otherwise -----------------------------------------------------------------------------
check "--full" make 911 busybox --full
is "is one file" "$(images 911 | wc -l)" 1
is "and leaves no golden image" "$(find "$golden" -name 'busybox*')" ""
check "destroy it" vzctl destroy 911
# A template directory of another file system.
mkdir tmpl
mount -t tmpfs none tmpl
mkdir tmpl/cache
cp "$cache"/busybox* tmpl/cache/
cp /etc/vz/vz.conf vz.conf
echo "TEMPLATE=$tap_tmp/tmpl" >>/etc/vz/vz.conf
run vzctl --verbose create 912 --ostemplate busybox --layout ploop:expanded
is "made all the same" "$status" 0
like "with a word" "$output" 'the disk is one of its own: .*(cross-device|Invalid cross)'
is "as one file" "$(images 912 | wc -l)" 1
cp vz.conf /etc/vz/vz.conf
umount tmpl
check "start it" vzctl start 912
check "stop it" vzctl stop 912 --fast
check "destroy it" vzctl destroy 912

# --- killed anywhere ------------------------------------------------------------------------
rm -rf "$golden"
cuts=mkdir,openat,linkat,renameat,renameat2,fsync,flock,unlinkat
list=$(cut_points $cuts "${CRASH_POINTS:-7}" vzctl --quiet create 914 --ostemplate busybox --layout ploop:expanded)
vzctl --quiet destroy 914
diag "killed at $(echo "$list" | wc -l) calls"
while read -r name n; do
	[ $((n % 2)) -eq 0 ] || rm -rf "$golden"
	kill_at "$name" "$n" vzctl --quiet create 914 --ostemplate busybox --layout ploop:expanded || :
	vzctl --quiet destroy 914 >/dev/null 2>&1 || :
	run vzctl --quiet create 914 --ostemplate busybox --layout ploop:expanded
	is "killed at $name $n: the next is made" "$status$output" 0
	is "on a golden image" "$(images 914 | wc -l)" 2
	vzctl --quiet destroy 914
done <<<"$list" 2>/dev/null
is "nothing is left" "$(find /vz/private "$golden" -name '.*tmp*' -o -name '*partial*')" ""

# Two at once.
rm -rf "$golden"
vzctl --quiet create 914 --ostemplate busybox --layout ploop:expanded &
vzctl --quiet create 915 --ostemplate busybox --layout ploop:expanded
wait $!
is "made at once, they stand on one" "$(inode "$(base 914)")" "$(inode "$(base 915)")"
check "one goes" vzctl destroy 914
check "and the other" vzctl destroy 915
