#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What is imported arrives byte by byte but for what belongs to one machine
# only, from any compression and from a directory; what no container could hold
# is refused by name with nothing left; and memory stays what it is.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires vztmpl ploop debugfs jq zstd gzip xz bzip2 perl prlimit

export VZTMPL_CACHE="$tap_tmp/cache"
cd "$tap_tmp"
mkdir -p src/sbin src/etc src/var/log src/d
echo '#!/bin/sh' >src/sbin/init
echo 'NAME=test' >src/etc/os-release
head -c 700000 /dev/urandom >src/d/random
ln src/d/random src/d/other-name
ln -s ../etc src/d/link
mkfifo src/d/fifo
printf 'x' >"src/d/$(printf 'tab\tnewline\nlatin-\344')"
touch -d '2001-02-03 04:05:06.789' src/d/random
truncate -s 3G src/d/sparse && printf middle | dd of=src/d/sparse bs=1 seek=2000000000 conv=notrunc status=none
xattr= # where the file system has them: setxattr(2)
! perl -e '$n = "user.test"; $v = "value"; exit(syscall(188, $ARGV[0], $n, $v, 5, 0) != 0)' src/d/random || xattr=1
# tarred TAR DIR - as a person would, with times that are not all the same.
tarred() { tar -C "$2" -cf "$1" --format=posix --owner=0 --group=0 --numeric-owner --sparse --xattrs .; }
plain() { zstd -dc "$VZTMPL_CACHE/$1-x86_64.tar.zst"; }
manifest() { jq -r "$2" "$VZTMPL_CACHE/$1-x86_64.json"; }

tarred clean.tar src
check "a tar" vztmpl import clean.tar
plain clean >out
check "no byte of it has changed" cmp clean.tar out
is "the archive is the owner's alone" "$(stat -c %a "$VZTMPL_CACHE/clean-x86_64.tar.zst")" 600
check "it is whole" vztmpl verify clean
is "the manifest knows where it comes from" "$(manifest clean '[.recipe, .recipe_key, .source, .kind] | map(tostring) | join(" ")')" \
	"null null clean.tar container"
like "list has it" "$(vztmpl list)" '^clean .* ok$'
like "info too" "$(vztmpl info clean)" '^source: +clean.tar$'

cp clean.tar zip.tar
for z in gz xz bz2 zst; do
	case $z in
	gz) gzip -c clean.tar ;;
	xz) xz -0 -c clean.tar ;;
	bz2) bzip2 -c clean.tar ;;
	zst) zstd -qc clean.tar ;;
	esac >"zip-$z-x86_64.tar.$z"
	check "from $z" vztmpl import --quiet "zip-$z-x86_64.tar.$z"
	check "from $z: the same archive" cmp "$VZTMPL_CACHE/clean-x86_64.tar.zst" "$VZTMPL_CACHE/zip-$z-x86_64.tar.zst"
done
cp clean.tar short.tgz
check "a short ending and a given name" vztmpl import --name given-x86_64 short.tgz
check "by its name" vztmpl info given

perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0); bind(S, pack_sockaddr_un("src/d/socket")) or die'
check "a directory, and a socket is nothing" vztmpl import --quiet --name dir src
mkdir back
plain dir | tar -C back -xSf - --xattrs --no-same-owner
describe() { (cd "$1" && find . -printf '%y %m %s %T@ %n %l %P\n' && sha256sum d/random sbin/init) | sed 's/^d \([0-9]*\) [0-9]*/d \1/' | LC_ALL=C sort; }
rm src/d/socket
touch -r back/d src/d
is "the tree is what it was" "$(describe back)" "$(describe src)"
acl=$(perl -e '$n = "system.posix_acl_access"; $v = pack("V (vvV)5", 2, 1, 6, -1, 2, 6, 70000, 4, 4, -1, 16, 6, -1, 32, 4, -1);
	print "1" unless syscall(188, $ARGV[0], $n, $v, length($v), 0)' src/sbin/init)
[ -z "$acl" ] || check "an ACL, by numbers" sh -c "vztmpl import --quiet --name acl src && zstd -dc '$VZTMPL_CACHE/acl-x86_64.tar.zst' >acl.tar &&
	ploop init -s 32M -f raw --tar acl.tar img/root.hds && debugfs -R 'ea_list /sbin/init' 'img/root.hds?offset=1048576' | grep -q posix_acl_access"
[ -z "$xattr" ] || check "with its extended attributes" sh -c "zstd -dc '$VZTMPL_CACHE/dir-x86_64.tar.zst' | grep -qa 'SCHILY.xattr.user.test=value'"
check "holes stay holes" test "$(plain dir | wc -c)" -lt 2000000

mkdir twice
cp -a src/sbin src/etc twice
for n in one two; do check "a directory, $n" vztmpl import --quiet --name $n twice/; done
check "twice the same bytes" cmp "$VZTMPL_CACHE/one-x86_64.tar.zst" "$VZTMPL_CACHE/two-x86_64.tar.zst"

# What belongs to one machine only.
mkdir -p own/etc/ssh own/var/lib/dbus own/var/lib/systemd own/var/lib/apt/lists own/var/lib/dpkg own/root own/sbin own/var/log/apt
cp src/sbin/init own/sbin/
for f in etc/ssh/ssh_host_rsa_key etc/ssh/ssh_host_rsa_key.pub var/lib/dbus/machine-id var/lib/systemd/random-seed \
	var/lib/apt/lists/x_Packages root/.bash_history var/log/apt/term.log var/log/syslog; do echo secret >own/$f; done
echo 0123456789abcdef0123456789abcdef >own/etc/machine-id
chmod 444 own/etc/machine-id
: >own/var/log/faillog
ln own/etc/ssh/ssh_host_rsa_key own/etc/ssh/ssh_host_ed25519_key
cat >own/var/lib/dpkg/status <<'END'
Package: here
Status: install ok installed
Version: 1:2.3-4
Description: a package
 Version: not this one

Package: gone
Status: deinstall ok config-files
Version: 9

Package: last
Status: hold ok installed
Version: 5
END
tarred own.tar own
run vztmpl import --quiet own.tar
is "own: imported" "$status" 0
is "own: said what is left out" "$output" "vztmpl: own: left out what belongs to one machine only: host keys (3), \
machine id (2), random seed (1), package lists (1), logs (2), histories (1)"
plain own | tar --numeric-owner -tvf - >list
is "own: none of it is there" "$(grep -cE 'ssh_host|random-seed|x_Packages|history|term.log|syslog|dbus/machine' list || :)" 0
like "own: the machine id is empty, and there" "$(cat list)" '^-r--r--r-- 0/0 +0 .* (\./)?etc/machine-id$'
like "own: empty logs stay" "$(cat list)" '/var/log/faillog$'
is "own: nothing secret in it" "$(plain own | grep -c -a -E 'secret|0123456789abcdef0' || :)" 0
check "own: whole" vztmpl verify own
is "own: its packages" "$(manifest own '[.packages[] | .name + "=" + .version] | join(" ")')" "here=1:2.3-4 last=5"
check "own: kept when asked to" vztmpl import --name kept --keep-unique own.tar
plain kept >out
check "own: then no byte changes" cmp own.tar out
check "own: two tars of it behind each other are one" sh -c 'cat own.tar clean.tar >both.tar && vztmpl import --quiet both.tar'
is "both: all of it is there" "$(plain both | tar -tf - | grep -cE '^\./(etc/os-release|var/lib/dpkg/status)$')" 2

run vztmpl import clean.tar
is "what is there stays" "$status" 1
like "said by name" "$output" "^vztmpl: template 'clean' is in the cache .* already \(--force"
check "--force replaces it" vztmpl import --force clean.tar
run vztmpl import --name .. clean.tar
is "a name that is none" "$status" 91
run vztmpl import /
is "no name at all" "$status" 2
for bad in "" "a b" "--ids 5 x" "--ids x x" "--mirror x y"; do
	# shellcheck disable=SC2086 # words
	run vztmpl import $bad
	is "bad usage: import $bad" "$status" 2
done

# refused NAME PATTERN [OPTION...] - bad.tar is refused with one line of PATTERN, and nothing of it is left.
refused() {
	what=$1 pattern=$2
	shift 2
	run vztmpl import --quiet --name bad "$@" bad.tar
	is "$what: refused" "$status" 1
	like "$what: said so" "$output" "^vztmpl: cannot import 'bad': .*$pattern"
	is "$what: in one line" "$(printf '%s\n' "$output" | wc -l)" 1
	is "$what: nothing left" "$(find "$VZTMPL_CACHE" -name '*bad*' ! -name '.*.lock')" ""
}
# member TYPE NAME [LINK] - a tar header with no data behind it.
member() {
	perl -e '$h = pack("a100 a8 a8 a8 a12 a12 A8 a1 a100 a6 a2 a32 a32 a8 a8 a155 x12", $ARGV[1], "0000644", "0000000",
		"0000000", "00000000000", "00000000001", "        ", $ARGV[0], $ARGV[2] // "", "ustar", "00", "root", "root",
		"0000001", "0000003", ""); substr($h, 148, 8) = sprintf("%06o\0 ", unpack("%32C*", $h)); print $h' "$@"
}
end() { head -c 1024 /dev/zero; }
init() { member 0 sbin/init; }

: >bad.tar
refused "an empty file" "no tar archive"
head -c 20000 /dev/urandom >bad.tar
refused "noise" "no tar archive"
init >bad.tar
refused "no end mark" "is cut off"
head -c 500000 clean.tar >bad.tar
refused "cut in data" "Truncated"
zstd -qc clean.tar | head -c 300000 >bad.tar
refused "a cut zstd stream" "[Tt]runcated|incomplete"
gzip -c clean.tar >bad.tar
printf 'damage' | dd of=bad.tar bs=1 seek=120000 conv=notrunc status=none
refused "a flipped byte in gzip" "gzip stream is damaged"
{ member 0 etc/passwd; end; } >bad.tar
refused "no init" "has no init"
{ member 5 sbin/init; end; } >bad.tar
refused "a directory for an init" "has no init"
{ init; member 0 a/../../x; end; } >bad.tar
refused "a name with .." "'a/\.\./\.\./x' has '\.\.' in its name"
{ init; member 0 /etc/passwd; end; } >bad.tar
refused "an absolute name" "'/etc/passwd' is an absolute name"
{ init; member 0 /var/log/x; end; } >bad.tar
refused "an absolute name that would be left out" "'/var/log/x' is an absolute name"
{ init; member 2 a /etc; member 0 a/passwd; end; } >bad.tar
refused "a name through a link" "'a/passwd' goes through the symbolic link 'a'"
{ init; member 2 etc /etc; member 0 etc/machine-id; member 1 etc/machine-id sbin/init; end; } >bad.tar
refused "a file that would be emptied through a link" "'etc/machine-id' goes through the symbolic link 'etc'"
{ init; member 1 b /etc/passwd; end; } >bad.tar
refused "a hard link out of it" "is an absolute name|is not there"
{ init; member 1 etc/ssh/ssh_host_rsa_key sbin/init; member 1 b etc/ssh/ssh_host_rsa_key; end; } >bad.tar
refused "a hard link to what is left out" "'b' (is a hard link to|needs) .*(is|is) not there"
i=0
while [ $i -lt 33 ]; do member 3 dev/n; i=$((i + 1)); done >part
{ init; i=0; while [ $i -lt 125 ]; do cat part; i=$((i + 1)); done; end; } >bad.tar
refused "a flood of devices" "'dev/n' is one device too many: 4096"
# holes BYTES [COUNT] - sparse entries of one name, of nothing but a hole; what is replaced counts, too.
holes() {
	perl -e '$h = pack("a100 a8 a8 a8 a12 a12 A8 a1 a100 a8 a32 a32 x64", "hole", "0000644", "0000000",
		"0000000", "00000000000", "00000000001", "        ", "S", "", "ustar  ", "root", "root");
		substr($h, 386) = pack("a12 a12", sprintf("%011o", 0), sprintf("%011o", 0)) . "\0" x 102;
		substr($h, 483, 12) = "\x80\0\0\0" . pack("Q>", $ARGV[0]);
		substr($h, 148, 8) = sprintf("%06o\0 ", unpack("%32C*", $h));
		for ($n = $ARGV[1]; $n > 0; $n -= 4096) { print $h x ($n < 4096 ? $n : 4096) }' "$1" "${2:-1}"
}
import_holes() { { init; holes $most 524289; end; } | vztmpl import --quiet --name bad /dev/stdin; }
{ init; holes 4611686018427387904 2; end; } >bad.tar
refused "two files of 2^62 bytes" "'hole' is larger than a file can be"
most=17592186036224 # of a file of ext4
{ init; holes $most 2; end; } >bad.tar
check "two as large as can be" vztmpl import --quiet --name holes bad.tar
is "are counted" "$(manifest holes .unpacked_size)" $((2 * most))
check "and verify" vztmpl verify holes
run import_holes
is "more than 2^63 bytes in all: refused" "$status" 1
like "more than 2^63 bytes in all: said so" "$output" "^vztmpl: cannot import 'bad': .*more bytes in its files than a manifest can say"
is "more than 2^63 bytes in all: nothing left" "$(find "$VZTMPL_CACHE" -name '*bad*' ! -name '.*.lock')" ""
tar -C src -cf bad.tar --owner=300000 --group=5 sbin
refused "an owner that no container has" "'sbin/.*belongs to 300000:5; ids go up to 262143 here, 300001 are needed"
check "unless it has more ids" vztmpl import --quiet --ids 300001 --name many bad.tar
refused "an owner above those" "belongs to 300000:5; ids go up to 299999" --ids 300000
run vztmpl import no/such.tar
is "no such file" "$status $output" "1 vztmpl: cannot open 'no/such.tar': No such file or directory"
if [ "$(id -u)" -ne 0 ]; then
	chmod 0 src/etc
	run vztmpl import --quiet --name bad src
	like "a directory that cannot be read" "$output" "^vztmpl: cannot import 'bad': cannot read 'src': ./etc"
	chmod 755 src/etc
fi

# No room: as a full disk, a file that may not grow.
cp clean.tar bad.tar
run sh -c 'trap "" XFSZ; prlimit --fsize=100000 vztmpl import --quiet --name bad bad.tar'
is "no room: refused" "$status" 1
like "no room: said so" "$output" "^vztmpl: cannot import 'bad': cannot write '.*': .*File too large"
is "no room: nothing left" "$(find "$VZTMPL_CACHE" -name '*bad*' ! -name '.*.lock')" ""

# Constant memory: a file of half a gigabyte in an address space of 160 MiB.
mkdir -p huge/sbin
cp src/sbin/init huge/sbin/
truncate -s 512M huge/zeros
check "memory does not grow with the file" sh -c 'tar -C huge -cf - . | prlimit --as=167772160 vztmpl import --quiet --name huge /dev/stdin'
is "huge: it is all there" "$(manifest huge .unpacked_size)" $((512 * 1048576 + $(stat -c %s src/sbin/init)))

# Interrupted in the middle of a file that comes slowly.
mkfifo slow
(
	tar -C huge -cf - . | head -c 20480
	while head -c 65536 /dev/zero; do sleep 0.05; done
) >slow 2>/dev/null &
vztmpl import --quiet --name slow slow 2>err &
pid=$!
check "it has begun" wait_until 20 test -s "$VZTMPL_CACHE/.build-slow/archive" -o -d "$VZTMPL_CACHE/.build-slow"
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
is "interrupted: exit code" "$status" 130
like "interrupted: said so" "$(cat err)" "^vztmpl: cannot import 'slow': interrupted$"
is "interrupted: nothing left" "$(find "$VZTMPL_CACHE" -name '*slow*' ! -name '.*.lock')" ""
