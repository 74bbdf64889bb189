#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Create, set and destroy work on files alone, on any kernel and without root.
# If this fails, a container's configuration or private area is not what was asked for.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/node.sh
. "$(dirname "$0")/../lib/node.sh"
requires vzctl vzlist ploop e2fsck

make_node
make_template tiny
V() { vzctl --config-root "$etc" "$@"; }
conf=$etc/conf/101.conf

check "create" V create 101 --ostemplate tiny --hostname a.example --diskspace 64M
is "its state" "$(V status 101)" "CTID 101 exist unmounted down"
check "the image is whole" ploop check "$node/private/101/root.hdd"
like "the template's name is recorded" "$(cat "$conf")" '^OSTEMPLATE="tiny"$'
like "its ids are recorded" "$(cat "$conf")" '^LOCAL_UID="[0-9]+"$'
check "the long name of a template" V create 102 --ostemplate tiny-x86_64 --diskspace 64M
is "ids do not overlap" "$(cat "$etc"/conf/10[12].conf | grep LOCAL_UID | sort -u | wc -l)" 2
check "the default template and sample" V create 103
like "come from vz.conf" "$(cat "$etc/conf/103.conf")" '^ORIGIN_SAMPLE="small"$'
check "own places" V create 104 --private "$node/p2/\$VEID" --root "$node/r2/\$VEID"
check "are used" test -e "$node/p2/104/root.hdd/DiskDescriptor.xml"

printf '#UUID: 42\nFUTURE=kept # so\n' >>"$conf"
# shellcheck disable=SC2016 # meant as they stand
check "set" V set 101 --ram 512M --cpulimit 100 --ipadd 10.0.0.1 --ipadd 10.0.0.2 --description 'it'\''s "$HOME" `id`' --save
check "comments stay" grep -qx '#UUID: 42' "$conf"
check "unknown lines stay" grep -qx 'FUTURE=kept # so' "$conf"
like "memory" "$(cat "$conf")" '^PHYSPAGES="0:512M"$'
like "addresses" "$(cat "$conf")" '^IP_ADDRESS="10.0.0.1 10.0.0.2"$'
# shellcheck disable=SC1090,SC2016
is "hostile text is inert in a shell" "$(. "$conf"; printf %s "$DESCRIPTION")" 'it'\''s "$HOME" `id`'
check "address removed" V set 101 --ipdel 10.0.0.1 --save
like "addresses now" "$(cat "$conf")" '^IP_ADDRESS="10.0.0.2"$'
check "IPv6 and masks" V set 101 --ipadd 2001:DB8:0:1::1/64 --ipadd 10.0.1.1/255.255.255.0 --save
like "are stored in one form" "$(cat "$conf")" '^IP_ADDRESS="10.0.0.2 2001:db8:0:1::1/64 10.0.1.1/24"$'
check "taken away without them" V set 101 --ipdel 2001:db8:0:1::1 --ipdel 10.0.1.1 --save
like "both" "$(cat "$conf")" '^IP_ADDRESS="10.0.0.2"$'
check "pairs" V set 101 --netif_add eth0 --netif_add eth5,00:18:51:aa:bb:cc,h5 --ifname eth5 --mac_filter off --host_mac 00:18:51:00:00:05 --save
like "are stored as OpenVZ stored them" "$(cat "$conf")" \
	'^NETIF="ifname=eth0,mac=00:18:51(:[0-9A-F]{2}){3},host_ifname=veth101.0,host_mac=00:18:51(:[0-9A-F]{2}){3};ifname=eth5,mac=00:18:51:AA:BB:CC,host_ifname=h5,host_mac=00:18:51:00:00:05,mac_filter=off"$'
check "one goes" V set 101 --netif_del eth0 --save
like "the other stays" "$(cat "$conf")" '^NETIF="ifname=eth5,'
check "nothing to set" V --quiet set 101 --save
check "numproc by its letter" V set 101 -p 200 --save
like "numproc" "$(cat "$conf")" '^NUMPROC="200:200"$'

check "devices" V set 101 --devices c:10:200:rw --devices b:7:all:none --devnodes fuse:rw --devnodes null:r --save
check "devices again" V set 101 --devices c:10:200:r --devnodes fuse:none --save
like "by number, one for each" "$(cat "$conf")" '^DEVICES="c:10:200:r b:7:all:none"$'
like "by name" "$(cat "$conf")" '^DEVNODES="fuse:none null:r"$'
check "capabilities" V set 101 --capability net_raw:off,sys_nice:off --capability NET_RAW:on --save
like "in the old tool's form" "$(cat "$conf")" '^CAPABILITY="NET_RAW:on SYS_NICE:off"$'
check "features" V set 101 --features vzmarker:off,bridge:on --save
like "likewise" "$(cat "$conf")" '^FEATURES="vzmarker:off bridge:on"$'

check "a name" V set 101 --name web --save
is "works as an id" "$(V status web)" "CTID 101 exist unmounted down"
check "its link goes with it" V set web --name '' --save
mustfail "the name is free" V status web

# Creates do not wait for each other's images: one that stands still is in nobody's way.
mkfifo "$node/template/cache/slow-x86_64.tar"
vzctl --config-root "$etc" create 105 --ostemplate slow >"$tap_tmp/slow" 2>&1 &
slow=$!
wait_until 10 test -e "$etc/conf/105.conf.creating"
check "a create beside one that is not done" timeout 30 vzctl --config-root "$etc" create 106 --ostemplate tiny
is "what is being made is no container" "$(V status 105)" "CTID 105 deleted unmounted down"
mustfail "its id is locked" V create 105 --ostemplate tiny
is "with exit code 9" "$status" 9
kill -9 $slow
wait $slow 2>/dev/null || :
rm "$node/template/cache/slow-x86_64.tar"
check "what it left is removed" V destroy 105
is "all of it" "$(ls -d "$node"/private/105* "$etc"/conf/105* 2>/dev/null || :)" ""

echo exit >"$etc/conf/101.mount"
check "destroy" V destroy 101
is "its scripts do not wait for the next one" "$(cd "$etc/conf" && echo 101.*mount*)" 101.mount.destroyed
is "its state" "$(V status 101)" "CTID 101 deleted unmounted down"
is "the private area is gone" "$(ls -d "$node"/private/101* 2>/dev/null || :)" ""
check "the file is kept aside" test -e "$conf.destroyed"
check "the id can be used again" V create 101

# format CTID - of its image.
format() { ploop info -s "$node/private/$1/root.hdd" | sed -n 's/^format: *//p'; }
is "a container is on a raw image" "$(format 101) $(sed -n 's/^VE_LAYOUT=//p' "$etc/conf/101.conf")" 'raw "ploop:raw"'
check "one is made on an expanded image" V create 109 --layout ploop:expanded
is "which is one, and recorded" "$(format 109) $(sed -n 's/^VE_LAYOUT=//p' "$etc/conf/109.conf")" 'expanded "ploop:expanded"'
check "and destroyed" V destroy 109
echo 'VE_LAYOUT="ploop:expanded"' >>"$etc/vz.conf"
check "the node may say so" V create 109
is "for all" "$(format 109) $(sed -n 's/^VE_LAYOUT=//p' "$etc/conf/109.conf")" 'expanded "ploop:expanded"'
V --quiet destroy 109
check "but for who is told otherwise" V create 109 --velayout ploop
is "which is raw" "$(format 109) $(sed -n 's/^VE_LAYOUT=//p' "$etc/conf/109.conf")" 'raw "ploop:raw"'
V --quiet destroy 109

# What it is on changes, and what is on it stays.
V --quiet create 109
clean() { ploop check "$node/private/109/root.hdd"; }
contents() { # IMAGE - whose images become one, a raw one
	ploop snapshot-merge -A "$1" >/dev/null 2>&1 || :
	ploop convert -f raw "$1" && cat "$1"/root.hds* | md5sum
}
cp -a "$node/private/109/root.hdd" "$tap_tmp/as-it-was"
was=$(contents "$tap_tmp/as-it-was")
for layout in expanded preallocated raw preallocated expanded; do
	check "converted to $layout" V --quiet convert 109 --layout "ploop:$layout"
	is "is one, and recorded" "$(format 109) $(sed -n 's/^VE_LAYOUT=//p' "$etc/conf/109.conf")" "$layout \"ploop:$layout\""
	check "check finds nothing" clean
	cp -a "$node/private/109/root.hdd" "$tap_tmp/$layout"
	is "what is on it is the same" "$(contents "$tap_tmp/$layout")" "$was"
	rm -r "${tap_tmp:?}/$layout"
done
run V convert 109 --velayout ploop
is "said" "$output" "Container disk is ploop:raw now"
check "as the legacy tool, without a layout" V --quiet convert 109
is "to an expanded one" "$(format 109)" expanded
V --quiet snapshot 109
check "below a snapshot" V --quiet convert 109 --layout ploop:raw
is "which stays" "$(V snapshot-list 109 -H | wc -l)" 1
mustfail "one that is none" V convert 109 --layout simfs
is "exit code" "$status" 99
exec 8<"$(find "$node/private/109/root.hdd" -name "root.hds*" | head -n 1)"
flock -s 8
mustfail "one in use" V convert 109 --layout ploop:expanded
is "exit code" "$status" 155
like "says so" "$output" "in use"
exec 8<&-
V --quiet destroy 109
check "one is made preallocated" V --quiet create 109 --layout ploop:preallocated
is "which is one, and recorded" "$(format 109) $(sed -n 's/^VE_LAYOUT=//p' "$etc/conf/109.conf")" 'preallocated "ploop:preallocated"'
V --quiet destroy 109

like "help starts with the version" "$(vzctl --help | head -n 1)" '^vzctl version [0-9]+\.[0-9]+\.[0-9]+$'
every_command() {
	vzctl --list-options | while read -r c option key state; do
		[ "$option$key$state" = "--ok" ] || continue
		vzctl --help | grep -q "^  $c " || exit 1
	done
}
check "every command has a line in the help" every_command
