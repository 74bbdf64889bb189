#!/bin/sh
# guest: kernel=debug root=mini mem=1024 smp=2 time=300
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Everything that a hook of ours is in, with each of its memory allocations
# failing in turn: a wrong errno, a charge that stays, a container that cannot
# be stopped, a reference that an error path forgot (an orphan) fail it here;
# what the kernel says about it fails the run. VE_FAILSLAB_SECONDS: how long
# every single allocation of an operation is failed before the steps grow (2).
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
bin=$(cd "$(dirname "$0")/../.." && pwd)/build/kernel/selftests/ve

# From a tmpfs: an exec is not to fail in the share's file system.
cp "$bin/failslab" "$tap_tmp/"
run "$tap_tmp/failslab" "${VE_FAILSLAB_SECONDS:-2}" "${VE_FAILSLAB_ONLY:-}"
diag "$output"
is "failslab: its status" "$status" 0
like "failslab: all of it ran" "$output" '^# Totals: pass:[1-9][0-9]* fail:0 .* skip:0 error:0'
is "no orphan is left" "$(orphans)" ""
echo scan >/sys/kernel/debug/kmemleak
sleep 6
echo scan >/sys/kernel/debug/kmemleak
is "nothing of ve is leaked" "$(grep -c ' ve_\|numproc_\|clock_alloc' /sys/kernel/debug/kmemleak || :)" 0
