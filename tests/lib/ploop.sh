# shellcheck shell=bash disable=SC2154,SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Images and devices of the target ploop, for tests in the guest. Source it from
# bash after functions.sh; $name is the device's.
#
#   empty FILE CLUSTERS [CLUSTER_SECTORS]  an image that has nothing; clusters of 64 KiB
#   put FILE OFFSET VALUE                  a number into a header or a table
#   get FILE OFFSET [BYTES]                the number that is there
#   table SECTORS OPTIONS FILE...          the line as $line, with the files open; FILE:r read-only
#   shut                                   close them, they are the device's now
#   attach, go_on ARGUMENTS OF table       make the device, as $dev; give it another table, suspended
#   detach                                 remove it

le32() { for i in 0 8 16 24; do printf '%b' "\\0$(printf %o $(($1 >> i & 255)))"; done; }
empty() {
	cs=${3:-128}
	{
		printf WithouFreSpacExt
		le32 2
		le32 16
		le32 1
		le32 "$cs"
		le32 "$2"
		le32 $(($2 * cs))
		le32 0
		le32 0
		le32 "$cs"
		le32 0
		le32 0
		le32 0
	} >"$1"
	truncate -s $((cs * 512)) "$1"
}
put() { le32 "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
get() { od -An -tu"${3:-4}" -j"$2" -N"${3:-4}" "$1" | xargs; }

# From descriptor 20 on: the shell itself uses those from 10.
table() {
	line="0 $1 ploop $2"
	shift 2
	fd=20
	for f; do
		case $f in
		raw@*) line="$line raw@$fd" f=${f#raw@} ;;
		*) line="$line $fd" ;;
		esac
		case $f in
		*:r) eval "exec $fd<${f%:r}" ;;
		# The one that a device has is not to be opened for writing: it goes on with its own.
		*) eval "exec $fd<>$f" 2>/dev/null || eval "exec $fd<$f" ;;
		esac
		fd=$((fd + 1))
	done
}
shut() { while [ "$fd" -gt 20 ]; do fd=$((fd - 1)) && eval "exec $fd>&-"; done; }
attach() {
	made=0
	table "$@"
	dmsetup create "$name" --table "$line" || made=$?
	shut
	dev=/dev/dm-$(dmsetup info -c --noheadings -o minor "$name" 2>/dev/null)
	return $made
}
go_on() {
	table "$@"
	dmsetup load "$name" --table "$line"
	shut
	dmsetup suspend "$name"
}
detach() { dmsetup remove "$name"; }
