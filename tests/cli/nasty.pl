#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# nasty.pl SEED TAR LIST - a tar of everything that a tar may hold and few do, each
# seed another, written here byte by byte; and what a file system has to be after
# it, as treelist prints that. Nothing of libarchive is in it, so that a reader's
# mistake is none of the test's.
use strict;
use warnings;

my ($seed, $tar_path, $list_path) = @ARGV;
srand($seed);
open(my $tar, '>:raw', $tar_path) or die "$tar_path: $!\n";
open(my $list, '>:raw', $list_path) or die "$list_path: $!\n";

my %files;    # path -> what is there: one hash for all names of a file
my %dirs = ('' => 1);    # paths of directories, those that are only implied too
my @open = ('');         # directories that may get more
my $number = 0;

sub one_of { $_[int rand @_] }
sub chance { rand() < $_[0] }

my $pool = join '', map { chr int rand 256 } 1 .. 70001;
sub bytes { my $at = int rand 70001; return substr(substr($pool, $at) . $pool x (1 + $_[0] / 70001), 0, $_[0]) }

# --- what there is ---------------------------------------------------------------

# Any bytes but "/" and NUL, never "." or "..", and none that was there before.
sub new_name {
	my $max = shift;
	my $len = one_of(1, 1, 2, 7, 20, 99, 100, 101, 154, 155, 156, 200, 254, 255);
	$len = $max if $len > $max;
	my $kind = int rand 5;
	my $name =
		  $kind == 0 ? join('', map { one_of('a' .. 'z', '.', '-') } 1 .. $len)
		: $kind == 1 ? bytes($len)
		: $kind == 2 ? join('', map { one_of("\n", "\t", ' ', '\\', '"', "'", '*', '%', '=', "\x7f") } 1 .. $len)
		: $kind == 3 ? substr("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" x 30, 0, $len - $len % 9 || 2)
		:              '.' x $len;
	$name =~ tr{/\0}{xy};
	# The mark of a file without a tag in its directory, and the file system's own.
	return $name =~ /\A(\.{0,2}|lost\+found)\z/ ? new_name($max) : $name;
}

sub new_path {
	for (;;) {
		my $dir = one_of(@open);
		my $name = new_name(255);
		my $path = length $dir ? "$dir/$name" : $name;
		return $path unless $files{$path} || exists $dirs{$path} || length $path > 3500;
	}
}

sub some_id { one_of(0, 0, 1, 1000, 65535, 65536, 262143, 2097151, 2097152, 4294967294, int rand 4294967295) }

# From 1901 to 2446.
sub some_second { one_of(0, 1, -1, -2147483648, 2147483647, 2147483648, 4294967295, 4294967296, 15032385535, int(rand 17179869184) - 2147483648) }

sub some_time { chance(0.5) ? [some_second(), 0] : [some_second(), one_of(1, 999999999, 500000000, int rand 1000000000)] }

sub some_acl {
	my %id;
	my @acl = ([1, int rand 8, -1], [4, int rand 8, -1], [16, int rand 8, -1], [32, int rand 8, -1]);
	$id{some_id()} = 1 for 1 .. one_of(1, 2, 30);
	push @acl, [one_of(2, 8), int rand 8, $_] for sort keys %id;
	return [sort { $a->[0] <=> $b->[0] || $a->[2] <=> $b->[2] } @acl];
}

sub acl_bytes { pack('V', 2) . join '', map { pack('vvV', $_->[0], $_->[1], $_->[2] & 0xffffffff) } @{$_[0]} }

sub acl_text {
	my %tag = (1 => 'user:', 2 => 'user:', 4 => 'group:', 8 => 'group:', 16 => 'mask:', 32 => 'other:');
	return join ',', map {
		my ($tag, $perm, $id) = @$_;
		my $named = $tag == 2 || $tag == 8;
		$tag{$tag} . ($named ? "name$id" : '') . ':' . join('', map { $perm & $_->[0] ? $_->[1] : '-' } [4, 'r'], [2, 'w'], [1, 'x']) .
			($named ? ":$id" : '');
	} @{$_[0]};
}

# Up to what the inode's rest and one block hold.
sub some_xattrs {
	my ($f) = @_;
	my $left = one_of(60, 300, 3500);
	while ($left > 20) {
		my $key = one_of('user.', 'user.', 'trusted.', 'security.') . new_name(one_of(5, 30));
		$key =~ tr{=\n/}{___};
		next if $f->{xattr}{$key};
		my $value = bytes(one_of(0, 1, 40, $left, int rand $left));
		$left -= 32 + length($key) + length $value;
		$f->{xattr}{$key} = $value if $left > 0;
	}
	$f->{xattr}{'security.capability'} = pack('V5V', 0x03000001, 1 << 13, 0, 0, 0, one_of(0, 1, 65535)) if $f->{type} eq 'f' && chance(0.3);
}

# Holes of odd shapes; contents have no zeros, so that each block that is touched is one.
sub some_segments {
	my ($f) = @_;
	my $at = 0;
	for (1 .. one_of(0, 1, 2, 5, 22, 60)) {
		$at += one_of(1, 511, 512, 4095, 4096, 4097, 65536, int rand 3000000, 5000000000 + int rand 1000);
		last if $at > 50000000000;
		my $len = one_of(1, 2, 511, 512, 513, 4096, 8191, int rand 20000) || 1;
		push @{$f->{data}}, [$at, bytes($len) =~ tr{\0}{z}r];
		$at += $len;
	}
	$f->{data}[0][0] = 0 if $f->{data} && chance(0.4);
	$f->{size} = $at + one_of(0, 0, 1, 4096, 7000000000);
	$f->{sparse} = 1;
}

sub new_file {
	my ($type) = @_;
	my $f = {type => $type, mode => $type eq 'l' ? 0777 : int rand 010000, uid => some_id(), gid => some_id(),
		mtime => some_time(), xattr => {}, n => $number++};
	if ($type eq 'f') {
		if (chance(0.3)) {
			some_segments($f);
		} else {
			my $len = one_of(0, 1, 511, 512, 513, 4095, 4096, 4097, int rand 100000);
			$f->{data} = [[0, bytes($len) =~ tr{\0}{z}r]] if $len;
			$f->{size} = $len;
		}
	}
	$f->{target} = one_of('.', '..', '/', 'a' x 59, 'b' x 60, 'c' x 99, 'd' x 100, 'e' x 101, '../' x 300, bytes(40) =~ tr{\0}{z}r, 'f' x 4095) if $type eq 'l';
	@$f{'major', 'minor'} = (one_of(0, 1, 255, 256, 4095, int rand 4096), one_of(0, 255, 256, 1048575, int rand 1048576)) if $type =~ /[cb]/;
	some_xattrs($f) if $type =~ /[fd]/ && chance(0.3);
	if ($type =~ /[fd]/ && chance(0.15)) {
		$f->{acl} = some_acl();
		# As a kernel has it: the mode's group is the mask.
		$f->{mode} = $f->{mode} & 07000 | $f->{acl}[0][1] << 6 | (grep { $_->[0] == 16 } @{$f->{acl}})[0][1] << 3 | $f->{acl}[-1][1];
	}
	$f->{default} = some_acl() if $type eq 'd' && chance(0.15);
	return $f;
}

# --- as a tar --------------------------------------------------------------------------

sub padded { $_[0] . "\0" x (-length($_[0]) % 512) }

sub number {
	my ($n, $width, $gnu) = @_;
	return sprintf("%0*o\0", $width - 1, $n) if $n >= 0 && $n < 8**($width - 1);
	return "0" x ($width - 1) . "\0" unless $gnu;
	my $bytes = pack('q>', $n);
	return ($n < 0 ? "\xff" : "\x80") . ($n < 0 ? "\xff" : "\0") x ($width - 9) . $bytes if $width > 8;
	substr($bytes, 0, 1) = $n < 0 ? "\xff" : "\x80";
	return $bytes;
}

sub header {
	my (%h) = @_;
	my $gnu = $h{gnu};
	my $prefix = $h{prefix} // '';
	my $tail = $gnu ? ($h{map} // '') : pack('a155', $prefix);
	my $b = pack('a100a8a8a8a12a12A8a1a100a8a32a32a8a8a155a12', $h{name}, number($h{mode} & 07777, 8, 0), number($h{uid}, 8, $gnu),
		number($h{gid}, 8, $gnu), number($h{size}, 12, $gnu), number($h{mtime}, 12, $gnu), '', $h{typeflag}, $h{link} // '',
		$gnu ? "ustar  \0" : "ustar\00000", one_of('', 'somebody'), '', number($h{major} // 0, 8, $gnu), number($h{minor} // 0, 8, $gnu),
		'', '');
	substr($b, 345, $gnu ? length $tail : 155) = $tail;
	substr($b, 148, 8) = sprintf("%06o\0 ", unpack('%32C*', $b));
	return $b;
}

sub record {
	my ($key, $value) = @_;
	my $len = length($key) + length($value) + 3;
	my $all = $len + length $len;
	$all = $len + length $all;
	return "$all $key=$value\n";
}

sub decimal {
	my ($sec, $nsec) = @{$_[0]};
	return $sec unless $nsec;
	my $text = $sec < 0 ? sprintf('-%d.%09d', -($sec + 1), 1000000000 - $nsec) : sprintf('%d.%09d', $sec, $nsec);
	return $text =~ s/0+\z//r;
}

my %flag = (f => '0', d => '5', l => '2', c => '3', b => '4', p => '6');

# The same place, told otherwise.
sub spelled {
	my ($path, $type) = @_;
	return one_of('.', './') unless length $path;
	$path = "./$path" if chance(0.3);
	$path =~ s{/}{one_of('//', '/./')}e if chance(0.1);
	$path .= '/' if $type eq 'd' && chance(0.7);
	return $path;
}

sub base64 {
	my $text = pack('u', $_[0]);
	$text = join '', map { substr $_, 1 } split /\n/, $text;
	$text =~ tr{`!-_}{A-Za-z0-9+/};
	my $pad = (3 - length($_[0]) % 3) % 3;
	$text =~ s/.{$pad}\z// if $pad;
	return $text;
}

sub xattr_record {
	my ($key, $value) = @_;
	return record("SCHILY.xattr.$key", $value) if chance(0.6);
	my $quoted = $key =~ s/([^!-\$&-<>-~])/sprintf '%%%02X', ord $1/ger;
	return record("LIBARCHIVE.xattr.$quoted", base64($value));
}

# How its contents go into the archive: type, size there, bytes, records, a name of their own.
sub packed {
	my ($f, $gnu, $plain) = @_;
	my @data = @{$f->{data} // []};
	my $bytes = join '', map { $_->[1] } @data;
	return {bytes => $bytes, records => ''} unless $f->{sparse};
	# A map ends where the file does.
	my @map = map { [$_->[0], length $_->[1]] } @data;
	push @map, [$f->{size}, 0] if !@map || $map[-1][0] + $map[-1][1] < $f->{size} || chance(0.3);
	if ($gnu) {
		my @rest = map { number($_->[0], 12, 1) . number($_->[1], 12, 1) } @map;
		my @first = splice @rest, 0, 4;
		my $map = pack('a41a96a1a12', '', join('', @first), @rest ? "\1" : "\0", number($f->{size}, 12, 1));
		my $more = '';
		while (my @some = splice @rest, 0, 21) {
			$more .= pack('a504a8', join('', @some), @rest ? "\1" : '');
		}
		return {bytes => $bytes, records => '', typeflag => 'S', map => $map, extra => $more};
	}
	# A map as one record is not taken with a name that is no UTF-8, see headers.c.
	my $version = $plain ? one_of('0.0', '0.1', '1.0') : one_of('0.0', '1.0');
	my $all = record('GNU.sparse.major', substr $version, 0, 1) . record('GNU.sparse.minor', substr $version, 2);
	if ($version eq '1.0') {
		my $map = join '', map { "$_\n" } scalar @map, map { @$_ } @map;
		return {bytes => padded($map) . $bytes, records => $all . record('GNU.sparse.realsize', $f->{size}), named => 1};
	}
	my $sizes = record('GNU.sparse.size', $f->{size}) . record('GNU.sparse.numblocks', scalar @map);
	return {bytes => $bytes, records => $sizes . join '', map { record('GNU.sparse.offset', $_->[0]) . record('GNU.sparse.numbytes', $_->[1]) } @map}
		if $version eq '0.0';
	return {bytes => $bytes, records => $sizes . record('GNU.sparse.map', join ',', map { @$_ } @map), named => 1};
}

sub is_text { my $s = $_[0]; utf8::decode($s) }

sub put_pax {
	my ($path, $f, $link) = @_;
	my $data = $link ? {bytes => '', records => ''} : packed($f, 0, is_text($path) && is_text($f->{target} // '') && is_text($link // ''));
	my $all = '';
	$all .= record('hdrcharset', 'BINARY') if chance(0.2);
	if ($data->{named}) {
		$all .= record('GNU.sparse.name', $path);
	} elsif (length $path > 100 || $path =~ /[^ -~]/ || chance(0.3)) {
		$all .= record('path', $path);
	}
	my $to = $link // $f->{target};
	$all .= record('linkpath', $to) if defined $to && (length $to > 100 || $to =~ /[^ -~]/ || chance(0.3));
	unless ($link) {
		$all .= record('uid', $f->{uid}) if $f->{uid} > 2097151 || chance(0.2);
		$all .= record('gid', $f->{gid}) if $f->{gid} > 2097151 || chance(0.2);
		$all .= record('mtime', decimal($f->{mtime})) if $f->{mtime}[1] || $f->{mtime}[0] < 0 || $f->{mtime}[0] >= 8**11 || chance(0.3);
		if (chance(0.3)) {
			$f->{atime} = some_time();
			$all .= record('atime', decimal($f->{atime})) . record('ctime', decimal(some_time()));
		}
		$all .= xattr_record($_, $f->{xattr}{$_}) for sort keys %{$f->{xattr}};
		for (['acl', 'access'], ['default', 'default']) {
			my ($which, $name) = @$_;
			next unless $f->{$which};
			# libarchive has no larger ids in a list that is text.
			my $text = chance(0.5) && !grep { $_->[2] >= 2147483647 } @{$f->{$which}};
			$all .= $text ? record("SCHILY.acl.$name", acl_text($f->{$which}))
				: record("SCHILY.xattr.system.posix_acl_$name", acl_bytes($f->{$which}));
		}
		$all .= $data->{records};
		$all .= record('size', length $data->{bytes}) if chance(0.1);
		$all .= record(one_of('comment', 'VENDOR.key', 'LIBARCHIVE.creationtime'), 12345) if chance(0.2);
	}
	print $tar header(name => one_of('PaxHeaders/x', ''), mode => 0644, uid => 0, gid => 0, size => length $all, mtime => 0, typeflag => 'x'),
		padded($all) if length $all;
	print $tar header(name => substr($path, 0, 100), mode => $f->{mode}, uid => $f->{uid}, gid => $f->{gid}, size => length $data->{bytes},
		mtime => $f->{mtime}[0], typeflag => $link ? '1' : $flag{$f->{type}}, link => substr($to // '', 0, 100), major => $f->{major},
		minor => $f->{minor}), padded($data->{bytes});
}

# No attributes, no parts of seconds: numbers in base 256, names in entries of their own.
sub put_gnu {
	my ($path, $f, $link) = @_;
	my $data = $link ? {bytes => ''} : packed($f, 1);
	my $to = $link // $f->{target} // '';
	for (['K', $to], ['L', $path]) {
		my ($type, $name) = @$_;
		print $tar header(gnu => 1, name => '././@LongLink', mode => 0644, uid => 0, gid => 0, size => 1 + length $name, mtime => 0, typeflag => $type),
			padded("$name\0") if length $name > 100 || length $name && chance(0.1);
	}
	print $tar header(gnu => 1, name => substr($path, 0, 100), mode => $f->{mode}, uid => $f->{uid}, gid => $f->{gid},
		size => length $data->{bytes}, mtime => $f->{mtime}[0], typeflag => $link ? '1' : $data->{typeflag} // $flag{$f->{type}},
		link => substr($to, 0, 100), major => $f->{major}, minor => $f->{minor}, map => $data->{map}), $data->{extra} // '', padded($data->{bytes});
}

sub put_ustar {
	my ($path, $f, $link) = @_;
	my ($prefix, $name) = ('', $path);
	($prefix, $name) = ($1, $2) if length $path > 100 && $path =~ m{\A(.{1,155})/(.{1,100})\z}s;
	my $data = $link ? {bytes => ''} : packed($f, 0);
	print $tar header(name => $name, prefix => $prefix, mode => $f->{mode}, uid => $f->{uid}, gid => $f->{gid}, size => length $data->{bytes},
		mtime => $f->{mtime}[0], typeflag => $link ? '1' : $flag{$f->{type}}, link => $link // $f->{target} // '', major => $f->{major},
		minor => $f->{minor}), padded($data->{bytes});
}

sub fits_ustar {
	my ($path, $f, $link) = @_;
	return (length $path <= 100 || $path =~ m{\A(.{1,155})/(.{1,100})\z}s) && length($link // $f->{target} // '') <= 100 && !$f->{sparse}
		&& $f->{uid} < 2097152 && $f->{gid} < 2097152 && $f->{mtime}[0] >= 0 && $f->{mtime}[0] < 8**11;
}

sub put {
	my ($path, $f, $link) = @_;
	my $as = spelled($path, $link ? '' : $f->{type});
	my @ways = (\&put_pax);
	if ($link || !$f->{mtime}[1] && !%{$f->{xattr}} && !$f->{acl} && !$f->{default}) {
		push @ways, \&put_gnu;
		push @ways, \&put_ustar if fits_ustar($as, $f, $link);
	}
	one_of(@ways)->($as, $f, $link);
}

# --- the tree ----------------------------------------------------------------------------

# Directories that no entry is of are made on the way.
sub add {
	my ($path, $f) = @_;
	my $dir = $path;
	$dirs{$dir} //= 0 while $dir =~ s{/[^/]*\z}{};
	$files{$path} = $f;
	$dirs{$path} = 1 if $f->{type} eq 'd';
	push @open, $path if $f->{type} eq 'd';
	put($path, $f);
}

sub add_link {
	my $to = one_of(grep { $files{$_}{type} ne 'd' } sort keys %files);
	my $path = new_path();
	$files{$path} = $files{$to};
	put($path, $files{$to}, $to);
}

# The last one of a name is it; other names of what was there keep that.
sub add_again {
	my $path = one_of(sort keys %files);
	my $dir = $files{$path}{type} eq 'd';
	my $f = new_file($dir ? 'd' : one_of(qw(f l c p)));
	$files{$path} = $f;
	put($path, $f);
}

add('', new_file('d')) if chance(0.5);
add(new_path(), new_file('d')) for 1 .. 8;
for (1 .. 120) {
	my $what = rand;
	if ($what < 0.1 && keys %files > 20) { add_link() }
	elsif ($what < 0.18 && keys %files > 20) { add_again() }
	elsif ($what < 0.25) { add(new_path() . '/' . new_name(50) . '/' . new_name(50), new_file(one_of('f', 'd'))) }
	else { add(new_path(), new_file(one_of(qw(f f f f d d l l c b p)))) }
}
# Below each other, as far as a path goes; and many beside each other.
{
	my $deep = 'deep';
	add($deep, new_file('d'));
	add($deep .= '/' . one_of('d', 'dd', chr(255)), new_file('d')) while length $deep < 1200;
	pop @open while length $open[-1] > 100;
	my %wide;
	$wide{new_name(200)} = 1 for 1 .. one_of(10, 400, 2000);
	for (sort keys %wide) {
		my $f = new_file('f');
		delete @$f{'data', 'sparse'};
		$f->{size} = 0;
		add("wide/$_", $f);
	}
}
print $tar "\0" x 1024, "\0" x one_of(0, 512, 9216);
close $tar or die "$tar_path: $!\n";

# --- what has to be there -------------------------------------------------------------------

sub shown { my $s = $_[0]; $s =~ s{([^A-Za-z0-9./_-])}{sprintf '%%%02X', ord $1}ge; return length $s ? $s : '.' }

sub blocks {
	my ($f) = @_;
	my %blocks;
	for (@{$f->{data} // []}) {
		my ($at, $bytes) = @$_;
		while (length $bytes) {
			my $n = 4096 - $at % 4096;
			my $piece = substr $bytes, 0, $n, '';
			$blocks{int($at / 4096)} //= "\0" x 4096;
			substr($blocks{int($at / 4096)}, $at % 4096, length $piece) = $piece;
			$at += length $piece;
		}
	}
	return \%blocks;
}

my %names;
push @{$names{$files{$_}{n}}}, $_ for sort keys %files;
for my $path (keys %files) {
	my $f = $files{$path};
	my ($first) = @{$names{$f->{n}}};
	my $as = shown($path);
	if ($path ne $first) {
		print $list "$as is ", shown($first), "\n";
		next;
	}
	printf $list "%s type %s mode %o owner %d:%d\n", $as, $f->{type}, $f->{mode}, $f->{uid}, $f->{gid};
	printf $list "%s mtime %d.%09d\n", $as, @{$f->{mtime}};
	printf $list "%s atime %d.%09d\n", $as, @{$f->{atime} // $f->{mtime}};
	printf $list "%s links %d\n", $as, scalar @{$names{$f->{n}}} if $f->{type} ne 'd';
	printf $list "%s device %d:%d\n", $as, $f->{major}, $f->{minor} if defined $f->{major};
	printf $list "%s target %s\n", $as, shown($f->{target}) if defined $f->{target};
	printf $list "%s size %d\n", $as, $f->{size} if $f->{type} eq 'f';
	my %all = %{$f->{xattr}};
	$all{'system.posix_acl_access'} = acl_bytes($f->{acl}) if $f->{acl};
	$all{'system.posix_acl_default'} = acl_bytes($f->{default}) if $f->{default};
	printf $list "%s attribute %s %s\n", $as, shown($_), unpack 'H*', $all{$_} for keys %all;
	my $blocks = blocks($f);
	printf $list "%s block %d %s\n", $as, $_, unpack 'H*', $blocks->{$_} for keys %$blocks;
}
# Of those that no entry is of only that they are there.
for (keys %dirs) {
	print $list shown($_), " type d implied\n" unless $files{$_};
}
close $list or die "$list_path: $!\n";
