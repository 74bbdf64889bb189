#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# readable.pl - for the root of a container, on standard output: what of /proc
# and /sys can be read that belongs to nobody here, which is what tells of the
# host. A file of /proc is told by itself; all else by the directory that it is
# in, as group() has them, so that no hardware and no number of processors
# changes the list. A symbolic link is read as soon as it is there.
use strict;
use warnings;
use Fcntl qw(:DEFAULT :mode);

my %readable;

# The path that a file is told by: so many components of the directory that it is in.
sub group {
	my ($path) = @_;
	my (undef, $top, @part) = split m{/}, $path;
	return "/proc/$part[0]" if $top eq 'proc' && $part[0] ne 'sys';
	pop @part;
	my $depth = 1;
	$depth = 3 if $path =~ m{^/proc/sys/|^/sys/devices/system/};
	$depth = 2 if $path =~ m{^/sys/(devices/virtual|firmware|fs|kernel)/};
	return '/sys/devices/*' if $depth == 1 && ($part[0] // '') eq 'devices';
	$depth = @part if $depth > @part;
	return join '/', '', $top, @part[0 .. $depth - 1];
}

sub can_read {
	my ($path, $mode) = @_;
	return 1 if S_ISLNK($mode);
	return 0 unless S_ISREG($mode);
	sysopen my $f, $path, O_RDONLY | O_NONBLOCK or return 0;
	return defined sysread $f, my $byte, 1;
}

sub walk {
	my ($dir, $device) = @_;
	opendir my $d, $dir or return;
	for my $name (sort readdir $d) {
		my $path = "$dir/$name";
		next if $name eq '.' || $name eq '..' || $path =~ m{^/proc/(\d|self$|thread-self$|mounts$|net$)};
		my @s = lstat $path or next;
		next if $s[0] != $device;
		if (S_ISDIR($s[2])) {
			walk($path, $device);
			next;
		}
		my $group = group($path);
		# Ids that this user namespace has none for are shown as this one.
		next if $readable{$group} || $s[4] != 65534;
		$readable{$group} = 1 if can_read($path, $s[2]);
	}
}

walk($_, (lstat $_)[0]) for '/proc', '/sys';
print "$_\n" for sort keys %readable;
