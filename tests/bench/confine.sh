#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# confine.sh - what the system call filter and the device program of a container
# cost a process, in instructions: a guest with -i, the median of 31 rounds.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top"
out=build/bench/confine
mkdir -p "$out"
make -s all
gcc -std=gnu11 -D_GNU_SOURCE= -O2 -static -I common -I tools/lib -o "$out/confine" tests/bench/confine.c \
	build/libtools.a build/libcommon.a -lseccomp
[ -r build/kernel/plain/bzImage ] || scripts/build-kernel plain
# From memory: nothing that is measured may go through the share.
tests/guest/run -i -t 600 -x "$out" -- sh -c 'cp /mnt/x/confine /tmp/confine && exec /tmp/confine' >"$out/lines"
awk '
	$1 ~ /^(getppid|getppid_empty|open)$/ { printf "%-20s %10.1f without, %10.1f with, %+.1f instructions\n", $1, $2, $3, $3 - $2 }
	$1 ~ /_filter$/ { printf "%-20s %10d instructions\n", $1, $3 }
' "$out/lines"
echo "# measured $(date -u +%F) on $(cat build/kernel/plain/version)"
