#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# verify finds whatever is wrong with a template before a container is made of
# it: one line that names it, exit code 47; and the others are looked at too.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires vztmpl jq zstd

export VZTMPL_CACHE="$tap_tmp/cache"
cd "$tap_tmp"
archive=$VZTMPL_CACHE/t-x86_64.tar.zst
manifest=$VZTMPL_CACHE/t-x86_64.json
mkdir -p src/sbin src/var/lib/dpkg good
echo '#!/bin/sh' >src/sbin/init
head -c 300000 /dev/urandom >src/data
printf 'Package: p\nStatus: install ok installed\nVersion: 1\n' >src/var/lib/dpkg/status
tar -C src -cf t.tar .
vztmpl import --quiet t.tar
vztmpl import --quiet --name other t.tar
cp "$archive" "$manifest" good/

is "a whole one" "$(vztmpl verify t)" "t: ok, $(tar -tf t.tar | wc -l) entries, 1 packages"
check "by its long name" vztmpl verify t-x86_64

# damaged NAME PATTERN - verify ends with 47 and one line of PATTERN; then it is mended.
damaged() {
	run vztmpl verify t
	is "$1: exit code" "$status" 47
	like "$1: said so" "$output" "^vztmpl: template 't' is damaged: .*$2"
	is "$1: in one line" "$(printf '%s\n' "$output" | wc -l)" 1
	cp good/* "$VZTMPL_CACHE/"
}
# edited FILTER - the manifest, changed by a jq filter.
edited() { jq "$1" good/t-x86_64.json >"$manifest"; }
# signed - the manifest agrees with the bytes that are there now.
signed() { edited ".size = $(stat -c %s "$archive") | .sha256 = \"$(sha256sum "$archive" | cut -d' ' -f1)\""; }

printf '\125' | dd of="$archive" bs=1 seek=100000 conv=notrunc status=none
damaged "a flipped byte" "is corrupt: its checksum is not the manifest's"
truncate -s 1000 "$archive"
damaged "a short archive" "has 1000 bytes instead of"
rm "$archive"
damaged "no archive" "No such file"
rm "$manifest"
damaged "no manifest" "has no manifest"
echo '{' >"$manifest"
damaged "no JSON" "manifest .* is damaged: line"
for member in name kind summary date size sha256 unpacked_size entries packages; do
	edited "del(.$member)"
	damaged "without '$member'" "manifest .* is damaged: '$member' is missing"
done
edited '.manifest = 2'
damaged "a version to come" "of no version that is known"
edited '.name = "other"'
damaged "another's manifest" "the manifest of 't' is that of 'other'"
edited '.arch = "arm64"'
damaged "another architecture" "'arch' is 'arm64'"
edited '.date = "yesterday"'
damaged "no date" "'yesterday' is no date"
edited '.sha256 = "abc"'
damaged "no checksum" "'sha256' is no SHA-256"
edited '.size = -1'
damaged "no size" "'size' is not a count"
edited '.source = null'
damaged "from nowhere" "it has to be built .* or imported"
edited '.packages[0] |= del(.version)'
damaged "a package without a version" "package 0 has no name or no version"
edited '.entries += 1'
damaged "another number of entries" "its archive has [0-9]+ entries instead of"
edited '.unpacked_size += 1'
damaged "another size of files" "its files have [0-9]+ bytes instead of"

# Archives that nobody changed since the checksum was made, and that are wrong all the same.
head -c 200000 t.tar | zstd -qc >"$archive"
signed
damaged "cut before it was compressed" "its archive: .*Truncated"
head -c 150000 good/t-x86_64.tar.zst >"$archive"
signed
damaged "cut after it was compressed" "its archive: .*[Tt]runcated"
echo nonsense | zstd -qc >"$archive"
signed
damaged "no tar in it" "its archive: is no tar archive"
tar -C src -cf - data | zstd -qc >"$archive"
signed
damaged "no init in it" "its archive: has no init"

run vztmpl verify none
is "not there" "$status" 91
run vztmpl verify ../t
is "no name" "$status" 91
edited '.entries += 1'
run vztmpl verify none t other
is "several: the last failure's code" "$status" 47
is "several: a line each" "$(printf '%s\n' "$output" | cut -d' ' -f1-3 | sort)" "other: ok, $(tar -tf t.tar | wc -l)
vztmpl: template 'none'
vztmpl: template 't'"
