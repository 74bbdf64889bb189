#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, a failed, cut or skipped test could count as passed.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$tap_tmp/top/tests/cli" "$tap_tmp/top/tests/lib"
cp "$top/tests/run" "$tap_tmp/top/tests/"
cp "$top/tests/lib/functions.sh" "$top/tests/lib/results.sh" "$tap_tmp/top/tests/lib/"

# verdict NAME SCRIPT SUMS - a suite of just that script.
verdict() {
	printf '#!/bin/sh\n%s\n' "$2" >"$tap_tmp/top/tests/cli/one.sh"
	chmod +x "$tap_tmp/top/tests/cli/one.sh"
	run "$tap_tmp/top/tests/run" cli
	is "$1" "$(printf '%s\n' "$output" | tail -n 1)" "$3"
	case $3 in
	*' 0 failed'*) is "$1: and the runner succeeds" "$status" 0 ;;
	*) is "$1: and the runner fails" "$status" 1 ;;
	esac
}
verdict "TAP that passes" 'echo "ok 1 - a"; echo "ok 2 - b"; echo 1..2' "2 passed, 0 failed, 0 skipped"
verdict "TAP with a failure" 'echo "ok 1 - a"; echo "not ok 2 - b"; echo 1..2; exit 1' "1 passed, 1 failed, 0 skipped"
verdict "a failure with status 0" 'echo "not ok 1 - b"; echo 1..1' "0 passed, 1 failed, 0 skipped"
verdict "all ok with status 1" 'echo "ok 1 - a"; echo 1..1; exit 1' "1 passed, 1 failed, 0 skipped"
verdict "fewer than planned" 'echo "ok 1 - a"; echo 1..3' "1 passed, 1 failed, 0 skipped"
verdict "no TAP, status 0" 'echo words' "1 passed, 0 failed, 0 skipped"
verdict "no TAP, status 3" 'exit 3' "0 passed, 1 failed, 0 skipped"
verdict "a required test that skips" 'echo "1..0 # SKIP no reason"; exit 77' "0 passed, 1 failed, 0 skipped"
verdict "one that may skip" '# may-skip: only on some machines
echo "1..0 # SKIP not here"; exit 77' "0 passed, 0 failed, 1 skipped"
verdict "a required check that skips" 'echo "ok 1 - a"; echo "ok 2 - b # SKIP no"; echo 1..2' "1 passed, 1 failed, 0 skipped"
verdict "one of functions.sh that ends early" ". $tap_tmp/top/tests/lib/functions.sh; set -e; ok a; false; ok b" "1 passed, 1 failed, 0 skipped"
rm "$tap_tmp/top/tests/cli/one.sh"
run "$tap_tmp/top/tests/run" cli
is "no test at all is a failure" "$status" 1

# What takes long is told while it runs; what does not is not.
cat >"$tap_tmp/top/tests/cli/long.sh" <<'END'
#!/bin/sh
sleep 5
END
printf '#!/bin/sh\n' >"$tap_tmp/top/tests/cli/short.sh"
chmod +x "$tap_tmp/top/tests/cli"/*.sh
run env TELL_AFTER=2 "$tap_tmp/top/tests/run" cli
like "a long wait: what for, and for how long" "$output" '^# running: cli/long 0:0[2-5]$'
is "no word of what is done" "$(printf '%s\n' "$output" | grep -c 'running.*short')" 0
is "and the sums" "$(printf '%s\n' "$output" | tail -n 1)" "2 passed, 0 failed, 0 skipped"
run env TELL_AFTER=30 "$tap_tmp/top/tests/run" cli
is "no long wait: nothing" "$(printf '%s\n' "$output" | grep -c '# running')" 0
rm "$tap_tmp/top/tests/cli"/*.sh

# A guest: which test of it.
mkdir -p "$tap_tmp/top/tests/guest" "$tap_tmp/top/build/guest" "$tap_tmp/top/build/kernel/selftests" "$tap_tmp/top/build/kernel/plain"
echo kernel >"$tap_tmp/top/build/kernel/plain/bzImage"
cat >"$tap_tmp/top/tests/guest/run" <<'END'
#!/bin/sh
[ "$1" != --prepare ] || exit 0
for a; do case $a in */test-logs/guest-*/console) dir=${a%/console} ;; esac; done
echo "ok 1" >"$dir/first.log"
echo "0 1" >"$dir/first.status"
sleep 5
echo "ok 1" >"$dir/second.log"
echo "0 4" >"$dir/second.status"
END
for t in first second; do printf '#!/bin/sh\n# guest: kernel=plain\n# %s\n' $t >"$tap_tmp/top/tests/guest/$t.sh"; done
chmod +x "$tap_tmp/top/tests/guest"/*
mkdir "$tap_tmp/bin"
printf '#!/bin/sh\necho QEMU 1\n' >"$tap_tmp/bin/qemu-system-x86_64"
chmod +x "$tap_tmp/bin/qemu-system-x86_64"
guest() { run env CACHE="$tap_tmp/cache" TELL_AFTER=2 PATH="$tap_tmp/bin:$PATH" "$@" "$tap_tmp/top/tests/run" guest; }
guest
like "a guest: at which test, how many are done" "$output" '^# running: guest plain/mini at second \(1 of 2 done\) 0:0[2-5]$'
is "and both count" "$(printf '%s\n' "$output" | tail -n 1)" "2 passed, 0 failed, 0 skipped"
guest
like "what passed stands" "$output" '^# 2 of 2 guest tests stand'
is "and counts" "$(printf '%s\n' "$output" | tail -n 1)" "2 passed, 0 failed, 0 skipped"
guest RERUN=1
is "RERUN=1 runs it" "$(printf '%s\n' "$output" | grep -c stand)" 0

# By kernel, and those that boot guests themselves, of which one that builds kernels takes no processor from the others.
mkdir "$tap_tmp/top/build/kernel/debug"
cp "$tap_tmp/top/build/kernel/plain/bzImage" "$tap_tmp/top/build/kernel/debug/"
sed -i '/^sleep/d' "$tap_tmp/top/tests/guest/run"
mkdir "$tap_tmp/aside"
mv "$tap_tmp/top/tests/guest/second.sh" "$tap_tmp/aside/"
sed -i 's/kernel=plain/kernel=plain,debug/' "$tap_tmp/top/tests/guest/first.sh"
printf '#!/bin/sh\n# on-host\nexit 0\n' >"$tap_tmp/top/tests/guest/self.sh"
for t in one two; do
	printf '#!/bin/sh\n# on-host: build\necho "%s begins" >>"%s/order"\nsleep 2\necho "%s ends" >>"%s/order"\n' \
		$t "$tap_tmp" $t "$tap_tmp" >"$tap_tmp/top/tests/guest/$t.sh"
done
chmod +x "$tap_tmp/top/tests/guest"/*.sh
# passed KERNEL... - the names of what ran.
passed() {
	run env CACHE="$tap_tmp/cache" RERUN=1 TELL_AFTER=1 PATH="$tap_tmp/bin:$PATH" "$tap_tmp/top/tests/run" guest "$@"
	printf '%s\n' "$output" >"$tap_tmp/said"
	sed -n 's/^ok - guest\/\([a-z]*\)\( on [a-z]*\)\{0,1\} (.*/\1\2/p' "$tap_tmp/said" | sort | xargs
}
is "all" "$(passed)" "first on debug first on plain one self two"
like "what builds kernels is told as the others are" "$(cat "$tap_tmp/said")" '^# running: .*guest/one 0:0[1-9]'
is "what builds kernels, one after the other" "$(xargs <"$tap_tmp/order")" "one begins one ends two begins two ends"
is "those on plain" "$(passed -k plain)" "first on plain"
is "those on debug, and those on the host" "$(passed -k debug,host)" "first on debug one self two"
rm "$tap_tmp/top/tests/guest"/self.sh "$tap_tmp/top/tests/guest"/one.sh "$tap_tmp/top/tests/guest"/two.sh
mv "$tap_tmp/aside/second.sh" "$tap_tmp/top/tests/guest/"
sed -i 's/kernel=plain,debug/kernel=plain/' "$tap_tmp/top/tests/guest/first.sh"

# The emulator fails a guest: once more, with one thread, and the end tells how often.
cat >"$tap_tmp/top/tests/guest/run" <<'END'
#!/bin/sh
[ "$1" != --prepare ] || exit 0
for a; do case $a in */test-logs/guest-*/console) dir=${a%/console} ;; esac; done
[ "${VESPER_TCG:-}" = single ] || { echo "run: the emulator kept a breakpoint: run it again, with VESPER_TCG=single"; exit 97; }
for t in first second; do echo "ok 1" >"$dir/$t.log"; echo "0 1" >"$dir/$t.status"; done
END
guest RERUN=1
is "a guest that the emulator failed is booted again" "$(printf '%s\n' "$output" | tail -n 1)" "2 passed, 0 failed, 0 skipped"
like "and that is told at the end" "$output" '^# 1 times the emulator failed a guest'
sed -i 's/= single ]/= never ]/' "$tap_tmp/top/tests/guest/run"
guest RERUN=1
like "but not for ever" "$output" '^not ok - guest boot: kernel plain, root mini ended with 97'

# All gates: some are one test, some have sums of their own; which fail is said by the words of FAIL.
cat >"$tap_tmp/top/Makefile" <<'END'
all:
	@echo warning: gcc; case " $(FAIL) " in *" $(or $(CC),gcc) "*) exit 1 ;; esac
check-format check-shell check-docs check-series kernel host-image:
	@echo of $@; case " $(FAIL) " in *" $@ "*) echo why; exit 3 ;; esac
test-unit:
	@echo "3 passed, 0 failed, 1 skipped"
test-cli:
	@case " $(FAIL) " in *" $@ "*) echo "2 passed, 1 failed, 0 skipped"; exit 1 ;; esac; echo "2 passed, 0 failed, 0 skipped"
test-fuzz:
	@echo "4 passed, 0 failed, 0 skipped"; case " $(FAIL) " in *" $@ "*) exit 1 ;; esac
test-guest:
	@case " $(FAIL) " in *" $@ "*) echo "cannot begin"; exit 1 ;; esac; echo "on $(ON)"; echo "5 passed, 0 failed, 0 skipped"
END
gates() {
	run env -u MAKEFLAGS -u MFLAGS FAIL="$1" "$tap_tmp/top/tests/run" gates
	sums=$(printf '%s\n' "$output" | tail -n 1)
}
gates ''
is "all gates pass: the closing line" "$sums" "28 passed, 0 failed, 1 skipped"
is "all gates pass: and the runner succeeds" "$status" 0
is "each has its time" "$(printf '%s\n' "$output" | grep -cE '^ok - gate [a-z-]+ \([0-9.]+ s(, beside others)?\)$')" 14
is "and a line of the table" "$(printf '%s\n' "$output" | grep -cE '^[a-z-]+ +[0-9.]+ s  ok(, beside others)?$')" 14
is "the kernels are built beside the others" "$(printf '%s\n' "$output" | sed -n 's/^\([a-z-]*\) .* ok, beside others$/\1/p' | xargs)" "kernel kernel-debug"
is "and what they say is shown, each at its place, before what runs on them" \
	"$(printf '%s\n' "$output" | grep -E '^of kernel$|^on ' | xargs)" "of kernel on plain of kernel on debug,host"
like "with the sum of all" "$output" '^total +[0-9.]+ s$'

gates check-docs
is "a gate fails: the closing line" "$sums" "27 passed, 1 failed, 1 skipped"
is "a gate fails: and the runner" "$status" 1
like "a gate fails: by name" "$output" '^not ok - gate docs \('
like "a gate fails: with the end of what it said" "$output" '^    why$'
like "a gate fails: in the table" "$output" '^docs +[0-9.]+ s  FAILED$'
like "a gate fails: the next ones run" "$output" '^ok - gate guest \('
gates kernel
like "one that ran beside others fails" "$output" '^kernel +[0-9.]+ s  FAILED, beside others$'
gates test-cli
is "a test of a gate fails" "$sums $status" "28 passed, 1 failed, 1 skipped 1"
gates test-fuzz
is "its sums are good and its status is not" "$sums $status" "28 passed, 1 failed, 1 skipped 1"
gates test-guest
is "it ends without sums" "$sums $status" "18 passed, 2 failed, 1 skipped 1"
like "and what it said is there" "$output" '^cannot begin$'
gates 'check-format kernel test-cli'
# make kernel runs twice
is "four fail" "$sums $status" "25 passed, 4 failed, 1 skipped 1"
