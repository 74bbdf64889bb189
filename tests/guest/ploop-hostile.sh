#!/bin/sh
# guest: kernel=debug root=mini mem=1024 smp=2 time=200
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Images that lie, and tables that are wrong, for HOSTILE_SECONDS and twelve rounds under KASAN: if
# this fails, the target ploop does with one what it must not (hostile.c), or the
# kernel complains of it. HOSTILE_SEED, printed, repeats a run's rounds.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
hostile=$(cd "$(dirname "$0")/../.." && pwd)/build/guest/hostile

dir=$(mktemp -d)
mount -t tmpfs -o size=256m hostile "$dir"
cleanup_fn "cd /; umount $dir"
cd "$dir"
[ -e /dev/mapper/control ] || { mkdir -p /dev/mapper && mknod /dev/mapper/control c 10 236; }
seed=${HOSTILE_SEED:-$(date +%Y%m%d)}
diag "HOSTILE_SEED=$seed"
dmesg -n 1
run "$hostile" "$seed" "${HOSTILE_SECONDS:-90}"
is "it does no harm: $output" "$status" 0
rounds=${output%% *} taken=${output#*rounds, } taken=${taken%% *}
loads=${output#* of } loads=${loads%%,*}
check "there were rounds" test "${rounds:-0}" -ge 12
check "some were taken" test "${taken:-0}" -gt 0
check "and some were not" test "${taken:-0}" -lt "$loads"
