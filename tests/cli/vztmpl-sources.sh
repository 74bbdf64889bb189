#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# vztmpl build --mirror --apt-sources, whole, from an archive of four small packages:
# what is built from is the mirror, what is left in the template are the sources that
# were given, and without them the public ones. If this fails, containers take their
# updates from the builder's mirror, or from nowhere. (What is in Debian's own
# templates, and which sources are refused: vztmpl-debian.sh.)
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires vztmpl mmdebstrap dpkg-deb busybox jq zstd
repo=$(cd "$(dirname "$0")/../.." && pwd)
chmod 755 "$tap_tmp" # apt's own user reads the archive

# package NAME [FIELD] - of what is below tree/NAME
package() {
	mkdir -p "$tap_tmp/tree/$1/DEBIAN" "$archive/pool"
	printf 'Package: %s\nVersion: 1.0\nArchitecture: amd64\nMaintainer: nobody <nobody@example.org>\nDescription: %s\n' "$1" "$1" \
		>"$tap_tmp/tree/$1/DEBIAN/control"
	[ -z "${2:-}" ] || sed -i "1a $2" "$tap_tmp/tree/$1/DEBIAN/control"
	dpkg-deb --root-owner-group -Znone -b "$tap_tmp/tree/$1" "$archive/pool/$1.deb" >/dev/null
	{
		dpkg-deb -f "$archive/pool/$1.deb"
		printf 'Filename: pool/%s.deb\nSize: %s\nSHA256: %s\n\n' "$1" "$(stat -c %s "$archive/pool/$1.deb")" \
			"$(sha256sum "$archive/pool/$1.deb" | cut -d' ' -f1)"
	} >>"$index/Packages"
}

archive=$tap_tmp/mirror index=$tap_tmp/mirror/dists/bookworm/main/binary-amd64
mkdir -p "$index"
# One essential package that is all of a system: busybox, and this machine's dpkg and tar with their libraries.
base=$tap_tmp/tree/base-files
mkdir -p "$base/usr/bin" "$base/usr/sbin" "$base/usr/share/dpkg" "$base/etc" "$base/var/lib/dpkg"
cp "$(command -v busybox)" "$base/usr/bin/busybox"
for a in $(busybox --list | grep -vx busybox); do ln -s busybox "$base/usr/bin/$a"; done
for p in dpkg dpkg-deb dpkg-query dpkg-split tar; do
	rm -f "$base/usr/bin/$p"
	cp "$(command -v "$p")" "$base/usr/bin/"
done
ldd /usr/bin/dpkg /usr/bin/dpkg-deb /usr/bin/tar | grep -o '/[^ ]*' | grep -v : | sort -u | while read -r lib; do
	mkdir -p "$base/usr/${lib%/*}"
	cp -L "$lib" "$base/usr/${lib#/usr}" 2>/dev/null || cp -L "$lib" "$base/usr$lib"
done
cp /usr/share/dpkg/*table "$base/usr/share/dpkg/"
ln -sf ../bin/busybox "$base/usr/sbin/init"
printf '#!/bin/sh\n' | tee "$base/usr/sbin/ldconfig" >"$base/usr/sbin/start-stop-daemon"
chmod 755 "$base"/usr/sbin/ldconfig "$base"/usr/sbin/start-stop-daemon
echo 'root:x:0:0:root:/root:/bin/sh' >"$base/etc/passwd"
echo 'root:x:0:' >"$base/etc/group"
package base-files 'Essential: yes'
package apt
package usr-is-merged
mkdir -p "$tap_tmp/tree/thing/usr/share/thing"
echo made >"$tap_tmp/tree/thing/usr/share/thing/file"
package thing
cat >"$archive/dists/bookworm/Release" <<END
Origin: test
Suite: bookworm
Codename: bookworm
Date: Sat, 11 Jan 2025 11:09:00 UTC
Architectures: amd64
Components: main
SHA256:
 $(sha256sum "$index/Packages" | cut -d' ' -f1) $(stat -c %s "$index/Packages") main/binary-amd64/Packages
END
cp "$archive/dists/bookworm/Release" "$archive/dists/bookworm/InRelease"

# The family as it is; the archive is nobody's, so its signature is not asked for.
export VZTMPL_CACHE="$tap_tmp/cache" VZTMPL_RECIPES="$tap_tmp/recipes"
mkdir -p "$VZTMPL_RECIPES/little"
cp -r "$repo/templates/lib" "$VZTMPL_RECIPES/lib"
printf 'summary = four packages\nfamily = debian\n' >"$VZTMPL_RECIPES/little/recipe.conf"
cat >"$VZTMPL_RECIPES/little/build.sh" <<'END'
set -eu
. "$VZTMPL_LIB/debian.sh"
suite=bookworm
packages=thing
host_apt_options() { echo 'Acquire::AllowInsecureRepositories "true"; APT::Get::AllowUnauthenticated "true";'; }
build "$@"
END
unpacked() { zstd -dqc "$VZTMPL_CACHE/little-x86_64.tar.zst" | tar -xOf - "$1"; }
# sources - the files of package sources in the template
sources() { zstd -dqc "$VZTMPL_CACHE/little-x86_64.tar.zst" | tar -tf - | grep '/apt/sources.list.*[^/]$' | grep -v '/sources.list.d$' || :; }
mirror_in_it() { zstd -dqc "$VZTMPL_CACHE/little-x86_64.tar.zst" | grep -acF "$archive" || :; }

own=$tap_tmp/own
printf 'Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\n' >"$own"
check "build with sources of its own" vztmpl build --quiet --mirror "file:$archive" --apt-sources "$own" little
is "from the packages of the mirror" "$(jq -r '.packages[].name' "$VZTMPL_CACHE/little-x86_64.json" | sort | xargs)" \
	"apt base-files thing usr-is-merged"
is "with what they have" "$(unpacked ./usr/share/thing/file)" made
is "one file of sources" "$(sources)" ./etc/apt/sources.list.d/debian.sources
is "the one that was given" "$(unpacked ./etc/apt/sources.list.d/debian.sources)" "$(cat "$own")"
is "the mirror is named nowhere" "$(mirror_in_it)" 0
key=$(jq -r .recipe_key "$VZTMPL_CACHE/little-x86_64.json")
check "and without" vztmpl build --quiet --mirror "file:$archive" little
mustfail "is another template" test "$(jq -r .recipe_key "$VZTMPL_CACHE/little-x86_64.json")" = "$key"
is "with one file too" "$(sources)" ./etc/apt/sources.list.d/debian.sources
is "of the public ones, updates and security" "$(unpacked ./etc/apt/sources.list.d/debian.sources | sed -n 's/^URIs: //p; s/^Suites: //p' | xargs)" \
	"http://deb.debian.org/debian bookworm bookworm-updates http://deb.debian.org/debian-security bookworm-security"
is "nor is the mirror named there" "$(mirror_in_it)" 0
