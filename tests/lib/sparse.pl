#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# sparse.pl PIECES: a tar of one sparse file (GNU's format 1.0 in pax headers) of
# that many pieces, a byte each with 15 bytes of hole behind it.
use strict;
use warnings;

my ($pieces) = @ARGV;

sub member {
	my ($type, $name, $data) = @_;
	my $h = pack("a100 a8 a8 a8 a12 a12 A8 a1 a100 a6 a2 x247", $name, "0000644", "0000000", "0000000",
		sprintf("%011o", length $data), "00000000001", " " x 8, $type, "", "ustar", "00");
	substr($h, 148, 8) = sprintf("%06o\0 ", unpack("%32C*", $h));
	print $h, $data, "\0" x (-length($data) % 512);
}

sub record {
	my $text = " $_[0]\n";
	my $len = length($text) + 1;
	$len++ while length($len . $text) > $len;
	return $len . $text;
}

my $map = "$pieces\n" . join "", map { $_ * 16 . "\n1\n" } 0 .. $pieces - 1;
$map .= "\0" x (-length($map) % 512);
member("x", "PaxHeaders/pieces", join "", map { record("GNU.sparse.$_") }
	"major=1", "minor=0", "name=pieces", "realsize=" . $pieces * 16);
member("0", "GNUSparseFile/pieces", $map . "x" x $pieces);
print "\0" x 1024;
