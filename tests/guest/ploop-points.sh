#!/bin/bash
# guest: kernel=plain root=host mem=3072 smp=2 boot=ploop time=300
# tools: ploop vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Points over mounts: what a file system wrote while the disk was mounted is in the
# copy of what was written since, byte by byte; and who took a look away from it
# gives the point up. If this fails, a backup is not what the disk was.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"
requires ploop dmsetup e2fsck

cd "$tap_tmp"
p=11111111-2222-3333-4444-555555555555
q=22222222-2222-3333-4444-555555555555
r=33333333-2222-3333-4444-555555555555
mkdir tree mnt other
cp -a /usr/bin/[a-b]* tree/
tar -C tree -cf t.tar .
cleanup_fn "umount $tap_tmp/mnt $tap_tmp/other 2>/dev/null || :"
device() { awk -v m="$tap_tmp/$1" '$2 == m { print $1 }' /proc/mounts; }
no_device() { ! dmsetup ls | grep -q '^ploop-'; }
digest() { dd if="$(device "$1")" bs=1M iflag=direct status=none | md5sum; }
# same A B - the partitions of two disks.
same() {
	ploop mount -r -m mnt "$1"
	ploop mount -r -m other "$2"
	a=$(digest mnt) b=$(digest other)
	ploop umount -m mnt
	ploop umount -m other
	test "$a" = "$b"
}
points() { ploop point-list "$1" | cut -c2-9 | xargs; }
written() { ploop point-list src | sed -n "s/^{$1} //p"; }

check "a disk" ploop init -s 512M --tar t.tar src/root.hds
ploop mount -m mnt src
ploop umount -m mnt
check "a point" ploop point -u $p src
check "a backup of all" cp -a src backup
mustfail "a mount that fails" ploop mount -o nonsense -m mnt src
is "leaves them, and nothing else" "$(points src) $(written $p) $(cd src && echo *)" "11111111 0 DiskDescriptor.xml root.hds"
touch src/root.hds # so that it is not known to be sound
mustfail "one that fails behind e2fsck" ploop mount -o nonsense -m mnt src
is "leaves them, too" "$(points src) $(cd src && echo *)" "11111111 DiskDescriptor.xml root.hds"
check "with what that wrote ($(written $p))" test "$(written $p)" -gt 0
check "check finds nothing" ploop check src
check "a mount" ploop mount -m mnt src
check "they are kept beside it" test -s src/root.hds.points
mustfail "nor is one made" ploop point -u $q src
is "exit code" "$status" 37
head -c 9M /dev/urandom >mnt/new
cp mnt/new mnt/gone
sync mnt/gone
rm mnt/gone mnt/aclocal* 2>/dev/null || :
check "unmounted" ploop umount -m mnt
wait_until 5 no_device
is "it has it again" "$(points src)" 11111111
is "and nothing is beside it" "$(ls src)" "$(printf 'DiskDescriptor.xml\nroot.hds')"
check "check finds nothing" ploop check src
size=$(written $p)
diag "$size bytes written, as noted"
check "what was written is noted ($size)" test "$size" -ge $((9 << 20))
check "and not much more" test "$size" -le $((80 << 20))
check "what was written since" ploop copy -s src --since $p -u $q -d backup
check "makes the backup what the disk is" same src backup
ploop mount -r -m other backup
check "whose file system is sound" e2fsck -fn "$(device other)"
ploop umount -m other
is "reading has given nothing up" "$(points src) $(points backup)" "11111111 22222222 22222222"

# Over two mounts, and a write from outside between them.
ploop mount -o nodiscard -m mnt src
head -c 3M /dev/urandom >mnt/second
ploop umount -m mnt
ploop mount -m mnt src
rm mnt/new
mv mnt/second mnt/third
dd if=/dev/urandom of=mnt/third bs=4k seek=100 count=1 conv=notrunc status=none
ploop umount -m mnt
wait_until 5 no_device
check "trimmed, too" ploop balloon discard src
is "both are there" "$(points src)" "11111111 22222222"
check "the next time" ploop copy -s src --since $q -u $r -d backup
check "the backup is what the disk is" same src backup
check "check finds nothing in it" ploop check backup
ploop mount -r -u $p -m other backup
check "the state at the first point is a snapshot of it" tar -C other -df t.tar
ploop umount -m other

# --- given up --------------------------------------------------------------------------------

# again - a mounted disk with a point.
again() {
	wait_until 5 no_device
	ploop point-delete -u $r src 2>/dev/null || :
	ploop point -u $r src >/dev/null
	ploop mount -m mnt src
	head -c 1M /dev/urandom >mnt/file
}
given_up() {
	wait_until 5 no_device
	is "$1: given up" "$(points src)" ""
	check "$1: check finds nothing" eval 'ploop check src || ploop balloon discard src && ploop check src'
}
again
umount mnt
given_up "unmounted by other means"
again
check "larger while it is mounted" ploop resize -s 600M src
ploop umount -m mnt
given_up "another size"
again
cat >kill.sh <<'S'
#!/bin/sh
# The copy and its guards at once: what it tracks stays on.
copy=$PPID
# shellcheck disable=SC2046
kill -9 $(cat /proc/$copy/task/$copy/children | tr ' ' '\n' | grep -vx $$) $copy
S
chmod +x kill.sh
run ploop copy -s src -d whole2 -F "$tap_tmp/kill.sh"
is "a copy that was killed left its tracking on" "$(dmsetup status "$(dmsetup ls | sed -n 's/^\(ploop-[^[:space:]]*\).*/\1/p')" | awk '{ print ($7 ~ /t/) }')" 1
ploop umount -m mnt
given_up "tracked from the middle on"
again
check "a snapshot while it is mounted" ploop snapshot src
ploop umount -m mnt
wait_until 5 no_device
is "a new top: given up" "$(points src)" ""
is "nothing is left beside it" "$(ls src/*.points 2>/dev/null || :)" ""

# --- of a container ----------------------------------------------------------------------------

check "create a container" vzctl create 903 --ostemplate busybox --layout ploop:expanded
hdd=/vz/private/903/root.hdd
check "a point of its disk" ploop point -u $p $hdd
check "start it" vzctl start 903
vzctl exec 903 'head -c 3000000 /dev/zero | tr "\0" z >/root/big; sync'
check "stop it" vzctl stop 903
wait_until 5 no_device
size=$(ploop point-list $hdd | sed -n "s/^{$p} //p")
check "what it wrote is noted ($size)" test "${size:-0}" -ge 3000000
check "check finds nothing" ploop check $hdd
check "start and kill it" eval 'vzctl start 903 && vzctl stop 903 --fast'
wait_until 5 no_device
is "it is there still" "$(points $hdd)" 11111111
check "destroy it" vzctl destroy 903
