#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# set on a container that does not run: samples, pairs of values, bind mounts, and
# what is refused. If this fails, a configuration is not what was asked for.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/node.sh
. "$(dirname "$0")/../lib/node.sh"
requires vzctl vzlist

make_node
make_template tiny
top=$(cd "$(dirname "$0")/../.." && pwd)
cp "$top"/etc/conf/*.conf-sample "$etc/conf/"
V() { vzctl --config-root "$etc" "$@"; }
conf=$etc/conf/101.conf
value() { sed -n "s/^$1=\"\(.*\)\"\$/\1/p" "$conf"; }

# code EXIT PATTERN COMMAND... - refused in one line, the file as it was.
code() {
	code_want=$1 code_like=$2
	shift 2
	cp "$conf" "$tap_tmp/before"
	run "$@"
	is "$*: $code_want" "$status" "$code_want"
	like "$*: says why" "$output" "^vzctl: .*$code_like"
	is "$*: in one line" "$(printf '%s\n' "$output" | wc -l)" 1
	check "$*: nothing is written" cmp "$conf" "$tap_tmp/before"
}

for s in vswap-256m vswap-512m vswap-1g vswap-2g vswap-4g; do
	run V create 110 --config $s --diskspace 64M
	is "$s: nothing in it is without effect" "$status $output" "0 Creating container private area (tiny)
Container private area was created"
	V destroy 110 >/dev/null
done
is "what create takes unless told" "$(sed -n 's/^CONFIGFILE="\(.*\)"$/\1/p' "$top/etc/vz.conf")" vswap-1g
is "is what Debian with its updates fits in" \
	"$(grep -E '^(PHYSPAGES|DISKSPACE)=' "$etc/conf/ve-vswap-1g.conf-sample" | xargs)" "PHYSPAGES=0:1G DISKSPACE=10G"
for s in basic light; do
	run V create 110 --config $s --diskspace 64M
	is "$s: create" "$status" 0
	like "$s: what has no effect yet is named" "$output" \
		'^vzctl: container 110: not supported yet, not applied: KMEMSIZE .*NUMFILE'
	is "$s: once" "$(printf '%s\n' "$output" | grep -c KMEMSIZE)" 1
	like "$s: and kept" "$(cat "$etc/conf/110.conf")" '^NUMIPTENT='
	V destroy 110 >/dev/null
done

V --quiet create 101 --hostname h --name web --ipadd 10.0.0.1 --description d
V --quiet set 101 --cpulimit 50 --save
printf '# mine\n' >>"$conf"
echo 'UNHEARD_OF="1"' >>"$etc/conf/ve-vswap-4g.conf-sample"
check "a sample" V --quiet set 101 --applyconfig vswap-4g --save
is "is taken over" "$(value PHYSPAGES) $(value SWAPPAGES) $(value ORIGIN_SAMPLE) $(value UNHEARD_OF)" "0:4G 0:8G vswap-4g 1"
is "who it is stays" "$(value HOSTNAME) $(value NAME) $(value IP_ADDRESS) $(value DESCRIPTION) $(value OSTEMPLATE)" "h web 10.0.0.1 d tiny"
is "so does its disk, and what the sample does not have" "$(value DISKSPACE) $(value CPULIMIT)" "64M 50"
check "comments stay" grep -qx '# mine' "$conf"
check "an option beside it wins" V --quiet set 101 --ram 300M --applyconfig vswap-1g --save
is "memory" "$(value PHYSPAGES) $(value SWAPPAGES)" "0:300M 0:2G"
run V --quiet set 101 --applyconfig basic --save
like "what has no effect is named" "$output" '^vzctl: container 101: not supported yet, not applied: KMEMSIZE'
code 109 've-none' V set 101 --applyconfig none --save
code 109 'not the name' V set 101 --applyconfig ../x --save
code 20 'needs --save' V set 101 --applyconfig light
echo 'CPUUNITS="7"' >"$etc/conf/ve-bad.conf-sample"
code 109 'CPUUNITS' V set 101 --applyconfig bad --save
echo 'rubbish' >"$etc/conf/ve-bad.conf-sample"
code 109 've-bad.conf-sample:1' V set 101 --applyconfig bad --save
code 109 'applyconfig_map' V set 101 --applyconfig_map name --save

code 20 'only option' V set 101 --reset_ub --save
code 31 'not running' V set 101 --reset_ub
code 21 'neither restart nor ignore' V set 101 --setmode later --save
check "a mode for what needs no restart" V --quiet set 101 --onboot yes --setmode restart --save

# shellcheck disable=SC2016 # for vzctl to expand
check "other places" V --quiet set 101 --root "$node/r2/\$VEID" --private "$node/p2/101" --save
is "are recorded" "$(value VE_ROOT) $(value VE_PRIVATE)" "$node/r2/101 $node/p2/101"
check "and nothing is moved" test -e "$node/private/101/root.hdd"
code 20 'needs --save' V set 101 --root "$node/root/101"
code 21 'not an absolute' V set 101 --private p2 --save
code 21 'not a path' V set 101 --private '/vz/$HOME' --save
check "back" V --quiet set 101 --root "$node/root/101" --private "$node/private/101" --save
check "no access times" V --quiet set 101 --noatime yes --save
is "are recorded" "$(value NOATIME)" yes
code 21 "neither yes nor no|yes or no" V set 101 --noatime maybe --save
code 20 'needs --save' V set 101 --noatime yes

cpus=$(cat /sys/devices/system/cpu/online)
check "all CPUs by their list" V --quiet set 101 --cpumask "$cpus" --save
is "CPUs" "$(value CPUMASK)" "$cpus"
check "one" V --quiet set 101 --cpumask 0,0-0 --save
is "in the shortest form" "$(value CPUMASK)" 0
check "all" V --quiet set 101 --cpumask all --nodemask all --save
code 2 'no CPU 4000' V set 101 --cpumask 0,4000 --save
code 2 'no NUMA node' V set 101 --nodemask 999 --save
code 2 'not a list' V set 101 --cpumask 1-0 --save
V --quiet create 102
run V set 102 --nodemask 0 --save
is "nodes without CPUs: 2" "$status" 2
run V set 102 --cpumask auto --save
is "auto without nodes: 2" "$status" 2
check "auto with nodes" V --quiet set 102 --cpumask auto --nodemask 0 --save

mkdir -m 700 "$tap_tmp/src" && mkdir "$tap_tmp/src/a" "$tap_tmp/src/b"
ln -s a "$tap_tmp/src/l"
check "a bind mount" V --quiet set 101 --bindmount_add "$tap_tmp/src/a:/mnt/a" --save
check "another, with options" V --quiet set 101 --bindmount_add "nosuid,noexec:$tap_tmp/src/b" --save
is "stored" "$(value BINDMOUNT)" "$tap_tmp/src/a:/mnt/a nosuid,noexec:$tap_tmp/src/b:$tap_tmp/src/b"
check "one with the same target" V --quiet set 101 --bindmount_add "$tap_tmp/src/b:/mnt/a" --save
check "and the second goes" V --quiet set 101 --bindmount_del "$tap_tmp/src/b" --save
is "replaces it" "$(value BINDMOUNT)" "$tap_tmp/src/b:/mnt/a"
code 21 "cannot open '$tap_tmp/none'" V set 101 --bindmount_add "$tap_tmp/none" --save
code 21 'symbolic link' V set 101 --bindmount_add "$tap_tmp/src/l:/x" --save
code 21 'option of a bind mount' V set 101 --bindmount_add "ro:$tap_tmp/src/a:/x" --save
code 21 'nothing can be mounted' V set 101 --bindmount_add "$tap_tmp/src/a:/proc/x" --save
code 21 'not set' V set 101 --bindmount_del /mnt/x --save
code 20 'needs --save' V set 101 --bindmount_del all
check "all go" V --quiet set 101 --bindmount_del all --save
is "none is left" "$(value BINDMOUNT)" ""

code 74 "password of 'root' is empty" V set 101 --userpasswd root
code 74 "password of 'root' is empty" V set 101 --userpasswd root: --save
code 74 'not user:password' V set 101 --userpasswd "$(printf 'a\nb'):x"
printf 'no newline' >"$tap_tmp/pw"
: >"$tap_tmp/empty"
code 74 "password of 'root' is empty" sh -c "vzctl --config-root '$etc' set 101 --userpasswd root:- <'$tap_tmp/empty'"
code 74 "cannot .*$tap_tmp/nokey" V set 101 --ssh-key "$tap_tmp/nokey"
echo '-----BEGIN OPENSSH PRIVATE KEY-----' >"$tap_tmp/private"
code 74 'line 1 is not a public key' V set 101 --ssh-key "$tap_tmp/private"
code 74 'there is no public key' V set 101 --ssh-key "$tap_tmp/empty"
