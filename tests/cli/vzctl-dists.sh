#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Configurations of distributions, and the scripts that we install. If this fails, a
# mistake in one is not told, a container is made without its scripts, or a script
# writes what the distribution does not understand.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/node.sh
. "$(dirname "$0")/../lib/node.sh"
requires vzctl vzlist

make_node
make_template tiny
top=$(cd "$(dirname "$0")/../.." && pwd)
V() { vzctl --config-root "$etc" --quiet "$@"; }
dists=$etc/dists

# refused NAME EXIT PATTERN - create says so in one line, and nothing is there.
refused() {
	run V create 101 --diskspace 64M
	is "$1: $2" "$status" "$2"
	like "$1: says why" "$output" "^vzctl: .*$3"
	is "$1: in one line" "$(printf '%s\n' "$output" | wc -l)" 1
	is "$1: nothing is left" "$(find "$etc/conf" "$node/private" -name '*101*' ! -name '*.destroyed' 2>/dev/null || :)" ""
}

mkdir -p "$dists/scripts"
refused "no configuration" 107 "distribution 'tiny' has no configuration in '$dists', and there is no default.conf"
cp -r "$top/etc/dists" "$etc/"
run V create 101 --diskspace 64M
is "what we install is without effect" "$status $output" "0 "
V destroy 101
printf '\nSET_DNS=none.sh\n' >"$dists/tiny.conf"
refused "no script" 108 "$dists/tiny.conf:2: SET_DNS: there is no script '$dists/scripts/none.sh'"
printf 'SET_DNS=/bin/true\n' >"$dists/tiny.conf"
refused "a path" 85 "$dists/tiny.conf:1: SET_DNS: '/bin/true' is not the name of a file"
printf 'SET_DMS=ip.sh\n' >"$dists/tiny.conf"
refused "no action" 85 "$dists/tiny.conf:1: 'SET_DMS' is no action"
printf 'SET_DNS=$(id)\n' >"$dists/tiny.conf"
refused "no grammar" 85 "$dists/tiny.conf:1"
printf 'ADD_IP=ip.sh\n' >"$dists/tiny.conf"
chmod 666 "$dists/tiny.conf"
refused "others may write it" 107 "'$dists/tiny.conf' is not root's alone to write"
chmod 644 "$dists/tiny.conf"
chmod 666 "$dists/scripts/functions"
refused "others may write its functions" 108 "scripts/functions' is not root's alone to write"
chmod 644 "$dists/scripts/functions"
printf 'ADD_IP=ip.sh\nSET_UGID_QUOTA=q.sh\n' >"$dists/tiny.conf"
run V create 101 --diskspace 64M --distribution tiny-2
is "what OpenVZ had is named" "$status $output" \
	"0 vzctl: warning: $dists/tiny.conf:2: SET_UGID_QUOTA is not supported, its script is not run"
is "the distribution is stored" "$(vzlist --config-root "$etc" -aHo distribution 101)" tiny-2
check "and changed" V set 101 --distribution other --save
is "so" "$(sed -n 's/^DISTRIBUTION=//p' "$etc/conf/101.conf")" '"other"'
run V set 101 --distribution ../x --save
is "a path is none: 21" "$status" 21

# --- the scripts that we install ----------------------------------------------------

tree=$tap_tmp/tree
# script NAME SHELL [VARIABLE=VALUE...] - as vzctl feeds it, on files of our own.
script() {
	cat "$top/etc/dists/scripts/functions" "$top/etc/dists/scripts/$1.sh" |
		sed "s,/etc/,$tree/,g; s,[^ ]*lib/systemd/systemd-udevd,$tree/udevd,g" >"$tap_tmp/script"
	script_shell=$2
	shift 2
	# shellcheck disable=SC2086 # a shell may be two words
	env -i PATH="$path" VE_STATE=running FAKEGATEWAY=192.0.2.1 "$@" $script_shell -s <"$tap_tmp/script"
}
ip() { # SHELL ACTION STATE ALL [CHANGED]
	script ip "$1" ACTION="$2" VE_STATE="$3" IP_ADDRESS="$4" IP_ADDR="${5-$4}"
}
files() { (cd "$tree" && find . ! -type d | sort | xargs); }
ifupdown=$tree/network/interfaces.d/venet0 networkd=$tree/systemd/network/10-venet0.network
dropin=$tree/systemd/system/systemd-networkd.service.d/10-vzctl.conf
path=$PATH
for shell in sh bash "busybox sh"; do
	command -v "${shell%% *}" >/dev/null || { skip "$shell" "is not there" && continue; }
	rm -rf "$tree"
	mkdir -p "$tree/network" "$tree/systemd/network"
	has() { for f in $ifupdown $networkd; do is "$shell: $1 ($(basename "$f"))" "$(sed -n 's/^# addresses: *//p' "$f")" "$2"; done; }
	check "$shell: a start" ip "$shell" ADD_IP starting "10.0.0.1 2001:db8::1/64"
	has "its addresses" "10.0.0.1 2001:db8::1/64"
	like "$shell: what else is of a prefix is nobody's" "$(cat "$ifupdown")" '^	up ip -6 route replace unreachable 2001:db8::1/64 metric 2147483647 proto static '
	cp -r "$tree" "$tap_tmp/first"
	is "$shell: mode, and nothing besides" "$(stat -c %a "$ifupdown" "$networkd" "$dropin" | xargs) $(files)" \
		"644 644 644 ./network/interfaces.d/venet0 ./systemd/network/10-venet0.network ./systemd/system/systemd-networkd.service.d/10-vzctl.conf"
	# What a tenant writes into his file is nobody's address.
	sed -i 's/^# addresses:.*/& 10.6.6.6/' "$ifupdown" "$networkd"
	ip "$shell" ADD_IP running "10.0.0.1 2001:db8::1/64 10.0.0.2/24" 10.0.0.2/24
	has "one more" "10.0.0.1 2001:db8::1/64 10.0.0.2/24"
	ip "$shell" DEL_IP running "10.0.0.1 2001:db8::1/64" 10.0.0.2/24
	check "$shell: taken away, the files are as they were" diff -r "$tree" "$tap_tmp/first"
	rm -rf "$tap_tmp/first"
	ip "$shell" DEL_IP running "" "10.0.0.1 2001:db8::1/64"
	has "none" ""
	is "$shell: and no route" "$(grep -c '192.0.2.1\|fe80' "$ifupdown" "$networkd" | sed 's/.*://' | xargs)" "0 0"
	is "$shell: nobody waits for it" "$(grep -c RequiredForOnline=no "$networkd")" 1
	ip "$shell" ADD_IP running 10.0.0.9
	ip "$shell" ADD_IP starting 10.0.0.3
	has "a start has them all anew" 10.0.0.3
	is "$shell: networkd does not wait for udev" "$(grep -v '^#' "$dropin" | xargs)" "[Service] ReadOnlyPaths=/sys"
	touch "$tree/udevd"
	ip "$shell" ADD_IP starting 10.0.0.3
	mustfail "$shell: but where there is one" test -e "$dropin"

	check "$shell: a name" script hostname "$shell" HOSTNM=box.example.org
	printf '10.1.1.1\tother\n127.0.1.1\told # vzctl\n127.0.0.1 localhost\n' >"$tree/hosts"
	check "$shell: in /etc/hosts" script hostname "$shell" HOSTNM=box.example.org
	is "$shell: with a line of its own" "$(cat "$tree/hostname" "$tree/hosts")" "box.example.org
10.1.1.1	other
127.0.0.1 localhost
127.0.1.1	box.example.org box # vzctl"
	check "$shell: DNS" script dns "$shell" SEARCHDOMAIN="a.org b.org" NAMESERVER="192.0.2.53 2001:db8::53"
	is "$shell: in resolv.conf" "$(cat "$tree/resolv.conf")" "search a.org b.org
nameserver 192.0.2.53
nameserver 2001:db8::53"
	ln -sf ../outside "$tree/resolv.conf"
	script dns "$shell" SEARCHDOMAIN= NAMESERVER=192.0.2.54
	is "$shell: in the place of a link" "$(cat "$tree/resolv.conf") $(find "$tree/resolv.conf" -type l)$(ls "$tap_tmp/outside" 2>/dev/null)" "nameserver 192.0.2.54 "

	# stays NAME - what is there in the place of hosts.
	stays() {
		run script hostname "$shell" HOSTNM=box.example.org
		is "$shell: $1 stays" "$status $output" "0 '$tree/hosts' stays as it is: a link, no file, or too large"
	}
	rm "$tree/hosts" && mkfifo "$tree/hosts"
	(sleep 20 && echo late >"$tree/hosts") 2>/dev/null &
	late=$!
	stays "a pipe"
	kill $late
	rm "$tree/hosts" && mkdir "$tree/hosts"
	stays "a directory"
	rmdir "$tree/hosts" && ln -s ../outside "$tree/hosts"
	stays "a link"
	rm "$tree/hosts" && truncate -s 262145 "$tree/hosts"
	stays "a large one"
	printf '127.0.1.1\tbox.example.org box # vzctl\n10.1.1.1\tbelow\n' >"$tree/hosts"
	script hostname "$shell" HOSTNM=box.example.org
	is "$shell: what is added below stays below" "$(tail -n 1 "$tree/hosts")" "10.1.1.1	below"
	rm "$tree/hosts"
	rm -r "$tree/hostname" && mkdir "$tree/hostname"
	run script hostname "$shell" HOSTNM=box.example.org
	is "$shell: a directory for hostname" "$status $output $(ls "$tree/hostname")" "1 '$tree/hostname' cannot be written "
	rmdir "$tree/hostname"
	script hostname "$shell" HOSTNM=box.example.org
	inodes() { (cd "$tree" && find . ! -type d -exec stat -c '%i %n' {} + | sort); }
	before=$(inodes)
	ip "$shell" ADD_IP starting 10.0.0.3
	script hostname "$shell" HOSTNM=box.example.org
	script dns "$shell" SEARCHDOMAIN= NAMESERVER=192.0.2.54
	is "$shell: what is as it should be is not written" "$(inodes)" "$before"

	printf 'root:x:0:0::/root:/bin/sh\na.b$:x:7:7::/:/bin/sh\nnone:x:8:8::/:/bin/sh\n' >"$tree/passwd"
	printf 'xroot:!:1:0:99999:7:::\nroot:*:1:0:99999:7:::\na.b$:!:2:0:99999:7:::\n' >"$tree/shadow"
	chmod 640 "$tree/shadow"
	mkdir -p "$tap_tmp/bin"
	for p in cat chmod cp cut date grep mv rm; do ln -sf "$(command -v $p)" "$tap_tmp/bin/$p"; done
	for p in busybox sh bash; do ln -sf "$(command -v $p)" "$tap_tmp/bin/$p"; done
	ln -sf "$(command -v busybox)" "$tap_tmp/bin/mkpasswd"
	path=$tap_tmp/bin
	check "$shell: a password without chpasswd" script userpass "$shell" 'USERPW=a.b$:p:w $x'
	is "$shell: that user's alone, of today" "$(sed 's/\$6\$[^:]*/HASH/' "$tree/shadow") $(stat -c %a "$tree/shadow")" \
		"xroot:!:1:0:99999:7:::
root:*:1:0:99999:7:::
a.b\$:HASH:$(($(date +%s) / 86400)):0:99999:7::: 640"
	hash=$(sed -n 's/^a.b$:\([^:]*\):.*/\1/p' "$tree/shadow")
	is "$shell: that one" "$(perl -e 'print crypt("p:w \$x", $ARGV[0])' "$hash")" "$hash"
	cp "$tree/shadow" "$tap_tmp/shadow"
	run script userpass "$shell" USERPW=nobody:x
	is "$shell: no such user" "$status $output$(cmp "$tree/shadow" "$tap_tmp/shadow")" "67 "
	run script userpass "$shell" USERPW=none:x
	is "$shell: none in shadow" "$status $output$(cmp "$tree/shadow" "$tap_tmp/shadow")" "1 user 'none' has no shadow password"
	printf '#!/bin/sh\ncat >%s/line\n' "$tree" >"$tap_tmp/bin/chpasswd"
	chmod 755 "$tap_tmp/bin/chpasswd"
	check "$shell: with chpasswd" script userpass "$shell" 'USERPW=root:p:w $x'
	is "$shell: it is told" "$(cat "$tree/line") $(cmp "$tree/shadow" "$tap_tmp/shadow")" 'root:p:w $x '
	rm "$tap_tmp/bin/chpasswd"
	path=$PATH

	rm -rf "$tree"
	mkdir -p "$tree/network"
	touch "$tree/network/interfaces.d"
	run ip "$shell" ADD_IP starting 10.0.0.1
	is "$shell: a file that cannot be written does not keep a start" "$status $output" "0 '$ifupdown' cannot be written"
	run ip "$shell" ADD_IP running 10.0.0.1
	is "$shell: but fails a change" "$status $output" "1 '$ifupdown' cannot be written"

	rm -rf "$tree"
	mkdir "$tree"
	check "$shell: where there is no such service" ip "$shell" ADD_IP starting 10.0.0.1
	is "$shell: it makes none" "$(ls "$tree")" ""
done
for os in debian busybox; do
	is "$os is set by these" "$(sed '/^#/d' "$top/etc/dists/$os.conf" | sort | xargs)" \
		"ADD_IP=ip.sh DEL_IP=ip.sh SET_DNS=dns.sh SET_HOSTNAME=hostname.sh SET_USERPASS=userpass.sh"
done
is "others are not" "$(sed '/^#/d' "$top/etc/dists/default.conf")" ""
