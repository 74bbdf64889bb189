#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# sparse.pl PIECES [APART [old]]: a tar of one sparse file (GNU's format 1.0 in pax
# headers, or the one before pax) of that many pieces of a byte, APART (16) bytes from
# one to the next.
use strict;
use warnings;

my ($pieces, $apart, $old) = @ARGV;
$apart ||= 16;

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

# The same in headers of 21 pieces each, behind a first one of 4.
if ($old) {
	my $h = pack("a100 a8 a8 a8 A12 A12 A8 a1 a100 a8 x121", "pieces", "0000644", "0000000", "0000000",
		sprintf("%011o ", $pieces), "00000000001 ", " " x 8, "S", "", "ustar  ");
	my @map = map { sprintf("%011o %011o ", $_ * $apart, 1) } 0 .. $pieces - 1;
	$h .= pack("a96 C a12 x17", join("", splice(@map, 0, 4)), @map > 0, sprintf("%011o ", $pieces * $apart));
	substr($h, 148, 8) = sprintf("%06o\0 ", unpack("%32C*", $h));
	print $h;
	print pack("a504 C x7", join("", splice(@map, 0, 21)), @map > 0) while @map;
	print "x" x $pieces, "\0" x (-$pieces % 512 + 1024);
	exit;
}
my $map = "$pieces\n" . join "", map { $_ * $apart . "\n1\n" } 0 .. $pieces - 1;
$map .= "\0" x (-length($map) % 512);
member("x", "PaxHeaders/pieces", join "", map { record("GNU.sparse.$_") }
	"major=1", "minor=0", "name=pieces", "realsize=" . $pieces * $apart);
member("0", "GNUSparseFile/pieces", $map . "x" x $pieces);
print "\0" x 1024;
