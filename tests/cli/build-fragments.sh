#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, a symbol that Kconfig dropped would be missing from the kernel in
# silence.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
requires flex bison rsync
stock=$("$top/scripts/stage-kernel" stock)
export KERNEL_CONFIG="$tap_tmp/fragments"
mkdir "$KERNEL_CONFIG"
merge() { "$top/scripts/merge-config" base "$stock" "$tap_tmp/obj"; }
fresh() {
	cp "$top"/kernel-config/*.config "$KERNEL_CONFIG/"
	rm -rf "$tap_tmp/obj"
}

fresh
run merge
is "the fragments merge" "$status" 0
cp "$tap_tmp/obj/.config" "$tap_tmp/base.config"
before=$(stat -c %y "$tap_tmp/obj/.config")
run merge
is "the same fragments: .config keeps its time" "$(stat -c %y "$tap_tmp/obj/.config")" "$before"

fresh
echo CONFIG_NO_SUCH_SYMBOL=y >>"$KERNEL_CONFIG/guest.config"
run merge
is "a symbol that is gone: fails" "$status" 1
like "a symbol that is gone: by name and place" "$output" '^merge-config: CONFIG_NO_SUCH_SYMBOL=y \(guest.config:[0-9]+\) does not survive'
check "a symbol that is gone: no .config" test ! -e "$tap_tmp/obj/.config"

fresh
echo CONFIG_EXT4_FS=y >>"$KERNEL_CONFIG/guest.config"
run merge
like "a symbol that stands twice: both places" "$output" '^merge-config: CONFIG_EXT4_FS stands in base.config:[0-9]+ and guest.config:[0-9]+$'

fresh
echo 'CONFIG_EXT4_FS yes' >>"$KERNEL_CONFIG/guest.config"
run merge
like "a line that is no setting: by file" "$output" '^merge-config: guest.config: not a setting: CONFIG_EXT4_FS yes'

fresh
sed -i '/CONFIG_PSI=y/d' "$KERNEL_CONFIG/base.config"
run merge
like "what required.config asserts: by name" "$output" '^merge-config: CONFIG_PSI must be y \(required.config\), and is n$'

fresh
sed -i 's/CONFIG_NR_CPUS=64/CONFIG_NR_CPUS=32/' "$KERNEL_CONFIG/base.config"
run merge
like "a number below the asserted one" "$output" '^merge-config: CONFIG_NR_CPUS must be 64.. \(required.config\), and is 32$'

fresh
run merge
check "a family of symbols: those too that another of it offers" grep -qx CONFIG_MITIGATION_RETHUNK=y "$tap_tmp/obj/.config"
mustfail "none is left out" grep -q '^# CONFIG_MITIGATION_.* is not set' "$tap_tmp/obj/.config"
echo 'CONFIG_NO_SUCH_*=y' >>"$KERNEL_CONFIG/guest.config"
run merge
is "a family that is gone: fails" "$status" 1
like "by name and place" "$output" '^merge-config: CONFIG_NO_SUCH_\* \(guest.config:[0-9]+\) is the name of no symbol$'

# What Kconfig reads of the stock, with the series: in a copy, so that no build is disturbed.
both=$tap_tmp/both
rsync -a -m --exclude='/obj*' --include='*/' --include='Kconfig*' --include='Makefile*' --include='Kbuild*' \
	--include='/scripts/***' --exclude='*' "$stock/" "$both/"
sed 's/#.*//; s/[[:space:]]*$//; /^$/d' "$top/patches/series" >"$tap_tmp/series"
(cd "$top/patches" && xargs sed -n 's/^--- [^/]*\/\([^[:space:]]*\).*/\1/p' <"$tap_tmp/series") | sort -u |
	while read -r f; do [ ! -e "$stock/$f" ] || (cd "$stock" && cp --parents "$f" "$both/"); done
check "the series goes on it" sh -c "cd '$both' && while read -r p; do patch -s -f -p1 <'$top/patches/'\$p || exit 1; done <'$tap_tmp/series'"
fresh
check "plain merges" "$top/scripts/merge-config" plain "$both" "$tap_tmp/plain"
for f in base.config plain/.config; do grep '^CONFIG_' "$tap_tmp/$f" | sort >"$tap_tmp/$f.set"; done
is "plain is base with what project.config sets, and no other symbol" \
	"$(comm -3 "$tap_tmp/base.config.set" "$tap_tmp/plain/.config.set" | tr -d '\t' | sed 's/=.*//' | sort -u)" \
	"$(sed -n 's/^\(CONFIG_.*\)=.*/\1/p' "$top/kernel-config/project.config" | sort)"
