#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, a guest test that passed could stand after a change that breaks it.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
requires bash

# A tree of just what is looked at.
tree=$tap_tmp/tree
mkdir -p "$tree"
cd "$tree"
mkdir -p tests/guest/mini tests/lib build/kernel/plain build/kernel/debug build/kernel/selftests/ve build/bin build/guest \
	build/host/templates docs scripts patches/10-ve kernel-config tools/vzctl
for f in Makefile config.mk tools/build.mk scripts/demo patches/series patches/10-ve/10-add.patch kernel-config/base.config \
	tests/guest/two.sh tests/guest/run tests/guest/batch tests/guest/init.c tests/guest/syscall.c tests/guest/readable.pl \
	tests/lib/functions.sh tests/lib/ploop.sh tests/lib/crash.sh tests/lib/fixture.c build/kernel/plain/bzImage \
	build/kernel/debug/bzImage build/kernel/selftests/ve/ve_id build/guest/syscall build/guest/cuts \
	build/bin/vzctl build/bin/vz-supervisor build/bin/vzlist build/bin/ploop build/host/templates/host.json build/host/key \
	build/host/base docs/security.md docs/testing.md tools/vzctl/main.c README.md; do
	echo "$f" >"$f"
done
cp "$top/tests/lib/results.sh" tests/lib/

# test NAME - one with that head and those words.
test_of() { cat >"tests/guest/$1.sh"; }
test_of mini <<'END'
. "$(dirname "$0")/../lib/functions.sh"
END
test_of ve <<'END'
# tools: none
. "$(dirname "$0")/../lib/functions.sh"
/mnt/x/build/kernel/selftests/ve/ve_id
END
test_of ploop <<'END'
# tools: ploop
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/ploop.sh"
END
test_of vzctl <<'END'
# tools: vzctl vzlist
. "$(dirname "$0")/../lib/functions.sh"
cp /mnt/x/build/guest/syscall /vz/root; cat docs/security.md
END
test_of all <<'END'
. "$(dirname "$0")/../lib/functions.sh"
END
for t in outside demo built; do cp tests/guest/all.sh "tests/guest/$t.sh"; done
echo 'tests/guest/run -k debug -- true' >>tests/guest/outside.sh
# That of one library is that of who sources it.
echo '. lib/crash.sh' >>tests/lib/ploop.sh

# "TEST ROOT" a line.
tests='mini mini
ve host
ploop host
vzctl host
all host
outside on-host
demo tools
built build'
# keys - of all of them, "TEST KEY" a line.
keys() {
	echo "$tests" | bash -c 'set -eu; CACHE=$1 CRASH_SEED=1 emulator="QEMU 1"; . tests/lib/results.sh
		while read -r t root; do result_key "tests/guest/$t.sh" plain "$root" >"$1.key"; echo "$t $(cat "$1.key")"; done' \
		sh "$tap_tmp/cache"
}
# touched FILE - the tests that are run again after a change of FILE.
touched() {
	keys >"$tap_tmp/before"
	echo changed >>"$1"
	keys | grep -vxFf "$tap_tmp/before" | cut -d' ' -f1 | xargs
}
is "every test has a key" "$(keys | grep -c '^[a-z]* [0-9a-f]\{64\}$')" "$(echo "$tests" | wc -l)"
is "no two have the same" "$(keys | cut -d' ' -f2 | sort -u | wc -l)" "$(echo "$tests" | wc -l)"
is "the same bytes have the same key" "$(keys)" "$(keys)"
everything=$(echo "$tests" | cut -d' ' -f1 | xargs)
while read -r file want; do
	is "$file changes: $want" "$(touched "$file")" "$(echo "$want" | sed "s/^none$//; s/^everything$/$everything/")"
done <<'END'
Makefile outside demo built
config.mk outside demo built
tools/build.mk outside demo built
scripts/demo outside demo built
patches/10-ve/10-add.patch built
kernel-config/base.config built
build/bin/vzctl vzctl all demo
build/bin/vz-supervisor vzctl all demo
build/bin/vzlist vzctl all demo
build/bin/ploop ploop all demo
build/host/key all demo
build/host/base ve ploop vzctl
build/host/templates/host.json all demo
docs/security.md vzctl all demo
build/kernel/plain/bzImage everything
build/kernel/debug/bzImage outside
build/kernel/selftests/ve/ve_id ve outside demo built
build/guest/syscall vzctl
build/guest/cuts none
tests/guest/syscall.c outside demo built
tests/guest/run everything
tests/guest/batch everything
tests/guest/init.c everything
tests/lib/functions.sh everything
tests/lib/ploop.sh ploop outside demo built
tests/lib/crash.sh ploop outside demo built
tests/lib/fixture.c outside demo built
tests/guest/vzctl.sh vzctl
tests/guest/outside.sh outside
tests/guest/two.sh none
docs/testing.md none
README.md none
END
