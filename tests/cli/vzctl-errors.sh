#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Bad input: one line that names the thing, the documented exit code, nothing
# left. If this fails, scripts and panels take one failure for another.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/node.sh
. "$(dirname "$0")/../lib/node.sh"
requires vzctl vzlist flock tar xz perl

make_node
make_template tiny
V() { vzctl --config-root "$etc" "$@"; }

# code EXIT PATTERN COMMAND...
code() {
	code_want=$1 code_like=$2
	shift 2
	run "$@"
	code_words=$(printf '%s ' "$@" | tr -cd '[:print:]')
	is "$code_words: $code_want" "$status" "$code_want"
	like "$code_words: says why" "$output" "^vzctl: .*$code_like"
	is "$code_words: in one line" "$(printf '%s\n' "$output" | wc -l)" 1
}

code 20 'bad command' V frobnicate 101
code 20 'bad option' vzctl --frobnicate
code 20 'command is missing' vzctl
code 21 'id is missing' V start
code 21 'container 0 is the host' V status 0
code 21 'container 0 is the host' V set 0 --cpuunits 1000 --save
code 21 'not in 1' V status 2147483645
code 21 'not in 1' V status 99999999999999999999
code 21 'no container named' V status 101x
code 21 'no container named' V --quiet start destroy 101
code 10 'is missing' vzctl --config-root "$tap_tmp/none" status 101
code 14 'does not exist' V set 101 --ram 1G --save
code 14 'does not exist' V destroy 101
code 16 'suspend' V suspend 101
code 16 'chkpnt' V chkpnt 101 --suspend
code 14 'does not exist' V convert 101

code 91 "'nope'" V create 101 --ostemplate nope
code 91 'x01' V create 101 --ostemplate "$(printf 'a\001\377')"
code 91 'shadow' V create 101 --ostemplate ../../../etc/shadow
code 82 've-none' V create 101 --config none
code 46 '[0-9]' V --quiet create 101 --diskspace 1M
code 62 'diskinodes' V create 101 --diskinodes 100
code 99 "'simfs'" V create 101 --layout simfs
code 99 "'ploop:plain'" V create 101 --velayout ploop:plain
code 99 "'ploop:qcow2'" V create 101 --ve_layout ploop:qcow2
code 21 'out of range' V create 101 --local_uid 1000 --local_gid 1000
printf 'broken' >"$node/template/cache/broken-x86_64.tar.gz"
code 151 'broken' V --quiet create 101 --ostemplate broken
# What anybody put into the cache by hand, past vztmpl.
hostile() { # NAME PATTERN TAR_OPTION... - a template with that, refused by a create
	hostile_name=$1 hostile_like=$2
	shift 2
	tar -C "$tap_tmp/rootfs" --numeric-owner --owner=0 --group=0 -P -cf "$node/template/cache/$hostile_name-x86_64.tar" "$@" 2>/dev/null
	code 151 "$hostile_like" V --quiet create 101 --ostemplate "$hostile_name"
	rm "$node/template/cache/$hostile_name-x86_64.tar"*
}
hostile owner "'./' belongs to 4000000:0; ids go up to 262143 here" --owner=4000000 .
hostile dots "'\.\.'" --transform 's,^sbin/init$,a/../../init,' sbin/init
hostile absolute 'absolute' --transform 's,^sbin/init$,/etc/init,' sbin/init
ln -s /etc "$tap_tmp/rootfs/link"
hostile link "symbolic link 'link'" --transform 's,^sbin/init$,link/passwd,' link sbin/init
rm "$tap_tmp/rootfs/link"
# shellcheck disable=SC2016
perl -e 'for (1 .. 4097) { my $h = pack("a100 a8 a8 a8 a12 a12 A8 a1 a100 a6 a2 a32 a32 a8 a8 x167", "n$_", "0000644", "0000000", "0000000",
		"00000000000", "00000000001", " " x 8, 3, "", "ustar", "00", "", "", "0000001", "0000003");
	substr($h, 148, 8) = sprintf("%06o\0 ", unpack("%32C*", $h)); print $h } print "\0" x 1024' >"$node/template/cache/flood-x86_64.tar"
code 151 "'n4097' is one device too many: 4096" V --quiet create 101 --ostemplate flood
tar -C "$tap_tmp/rootfs" -cJf - . | head -c 200 >"$node/template/cache/cut-x86_64.tar.xz"
code 151 'cut' V --quiet create 101 --ostemplate cut
tar -C "$tap_tmp/rootfs" -cf - . | xz -0 --lzma2=dict=192MiB,mode=fast,mf=hc3 >"$node/template/cache/greedy-x86_64.tar.xz"
code 151 'greedy.*193 MiB of memory' V --quiet create 101 --ostemplate greedy
is "none of these left anything" "$(ls "$node/private" 2>/dev/null || :)$(ls "$etc/conf")" ve-small.conf-sample

run V --quiet create 100
is "an id that OpenVZ reserved is taken, with a warning" "$status $output" "0 vzctl: warning: ids up to 100 are reserved"
V --quiet destroy 100
rm -f "$etc"/conf/100.conf.destroyed
run V --quiet create 101 --hostname h
is "from 101 on there is none" "$status $output" "0 "
code 44 'exists' V create 101
code 70 'host name' V set 101 --hostname 'a b' --save
code 71 'not an IPv4' V set 101 --ipadd 10.0.0 --save
code 71 'fe80::1' V set 101 --ipadd fe80::1 --save
code 71 '/129' V set 101 --ipadd 2001:db8::1/129 --save
code 71 '/255.0.255.0' V set 101 --ipadd 10.0.0.1/255.0.255.0 --save
code 78 '10.0.0.1/24' V set 101 --ipadd 10.0.0.1/24 --ipadd 10.0.0.1 --save
code 130 "no bridge 'no-such-br'" V set 101 --netif_add eth0,,,,no-such-br --save
code 130 'netif_del.*eth0' V set 101 --netif_del eth0 --save
code 130 'ifname.*eth0' V set 101 --ifname eth0 --mac 00:18:51:00:00:01 --save
code 130 'mac.*ifname' V set 101 --mac 00:18:51:00:00:01 --save
code 130 '01:00:5e' V set 101 --netif_add eth0,01:00:5e:00:00:01 --save
code 130 'venet0' V set 101 --netif_add venet0 --save
code 130 "'all'" V set 101 --netif_add all --save
code 130 "'venet102'" V set 101 --netif_add eth0,,venet102 --save
code 130 "'../x'" V set 101 --netif_add eth0,,../x --save
code 130 'same MAC' V set 101 --netif_add eth0,00:18:51:00:00:01,,00:18:51:00:00:01 --save
code 130 'eth0' V set 101 --netif_add eth0 --netif_add eth0 --save
code 130 'neither on nor off' V set 101 --netif_add eth0 --ifname eth0 --mac_filter yes --save
code 20 'eth0.*nothing to change' V set 101 --netif_add eth0 --ifname eth0 --save
code 71 'not set' V set 101 --ipdel 10.0.0.7 --save
code 72 'nameserver' V set 101 --nameserver x --save
code 73 'searchdomain' V set 101 --searchdomain '-' --save
code 1 'not a size' V set 101 --ram much --save
code 2 'cpuunits' V set 101 --cpuunits 7 --save
code 86 'c:10:x:rw' V set 101 --devices c:10:x:rw --save
code 86 "'q' is for block" V set 101 --devices c:10:200:rq --save
code 86 'one by one' V set 101 --devices b:8:all:rw --save
code 86 '/dev/no-such-thing' V set 101 --devnodes no-such-thing:rw --save
code 86 'below /dev' V set 101 --devnodes ../etc/passwd:rw --save
code 86 'access is' V set 101 --devnodes null:x --save
code 13 'cannot be given: the kernel is' V set 101 --capability sys_module:on --save
code 13 "no capability 'fly'" V set 101 --capability net_raw:off,fly:on --save
code 13 'net_admin and sys_admin' V set 101 --capability ve_admin:on --save
code 20 'needs --save' V set 101 --capability net_raw:off
code 21 "'nfs' cannot be on" V set 101 --features nfs:on --save
code 21 "no feature 'wings'" V set 101 --features wings:on --save
code 131 'not a name' V set 101 --name 102 --save
code 20 'needs --save' V set 101 --name x
code 31 'not running' V set 101 --ram 1G
code 31 'not running' V set 101 --diskspace 128M
code 62 'not the size of a disk' V set 101 --diskspace large --save
code 20 'needs --diskspace' V set 101 --offline-resize --save
code 154 '[0-9]' V set 101 --diskspace 1M --offline-resize --save
code 154 'up to 50T' V set 101 --diskspace 51T --save
code 20 'bad option' V set 101 --frobnicate 1
code 20 'missing argument' V set 101 --ram
code 20 'unexpected' V status 101 extra
is "none of these changed its file" "$(grep -c HOSTNAME=\"h\" "$etc/conf/101.conf")" 1

for o in $(V --list-options | awk '$1 == "set" && $4 == "refused" && $2 ~ /^--/ { print $2 }' | sort -u); do
	run V set 101 "$o" 1 --save
	case $output in
	"vzctl: option $o is not supported yet"*) [ "$status" -ne 0 ] || not_ok "$o succeeds" ;;
	*) not_ok "$o is refused by name: $output" ;;
	esac
done
ok "what is not supported is refused by name"

# A damaged disk: what does not need it goes on.
V --quiet create 104
descriptor=$node/private/104/root.hdd/DiskDescriptor.xml
echo '<Parallels_disk_image' >"$descriptor"
[ "$(id -u)" != 0 ] || code 152 "$descriptor" V --quiet mount 104
check "its status is told" V status 104
check "it can be set" V --quiet set 104 --cpuunits 2000 --save
check "it can be destroyed" V --quiet destroy 104

# One of OpenVZ's that has a directory for a disk.
V --quiet create 105
rm -r "$node/private/105" && mkdir -p "$node/private/105/etc"
sed -i 's/^VE_LAYOUT=.*/VE_LAYOUT="simfs"/' "$etc/conf/105.conf"
[ "$(id -u)" != 0 ] || code 99 "VE_LAYOUT is 'simfs', which is not supported" V --quiet mount 105
check "its directory stays" test -d "$node/private/105/etc"
rm -r "$node/private/105" "$etc/conf/105.conf"

V --quiet create 102
sed -i '/SWAPPAGES/d' "$etc/conf/102.conf"
code 28 'swap' V set 102 --ram 1G --save
code 131 'used by' V create 103 --name "$(V --quiet set 102 --swap 1G --name web --save; echo web)"
echo 'CAPABILITY="SYS_TIME:on "' >>"$etc/conf/102.conf"
[ "$(id -u)" != 0 ] || code 13 'container 102: CAPABILITY: capability .SYS_TIME. cannot be given' V --quiet start 102
echo 'rubbish here' >>"$etc/conf/102.conf"
code 85 '102.conf:[0-9]+: ' V status 102
is "others are not affected" "$(V status 101)" "CTID 101 exist unmounted down"

sh -c 'flock 9; exec sleep 60' 9>"$node/lock/101.lck" &
holder=$!
wait_until 20 sh -c "! flock -n '$node/lock/101.lck' true"
code 9 'locked' V set 101 --ram 1G --save
check "status does not wait" timeout 20 vzctl --config-root "$etc" status 101
kill $holder
wait $holder 2>/dev/null || :

if [ "$(id -u)" = 0 ]; then
	chmod 755 "$tap_tmp" "$node"
	bin=$(command -v vzctl)
	install -m 755 "$bin" "$tap_tmp/vzctl"
	U() { setpriv --reuid 65534 --clear-groups "$tap_tmp/vzctl" --config-root "$etc" "$@"; }
else
	U() { V "$@"; }
fi
code 12 'root' U start 101
code 12 'root' U exec 101 true
[ "$(id -u)" != 0 ] || code 12 'root' U set 101 --ram 1G --save
check "but tells the status" U status 101
