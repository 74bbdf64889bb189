#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The template cache: what list, info and remove say, and which exit code a
# script gets when a template is unknown, damaged or locked.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires vztmpl jq flock

export VZTMPL_CACHE="$tap_tmp/cache" VZTMPL_RECIPES="$tap_tmp/recipes"
archive=$VZTMPL_CACHE/tiny-x86_64.tar.zst
manifest=$VZTMPL_CACHE/tiny-x86_64.json

# A recipe that needs nothing: a tree with an init and one package.
mkdir -p "$VZTMPL_RECIPES/lib" "$VZTMPL_RECIPES/tiny"
: >"$VZTMPL_RECIPES/lib/recipe.sh"
: >"$VZTMPL_RECIPES/lib/none.sh"
printf 'summary = a tiny one\nfamily = none\n' >"$VZTMPL_RECIPES/tiny/recipe.conf"
cat >"$VZTMPL_RECIPES/tiny/build.sh" <<'END'
set -e
mkdir -p "$VZTMPL_WORK/root/sbin"
echo "#!/bin/sh" >"$VZTMPL_WORK/root/sbin/init"
tar -C "$VZTMPL_WORK/root" -cf "$VZTMPL_OUT" --mtime=@1 --owner=0 --group=0 .
echo "tinit 1.0" >"$VZTMPL_PACKAGES"
END

run vztmpl list
is "an absent cache is an empty list" "$status $(printf '%s\n' "$output" | wc -l)" "0 1"
run vztmpl info tiny
is "info of what is not there" "$status" 91
like "it says what to do" "$output" "^vztmpl: template 'tiny' is not in the cache .*vztmpl build tiny"
run vztmpl remove tiny
is "remove of what is not there" "$status" 91
run vztmpl build no-such
is "build without a recipe" "$status $output" "91 vztmpl: there is no template 'no-such' (see 'vztmpl list --recipes')"
run vztmpl build ../tiny
is "a name cannot leave the directory" "$status" 91
for bad in "" "nonsense" "build" "info a b" "list --force" "build --mirror"; do
	# shellcheck disable=SC2086 # words
	run vztmpl $bad
	is "bad usage: vztmpl $bad" "$status" 2
done
check "--help succeeds" vztmpl --help

check "build" vztmpl build tiny
run vztmpl build tiny-x86_64
like "a second build finds it up to date, by either name" "$output" "tiny: up to date"
check "the archive is zstd and holds the tree" sh -c "zstd -dc '$archive' | tar -tf - | grep -qx ./sbin/init"
is "the manifest's checksum is the archive's" "$(jq -r .sha256 "$manifest")" "$(sha256sum "$archive" | cut -d' ' -f1)"
is "and its size" "$(jq -r .size "$manifest")" "$(stat -c %s "$archive")"
is "and the package" "$(jq -r '.packages[0].name + .packages[0].version' "$manifest")" tinit1.0
run vztmpl list
like "list" "$output" "^tiny +.* 1 .* ok$"
is "list --json" "$(vztmpl list --json | jq -r '.[0].name + " " + .[0].state')" "tiny ok"
is "list --recipes" "$(vztmpl list --recipes --no-header | tr -s ' ')" "tiny container a tiny one"
check "info" vztmpl info tiny
is "info --json" "$(vztmpl info --json tiny-x86_64 | jq -r .name)" tiny

# A flipped byte keeps the size: only the checksum tells.
size=$(stat -c %s "$archive")
cp "$archive" "$tap_tmp/good"
printf '\125' | dd of="$archive" bs=1 seek=$((size / 2)) conv=notrunc status=none
run vztmpl info tiny
is "a flipped byte is damage" "$status" 47
like "said by name" "$output" "^vztmpl: template 'tiny' is damaged: .*corrupt"
truncate -s 10 "$archive"
like "list sees a short archive" "$(vztmpl list)" "^tiny .* damaged$"
cp "$tap_tmp/good" "$archive"
echo '{' >"$manifest"
run vztmpl info tiny
is "a broken manifest is damage" "$status" 47
rm "$manifest"
run vztmpl info tiny
is "a missing manifest is damage" "$status" 47
mustfail "build leaves it alone, as nobody knows what it was" vztmpl build tiny
like "by name" "$output" "^vztmpl: template 'tiny' is damaged and may be no build of ours: .*has no manifest \(--force replaces it"
check "--force replaces it" vztmpl build --force tiny
truncate -s 10 "$archive"
check "a damaged one that was built is built again" vztmpl build tiny
check "and then it is whole" vztmpl info tiny

run flock "$VZTMPL_CACHE/.tiny.lock" vztmpl build tiny
is "locked out of build" "$status" 9
run flock "$VZTMPL_CACHE/.tiny.lock" vztmpl remove tiny
is "locked out of remove" "$status" 9
like "the lock is named" "$output" "template 'tiny' is being built or removed"
check "remove" vztmpl remove tiny
is "nothing is left of it" "$(ls "$VZTMPL_CACHE")" ""
