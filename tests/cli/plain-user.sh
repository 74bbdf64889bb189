#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, who is not root could make neither a template nor an image, or only
# with a mount, or would not be told what is missing for a template.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
requires vztmpl ploop zstd strace setpriv unshare e2fsck mmdebstrap newuidmap
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

# A template of Debian is built in user namespaces of his, for which he needs sub-ids: he, tom, is
# made for this, where nobody else sees the files that he stands in.
cat >"$tap_tmp/as-tom" <<'END'
for f in passwd subuid subgid; do mount --bind "$0.$f" "/etc/$f"; done
exec unshare --user --map-user=4321 --map-group=4321 -- "$@"
END
# refused NAME PASSWD SUBUID SUBGID LINE
refused() {
	printf '%s\n' 'root:x:0:0::/:/bin/sh' "$2" >"$tap_tmp/as-tom.passwd"
	printf '%s\n' "$3" >"$tap_tmp/as-tom.subuid"
	printf '%s\n' "$4" >"$tap_tmp/as-tom.subgid"
	mkdir "$tap_tmp/tom"
	run unshare --map-root-user --mount sh "$tap_tmp/as-tom" env -i PATH="$tree/bin:/usr/bin:/bin:/usr/sbin:/sbin" \
		VZTMPL_RECIPES="$tree/templates" VZTMPL_CACHE="$tap_tmp/tom" vztmpl build --quiet --mirror "file:$tap_tmp/none" debian-12
	is "$1: refused" "$status" 1
	is "$1: said so, with what to do, in one line" "$output" "vztmpl: cannot build 'debian-12': $5"
	is "$1: nothing half-made" "$(find "$tap_tmp/tom" -mindepth 1 ! -name '.*.lock')" ""
	rm -r "$tap_tmp/tom"
}
tom=tom:x:4321:4321::/home/tom:/bin/sh
usermod='(as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 tom)'
refused "no sub-ids" "$tom" root:100000:65536 root:100000:65536 "no sub-ids for user 'tom' in /etc/subuid $usermod"
refused "a line that gives none" "$tom" tom:: tom:100000:65536 "no sub-ids for user 'tom' in /etc/subuid $usermod"
refused "only those of another's name" "$tom" tommy:100000:65536 tom:100000:65536 "no sub-ids for user 'tom' in /etc/subuid $usermod"
refused "no sub-ids for groups" "$tom" tom:100000:65536 root:100000:65536 "no sub-ids for user 'tom' in /etc/subgid $usermod"
refused "no account" nobody:x:9:9::/:/bin/sh tom:100000:65536 tom:100000:65536 \
	'user id 4321 has no account, and only root builds without one'
refused "with sub-ids it is the mirror that lacks" "$tom" tom:100000:65536 tom:100000:65536 \
	"no 'bookworm' at the mirror 'file:$tap_tmp/none' (no network? another one: --mirror URL)"
