#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, a kernel of another series could be patched and built.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
export CACHE="$tap_tmp/cache" KERNEL_SERIES=6.12 KERNEL_TESTED=6.12.117

# tree VERSION PATCHLEVEL SUBLEVEL - a kernel source as far as staging looks at it.
tree() {
	mkdir -p "$tap_tmp/linux-$1.$2.$3/kernel"
	printf '# SPDX\nVERSION = %s\nPATCHLEVEL = %s\nSUBLEVEL = %s\n' "$1" "$2" "$3" >"$tap_tmp/linux-$1.$2.$3/Makefile"
	seq 1 20 >"$tap_tmp/linux-$1.$2.$3/kernel/fork.c"
	tar -C "$tap_tmp" -cJf "$tap_tmp/linux-$1.$2.$3.tar.xz" "linux-$1.$2.$3"
}
stage() { KERNEL_SOURCE=$1 "$top/scripts/stage-kernel" "${2:-stock}"; }

run stage "$tap_tmp/none.tar.xz"
is "no source: fails" "$status" 1
like "no source: names it and what to do" "$output" '^stage-kernel: no kernel source at .*none.tar.xz \(install linux-source-6.12, or set KERNEL_SOURCE='
is "no source: one line" "$(printf '%s\n' "$output" | wc -l)" 1

tree 6 11 9
for source in "$tap_tmp/linux-6.11.9" "$tap_tmp/linux-6.11.9.tar.xz"; do
	run stage "$source"
	is "another series ($(basename "$source")): fails" "$status" 1
	like "another series ($(basename "$source")): says which" "$output" 'is Linux 6.11.9; this series is for 6.12.y'
done
check "another series: nothing unpacked" sh -c "! find '$CACHE' -name fork.c | grep -q ."

tree 6 12 117
run stage "$tap_tmp/linux-6.12.117.tar.xz"
is "the tested release: no notice" "$(printf '%s\n' "$output" | grep -c notice)" 0
like "the tested release: the tree is named for version and checksum" "$output" '/kernel/6\.12\.117-[0-9a-f]{12}/stock$'

tree 6 12 200
run stage "$tap_tmp/linux-6.12.200.tar.xz"
is "another point release: goes on" "$status" 0
is "another point release: one line of notice" "$(printf '%s\n' "$output" | grep -c '^stage-kernel: notice: source is Linux 6.12.200, last tested with 6.12.117$')" 1
run stage "$tap_tmp/linux-6.12.200.tar.xz"
is "the second time: nothing is unpacked" "$(printf '%s\n' "$output" | grep -c unpacking)" 0

head -c 200 "$tap_tmp/linux-6.12.200.tar.xz" >"$tap_tmp/cut.tar.xz"
run stage "$tap_tmp/cut.tar.xz"
is "a cut tarball: fails" "$status" 1
like "a cut tarball: names it" "$output" '^stage-kernel: .*cut.tar.xz'

# Cut where the version is still there: nothing of it is taken for a tree.
mkdir -p "$tap_tmp/linux-6.12.118/kernel"
cp "$tap_tmp/linux-6.12.117/kernel/fork.c" "$tap_tmp/linux-6.12.118/kernel/"
printf '# SPDX\nVERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 118\n' >"$tap_tmp/linux-6.12.118/Makefile"
head -c 3000000 /dev/urandom >"$tap_tmp/linux-6.12.118/kernel/large"
tar -C "$tap_tmp" -cf "$tap_tmp/linux.tar" linux-6.12.118/Makefile linux-6.12.118/kernel
xz -0 -k --block-size=100000 "$tap_tmp/linux.tar"
head -c 1500000 "$tap_tmp/linux.tar.xz" >"$tap_tmp/cut.tar.xz"
run stage "$tap_tmp/cut.tar.xz"
is "cut in the middle: fails" "$status" 1
like "cut in the middle: says so" "$output" '^stage-kernel: cannot unpack .*cut.tar.xz: '
trees() { find "$CACHE/kernel" -path '*/6.12.118-*' | sort; }
is "cut in the middle: nothing is left of it" "$(trees)" ""

# Killed while it unpacks: what is there is not taken, and the next run begins anew.
# A tar that stops in the middle stands for a slow disk.
mkdir "$tap_tmp/bin"
cat >"$tap_tmp/bin/tar" <<END
#!/bin/sh
case "\$*" in
*--strip-components*)
	/usr/bin/tar "\$@" linux-6.12.118/Makefile
	echo \$\$ >"$tap_tmp/unpacking"
	exec sleep 60
	;;
esac
exec /usr/bin/tar "\$@"
END
chmod 755 "$tap_tmp/bin/tar"
PATH="$tap_tmp/bin:$PATH" KERNEL_SOURCE="$tap_tmp/linux.tar.xz" setsid "$top/scripts/stage-kernel" stock >"$tap_tmp/killed" 2>&1 &
killed=$!
wait_until 30 test -s "$tap_tmp/unpacking"
kill -9 -- -$killed 2>/dev/null || kill -9 $killed
kill "$(cat "$tap_tmp/unpacking")" 2>/dev/null || :
wait $killed 2>/dev/null || :
like "killed while it unpacks: a part is there" "$(trees)" '/stock.new/Makefile$'
is "and no tree" "$(find "$CACHE/kernel" -path '*/6.12.118-*/stock')" ""
run stage "$tap_tmp/linux.tar.xz"
is "the next run succeeds" "$status" 0
staged=$(printf '%s\n' "$output" | tail -n 1)
check "with all of it" diff -r --exclude=.unpacked "$staged" "$tap_tmp/linux-6.12.118"
is "and nothing of the part" "$(find "$(dirname "$staged")" -mindepth 1 -maxdepth 1 -printf '%f ')" "stock "

# Killed while the tree is linked, and while the series is laid over it: no file stays that is neither
# of the source nor of the series that is asked for.
mkdir -p "$tap_tmp/one" "$tap_tmp/none"
cat >"$tap_tmp/one/a.patch" <<'PATCH'
--- a/kernel/fork.c
+++ b/kernel/fork.c
@@ -1,3 +1,4 @@
+one
 1
 2
 3
PATCH
echo a.patch >"$tap_tmp/one/series"
: >"$tap_tmp/none/series"
cat >"$tap_tmp/bin/rsync" <<END
#!/bin/sh
case "\$*" in
*"\$KILLED_AT"*) ;;
*) exec /usr/bin/rsync "\$@" ;;
esac
case "\$KILLED_AT" in
--link-dest) for to; do :; done; cp "$staged/.unpacked" "\$to" ;;
*) /usr/bin/rsync "\$@" ;;
esac
kill -9 \$PPID
END
chmod 755 "$tap_tmp/bin/rsync"
rm "$tap_tmp/bin/tar"
killed_at() { # WORD - the series "one" is staged, and killed there
	run env KILLED_AT="$1" PATH="$tap_tmp/bin:$PATH" PATCHES="$tap_tmp/one" KERNEL_SOURCE="$tap_tmp/linux.tar.xz" "$top/scripts/stage-kernel" linux
	is "killed at $1" "$status" 137
	run env PATCHES="$tap_tmp/none" KERNEL_SOURCE="$tap_tmp/linux.tar.xz" "$top/scripts/stage-kernel" linux
	check "killed at $1: another series has what is its own" diff -r "$(printf '%s\n' "$output" | tail -n 1)" "$staged"
}
killed_at --link-dest
killed_at --exclude=/.pc
