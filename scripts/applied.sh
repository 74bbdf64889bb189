# shellcheck shell=sh disable=SC2154
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What kernel-src and refresh-patches know of the series in build/linux: of which
# bytes of patches/ it was made. Source it after lib.sh, with $src and $patches set.

# diff_sum PATCH - of what it changes; its header is anybody's to edit.
diff_sum() { sed -n '/^--- /,$p' "$patches/$1" 2>/dev/null | sha256sum | cut -d' ' -f1; }

# The patches that are applied, the first one first.
applied() { cat "$src/.pc/applied-patches" 2>/dev/null || :; }

# keep_sums - patches/ is what build/linux has now.
keep_sums() {
	applied | while read -r p; do echo "$(diff_sum "$p") $p"; done >"$src/.pc/.sums"
}

# changed_since - what somebody changed in patches/ meanwhile: a pull, another branch, an
# editor. A `quilt refresh` in build/linux is no such change; its time stamp is the later one.
changed_since() {
	wanted=$(sed 's/#.*//; s/[[:space:]].*//; /^$/d' "$patches/series" | head -n "$(applied | wc -l)")
	[ "$(applied)" = "$wanted" ] || echo series
	applied | while read -r p; do
		! grep -qxF "$(diff_sum "$p") $p" "$src/.pc/.sums" 2>/dev/null || continue
		[ -r "$patches/$p" ] && [ -z "$(find "$patches/$p" -newer "$src/.pc/$p/.timestamp")" ] || echo "$p"
	done
}
