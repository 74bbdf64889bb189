#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# template-to-image.sh [TAR] [ROUNDS] - seconds and memory from a template's tar
# to a 10 GiB image, ours against two peers, in turns on this machine:
#
#   loop    mke2fs, loop mount, tar x, umount (needs root)
#   mke2fs  mke2fs -d of the tree unpacked before, which is not counted
#
# Medians, of the time on the clock, and of the processor's, which other work on the machine
# moves less; what the kernel writes behind a loop device is in the first only. The caches
# are warm for all; nobody waits for the disk. Only vzctl create
# does, from the archive of the cache to the configuration: it syncs the image, the
# descriptor and the configuration before it returns.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
CACHE=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vesper}
tar=${1:-$CACHE/templates/debian-12-x86_64.tar.zst}
rounds=${2:-5}
ploop=$top/build/bin/ploop
make -s -C "$top" all
[ $# -gt 0 ] || [ -r "$tar" ] || "$top/scripts/host-image" # which builds the templates
[ -r "$tar" ] || { echo "template-to-image: no template '$tar'" >&2; exit 1; }

dir=$(mktemp -d "${TMPDIR:-/tmp}/vesper-bench.XXXXXX")
trap 'umount "$dir/mnt" 2>/dev/null || :; rm -rf "$dir"' EXIT
cd "$dir"
mkdir mnt tree
case $tar in
*.zst) zstd -dqc "$tar" >t.tar ;;
*) cp "$tar" t.tar ;;
esac
tar -C tree --numeric-owner --xattrs --xattrs-include='*' -xpf t.tar 2>/dev/null || :

# timed NAME COMMAND... - seconds to NAME.times: on the clock, of the processor
timed() {
	name=$1
	shift
	rm -rf i peer.img
	perl -MTime::HiRes=time -e '
		my ($name, @c) = @ARGV; my $t = time;
		system(@c) == 0 or die "$c[0] failed\n";
		my @used = times;
		open my $f, ">>", "$name.times" or die; printf $f "%.3f %.3f\n", time - $t, $used[2] + $used[3];
	' "$name" "$@" || exit 1
}
# median NAME [COLUMN] - of the clock, or with 2 of the processor
median() { cut -d' ' -f"${2:-1}" "$1.times" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
# spread NAME - the least and the most on the clock
spread() { cut -d' ' -f1 "$1.times" | sort -n | sed -n '1p;$p' | paste -sd' ' | sed 's/ /-/'; }

# A node of its own, with the template and its manifest.
mkdir -p etc/conf template/cache
cat >etc/vz.conf <<END
LOCKDIR="$dir/lock"
RUNDIR="$dir/run"
TEMPLATE="$dir/template"
VE_ROOT="$dir/root/\$VEID"
VE_PRIVATE="$dir/private/\$VEID"
CONFIGFILE="bench"
END
echo 'DISKSPACE="10G"' >etc/conf/ve-bench.conf-sample
os=$(basename "${tar%.tar*}" -x86_64)
ln -s "$(realpath "$tar")" "template/cache/$os-x86_64.tar${tar##*.tar}"
[ ! -e "${tar%.tar*}.json" ] || ln -s "$(realpath "${tar%.tar*}.json")" "template/cache/$os-x86_64.json"
timed_create() {
	timed create "$top/build/bin/vzctl" --config-root etc --quiet create 101 --ostemplate "$os"
	"$top/build/bin/vzctl" --config-root etc --quiet destroy 101
}

cat >loop.sh <<'END'
truncate -s 10G peer.img
mke2fs -q -t ext4 -E lazy_itable_init=1,nodiscard peer.img
mount -o loop peer.img mnt
tar -C mnt --numeric-owner --xattrs --xattrs-include='*' -xpf t.tar
umount mnt
END
cat >mke2fs.sh <<'END'
truncate -s 10G peer.img
mke2fs -q -t ext4 -d tree peer.img
END

# why_no_loop - nothing where that peer can run
why_no_loop() {
	truncate -s 16M probe.img
	if [ "$(id -u)" -ne 0 ]; then
		echo "that needs root"
	elif ! mke2fs -q -t ext4 probe.img || ! mount -o loop probe.img mnt 2>probe.err; then
		tail -n 1 probe.err
	else
		umount mnt
	fi
}
no_loop=$(why_no_loop)
# What one leaves in the caches, and frees, the next one has: from one end and from the other in turns.
run_of() {
	case $1 in
	raw) timed raw "$ploop" init -s 10G -f raw --tar t.tar i/root.hds ;;
	expanded) timed expanded "$ploop" init -s 10G --tar t.tar i/root.hds ;;
	zst) case $tar in *.zst) timed zst "$ploop" init -s 10G -f raw --tar "$tar" i/root.hds ;; esac ;;
	create) timed_create ;;
	loop) [ -n "$no_loop" ] || timed loop sh -e loop.sh ;;
	mke2fs) timed mke2fs sh -e mke2fs.sh ;;
	esac
}
n=0
while [ $n -lt "$rounds" ]; do
	n=$((n + 1))
	for what in $(printf '%s\n' raw expanded zst create loop mke2fs | if [ $((n % 2)) = 0 ]; then sort; else sort -r; fi); do
		run_of "$what"
	done
done

size=$(stat -c %s t.tar)
echo "# $(basename "$tar"), $((size >> 20)) MiB unpacked, median of $rounds, $(nproc) CPUs, load $(cut -d' ' -f1 /proc/loadavg)"
[ -z "$no_loop" ] || echo "# loop: not measured, because $no_loop"
printf '%-32s %8s %8s %6s %10s %8s %6s\n' "seconds" ours peer ratio "processor" peer ratio
# verdict VALUE AIM - how it stands to the aim
verdict() { awk -v v="$1" -v a="$2" 'BEGIN { print "aim: at most " a ", " (v <= a ? "met" : "missed") }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
# row TITLE OURS PEER [AIM]
row() {
	[ -e "$2.times" ] && [ -e "$3.times" ] || return 0
	a=$(median "$2") b=$(median "$3") a_used=$(median "$2" 2) b_used=$(median "$3" 2)
	on_clock=$(ratio "$a" "$b")
	printf '%-32s %8s %8s %6s %10s %8s %6s  %s\n' "$1" "$a" "$b" "$on_clock" "$a_used" "$b_used" "$(ratio "$a_used" "$b_used")" \
		"${4:+$(verdict "$on_clock" "$4")}"
}
better=mke2fs
[ -n "$no_loop" ] || better=$(for p in loop mke2fs; do echo "$(median $p) $p"; done | sort -n | sed -n '1s/.* //p')
row "raw, against the better peer" raw "$better" 0.50
row "raw, against loop + tar" raw loop
row "raw, against mke2fs -d" raw mke2fs
row "expanded, against loop + tar" expanded loop
row "expanded, against mke2fs -d" expanded mke2fs
row "expanded, against raw" expanded raw 1.15
[ ! -e zst.times ] || printf '%-32s %8s %26s\n' "raw, from the .tar.zst" "$(median zst)" "$(median zst 2)"
printf '%-32s %8s %26s  (%s)\n' "vzctl create, synced" "$(median create)" "$(median create 2)" "$(stat -f -c %T .)"
for f in raw expanded mke2fs loop; do
	[ ! -e $f.times ] || printf '%-32s %14s\n' "$f, least and most" "$(spread $f)"
done
for f in raw expanded; do
	rm -rf i
	kib=$( (
		"$ploop" init -s 10G -f $f --tar t.tar i/root.hds &
		pid=$!
		while kill -0 $pid 2>/dev/null; do
			grep -s VmHWM "/proc/$pid/status" | tr -dc '0-9\n' || :
			sleep 0.02
		done
	) | sort -n | tail -n 1)
	printf '%-32s %8s KiB  %s\n' "memory, $f" "$kib" "$(verdict "$kib" 32768)"
done
