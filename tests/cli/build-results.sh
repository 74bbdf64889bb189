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
mkdir -p tests/guest tests/lib build/kernel/plain build/kernel/selftests/ve build/bin build/host/templates docs scripts \
	patches/10-ve kernel-config tools/vzctl
for f in Makefile config.mk tools/build.mk scripts/demo patches/series patches/10-ve/10-add.patch kernel-config/base.config \
	tests/guest/one.sh tests/guest/two.sh tests/guest/run tests/lib/functions.sh build/kernel/plain/bzImage \
	build/kernel/selftests/ve/ve_id build/bin/vzctl build/host/templates/host.json build/host/key docs/security.md \
	docs/testing.md tools/vzctl/main.c README.md; do
	echo "$f" >"$f"
done
cp "$top/tests/lib/results.sh" tests/lib/

# key ROOT - of one.sh on that root.
key() {
	bash -c 'set -eu; CACHE=$1 CRASH_SEED=1 emulator="QEMU 1"; . tests/lib/results.sh; result_key tests/guest/one.sh plain "$2"' \
		sh "$tap_tmp/cache" "$1"
}
# roots FILE - those whose tests are run again after a change of FILE.
roots() {
	for r in mini host on-host tools build; do key "$r" >"$tap_tmp/before.$r"; done
	echo changed >>"$1"
	for r in mini host on-host tools build; do [ "$(key "$r")" = "$(cat "$tap_tmp/before.$r")" ] || echo "$r"; done | xargs
}
is "the same bytes have the same key" "$(key tools)" "$(key tools)"
while read -r file want; do
	is "$file changes: $want" "$(roots "$file")" "$(echo "$want" | sed 's/^none$//')"
done <<'END'
Makefile on-host tools build
config.mk on-host tools build
tools/build.mk on-host tools build
scripts/demo on-host tools build
patches/10-ve/10-add.patch build
kernel-config/base.config build
build/bin/vzctl host tools
build/host/key host tools
build/host/templates/host.json host tools
docs/security.md host tools
build/kernel/plain/bzImage mini host on-host tools build
build/kernel/selftests/ve/ve_id mini host on-host tools build
tests/guest/run mini host on-host tools build
tests/lib/functions.sh mini host on-host tools build
tests/guest/one.sh mini host on-host tools build
tests/guest/two.sh none
docs/testing.md none
README.md none
END
