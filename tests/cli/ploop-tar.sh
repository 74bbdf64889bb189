#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A tree packed by GNU tar comes out of the image as it went in: names, types,
# modes, links, contents; from every compression, and from several tars.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires ploop tar debugfs e2fsck qemu-img perl prlimit zstd gzip xz bzip2
top=$(cd "$(dirname "$0")/../.." && pwd)
treecmp=$top/build/cli/treecmp
[ -x "$treecmp" ] || make -s -C "$top" cli-programs

cd "$tap_tmp"

# What debugfs can bring back: types, modes without their special bits, sizes,
# link targets, times of files and directories, contents. Sorted.
describe() {
	(
		cd "$1"
		find . -mindepth 1 ! -type l -printf '%y %m %s %TY%Tm%Td%TH%TM%.2TS %P\n' |
			sed 's/^\(.\) [0-9]\([0-9][0-9][0-9]\) /\1 \2 /; s/^d \([0-9]*\) [0-9]* /d \1 /'
		find . -type l -printf '%l %P\n'
		find . -type f -exec sha256sum {} +
	) | LC_ALL=C sort
}

extract() { # IMAGE DIR
	mkdir "$2"
	debugfs -R "rdump / $2" "$1?offset=1048576" >/dev/null 2>&1 || true
	rm -rf "$2/lost+found"
}

mkdir -p src/a/b/c src/empty "src/name with blanks"
head -c 3000000 /dev/urandom >src/a/random
head -c 4096 /dev/urandom >src/a/one-block
: >src/a/nothing
chmod 4711 src/a/random
chmod 1700 src/empty
ln -s ../a/random src/empty/link
ln -s "$(printf 'long%.0s' $(seq 50))" src/long-link
printf 'x' >"src/name with blanks/$(printf 'tab\tnewline\nend')"
printf 'y' >"src/$(printf 'latin-\344\366')"
touch -d '2001-02-03 04:05:06' src/a/one-block src/a
tar -C src -cf t.tar .
describe src >want

for z in "" gz xz bz2 zst; do
	case $z in
	"") tar=t.tar ;;
	gz) gzip -k t.tar ;;
	xz) xz -0 -k t.tar ;;
	bz2) bzip2 -k t.tar ;;
	zst) zstd -q -k t.tar ;;
	esac
	tar=t.tar${z:+.$z}
	ploop init -s 32M -f raw --tar "$tar" "out$z/root.hds"
	check "e2fsck, $tar" e2fsck -fn "out$z/root.hds?offset=1048576"
	extract "out$z/root.hds" "tree$z"
	describe "tree$z" >got
	check "the tree comes back from $tar" diff -au want got
done

# The same by a program that sees all of it: owners, nanoseconds, attributes, holes, too.
cp -a src whole
touch -d '2001-02-03 04:05:06.123456789' whole/a/one-block
touch -d '2040-02-03 04:05:06.000000001' whole/a/nothing
ln whole/a/random whole/another-name
mkfifo whole/a/pipe
truncate -s 40M whole/a/holes && printf middle | dd of=whole/a/holes bs=1 seek=30000001 conv=notrunc status=none
tar -C whole -Scf all.tar --format=posix --owner=70000 --group=3 .
for f in raw expanded; do ploop init -s 48M -f $f --tar all.tar all-$f/root.hds; done
check "the tree equals the tar, entry by entry" "$treecmp" "all-raw/root.hds?offset=1048576" all.tar
qemu-img convert -f parallels -O raw all-expanded/root.hds all.raw
check "through the ploop format too" "$treecmp" "all.raw?offset=1048576" all.tar
while IFS='|' read -r what how; do
	cp --sparse=always all-raw/root.hds changed.raw
	debugfs -w -R "$how" "changed.raw?offset=1048576" >/dev/null 2>&1
	run "$treecmp" "changed.raw?offset=1048576" all.tar
	is "it sees $what" "$status" 1
done <<'END'
a mode|sif a/random mode 0100600
an owner|sif a/one-block uid 4464
a group|sif a/one-block gid 4
a second|sif a/one-block mtime 20010203040507
a nanosecond|sif a/one-block mtime_extra 0x1d6f3450
another epoch|sif a/nothing mtime_extra 0x4
an attribute more|ea_set a user.more value
a file less|rm a/one-block
a file more|mknod more p
a link more|ln a/one-block more
a link less|rm another-name
a hole that is filled|fallocate a/holes 100 101
END
run debugfs -R "stat /a/random" "out/root.hds?offset=1048576"
like "set-uid is kept" "$output" "Mode: *04711"
run debugfs -R "stat /empty" "out/root.hds?offset=1048576"
like "the sticky bit is kept" "$output" "Mode: *01700"

# GNU, ustar and pax headers
for f in gnu ustar pax v7; do
	tar -C src/a --format=$f -cf $f.tar .
	ploop init -s 32M -f raw --tar $f.tar $f/root.hds
	extract $f/root.hds tree-$f
	check "the $f format" cmp src/a/random tree-$f/random
done

# What unpacking takes beside is bounded too, in the image and in the limit here.
xz -9 <t.tar >9.tar.xz
zstd -q --long=27 <t.tar >27.tar.zst
{ xz -0 <t.tar | head -c 100 && xz -0 <t.tar | tail -c +101 && head -c 10240 /dev/zero | xz -9 && printf '\0\0\0\0'; } >several.tar.xz
for t in 9.tar.xz:89 several.tar.xz:89 27.tar.zst:153; do
	check "${t#*:} MB of data will do for ${t%:*}" \
		prlimit --data=$((${t#*:} << 20)) ploop init -s 32M -f raw --tar "${t%:*}" "m-$t/root.hds"
	extract "m-$t/root.hds" "tree-$t"
	describe "tree-$t" >got
	check "and all of it is there" diff -au want got
done
mkfifo pipe
{ head -c 3 9.tar.xz && sleep 1 && tail -c +4 9.tar.xz; } >pipe &
check "in two parts through a pipe" ploop init -s 32M -f raw --tar /dev/stdin parts/root.hds <pipe

# Hard links, also to a name that comes from an earlier tar.
mkdir h
echo shared >h/first
ln h/first h/second
tar -C h -cf hard.tar .
ploop init -s 16M -f raw --tar hard.tar hard/root.hds
run debugfs -R "stat /first" "hard/root.hds?offset=1048576"
like "hard links are one file" "$output" "Links: 2"

# Overlay: the second tar replaces a file and joins the directories.
mkdir -p o1/d o2/d
echo old >o1/d/same && echo kept >o1/d/kept && echo new >o2/d/same && echo more >o2/d/more
tar -C o1 -cf o1.tar . && tar -C o2 -cf o2.tar .
ploop init -s 16M -f raw --tar o1.tar --tar o2.tar over/root.hds
extract over/root.hds tree-over
is "the later tar wins, directories join" "$(cat tree-over/d/same tree-over/d/kept tree-over/d/more | tr '\n' ' ')" "new kept more "
check "e2fsck after replacing" e2fsck -fn "over/root.hds?offset=1048576"

# Sparse files, in the three ways GNU tar has.
truncate -s 5G s && printf middle | dd of=s bs=1 seek=3000000000 conv=notrunc status=none
for v in 0.0 0.1 1.0 gnu; do
	case $v in gnu) how="--format=gnu" ;; *) how="--format=pax --sparse-version=$v" ;; esac
	# shellcheck disable=SC2086
	tar $how -Scf s.tar s
	rm -rf sparse
	ploop init -s 16M -f raw --tar s.tar sparse/root.hds
	run debugfs -R "stat /s" "sparse/root.hds?offset=1048576"
	like "sparse $v: the size" "$output" "Size: 5368709120"
	like "sparse $v: holes stay holes" "$output" "Blockcount: (8|16)$"
	check "e2fsck, sparse $v" e2fsck -fn "sparse/root.hds?offset=1048576"
done

# A file in many pieces takes a time that goes by their number, not by its square.
"$top/tests/lib/sparse.pl" 100000 >pieces.tar
check "100000 pieces within 8 s of a processor" \
	prlimit --cpu=8 ploop init -s 32M -f raw --tar pieces.tar pieces/root.hds
check "and they are where they were" "$treecmp" "pieces/root.hds?offset=1048576" pieces.tar
"$top/tests/lib/sparse.pl" 50000 16 old >pieces.tar
check "50000 in old headers" ploop init -s 32M -f raw --tar pieces.tar old/root.hds
check "are where they were, too" "$treecmp" "old/root.hds?offset=1048576" pieces.tar
# Zeros between archives are no headers.
{ cat o1.tar && head -c 9437184 /dev/zero && cat o2.tar; } >zeros.tar
check "8 MB of zeros between two archives" ploop init -s 16M -f raw --tar zeros.tar zeros/root.hds
rm -r zeros pieces old

# Memory follows no file's size and no number of entries: not of all, not of one
# directory's, not of directories below each other. With the 8 MB that the program
# itself has, these are 32 MB.
members() { # PERL: calls member(TYPE, NAME)
	perl -e 'sub member { my $h = pack("a100 a8 a8 a8 a12 a12 A8 a1 a100 a6 a2 x247", $_[1], "0000644", "0000000", "0000000",
		"00000000000", "00000000001", " " x 8, $_[0], "", "ustar", "00");
		substr($h, 148, 8) = sprintf("%06o\0 ", unpack("%32C*", $h)); print $h }
		'"$1"'; print "\0" x 1024'
}
# shellcheck disable=SC2016
{
	members 'for my $d (1 .. 300) { member(5, "d$d");
		member(0, "d$d/a-file-whose-name-has-some-length-$_") for 1 .. 400 }' >many.tar
	members 'member(0, "wide/a-file-whose-name-has-some-length-$_") for 1 .. 250000;
		for my $n (1 .. 1000) { member(5, "deep$n" . "/d" x $_) for 1 .. 30 }' >wide.tar
}
truncate -s 20G large && for o in 1 9000000000 19000000000; do printf x | dd of=large bs=1 seek=$o conv=notrunc status=none; done
tar -Scf large.tar large
head -c 300000000 /dev/zero | split -b 100000000 - zeros-
tar -cf zeros.tar zeros-*
rm -rf large zeros-*
"$top/tests/lib/sparse.pl" 100000 8192 >pieces.tar
for t in many wide large zeros pieces; do
	check "24 MB of data will do: $t.tar" prlimit --data=25165824 ploop init -s 5G -f raw --tar $t.tar $t/root.hds
	case $t in
	wide) # treecmp would read the whole directory for each of its names
		check "e2fsck, $t.tar" e2fsck -fn "$t/root.hds?offset=1048576"
		debugfs -R "ls -p /wide" "$t/root.hds?offset=1048576" 2>/dev/null |
			awk -F/ '$6 ~ /^a-/ { print $6 }' | LC_ALL=C sort >got
		seq -f 'a-file-whose-name-has-some-length-%.0f' 250000 | LC_ALL=C sort >want
		check "and all is there: $t.tar" cmp got want
		;;
	*) check "and all is there: $t.tar" "$treecmp" "$t/root.hds?offset=1048576" $t.tar ;;
	esac
	is "nothing else is left: $t.tar" "$(ls -A $t | tr '\n' ' ')" "DiskDescriptor.xml root.hds "
	rm -rf $t
done
mustfail "the limit is one" prlimit --data=12582912 ploop init -s 2G -f raw --tar many.tar many/root.hds
