#!/bin/sh
# guest: kernel=debug root=mini mem=1024 smp=4 time=240
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Containers are made, started, entered, forked, threaded and exec'ed in, their
# tasks moved between the cgroups inside, killed and removed from several
# processes at once, under KASAN and lockdep, VE_TORTURE seconds long (60). What the kernel says about it fails the run; what is left fails it here.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
bin=$(cd "$(dirname "$0")/../.." && pwd)/build/kernel/selftests/ve

check "torture" timeout 800 "$bin/torture" "${VE_TORTURE:-60}" 4
diag "$output"
is "no orphan is left" "$(orphans)" ""
if [ -w /sys/kernel/debug/kmemleak ]; then
	sleep 6
	echo scan >/sys/kernel/debug/kmemleak
	sleep 6
	echo scan >/sys/kernel/debug/kmemleak
	is "nothing of ve is leaked" "$(grep -c ' ve_\|numproc_\|clock_alloc' /sys/kernel/debug/kmemleak || :)" 0
fi
