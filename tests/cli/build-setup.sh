#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, a machine that has all packages could need root or network, and
# one that lacks some could fail in the middle of a build.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)

# Stand-ins: a dpkg that has nothing but "here", an apt-get that reaches nobody.
bin=$tap_tmp/bin
mkdir "$bin"
cat >"$bin/dpkg-query" <<'END'
#!/bin/sh
for p; do :; done
[ "$p" = here ] && echo "ii "
END
printf '#!/bin/sh\necho "apt-get $*" >>%s/apt\necho "E: no network" >&2\nexit 100\n' "$tap_tmp" >"$bin/apt-get"
printf '#!/bin/sh\necho ${FAKE_UID:-0}\n' >"$bin/id"
chmod +x "$bin"/*
setup() { env PATH="$bin:$PATH" PACKAGES_LIST="$tap_tmp/list" "$@" "$top/scripts/setup"; }

echo 'here  # a reason' >"$tap_tmp/list"
run setup env FAKE_UID=1000
is "nothing missing: succeeds without root" "$status" 0
is "nothing missing: silent" "$output" ""
check "nothing missing: apt-get is not called" test ! -e "$tap_tmp/apt"

printf 'here\nabsent-1\n# a group\nabsent-2\n' >"$tap_tmp/list"
run setup env FAKE_UID=1000
is "missing and not root: fails" "$status" 1
like "missing and not root: names them and the command" "$output" '^setup: not root.*absent-1 absent-2 \(as root: apt-get install absent-1 absent-2\)$'
is "missing and not root: one line" "$(printf '%s\n' "$output" | wc -l)" 1

run setup env
is "missing and no network: fails" "$status" 1
like "missing and no network: names them" "$output" '^setup: cannot reach the package archive.*absent-1 absent-2$'
