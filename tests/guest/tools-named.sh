#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 time=60
# tools: ploop
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Of our tools a test has those that its head names: if this fails, one that uses
# another is not run again when that has changed, and what passed once stands.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"

check "the one that is named runs" ploop --version
check "and is that of this tree, on tmpfs" test "$(command -v ploop)" = /run/vesper/bin/ploop
check "so does the host's own" /usr/sbin/ploop --version
for p in vzctl vzlist vztmpl; do
	mustfail "$p does not" "$p" --version
	mustfail "nor does the host's" "/usr/sbin/$p" --version
done
check "the supervisor is vzctl's" test -f /usr/lib/vesper/vz-supervisor -a ! -x /usr/lib/vesper/vz-supervisor
is "there are none on the share" "$(ls "$(dirname "$0")/../../build/bin")" ""
