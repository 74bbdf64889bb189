# shellcheck shell=sh disable=SC2154
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What every recipe needs, whatever its family; the family files source it.
# vztmpl gives the environment (templates/README.md): VZTMPL_NAME, _RECIPE,
# _LIB, _WORK, _OUT, _PACKAGES, _POOL, _MIRROR, _APT_SOURCES, and progress on descriptor 3.

# step TEXT - what is being done now, for the person who waits.
step() { { echo "step $*" >&3; } 2>/dev/null || echo "$*"; }

# fail TEXT - the one line that says why the template cannot be built.
fail() {
	{ echo "error $*" >&3; } 2>/dev/null || echo "$*" >&2
	exit 1
}

# need PROGRAM PACKAGE - stop by name when a program of the build is missing.
need() { command -v "$1" >/dev/null || fail "'$1' is not installed (Debian package $2)"; }

# copy_files DIR - lay a tree over $root. Git keeps no owners and only half of
# the modes, so both are set here: root's, and not writable by others.
copy_files() {
	[ -d "$1" ] || return 0
	tar -C "$1" -cf - --owner=0 --group=0 --mode=u+rwX,go+rX,go-w . |
		tar -C "$root" -xf - --no-overwrite-dir
}

# pack_root - write $root as the recipe's tar: every entry root's, in name
# order, no time later than SOURCE_DATE_EPOCH, so that equal trees are equal bytes.
pack_root() {
	tar -C "$root" -cf "$VZTMPL_OUT" --format=posix --sort=name --numeric-owner \
		--owner=0 --group=0 --mtime="@$SOURCE_DATE_EPOCH" \
		--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime .
}
