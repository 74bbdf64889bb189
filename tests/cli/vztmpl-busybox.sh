#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The busybox template is built from what the machine has, without network and
# without root, and twice the same bytes.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires vztmpl zstd jq
repo=$(cd "$(dirname "$0")/../.." && pwd)

export VZTMPL_CACHE="$tap_tmp/one"
offline=
if unshare -rn true 2>/dev/null; then offline='unshare -rn'; fi

# shellcheck disable=SC2086 # $offline is words
check "build, with no network" $offline vztmpl build busybox
check "build again, elsewhere" vztmpl build --cache "$tap_tmp/two" busybox
check "the same bytes" cmp "$VZTMPL_CACHE/busybox-x86_64.tar.zst" "$tap_tmp/two/busybox-x86_64.tar.zst"
check "a few MB" test "$(jq .unpacked_size "$VZTMPL_CACHE/busybox-x86_64.json")" -lt 4000000

mkdir "$tap_tmp/root"
zstd -dc "$VZTMPL_CACHE/busybox-x86_64.tar.zst" | tar -C "$tap_tmp/root" -xf - --no-same-owner
zstd -dc "$VZTMPL_CACHE/busybox-x86_64.tar.zst" | tar --numeric-owner -tvf - >"$tap_tmp/list"
is "every entry is root's" "$(grep -vc ' 0/0 ' "$tap_tmp/list")" 0
is "nothing is writable by others but /tmp" \
	"$(grep -E '^[-d].......w' "$tap_tmp/list" | sed 's/.* //')" "./tmp/"
check "init is there" test -h "$tap_tmp/root/sbin/init"
is "and what it starts" "$(cd "$tap_tmp/root" && ls etc/inittab etc/init.d/rcS etc/init.d/rcK)" "etc/init.d/rcK
etc/init.d/rcS
etc/inittab"
# A dash in front only asks for a login shell.
sed -n 's/^[^#:]*:[^:]*:[^:]*:-\{0,1\}\([^ ]*\).*/\1/p' "$tap_tmp/root/etc/inittab" >"$tap_tmp/programs"
check "inittab names programs" test -s "$tap_tmp/programs"
while read -r program; do
	check "inittab's $program exists" sh -c "[ -x '$tap_tmp/root$program' ] || [ -h '$tap_tmp/root$program' ]"
done <"$tap_tmp/programs"
for s in rcS rcK; do check "$s is a script the shell reads" /bin/busybox sh -n "$tap_tmp/root/etc/init.d/$s"; done
is "machine-id is empty" "$(stat -c %s "$tap_tmp/root/etc/machine-id")" 0
is "root's password is locked" "$(sed -n 's/^root:\([^:]*\):.*/\1/p' "$tap_tmp/root/etc/shadow")" "*"

# A changed recipe is a new template; a touched one is not.
cp -R "$repo/templates" "$tap_tmp/recipes"
export VZTMPL_RECIPES="$tap_tmp/recipes"
touch "$tap_tmp/recipes/busybox/build.sh" "$tap_tmp/recipes/lib/busybox.sh"
run vztmpl build busybox
like "touched: up to date" "$output" "up to date"
echo '# changed' >>"$tap_tmp/recipes/lib/debian.sh"
run vztmpl build busybox
like "another family changed: up to date" "$output" "up to date"
echo hello >"$tap_tmp/recipes/busybox/files/etc/motd"
run vztmpl build busybox
like "a new file: built" "$output" "busybox: built in"
run vztmpl build --force busybox
like "--force: built" "$output" "busybox: built in"
mustfail "without busybox: refused" env BUSYBOX=/nonexistent vztmpl build --force busybox
like "by name" "$output" "'/nonexistent' does not exist .*busybox-static"
check "and the old one serves" vztmpl info busybox
