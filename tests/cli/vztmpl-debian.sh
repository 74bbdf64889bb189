#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# debian-11, -12, -13: refused in one line when no mirror answers, and when the
# package sources that the template shall have are none; what is in a template
# behaves as a server and holds nothing that two containers must not share, and
# arrives in an image with every entry and attribute as it is in the tar;
# built again from a mirror by name it is the same file. Takes the template of
# the build's cache, made when it is not there (minutes, network).
# TEMPLATE= looks at another Debian template of the cache (debian-12 unless set).
# may-skip: the mirror may have no TEMPLATE= any more; debian-12 must be there
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires vztmpl ploop mmdebstrap zstd jq
template=${TEMPLATE:-debian-12}
repo=$(cd "$(dirname "$0")/../.." && pwd)
treecmp=$repo/build/cli/treecmp
[ -x "$treecmp" ] || make -s -C "$repo" cli-programs

export VZTMPL_CACHE="$tap_tmp/empty"
none="file:$tap_tmp/none"
# refused NAME PATTERN ARG... - build ends with one line of PATTERN, and leaves nothing.
refused() {
	what=$1 pattern=$2
	shift 2
	run vztmpl build --quiet "$@"
	is "$what: refused" "$status" 1
	like "$what: said so" "$output" "$pattern"
	is "$what: in one line" "$(printf '%s\n' "$output" | wc -l)" 1
	is "$what: nothing half-made" "$(find "$VZTMPL_CACHE" -mindepth 1 ! -name '.*.lock')" ""
}
for release in 11-bullseye 12-bookworm 13-trixie; do
	name=debian-${release%-*} suite=${release#*-}
	refused "$name without a mirror" "^vztmpl: cannot build '$name': no '$suite' at the mirror '$none' \(no network\?" \
		--mirror "$none" "$name"
done
# Nothing cached, no network, and no mirror named: the one that would be asked is.
if unshare -rn true 2>/dev/null; then
	run unshare -rn vztmpl build --quiet debian-12
	is "no network: refused" "$status" 1
	like "no network: says so, and names the mirror" "$output" \
		"^vztmpl: cannot build 'debian-12': no 'bookworm' at the mirror '[a-z]+:[^ ']+' \(no network\? another one: --mirror URL\)$"
	is "no network: in one line" "$(printf '%s\n' "$output" | wc -l)" 1
	is "no network: nothing half-made" "$(find "$VZTMPL_CACHE" -mindepth 1 ! -name '.*.lock')" ""
else
	not_ok "no network: this machine forbids namespaces"
fi

own=$tap_tmp/own
refused "no file of sources" "^vztmpl: cannot open '$own': No such file" --apt-sources "$own" debian-12
echo 'deb http://mirror.example/debian' >"$own"
refused "a bad line" "^vztmpl: cannot build 'debian-12': '$own' has no package sources that apt can read: Malformed entry 1 in list file it" \
	--apt-sources "$own" --mirror "$none" debian-12
printf 'Types: deb\nURIs: http://mirror.example\n' >"$own"
refused "a bad paragraph" "'$own' has no package sources that apt can read: Malformed entry 1 in sources file it" \
	--apt-sources "$own" --mirror "$none" debian-12
echo '# nothing' >"$own"
refused "no source at all" "'$own' names no package source" --apt-sources "$own" --mirror "$none" debian-12
refused "a recipe without any" "cannot build 'busybox': this template has no package sources" --apt-sources "$own" busybox

# The verbs of the family, on a root that is a directory: which sources are put there.
sources() (
	VZTMPL_LIB=$repo/templates/lib VZTMPL_APT_SOURCES=$own VZTMPL_WORK=$tap_tmp/w root=$tap_tmp/r
	rm -rf "$VZTMPL_WORK" "$root"
	mkdir -p "$VZTMPL_WORK" "$root/.vztmpl" "$root/etc/apt/sources.list.d"
	echo "deb http://build.example/debian x main" >"$root/etc/apt/sources.list"
	# shellcheck source=templates/lib/debian.sh
	. "$VZTMPL_LIB/debian.sh"
	take_apt_sources
	cp "$VZTMPL_WORK/apt/given.$form" "$root/.vztmpl/"
	configure_sources
	cd "$root/etc/apt"
	grep -r . .
)
echo 'deb http://mirror.example/debian bookworm main' >"$own"
is "a list takes the place of the public sources" "$(sources)" \
	"./sources.list.d/debian.list:deb http://mirror.example/debian bookworm main"
printf 'Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\n' >"$own"
is "so do paragraphs" "$(sources | sed -n 's/:.*URIs: / /p')" "./sources.list.d/debian.sources http://mirror.example/debian"

# Which mirror is asked where none is named: that of the machine's own apt, for which this one speaks.
mkdir "$tap_tmp/apt"
cat >"$tap_tmp/apt/apt-get" <<END
#!/bin/sh
[ "\$1" = indextargets ] || exit 1
cat "$tap_tmp/targets"
END
chmod 755 "$tap_tmp/apt/apt-get"
released() { # DIRECTORY SUITE - an archive, as far as it is asked
	mkdir -p "$tap_tmp/$1/dists/$2"
	echo 'Date: Sat, 11 Jan 2025 11:09:00 UTC' >"$tap_tmp/$1/dists/$2/InRelease"
}
# chosen MIRROR - the sources of a bookworm from there, and their day.
chosen() (
	PATH=$tap_tmp/apt:$PATH VZTMPL_LIB=$repo/templates/lib VZTMPL_MIRROR=$1 VZTMPL_APT_SOURCES='' VZTMPL_WORK=$tap_tmp/w suite=bookworm
	rm -rf "$VZTMPL_WORK"
	mkdir -p "$VZTMPL_WORK"
	# shellcheck source=templates/lib/debian.sh
	. "$VZTMPL_LIB/debian.sh"
	step() { :; }
	fail() { echo "failed: $*"; exit 1; }
	public=file:$tap_tmp/public
	choose_sources
	echo "$sources" | sed "s|$tap_tmp|T|"
	echo "$SOURCE_DATE_EPOCH"
)
for a in "host bookworm" "host bookworm-updates" "secure bookworm-security" "public/debian bookworm" "public/debian bookworm-updates" \
	"public/debian-security bookworm-security" "named bookworm"; do
	# shellcheck disable=SC2086 # two words
	released $a
done
day=$(date -d 'Sat, 11 Jan 2025 11:09:00 UTC' +%s)
cat >"$tap_tmp/targets" <<END
cdrom:[Debian]/ bookworm
file:$tap_tmp/host/ bookworm
file:$tap_tmp/host/ bookworm-updates
file:$tap_tmp/secure/ bookworm-security
http://third.example/apt docker
mirror+file:/etc/apt/mirrors/debian.list bookworm
http://other.example/debian stable-backports
END
is "the mirror of the machine's apt" "$(chosen '')" "deb file:T/host bookworm main
deb file:T/host bookworm-updates main
deb file:T/secure bookworm-security main
$day"
is "one that is named goes before it; what it lacks is left out" "$(chosen "file:$tap_tmp/named/")" "deb file:T/named bookworm main
$day"
is "one that is named has its security beside it" "$(chosen "file:$tap_tmp/public/debian" | sed -n '3p')" \
	"deb file:T/public/debian-security bookworm-security main"
public="deb file:T/public/debian bookworm main
deb file:T/public/debian bookworm-updates main
deb file:T/public/debian-security bookworm-security main
$day"
sed -i '/^file:/d' "$tap_tmp/targets"
is "an apt that knows other archives only: the public one" "$(chosen '')" "$public"
: >"$tap_tmp/targets"
is "one that knows none, too" "$(chosen '')" "$public"
echo "file:$tap_tmp/host bullseye" >"$tap_tmp/targets"
is "the mirror of another release is one; its security is the public one's" "$(chosen '' | sed -n '1p;3p' | paste -sd' ')" \
	"deb file:T/host bookworm main deb file:T/public/debian-security bookworm-security main"
rm -r "$tap_tmp/public/debian-security"
is "no security updates: refused" "$(chosen '' 2>&1)" "failed: no 'bookworm-security' at the mirror 'file:$tap_tmp/public/debian-security' (no network?)"

export VZTMPL_CACHE="${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vesper}/templates"
run vztmpl build "$template"
case $template:$output in
debian-12:*) ;;
*:*" at the mirror"*) skip_all "$output" ;;
esac
is "build" "$status" 0
check "whole" vztmpl verify "$template"
if unshare -rn true 2>/dev/null; then
	check "cached: no network needed" unshare -rn vztmpl build "$template"
else
	not_ok "cached: this machine forbids namespaces"
fi

list=$tap_tmp/list root=$tap_tmp/root
mkdir "$root"
zstd -dc "$VZTMPL_CACHE/$template-x86_64.tar.zst" >"$tap_tmp/tar"
tar --numeric-owner -tvf "$tap_tmp/tar" >"$list"
tar -C "$root" -xf "$tap_tmp/tar" --no-same-owner --no-same-permissions ./etc ./var/lib ./var/log

# From the template to the file system and back: with a program of which nothing is ours.
check "an image of it" ploop init -s 4G -f raw --tar "$tap_tmp/tar" "$tap_tmp/image/root.hds"
check "equals the tar, entry by entry" "$treecmp" "$tap_tmp/image/root.hds?offset=1048576" "$tap_tmp/tar"
like "all of them" "$output" "^$(wc -l <"$list") entries, 0 differences$"
rm -r "$tap_tmp/image"

has() { check "has $1" grep -qE " \./$1( |/?$)" "$list"; }
for f in usr/sbin/init usr/sbin/sshd usr/sbin/ip usr/bin/ping usr/bin/ps usr/sbin/repquota usr/bin/less \
	usr/sbin/cron usr/sbin/iptables usr/bin/apt usr/share/zoneinfo/UTC; do
	# iptables and friends are links: the arrow follows the name.
	has "$f"
done
# apt's empty lock files are none of it.
lacks() { is "no $1" "$(grep -E "^[^dl].* \./$2" "$list" | grep -vE ' 0 [-0-9]+ [0-9:]+ .*/lock$')" ""; }
lacks "ssh host key" 'etc/ssh/ssh_host_'
lacks "random seed" 'var/lib/systemd/random-seed'
lacks "package lists" 'var/lib/apt/lists/.'
lacks "logs" 'var/log/.*[^/]$'
lacks "packages left" 'var/cache/apt/.*[^/]$'
lacks "rest of the build" '\.vztmpl'
lacks "device nodes" 'dev/.'
is "machine-id is empty" "$(wc -c <"$root/etc/machine-id")" 0
is "hostname is not the builder's" "$(cat "$root/etc/hostname")" "$([ "$template" = host ] && echo vesper || echo localhost)"
is "resolv.conf is empty" "$(wc -c <"$root/etc/resolv.conf")" 0
is "package sources are the public ones" \
	"$(cat "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/* 2>/dev/null | sed -n 's/^\(URIs: \|deb \)//p' | sort -u)" \
	"http://deb.debian.org/debian
http://deb.debian.org/debian-security"
case $template in
debian-11) suite=bullseye ;;
debian-13) suite=trixie ;;
*) suite=bookworm ;;
esac
is "with updates and security" "$(cat "$root"/etc/apt/sources.list.d/* | sed -n 's/^Suites: //p')" "$suite $suite-updates
$suite-security"
is "nothing of the build in apt's configuration" "$(cat "$root"/etc/apt/apt.conf.d/* | grep -ci 'proxy\|check-valid')" 0
units=etc/systemd/system
check "host keys are made at first start" test -h "$root/$units/ssh.service.wants/ssh-host-keys.service"
if [ "$template" != host ]; then
	check "ssh starts" test -h "$root/$units/multi-user.target.wants/ssh.service"
	is "root's password is locked" "$(sed -n 's/^root:\([^:]*\):.*/\1/p' "$root/etc/shadow")" "*"
fi
newest=$(date -u -d "$(awk '{ print $4, $5 }' "$list" | sort | tail -n 1)" +%s)
check "no time is later than the archive's point release" test "$newest" -lt "$(($(date +%s) - 86400))"

# The mirror that is named is taken; equal packages give equal bytes. The one
# of the cache may be of older packages: then the second build is compared.
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Identifier: Packages' |
	sed -nE 's/\/* (bullseye|bookworm|trixie)$//p' | head -n 1)
: "${mirror:=http://deb.debian.org/debian}" # as the recipes do
# again DIR OPTION... - build it once more, in a cache of its own.
again() {
	dir=$tap_tmp/$1
	shift
	mkdir -p "$dir"
	# Another build may take packages out of it or put some in meanwhile: then only a part comes.
	[ -d "$dir/.packages" ] || cp -al "$VZTMPL_CACHE/.packages" "$dir/" 2>/dev/null ||
		{
			rm -rf "$dir/.packages"
			cp -a "$VZTMPL_CACHE/.packages" "$dir/" || :
		}
	check "built again, $*" vztmpl build --quiet --cache "$dir" "$@" "$template"
}
packages() { jq -c .packages "$1/$template-x86_64.json"; }
again built --mirror "$mirror"
one=$VZTMPL_CACHE
if [ "$(packages "$one")" != "$(packages "$tap_tmp/built")" ]; then
	again rebuilt --mirror "$mirror"
	one=$tap_tmp/rebuilt
fi
is "equal packages" "$(packages "$one")" "$(packages "$tap_tmp/built")"
check "equal bytes" cmp "$one/$template-x86_64.tar.zst" "$tap_tmp/built/$template-x86_64.tar.zst"

# The whole of it with other sources takes another build: for who asks for a template.
[ -n "${TEMPLATE:-}" ] || exit 0
cp "$tap_tmp/built/$template-x86_64.json" "$tap_tmp/public.json"
again built --mirror "$mirror" --apt-sources "$own"
check "other sources are another template" test "$(jq -r .recipe_key "$tap_tmp/public.json")" != \
	"$(jq -r .recipe_key "$tap_tmp/built/$template-x86_64.json")"
is "with the sources that were given" \
	"$(zstd -dc "$tap_tmp/built/$template-x86_64.tar.zst" | tar -xOf - ./etc/apt/sources.list.d/debian.sources)" "$(cat "$own")"
