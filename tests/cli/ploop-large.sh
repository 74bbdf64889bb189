#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Files over 4 and over 8 GiB whose data is in the tar, byte by byte, with their size in
# the two ways that tars have for one that eleven octal digits do not hold: whole, and in
# place. If this fails, a size or an offset is cut to 32 or 33 bits somewhere on the way.
# The tar comes through a pipe and is all zeros but for a few words: nobody has 13 GB for it.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires ploop perl debugfs e2fsck mkfifo

cd "$tap_tmp"
over4=$(((4 << 30) + 12345)) over8=$(((8 << 30) + 54321))
# Of each: at its start, on either side of 4 GiB, beyond, and its last bytes.
words4="0 $(((4 << 30) - 8)) $((4 << 30)) $((over4 - 8))"
words8="8192 $(((4 << 30) - 8)) $((4 << 30)) $(((8 << 30) + 8192)) $((over8 - 8))"

# stream - the tar: pax says the size of over4, over8's own header that of it, in binary.
stream() {
	perl -e '
	my ($over4, $words4, $over8, $words8) = @ARGV;
	my $zeros = "\0" x (1 << 20);
	binmode STDOUT;
	$| = 1;
	sub zeros { my $n = shift; while ($n > 0) { my $w = syswrite STDOUT, $zeros, $n < 1 << 20 ? $n : 1 << 20; $w or exit 1; $n -= $w } }
	sub say_all { my $s = shift; while (length $s) { my $w = syswrite STDOUT, $s; $w or exit 1; $s = substr $s, $w } }
	sub header {
		my ($type, $name, $size) = @_;
		my $h = pack("a100 a8 a8 a8 a12 a12 A8 a1 a100 a6 a2 x247", $name, "0000644", "0000000", "0000000",
			$size, "00000000001", " " x 8, $type, "", "ustar", "00");
		substr($h, 148, 8) = sprintf("%06o\0 ", unpack("%32C*", $h));
		say_all($h);
	}
	sub data {
		my ($size, @at) = @_;
		my $n = 0;
		for (@at) { zeros($_ - $n); say_all(sprintf "%08x", $_ >> 4); $n = $_ + 8 }
		zeros($size - $n);
		zeros(-$size % 512);
	}
	my $record = "19 size=$over4\n";
	length($record) == 19 or die;
	header("x", "PaxHeaders/over4", sprintf "%011o", 19);
	say_all($record . "\0" x (512 - 19));
	header("0", "over4", "00000000000");
	data($over4, split / /, $words4);
	header("0", "over8", pack("N Q>", 1 << 31, $over8));
	data($over8, split / /, $words8);
	header("0", "after", "00000000005");
	say_all("after" . "\0" x (512 - 5 + 1024));
	' "$over4" "$words4" "$over8" "$words8"
}
inode() { debugfs -R "stat /$1" "$image" 2>/dev/null | tr '\n' ' '; }
# word FILE OFFSET - the eight bytes that the image has there.
word() {
	word_block=$(debugfs -R "bmap /$1 $(($2 / 4096))" "$image" 2>/dev/null)
	dd if="${image%%\?*}" bs=1 skip=$(((1 << 20) + word_block * 4096 + $2 % 4096)) count=8 status=none
}
# holds FILE SIZE WORDS - that long and no longer, with these words where they were.
holds() {
	like "$1: its size" "$(inode "$1")" " Size: $2 "
	for at in $3; do is "$1: at $at" "$(word "$1" "$at")" "$(printf '%08x' $((at >> 4)))"; done
}

mkfifo tar
stream >tar &
check "13 GB through a pipe, in 24 MB" prlimit --data=25165824 ploop init -s 16G -f raw --tar tar out/root.hds
wait $! || not_ok "the whole of the tar was read"
image="out/root.hds?offset=1048576"
check "the file system is sound" e2fsck -fn "$image"
holds over4 $over4 "$words4"
holds over8 $over8 "$words8"
is "what comes after them" "$(debugfs -R 'cat /after' "$image" 2>/dev/null)" after
check "zeros take no room of the host's" test "$(du -m out/root.hds | cut -f1)" -lt 64
