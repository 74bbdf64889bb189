#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, a node without containers could grow slower, and `make bench` would say nothing.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
requires bash

# A tree with a stand-in for the guest: what a path costs on KERNEL is in said/KERNEL, with a little noise.
tree=$tap_tmp/tree
mkdir -p "$tree/scripts" "$tree/tests/guest" "$tree/tests/bench" \
	"$tree/build/kernel/plain" "$tap_tmp/said" "$tap_tmp/bin"
cp "$top/scripts/bench" "$top/scripts/lib.sh" "$tree/scripts/"
echo 6.12.9-vesper >"$tree/build/kernel/plain/version"
printf '#!/bin/sh\necho "$1" >>"%s/built"\n' "$tap_tmp" >"$tree/scripts/build-kernel"
printf '#!/bin/sh\n' >"$tree/scripts/host-image"
cat >"$tree/tests/guest/run" <<END
#!/bin/sh
echo "\$*" >>"$tap_tmp/boots"
while [ "\$1" != -- ]; do
	[ "\$1" != -k ] || kernel=\$2
	shift
done
for noise in -3 0 3; do
	awk -v n=\$noise '{ print \$1, \$2 + (\$2 > 1000) * n }' "$tap_tmp/said/\$kernel"
done
END
ln -s /bin/true "$tap_tmp/bin/gcc"
chmod 755 "$tree/scripts"/* "$tree/tests/guest/run"
PATH=$tap_tmp/bin:$PATH
cat >"$tap_tmp/said/base" <<'END'
fork_exit_wait 200000
getppid 244
mount_tmpfs_umount 60000
open_read_close 5000
proc_status 30000
proc_uptime 10000
vfork_exec_wait 400000
END
bench() { # CHANGE [WHERE] - plain is base with that
	sed "$1" "$tap_tmp/said/base" >"$tap_tmp/said/plain"
	: >"$tap_tmp/boots"
	run "$tree/scripts/bench" "${2:-outside}"
}
row() { printf '%s\n' "$output" | sed -n "s/^$1 *[0-9]* *[0-9]* *[0-9]* *[0-9]* *//p" | sed 's/  */ /g'; }

bench ''
is "as dear as base" "$status" 0
is "both kernels are built" "$(xargs <"$tap_tmp/built")" "base plain"
is "each is booted three times, by instructions" "$(grep -c -- '-k base -i ' "$tap_tmp/boots") $(grep -c -- '-k plain -i ' "$tap_tmp/boots")" "3 3"
is "a path has its difference, and what that may be" "$(row fork_exit_wait)" "+0.00 % 1 %"
is "a short one in instructions" "$(row getppid)" "0 instructions 2 instructions"

bench 's/^\(fork.*\) .*/\1 201900/; s/^\(getppid\) .*/\1 246/; s/^\(proc_status\) .*/\1 30600/; s/^\(vfork.*\) .*/\1 200000/'
is "no dearer than may be, or cheaper" "$status" 0

# Each a little dearer than it may be.
bench 's/^\(fork.*\) .*/\1 202100/; s/^\(getppid\) .*/\1 247/; s/^\(mount.*\) .*/\1 60700/; s/^\(open.*\) .*/\1 5060/
	s/^\(proc_status\) .*/\1 30700/; s/^\(proc_uptime\) .*/\1 10110/; s/^\(vfork.*\) .*/\1 404200/'
is "dearer than may be: failed" "$status" 1
is "with the differences" "$(for p in $(cut -d' ' -f1 "$tap_tmp/said/base"); do row "$p" | cut -d' ' -f1; done | xargs)" \
	"+1.05 3 +1.17 +1.20 +2.33 +1.10 +1.05"
is "by name" "$(printf '%s\n' "$output" | tail -n 1)" \
	"bench: dearer than it may be where there is no container: $(cut -d' ' -f1 "$tap_tmp/said/base" | xargs)"
bench 's/^\(proc_uptime\) .*/\1 10110/'
is "one is enough" "$status $(printf '%s\n' "$output" | tail -n 1)" "1 bench: dearer than it may be where there is no container: proc_uptime"

# Where there are containers no bound is said.
bench 's/^\(fork.*\) .*/\1 300000/' beside
is "beside a container it is told only" "$status $(row fork_exit_wait)" "0 +50.00 % "

bench '/^fork/d'
is "what was not measured on plain: failed" "$status $(printf '%s\n' "$output" | tail -n 1)" "1 bench: plain did not run fork_exit_wait"
sed -i '/^fork/d' "$tap_tmp/said/base"
bench ''
is "nor on base" "$status $(printf '%s\n' "$output" | tail -n 1)" "1 bench: base did not run fork_exit_wait"
echo 'stat 900' >>"$tap_tmp/said/base"
echo 'fork_exit_wait 200000' >>"$tap_tmp/said/base"
bench ''
is "a path of which nothing is said: failed" "$status $(printf '%s\n' "$output" | tail -n 1)" "1 bench: nothing says what stat may cost"

# A peer's program that cannot run keeps nothing from being measured, and fails it.
sed -i '/^stat/d' "$tap_tmp/said/base"
printf '#!/bin/sh\nexit 1\n' >"$tree/tests/bench/peer.sh"
chmod 755 "$tree/tests/bench/peer.sh"
cp "$tap_tmp/said/base" "$tap_tmp/said/plain"
run "$tree/scripts/bench"
is "one that cannot run: failed" "$status $(printf '%s\n' "$output" | tail -n 1)" "1 bench: did not run: tests/bench/peer.sh"
is "and the rest is measured" "$(printf '%s\n' "$output" | grep -c '^fork_exit_wait ')" 3
