#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tars that are damaged, hostile or too large: one line that names them, a
# non-zero exit, nothing left behind.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires ploop tar zstd gzip xz bzip2 perl

sparse=$(cd "$(dirname "$0")/../lib" && pwd)/sparse.pl
cd "$tap_tmp"
mkdir work src
cd work

# refused NAME TAR PATTERN - init must fail with one line that matches, and leave nothing.
refused() {
	mustfail "$1" ploop init -s 16M --tar "$2" i/root.hds
	is "$1: exit code" "$status" 1
	like "$1: one line says why" "$output" "^ploop: .*$3"
	is "$1: only one line" "$(printf '%s\n' "$output" | wc -l)" 1
	is "$1: nothing is left" "$(ls -A)" ""
	rm -rf i
}

head -c 300000 /dev/urandom >../src/data
tar -C ../src -cf ../good.tar data
zstd -q --check ../good.tar
gzip -k ../good.tar

refused "no such tar" ../none.tar "'../none.tar'"
refused "a directory" ../src "'../src' is a directory"
head -c 200000 ../good.tar >../cut.tar
refused "a tar cut in data" ../cut.tar "cut.tar"
head -c $((512 + 300032)) ../good.tar >../noend.tar
refused "a tar without its end mark" ../noend.tar "noend.tar.*end mark"
head -c 150000 ../good.tar.zst >../cut.tar.zst
refused "a cut zstd stream" ../cut.tar.zst "cut.tar.zst"
cp ../good.tar.zst ../bad.tar.zst
printf 'damage' | dd of=../bad.tar.zst bs=1 seek=120000 conv=notrunc status=none
refused "a damaged zstd stream, by its checksum" ../bad.tar.zst "bad.tar.zst"
cp ../good.tar.gz ../bad.tar.gz
printf 'damage' | dd of=../bad.tar.gz bs=1 seek=120000 conv=notrunc status=none
refused "a damaged gzip stream, by its checksum" ../bad.tar.gz "bad.tar.gz.*gzip stream is damaged"
head -c 150000 ../good.tar.gz >../cut.tar.gz
refused "a cut gzip stream" ../cut.tar.gz "cut.tar.gz.*gzip stream is cut off"
xz -0 -k ../good.tar
cp ../good.tar.xz ../bad.tar.xz
printf 'damage' | dd of=../bad.tar.xz bs=1 seek=120000 conv=notrunc status=none
refused "a damaged xz stream" ../bad.tar.xz "bad.tar.xz"
head -c 150000 ../good.tar.xz >../cut.tar.xz
refused "a cut xz stream" ../cut.tar.xz "cut.tar.xz.*xz stream is cut off"
# A hundred bytes can ask for 4 GiB to be unpacked in.
xz -0 --lzma2=dict=192MiB,mode=fast,mf=hc3 <../good.tar >../greedy.tar.xz
refused "an xz stream that takes much memory" ../greedy.tar.xz \
	"greedy.tar.xz.: cannot be unpacked: the xz stream takes 193 MiB of memory and may take 129$"
{ head -c 310272 ../good.tar | xz -0 && head -c 10240 /dev/zero | xz --lzma2=dict=192MiB,mode=fast,mf=hc3; } >../later.tar.xz
refused "a later one that does" ../later.tar.xz "the xz stream takes 193 MiB of memory"
head -c 1000 ../good.tar | zstd -q --ultra --long=28 >../greedy.tar.zst
refused "a zstd frame that takes much memory" ../greedy.tar.zst "greedy.tar.zst.*[Ff]rame requires too much memory"
bzip2 -k ../good.tar
cp ../good.tar.bz2 ../bad.tar.bz2
printf 'damage' | dd of=../bad.tar.bz2 bs=1 seek=120000 conv=notrunc status=none
refused "a damaged bzip2 stream" ../bad.tar.bz2 "bad.tar.bz2"
: >../empty.tar
refused "an empty file" ../empty.tar "empty.tar"
head -c 10240 /dev/urandom >../noise.tar
refused "noise" ../noise.tar "noise.tar"

mk() { tar -P -C ../src "$@" 2>/dev/null; }
echo x >../src/f
ln -sf /etc ../src/link
mk -cf ../up.tar --transform 's,^f$,a/../../f,' f
refused "a name with .." ../up.tar "a/../../f.*'\.\.'"
mk -cf ../abs.tar --transform 's,^f$,/etc/passwd,' f
refused "an absolute name" ../abs.tar "'/etc/passwd' is an absolute name"
mk -cf ../through.tar link
mk -rf ../through.tar --transform 's,^f$,link/passwd,' f
refused "a name through a symbolic link" ../through.tar "'link/passwd' goes through the symbolic link 'link'"
ln ../src/f ../src/g
mk -cf ../hard.tar f g
mk --delete -f ../hard.tar f
refused "a hard link to what is not there" ../hard.tar "'g' is a hard link to 'f', which is not there"
# What a name does to a terminal is not done by the message about it.
mk -cf ../escape.tar --transform "s,g,$(printf '\033[2Jg\302\233'),;s,f,$(printf 'f\033]0;x\007'),R" f g
refused "names that are a terminal's commands" ../escape.tar \
	'\\033\[2Jg\\302\\233. is a hard link to .f\\033\]0;x\\007'
is "no control character is printed" "$(printf '%s' "$output" | tr -d '\n' | LC_ALL=C tr -cd '\000-\037\233' | wc -c)" 0
rm ../src/g

"$sparse" 100001 >../pieces.tar
refused "a sparse file in too many pieces" ../pieces.tar "'pieces' is a sparse file in more than 100000 pieces"
# Far more: their list is not even made, which would be some 100 MB.
"$sparse" 1200000 >../pieces.tar
refused "far too many" ../pieces.tar "pieces.tar': cannot be unpacked: a sparse file is in more pieces than are possible"
mustfail "far too many: 24 MB of data will do" prlimit --data=25165824 ploop init -s 16M --tar ../pieces.tar i/root.hds
like "far too many: it is not the memory" "$output" "more pieces than"
"$sparse" 1200000 16 old >../pieces.tar
refused "far too many, in old headers" ../pieces.tar "cannot be unpacked: the headers of one entry are too long"
mustfail "in old headers: 24 MB of data will do" prlimit --data=25165824 ploop init -s 16M --tar ../pieces.tar i/root.hds
like "in old headers: it is not the memory" "$output" "too long"

seq 1 3000000 >../src/large
tar -C ../src -cf ../large.tar large
run ploop init -s 8M --tar ../large.tar i/root.hds
is "too small is exit code 1" "$status" 1
like "too small says how much is needed" "$output" "image of 8M is too small: at least [0-9]+M is needed"
is "too small leaves nothing" "$(ls -A)" ""
need=$(printf '%s' "$output" | sed -n 's/.*at least \([0-9]*M\) .*/\1/p')
check "that much is enough ($need)" ploop init -s "$need" --tar ../large.tar i/root.hds
rm -r i
# Sizes that the field's digits cannot say, in the two ways there are; what is behind them is found.
perl -e 'sub header { my $h = pack("a100 a8 a8 a8 a12 a12 A8 a1 a100 a6 a2 x247", $_[1], "0000644", "0000000", "0000000",
		$_[2], "00000000001", " " x 8, $_[0], "", "ustar", "00");
	substr($h, 148, 8) = sprintf("%06o\0 ", unpack("%32C*", $h)); print $h }
	sub gap { seek STDOUT, $_[0], 1 }
	header("0", "binary", pack("C x3 Q>", 0x80, (8 << 30) + 512)); gap((8 << 30) + 512);
	header("x", "PaxHeaders/pax", sprintf("%011o", 19)); print "19 size=4294967808\n", "\0" x 493;
	header("0", "pax", "00000000000"); gap((4 << 30) + 512);
	print "\0" x 1024' >../huge.tar
run ploop init -s 64M --tar ../huge.tar i/root.hds
like "files over 4 and 8 GiB are counted whole" "$output" "image of 64M is too small: at least 1[23][0-9]{3}M is needed"
is "and leave nothing" "$(ls -A)" ""
truncate -s -2048 ../huge.tar
run ploop init -s 64M --tar ../huge.tar i/root.hds
like "one that is cut off in such a file" "$output" "huge.tar'.*(end mark is missing|[Tt]runcated)"
rm ../huge.tar
mustfail "too small for a file system" ploop init -s 1M i/root.hds
like "says how much that takes" "$output" "at least [0-9]+M is needed"

mkdir there
mustfail "in a directory that exists" ploop init -s 16M --tar ../up.tar there/root.hds
is "it stays empty" "$(ls -A there)" ""
mustfail "below what does not exist" ploop init -s 16M none/such/root.hds
is "nothing is made" "$(ls -A)" "there"
