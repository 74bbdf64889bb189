#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, who is not root could make neither a template nor an image, or only
# with a mount.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
requires vztmpl ploop zstd strace setpriv e2fsck
top=$(cd "$(dirname "$0")/../.." && pwd)

# The tree may lie where nobody else may look: what is used, by itself.
tree=$tap_tmp/tree
mkdir -p "$tree/bin" "$tap_tmp/home"
cp "$top/build/bin/vztmpl" "$top/build/bin/ploop" "$tree/bin/"
cp -R "$top/templates" "$tree/templates"
chmod -R a+rX "$tree"
chmod 711 "$tap_tmp"
as=''
if [ "$(id -u)" -eq 0 ]; then
	chown 65534:65534 "$tap_tmp/home"
	as='setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs'
fi
cd "$tap_tmp/home"
# user COMMAND... - as somebody, who mounts nothing: what would, is in $tap_tmp/home/mounts.
user() {
	# shellcheck disable=SC2086 # words
	env -i PATH="$tree/bin:/usr/bin:/bin:/usr/sbin:/sbin" HOME="$tap_tmp/home" VZTMPL_RECIPES="$tree/templates" \
		VZTMPL_CACHE="$tap_tmp/home/cache" $as \
		strace -f -qq -o mounts -e trace=mount,umount2,fsopen,fsmount,fspick,move_mount,open_tree,mount_setattr,pivot_root,chroot "$@"
}
# shellcheck disable=SC2016 # expands there
check "he is nobody, and has no right" user sh -c 'grep -qE "^CapEff:\s0+$" /proc/self/status && [ "$(id -u)" -ne 0 ] && ! chown 0 .'

check "vztmpl build busybox" user vztmpl build busybox
is "without a mount" "$(grep -v '^[0-9]* *[-+]' mounts)" ""
check "it is whole" user vztmpl verify busybox
zstd -dc cache/busybox-x86_64.tar.zst >"$tap_tmp/tar"
is "and all of it is root's" "$(tar --numeric-owner -tvf "$tap_tmp/tar" | grep -vc ' 0/0 ')" 0

for format in raw expanded; do
	check "ploop init --tar, $format" user ploop init -s 64M -f "$format" --tar "$tap_tmp/tar" "$format/root.hds"
	is "without a mount, $format" "$(grep -v '^[0-9]* *[-+]' mounts)" ""
	check "ploop check, $format" user ploop check "$format/root.hds"
done
check "a sound file system" e2fsck -fn "raw/root.hds?offset=1048576"
is "with root's files" "$(debugfs -R 'stat /bin/busybox' 'raw/root.hds?offset=1048576' 2>/dev/null | sed -n 's/^User: *\([0-9]*\) *Group: *\([0-9]*\).*/\1 \2/p')" "0 0"
is "everything is his" "$(find . ! -user "$(stat -c %u .)")" ""
