#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# create reads a template against its manifest. If this fails, a flipped bit of
# a disk of the node is in every container that is made from then on.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/node.sh
. "$(dirname "$0")/../lib/node.sh"
requires vzctl vztmpl zstd debugfs e2fsck

make_node
V() { vzctl --config-root "$etc" --quiet "$@"; }
export VZTMPL_CACHE="$node/template/cache"
archive=$VZTMPL_CACHE/tiny-x86_64.tar.zst
manifest=$VZTMPL_CACHE/tiny-x86_64.json
mkdir -p "$tap_tmp/rootfs/sbin" "$tap_tmp/good"
echo 'not really' >"$tap_tmp/rootfs/sbin/init"
head -c 3000000 /dev/urandom >"$tap_tmp/rootfs/data"
tar -C "$tap_tmp/rootfs" --owner=0 --group=0 -cf "$tap_tmp/tiny.tar" .
vztmpl import --quiet "$tap_tmp/tiny.tar"
cp "$archive" "$manifest" "$tap_tmp/good/"

check "a whole one is taken" V create 101
debugfs -R "dump /data $tap_tmp/out" "$node/private/101/root.hdd/root.hds?offset=1048576" >/dev/null 2>&1
check "with what is in it" cmp "$tap_tmp/rootfs/data" "$tap_tmp/out"
V destroy 101

# refused NAME PATTERN - in one line that names the archive; then it is mended.
refused() {
	mustfail "$1: refused" V create 101
	is "$1: exit code" "$status" 47
	like "$1: said so" "$output" "^vzctl: cannot create 101: template archive '$archive' is damaged: .*$2"
	like "$1: and where to look" "$output" "'vztmpl verify' tells more"
	is "$1: in one line" "$(printf '%s\n' "$output" | wc -l)" 1
	is "$1: nothing is left" "$(ls -A "$node/private")$(find "$etc/conf" -type f ! -name "*destroyed*" -printf %f)" ve-small.conf-sample
	cp "$tap_tmp/good/"* "$VZTMPL_CACHE/"
}
# What cannot be compressed is in the archive as it is: no decompressor sees this one.
printf 'bit rot' | dd of="$archive" bs=1 seek=1000000 conv=notrunc status=none
check "a flipped byte: it still decompresses" zstd -qt "$archive"
refused "a flipped byte" "its checksum is not the manifest's"
truncate -s 1000000 "$archive"
refused "cut off" "its size is not the manifest's"
echo 'more behind it' >>"$archive"
refused "with more behind it" "its size is not the manifest's"
printf 'no zstd' | dd of="$archive" conv=notrunc status=none
refused "no archive at all" "its checksum is not the manifest's"
zstd -qdc "$archive" | zstd -q1c >"$archive.new"
mv "$archive.new" "$archive"
refused "another of the same contents" "its (size|checksum) is not the manifest's"
echo '{' >"$manifest"
refused "with a manifest that is none" "manifest '$manifest' is damaged"

# The archive is the manifest's and cannot be read: the reason is in it, not in its bytes.
echo nonsense | zstd -qc >"$archive"
sed -i "s/\"sha256\": .*/\"sha256\": \"$(sha256sum "$archive" | cut -d' ' -f1)\",/
	s/\"size\": .*/\"size\": $(stat -c %s "$archive"),/" "$manifest"
mustfail "no tar in it" V create 101
is "no tar in it: exit code" "$status" 151
like "no tar in it: said so" "$output" 'is no tar archive'
cp "$tap_tmp/good/"* "$VZTMPL_CACHE/"
rm "$manifest"
check "one without a manifest is taken as it is" V create 101
V destroy 101

# A root without a password, as live systems and rescue images have it; one byte more is a block more here.
inside() { debugfs -R "cat $1" "$node/private/101/root.hdd/root.hds?offset=1048576" 2>/dev/null; }
open_root() { # FILE LINE - a template in which FILE has it, and is 4096 bytes in all
	mkdir -p "$tap_tmp/rootfs/etc"
	{ echo 'daemon:*:1:0:99999:7:::' && echo "$2" && yes 'x:*:1:0:99999:7:::'; } | head -c 4095 >"$tap_tmp/rootfs/$1"
	echo >>"$tap_tmp/rootfs/$1"
	tar -C "$tap_tmp/rootfs" --owner=0 --group=0 -cf - . | zstd -qfo "$archive"
}
sound() { e2fsck -fn "$node/private/101/root.hdd/root.hds?offset=1048576" >/dev/null 2>&1; }
open_root etc/shadow 'root::19000:0:99999:7:::'
open_root etc/passwd 'root::0:0:root:/root:/bin/sh'
V create 101
is "an empty password of root is locked" "$(inside /etc/shadow | sed -n 2p)" "root:*:19000:0:99999:7:::"
is "in /etc/passwd too" "$(inside /etc/passwd | sed -n 2p)" "root:x:0:0:root:/root:/bin/sh"
is "and nothing else is changed" "$(inside /etc/shadow | sed 's/^root:\*:/root::/' | cmp - "$tap_tmp/rootfs/etc/shadow" 2>&1)" ""
check "the file system is sound" sound
V destroy 101
open_root etc/shadow 'root:$6$salt$hash:19000:0:99999:7:::'
open_root etc/passwd 'root:x:0:0:root:/root:/bin/sh'
V create 101
check "one that is set stays" sh -c 'debugfs -R "cat /etc/shadow" "$1" 2>/dev/null | cmp - "$2"' - \
	"$node/private/101/root.hdd/root.hds?offset=1048576" "$tap_tmp/rootfs/etc/shadow"
V destroy 101
rm "$tap_tmp/rootfs/etc/shadow" "$tap_tmp/rootfs/etc/passwd"
ln -s /etc/passwd "$tap_tmp/rootfs/etc/shadow"
mkdir "$tap_tmp/rootfs/etc/passwd"
tar -C "$tap_tmp/rootfs" --owner=0 --group=0 -cf - . | zstd -qfo "$archive"
check "what is there and no file is left alone" V create 101
V destroy 101
rm -r "$tap_tmp/rootfs/etc"

# Which disk an expanded one is.
tar -C "$tap_tmp/rootfs" --owner=0 --group=0 -cf - . | zstd -qfo "$archive"
images() { find "$node/private/101/root.hdd" -name 'root.hds*' ! -name '*.lck' | wc -l; }
V create 101 --layout ploop:expanded
is "an expanded disk stands on a golden image" "$(images)" 2
V destroy 101
V create 101 --layout ploop:expanded --full
is "one of its own does not" "$(images)" 1
V destroy 101
echo 'GOLDEN_IMAGE="no"' >>"$etc/vz.conf"
V create 101 --layout ploop:expanded
is "nor does any where GOLDEN_IMAGE is no" "$(images)" 1
V destroy 101
sed -i 's/^GOLDEN_IMAGE=.*/GOLDEN_IMAGE="yes"/' "$etc/vz.conf"
V create 101 --layout ploop:expanded
is "yes is what is so anyway" "$(images)" 2
