#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# on-host
# Without this, no verdict of any guest test could be believed.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
# One processor where it does not matter: two that are emulated wait for each other.
guest() { "$top/tests/guest/run" -s 1 "$@"; }

# --- output and status ---
status=0
guest -- sh -c 'echo out; echo err >&2; echo via-name >/dev/stderr; exit 7' >"$tap_tmp/out" 2>"$tap_tmp/err" || status=$?
is "the status is COMMAND's" "$status" 7
is "standard output is COMMAND's and nothing else" "$(cat "$tap_tmp/out")" out
is "standard error is COMMAND's and nothing else" "$(cat "$tap_tmp/err")" "err
via-name"

guest -- sh -c 'i=0; while [ $i -lt 256 ]; do printf "\\$(printf %o $i)"; i=$((i + 1)); done; head -c 3000000 /dev/zero' >"$tap_tmp/out"
is "output is binary clean and whole" "$(sha256sum <"$tap_tmp/out")" \
	"$( (i=0; while [ $i -lt 256 ]; do printf "\\$(printf %o $i)"; i=$((i + 1)); done; head -c 3000000 /dev/zero) | sha256sum)"

run guest -- sh -c 'kill -9 $$'
is "a signal is 128 + its number" "$status" 137
run guest -- /no/such/command
is "a command that is not there is 127" "$status" 127
like "and says so" "$output" "cannot run '/no/such/command'"
run guest -- printf '%s|' 'a b' '' '*' "it's" '$HOME'
is "words reach COMMAND as they are" "$output" "a b||*|it's|\$HOME|"
run guest -- sh -c 'echo one; sleep 100 & exit 0'
is "a process left behind does not hold the guest" "$status:$output" 0:one

# Streaming: the first line is there while COMMAND still runs.
"$top/tests/guest/run" -- sh -c 'echo first; sleep 30; echo last' >"$tap_tmp/stream" 2>/dev/null &
pid=$!
check "output streams" wait_until 20 grep -q first "$tap_tmp/stream"
is "before the end" "$(grep -c last "$tap_tmp/stream")" 0
kill "$pid"
wait "$pid" || true

run sh -c 'echo input | "$0" -I -- sh -c "read x; echo got \$x; cat; echo end"' "$top/tests/guest/run"
is "-I passes standard input and its end" "$output" "got input
end"
run guest -- cat
is "without -I standard input is empty" "$status:$output" 0:

# --- 98, 99, 124 ---
run guest -t 25 -- sh -c 'echo the last of the console >/dev/console; sleep 90'
is "past the time limit is 124" "$status" 124
like "which says so" "$output" 'past the time limit of 25 s; the console ends:'
like "with the end of the console" "$output" '^the last of the console$'
head -c 100000 /dev/zero >"$tap_tmp/nokernel"
run guest -k "$tap_tmp/nokernel" -t 60 -- true
is "a kernel that does not start is 98" "$status" 98
run guest -- sh -c 'echo o >/proc/sysrq-trigger; sleep 60'
is "a guest that powers off before the end is 98" "$status" 98
run guest -- sh -c 'echo "WARNING: only words" >/dev/console; echo "prog: WARNING: more words" >/dev/kmsg; echo BUG: words'
is "words of programs are no complaints" "$status" 0
run guest -- sh -c 'echo c >/proc/sysrq-trigger; sleep 60'
is "a crash is 99" "$status" 99
run guest -- sh -c 'echo "<0>Oops: int3: 0000 [#1] SMP" >/dev/kmsg; sleep 1; exit 1'
is "a breakpoint that the emulator kept" "$status" 97
run env VESPER_TCG=single "$top/tests/guest/run" -- sh -c 'echo "<0>Oops: int3: 0000 [#1] SMP" >/dev/kmsg; sleep 1; exit 1'
is "one that it did not keep, having one thread only" "$status" 99
run guest -- sh -c 'echo WARNING >/sys/kernel/debug/provoke-crash/DIRECT; exit 0'
if [ "$status" -eq 99 ]; then ok "a WARNING is 99, whatever COMMAND said"; else not_ok "a WARNING is 99, whatever COMMAND said"; diag "$output"; fi
like "and the report is shown" "$output" 'WARNING: CPU:'

# On debug a fault that plain would not see.
run guest -k debug -- sh -c 'echo READ_AFTER_FREE >/sys/kernel/debug/provoke-crash/DIRECT; exit 0'
is "memory read after it was freed is 99 on debug" "$status" 99
like "and the report is KASAN's" "$output" 'BUG: KASAN: slab-use-after-free'
# A module that does wrong for it: nothing of a kernel's own leaks, or takes locks in a bad order, on demand.
mkdir "$tap_tmp/faulty"
cp "$top/build/kernel/debug/faulty.ko" "$tap_tmp/faulty/"
faulty() { guest -k debug -x "$tap_tmp/faulty" -- sh -c "insmod /mnt/x/faulty.ko how=$1 && $2"; }
# What was made less than five seconds ago is no leak yet.
run faulty leak 'sleep 6'
is "memory that nothing points to is 99 on debug" "$status" 99
like "and the report is kmemleak's" "$output" '^(guest: )?unreferenced object 0x[0-9a-f]+ \(size 128\)'
like "with who lost it" "$output" '^  comm "insmod", pid '
run faulty lockdep 'echo off >/sys/kernel/debug/kmemleak; exit 0'
is "two locks taken in either order are 99 on debug" "$status" 99
like "and the report is lockdep's" "$output" 'WARNING: possible circular locking dependency detected'
like "a debug kernel that does not look for leaks is told of" "$output" 'cannot scan for leaks'

# --- processors and memory ---
run guest -s 4 -m 700 -- sh -c 'nproc; awk "/MemTotal/ { print \$2 / 1024 }" /proc/meminfo'
is "-s 4 gives 4 CPUs" "$(echo "$output" | head -n 1)" 4
like "2 of them and 2048 MiB if nothing is said" "$("$top/tests/guest/run" -- sh -c 'echo $(nproc) $(sed -n "s/MemTotal: *//p" /proc/meminfo)')" '^2 (19|20)[0-9]{5} kB$'
check "-m 700 gives about that" sh -c "echo '$output' | tail -n 1 | awk '{ exit !(\$1 > 500 && \$1 <= 700) }'"
run env VESPER_APPEND=maxcpus=1 "$top/tests/guest/run" -- true
is "fewer CPUs online than asked for is 98" "$status" 98
like "and says how many" "$output" '1 CPUs are online in the guest, not 2'

# A guest on a busy machine that measured its clock itself took a second for six.
run guest -- sh -c 'dmesg | sed -n "s/.*tsc: Detected \([0-9]*\)[.0-9]* MHz processor/\1/p"'
check "the guest's clock has the rate of the machine's" awk -v a="$output" -v b="$("$top/build/guest/tsc")" \
	'BEGIN { exit !(a * 1000 > b * 0.99 && a * 1000 < b * 1.01) }'

# --- arguments ---
run guest
is "no command is a usage error" "$status" 2
run guest -r /nowhere -- true
is "a root that is not there is 98" "$status" 98
run guest -r "$tap_tmp/nokernel" -- true
like "a root that is nothing known is named" "$output" 'is no root file system: neither ext4, nor GPT, nor a ploop image'
run guest -w -- true
is "-w of mini is a usage error" "$status" 2
