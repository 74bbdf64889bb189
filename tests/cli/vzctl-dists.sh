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
printf 'SET_DMS=ifupdown-ip.sh\n' >"$dists/tiny.conf"
refused "no action" 85 "$dists/tiny.conf:1: 'SET_DMS' is no action"
printf 'SET_DNS=$(id)\n' >"$dists/tiny.conf"
refused "no grammar" 85 "$dists/tiny.conf:1"
printf 'ADD_IP=ifupdown-ip.sh\n' >"$dists/tiny.conf"
chmod 666 "$dists/tiny.conf"
refused "others may write it" 107 "'$dists/tiny.conf' is not root's alone to write"
chmod 644 "$dists/tiny.conf"
chmod 666 "$dists/scripts/functions"
refused "others may write its functions" 108 "scripts/functions' is not root's alone to write"
chmod 644 "$dists/scripts/functions"
printf 'ADD_IP=ifupdown-ip.sh\nSET_UGID_QUOTA=q.sh\n' >"$dists/tiny.conf"
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
# script NAME SHELL ACTION STATE ADDRESSES [IPDELALL] - as vzctl feeds it, on files of our own.
script() {
	cat "$top/etc/dists/scripts/functions" "$top/etc/dists/scripts/$1-ip.sh" | sed "s,/etc/,$tree/,g" >"$tap_tmp/script"
	# shellcheck disable=SC2086 # a shell may be two words
	env -i PATH="$PATH" ACTION="$3" VE_STATE="$4" IP_ADDR="$5" IPDELALL="${6-}" FAKEGATEWAY=192.0.2.1 $2 -s <"$tap_tmp/script"
}
for shell in sh bash "busybox sh"; do
	command -v "${shell%% *}" >/dev/null || { skip "$shell" "is not there" && continue; }
	for x in ifupdown networkd; do
		rm -rf "$tree"
		mkdir -p "$tree/network" "$tree/systemd"
		case $x in ifupdown) f=$tree/network/interfaces.d/venet0 ;; *) f=$tree/systemd/network/10-venet0.network ;; esac
		has() { is "$shell, $x: $1" "$(sed -n 's/^# addresses: *//p' "$f")" "$2"; }
		check "$shell, $x: a start" script $x "$shell" ADD_IP starting "10.0.0.1 2001:db8::1/64"
		has "its addresses" "10.0.0.1 2001:db8::1/64"
		cp "$f" "$tap_tmp/first"
		script $x "$shell" ADD_IP running "10.0.0.2/24 10.0.0.1"
		has "one more" "10.0.0.1 2001:db8::1/64 10.0.0.2/24"
		script $x "$shell" DEL_IP running "10.0.0.2/24"
		check "$shell, $x: taken away, the file is as it was" cmp "$f" "$tap_tmp/first"
		script $x "$shell" DEL_IP running "10.0.0.1 2001:db8::1/64" yes
		has "none" ""
		is "$shell, $x: and no route" "$(grep -c '192.0.2.1\|fe80' "$f" || :)" 0
		script $x "$shell" ADD_IP running 10.0.0.9
		script $x "$shell" ADD_IP starting 10.0.0.3
		has "a start has them all anew" 10.0.0.3
		is "$shell, $x: mode, and nothing besides" "$(stat -c %a "$f") $(ls "$(dirname "$f")")" "644 $(basename "$f")"
		rm -rf "$tree"
		mkdir "$tree"
		check "$shell, $x: where there is no such service" script $x "$shell" ADD_IP starting 10.0.0.1
		is "$shell, $x: it makes none" "$(ls "$tree")" ""
	done
done
is "a prefix of its own" "$(grep -o 'addr replace [^ ]*' "$tap_tmp/first" || grep '^Address=' "$tap_tmp/first")" "Address=10.0.0.1/32
Address=2001:db8::1/64"
