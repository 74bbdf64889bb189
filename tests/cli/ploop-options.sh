#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The command line as OpenVZ's scripts know it: exit codes, options that are
# refused by name, help, and the list of options that the manual page is checked by.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires ploop

cd "$tap_tmp"
run ploop --help
is "--help is no error" "$status" 0
like "and names the commands" "$output" "^  init "
for c in init info check mount umount; do
	run ploop "$c" --help
	is "$c --help" "$status" 0
	like "$c --help shows how" "$output" "^Usage: ploop $c "
done
check "--version" ploop --version

# Wrong parameters: exit code 38, one line.
for args in "" "frobnicate" "init" "init x/y" "init -s" "init -s 1Q x/y" "init -s 10M" "init -s 10M a b" \
	"init -s 10M -f qcow2 x/y" "init -s 10M -b 3 x/y" "init -s 10M --uuid z x/y" "init -s 10M --time z x/y" \
	"list x" "list -Z" "stat" "stat a b" "stat -d" "stat -d /dev/null" "stat -d /dev/null x" \
	"init --nonsense" "init -Z" "info" "check" "mount x" "mount -m" "umount" "umount -m a -d b"; do
	# shellcheck disable=SC2086 # words
	run ploop $args
	is "ploop $args" "$status $(printf '%s\n' "$output" | wc -l)" "38 1"
	like "ploop $args: points to the help" "$output" "try 'ploop --help'"
done

# What OpenVZ's ploop can and this one cannot yet: 38, and the line names it.
refused() { # PATTERN ARGS...
	pattern=$1
	shift
	run ploop "$@"
	is "refused: ploop $*" "$status" 38
	like "by name: $pattern" "$output" "$pattern.*not supported|not supported.*$pattern"
}
refused "'3'" init -s 10M -v 3 x/y
refused "xfs" init -s 10M -t xfs x/y
refused "none" init -s 10M -t none x/y
refused "qcow" init -s 10M -T qcow x/y
refused "1024" init -s 10M -B 1024 x/y
refused "'-n'" init -s 10M -n x/y
refused "-k" init -s 10M -k id x/y
refused "'-d'" mount -d /dev/x -m m x
refused "qcow2" mount -f qcow2 -m m x
for c in tsnapshot encrypt; do
	refused "$c" "$c" x
done
# wrong PATTERN ARGUMENT... - what a copy is told makes no sense.
wrong() {
	pattern=$1
	shift
	run ploop copy "$@"
	is "copy $*: exit code 38" "$status" 38
	like "copy $*: why" "$output" "$pattern"
}
# Which of the three ways of a copy it is to be.
for options in "-s x" "-d x" "-s x -d y -o 1" "-s x -i 0" "-d y -i 0 -F true" "-s x -d y -f 1" "-d y -o 1"; do
	# shellcheck disable=SC2086
	wrong "copy takes -s and -d" $options
done
wrong "'77' is no open file descriptor" -d y -i 77
wrong "'0x' is no open file descriptor" -d y -i 0x
wrong "stop command is empty" -s x -d y -F " "
run ploop copy -d y -i 0 </dev/null
is "no stream: exit code 13" "$status" 13
is "nothing was made" "$(ls -A)" ""

ploop init -s 16M e/root.hds
mkdir m
mustfail "an expanded image is no raw one" ploop mount -f raw -m m e
is "and that is exit code 38" "$status" 38
like "by name" "$output" "'e' is not of the format raw"
# A kernel without a device mapper: one that was not closed is not mended there either.
without_mapper() { unshare -rm sh -c 'mount -t tmpfs none /dev && exec "$0" "$@"' "$@"; }
printf Ynot | dd of=e/root.hds bs=1 seek=44 conv=notrunc status=none
sha256sum e/root.hds >before
mustfail "an expanded image needs the kernel's target" without_mapper ploop mount -m m e
is "and that is exit code 2" "$status" 2
is "in one line" "$output" "ploop: this kernel has no device-mapper target 'ploop', which the expanded image 'e/root.hds' needs"
check "nothing has changed" sha256sum --quiet -c before
check "its lock is free" flock -n e/root.hds true
ploop check -d e >/dev/null
mustfail "umount of what is not mounted" ploop umount e
is "is exit code 40" "$status" 40
mustfail "stat of what is not mounted" ploop stat e
is "is exit code 40" "$status" 40
like "by name" "$output" "'e/root.hds' is not mounted"
mustfail "stat of what is not there" ploop stat nothing
is "is exit code 4" "$status" 4
check "without a device mapper nothing is listed" without_mapper ploop list -a
is "not a word" "$output" ""
is "nor as JSON" "$(without_mapper ploop list --json)" "[]"

# docs/man/ploop.8 against this list: scripts/check-docs.
run ploop --list-options
for want in "init --tar - ok FILE" "init -k - refused -" "check --ro - ok -" "check -d - ok -" "check --drop-inuse - ok -" "mount -f - ok FORMAT" "check --hard-force - refused -" "snapshot - - ok -" "snapshot -u - ok UUID" "tsnapshot - - refused -"; do
	like "--list-options has '$want'" "$output" "^$want\$"
done
