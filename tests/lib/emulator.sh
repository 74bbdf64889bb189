# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the emulator has cost the host (run -e), for tests in the guest that time
# something: a processor that others use is no fault of what is measured. Needs
# nothing but a shell, mount and awk.
#
#   emulator_mount   its /proc entry at $emulator, /run/vesper/emulator
#   emulator_used    ms of processor time, all threads
#   emulator_waited  ms that a thread of it was ready and had no processor, of the thread that
#                    was so longest: what a boot took less that is at least what it takes
#                    alone. The sum of all threads may be more than the boot took.

emulator=/run/vesper/emulator

emulator_mount() {
	[ ! -e $emulator/stat ] || return 0
	mkdir -p $emulator
	mount -t 9p -o trans=virtio,version=9p2000.L,cache=none,ro emulator $emulator
}
emulator_used() { awk '{ print ($14 + $15) * 10 }' $emulator/stat; }
emulator_waited() { cat $emulator/task/*/schedstat | awk '$2 > n { n = $2 } END { printf "%d\n", n / 1000000 }'; }
