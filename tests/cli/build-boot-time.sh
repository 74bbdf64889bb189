#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, a boot that has grown slow could pass for one whose machine had other
# work: what the emulator waited for is taken off, and must not be more than that.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/emulator.sh
. "$(dirname "$0")/../lib/emulator.sh"

# A process of four threads, as QEMU has them: two have run, all have waited.
emulator=$tap_tmp/emulator
for t in 1 2 3 4; do mkdir -p "$emulator/task/$t"; done
echo '1 (qemu) S 0 1 1 0 -1 0 0 0 0 0 1500 250 0 0' >"$emulator/stat"
echo '900000000 300000000 12' >"$emulator/task/1/schedstat"
echo '16000000000 31000000000 512' >"$emulator/task/2/schedstat"
echo '15000000000 32000000000 513' >"$emulator/task/3/schedstat"
echo '0 0 1' >"$emulator/task/4/schedstat"

is "used: user and system, in ms" "$(emulator_used)" 17500
is "waited: the longest of one thread, not all" "$(emulator_waited)" 32000
