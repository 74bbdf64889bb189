#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, a report of the kernel's could be lost, because its words have
# changed or because the emulator failed in the same boot.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
export CACHE="$tap_tmp/cache" VESPER_ACCEL=tcg

# A QEMU that boots nothing: its console is the next of $tap_tmp/consoles.
mkdir "$tap_tmp/bin" "$tap_tmp/consoles"
cat >"$tap_tmp/bin/qemu-system-x86_64" <<END
#!/bin/sh
for a; do
	case \$a in
	file,id=console,path=*) console=\${a#file,id=console,path=} ;;
	tcg,* | kvm) echo "\$a" >>"$tap_tmp/accel"; threads=\$a ;;
	esac
done
n=\$(cat "$tap_tmp/boots")
echo \$((n + 1)) >"$tap_tmp/boots"
[ -e "$tap_tmp/consoles/\$n" ] || n=0
cat "$tap_tmp/consoles/\$n" >"\$console"
case \$threads in *=multi) [ ! -e "$tap_tmp/multi" ] || { cat "$tap_tmp/multi" >&2; kill -ABRT \$\$; } ;; esac
[ ! -e "$tap_tmp/any" ] || { cat "$tap_tmp/any" >&2; kill -ABRT \$\$; }
END
chmod 755 "$tap_tmp/bin/qemu-system-x86_64"
PATH=$tap_tmp/bin:$PATH
echo no kernel >"$tap_tmp/bzImage"

# boot [OPTION...] - how run ends, and after how many boots.
boot() {
	echo 0 >"$tap_tmp/boots"
	: >"$tap_tmp/accel"
	run "$top/tests/guest/run" -k "$tap_tmp/bzImage" "$@" -- true
	verdict="$status in $(cat "$tap_tmp/boots")"
}
# console NUMBER <LINES - as a serial line has them, after what each boot says.
console() {
	{
		echo '[    0.000000] Linux version 6.12.117-vesper (vesper@vesper) #1 SMP PREEMPT_DYNAMIC'
		echo '[    0.412345] workqueue: WARNING is a word, and no BUG: in the middle'
		cat
	} | sed 's/$/\r/' >"$tap_tmp/consoles/$1"
}
int3='[    2.345678] Oops: int3: 0000 [#1] SMP NOPTI
[    2.345680] CPU: 1 UID: 0 PID: 0 Comm: swapper/1 Not tainted 6.12.117-vesper #1
[    2.345690] RIP: 0010:__schedule+0x12/0x9a0
[    2.345700] ---[ end trace 0000000000000000 ]---
[    2.345710] Kernel panic - not syncing: Fatal exception in interrupt
[    2.345720] Kernel Offset: disabled
[    2.345730] ---[ end Kernel panic - not syncing: Fatal exception in interrupt ]---'

console 0 </dev/null
boot
is "nothing is said: the guest has not come to COMMAND" "$verdict" "98 in 1"

# A static branch of ours that is wrong looks like a breakpoint that the emulator kept:
# only the emulator's threads do that, and the second boot has none.
printf '%s\n' "$int3" | console 0
boot
is "a breakpoint, and the same with one thread: the kernel's own" "$verdict" "99 in 2"
is "with many threads, then with one" "$(xargs <"$tap_tmp/accel")" "tcg,thread=multi tcg,thread=single"
like "the second boot is told of" "$output" '^run: the emulator kept a breakpoint .*: booting again, with one thread$'
like "and the report is shown" "$output" 'Oops: int3: 0000'
printf '%s\n' "$int3" | sed 's/\] /][    C1] /' | console 0
boot
is "by a kernel that says who prints" "$verdict" "99 in 2"
boot -i
is "with one thread from the start: at once" "$verdict" "99 in 1"
VESPER_TCG=single boot
is "or so by request" "$verdict" "99 in 1"
VESPER_ACCEL=kvm boot
is "of a processor it is an oops" "$verdict" "99 in 1"
boot -I
is "where no second boot can be: nothing is known" "$verdict" "97 in 1"
like "and said so" "$output" '^run: the emulator kept a breakpoint .*: run it again, with VESPER_TCG=single$'
printf '%s\n' "$int3" | console 0
console 1 </dev/null
boot
is "once, and the next boot is judged by its own console" "$verdict" "98 in 2"
rm "$tap_tmp/consoles/1"

# An emulator that breaks down by its threads: believed as often.
assertion="qemu-system-x86_64: ../../hw/pci/msix.c:218: msix_table_mmio_write: Assertion \`addr + size <= dev->msix_entries_nr * PCI_MSIX_ENTRY_SIZE' failed."
console 0 </dev/null
echo "$assertion" >"$tap_tmp/multi"
boot
is "the emulator breaks down: with one thread then" "$verdict, $(xargs <"$tap_tmp/accel")" "98 in 2, tcg,thread=multi tcg,thread=single"
like "and by what" "$output" '^run: the emulator broke down \(qemu-system-x86_64: .*msix_table_mmio_write: Assertion .* failed.\): booting again, with one thread$'
boot -I
is "where no second boot can be: nothing is known" "$verdict" "97 in 1"
printf '[    1.500000] BUG: Bad page state in process init  pfn:0b1c2\n' | console 0
boot
is "what the kernel said before counts" "$verdict" "99 in 1"
console 0 </dev/null
mv "$tap_tmp/multi" "$tap_tmp/any"
boot
is "with one thread, too: the guest's own" "$verdict" "98 in 2"
like "which is shown" "$output" '^qemu-system-x86_64: .*Assertion'
rm "$tap_tmp/any"

# What 6.12 prints, each alone and then beside a kept breakpoint, before and after it.
while IFS='|' read -r what text; do
	printf '[    1.500000] %s\n' "$text" | console 0
	boot
	is "$what" "$verdict" "99 in 1"
	is "$what: it is shown" "$(printf '%s\n' "$output" | sed -n '/^run: the kernel complained:$/{n;s/^\[ *[0-9.]*\] //;p;}')" "$text"
	printf '[    1.500000] %s\n%s\n' "$text" "$int3" | console 0
	boot
	is "$what, then a kept breakpoint" "$verdict" "99 in 1"
	printf '%s\n[    3.500000] %s\n' "$int3" "$text" | console 0
	boot
	is "$what, after a kept breakpoint" "$verdict" "99 in 1"
done <<'END'
BUG|BUG: Bad page state in process init  pfn:0b1c2
a BUG_ON|kernel BUG at kernel/ve/ve.c:123!
a null pointer|BUG: kernel NULL pointer dereference, address: 0000000000000010
sleeping where it may not|BUG: sleeping function called from invalid context at kernel/locking/mutex.c:585
a cut|------------[ cut here ]------------
WARNING|WARNING: CPU: 0 PID: 1 at kernel/ve/ve.c:321 ve_css_free+0x3a/0x40
an oops|Oops: Oops: 0002 [#1] PREEMPT SMP KASAN NOPTI
a protection fault|Oops: general protection fault, probably for non-canonical address 0xdffffc0000000001: 0000 [#1] SMP
KASAN|BUG: KASAN: slab-use-after-free in ve_put+0x2c/0x90
UBSAN|UBSAN: array-index-out-of-bounds in kernel/ve/ve.c:77:12
SLUB|BUG kmalloc-64 (Not tainted): Right Redzone overwritten
lockdep, its line|======================================================
lockdep, a cycle|WARNING: possible circular locking dependency detected
lockdep, recursion|WARNING: possible recursive locking detected
lockdep, interrupts|WARNING: inconsistent lock state
lockdep, RCU|WARNING: suspicious RCU usage
lockdep, contexts|[ BUG: Invalid wait context ]
lockdep, a lock without a class|INFO: trying to register non-static key.
lockdep, its tables|BUG: MAX_LOCKDEP_CHAINS too low!
debugobjects|ODEBUG: free active (active state 0) object: 00000000a1b2c3d4 object type: work_struct hint: 0x0
kmemleak|kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
kmemleak, an object|unreferenced object 0xffff888003a1c000 (size 64):
panic_on_warn|Kernel panic - not syncing: kernel: panic_on_warn set ...
panic_on_warn of KASAN|Kernel panic - not syncing: KASAN: panic_on_warn set ...
the end of init|Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b
a task that hangs|INFO: task vzctl:321 blocked for more than 1228 seconds.
a processor that hangs|watchdog: BUG: soft lockup - CPU#1 stuck for 212s! [vzctl:321]
RCU that hangs|rcu: INFO: rcu_preempt self-detected stall on CPU
RCU that waits|rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
END
