# shellcheck shell=sh disable=SC2016,SC2154
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Family debian: mmdebstrap, as root or without (user namespaces), never with
# a mount on this machine. mmdebstrap writes the tar: sorted, numeric owners,
# no time later than SOURCE_DATE_EPOCH. A recipe sets suite and packages, may
# define configure(), and ends in: build "$@".
#
#   bootstrap    runs mmdebstrap, which calls this recipe again inside
#   configure    inside: the recipe's own steps, made of the configure_* verbs
#   clean        inside, last: nothing unique, nothing left of the build
#
# Packages come from the mirror that this machine's apt uses, or from
# VZTMPL_MIRROR; what stays in the template are the public sources only, or
# those of VZTMPL_APT_SOURCES.

# shellcheck source=templates/lib/recipe.sh
. "$VZTMPL_LIB/recipe.sh"

public=http://deb.debian.org
# The package that says that /bin is a link. Where a release has it, it must be
# in: else the one that makes the links comes instead, with 50 MB of perl.
merged_usr=usr-is-merged
# What a server has, whatever its release.
# shellcheck disable=SC2034 # recipes take it
server_packages='
	adduser bash-completion ca-certificates cron curl dbus ifupdown iproute2
	iptables iputils-ping less libpam-systemd login logrotate
	mawk netbase nftables openssh-server passwd procps psmisc quota sudo systemd
	systemd-sysv tzdata vim-tiny wget'

# --- outside: mirrors and mmdebstrap ------------------------------------------

# apt_targets - "URI SUITE" of each archive that this machine's apt knows.
apt_targets() {
	apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Identifier: Packages' 2>/dev/null | sort -u
}

# host_mirror PATTERN - the archive of Debian suites matching PATTERN, if any.
host_mirror() {
	apt_targets | while read -r uri release; do
		case $uri in http://* | https://* | file:* | ftp://*) ;; *) continue ;; esac
		if printf '%s\n' "$release" | grep -qxE "$1"; then
			echo "${uri%/}"
			break
		fi
	done
}

# reachable URI SUITE - fetch the suite's InRelease into the work directory.
reachable() {
	/usr/lib/apt/apt-helper -o Acquire::Retries=1 download-file \
		"$1/dists/$2/InRelease" "$VZTMPL_WORK/InRelease.$2" >/dev/null 2>&1
}

# choose_sources - set $sources (one line an archive) and SOURCE_DATE_EPOCH, the
# day of the suite's last point release: equal packages then give equal bytes.
choose_sources() {
	names='stable|testing|unstable|sid|bullseye|bookworm|trixie|forky'
	if [ -n "$VZTMPL_MIRROR" ]; then
		base=${VZTMPL_MIRROR%/} security=${VZTMPL_MIRROR%/}-security
	else
		base=$(host_mirror "$names") security=$(host_mirror "($names)-security")
	fi
	: "${base:=$public/debian}" "${security:=$public/debian-security}"
	step "asking the mirror"
	reachable "$base" "$suite" ||
		fail "no '$suite' at the mirror '$base' (no network? another one: --mirror URL)"
	sources="deb $base $suite main"
	for more in "$base $suite-updates" "$security $suite-security"; do
		# shellcheck disable=SC2086 # two words
		if reachable $more; then
			sources="$sources
deb $more main"
		elif [ -z "$VZTMPL_MIRROR" ]; then
			fail "no '${more#* }' at the mirror '${more% *}' (no network?)"
		fi
	done
	SOURCE_DATE_EPOCH=$(date -d "$(sed -n 's/^Date: //p' "$VZTMPL_WORK/InRelease.$suite")" +%s)
	export SOURCE_DATE_EPOCH
}

# take_apt_sources - keep VZTMPL_APT_SOURCES for configure_sources, if apt can
# read it: a template whose apt stops at a bad line could not even mend it.
take_apt_sources() {
	[ -n "$VZTMPL_APT_SOURCES" ] || return 0
	form=list
	! grep -qi '^types:' "$VZTMPL_APT_SOURCES" || form=sources
	mkdir "$VZTMPL_WORK/apt"
	cp "$VZTMPL_APT_SOURCES" "$VZTMPL_WORK/apt/given.$form"
	uris=$(apt-get --print-uris -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$VZTMPL_WORK/apt" \
		update 2>&1) || fail "'$VZTMPL_APT_SOURCES' has no package sources that apt can read: $(
		printf '%s\n' "$uris" | sed -n "s|$VZTMPL_WORK/apt/given.$form|it|; s/^E: //p" | head -n 1)"
	printf '%s\n' "$uris" | grep -q "^'" || fail "'$VZTMPL_APT_SOURCES' names no package source"
}

# host_apt_options - what this machine's apt needs to reach its mirror.
host_apt_options() {
	for o in Acquire::http::Proxy Acquire::https::Proxy Acquire::Check-Valid-Until Acquire::Check-Date; do
		v=''
		eval "$(apt-config shell v "$o")"
		[ -z "$v" ] || printf '%s "%s";\n' "$o" "$v"
	done
}

# has_sub_ids USER FILE - a range of FILE is USER's, by name: mmdebstrap knows no other.
has_sub_ids() { awk -F: -v user="$1" '$1 == user && $2 $3 ~ /^[0-9]+$/ { any = 1 } END { exit !any }' "$2" 2>/dev/null; }

# choose_mode - root if we are root; else user namespaces, which need ranges
# of sub-ids and the two set-uid helpers.
choose_mode() {
	mode=root
	[ "$(id -u)" -ne 0 ] || return 0
	mode=unshare
	need newuidmap uidmap
	user=$(id -un 2>/dev/null) || fail "user id $(id -u) has no account, and only root builds without one"
	for f in /etc/subuid /etc/subgid; do
		has_sub_ids "$user" "$f" || fail "no sub-ids for user '$user' in $f" \
			"(as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $user)"
	done
	# The mapped root cannot enter a private home directory.
	TMPDIR=${TMPDIR:-/tmp}
	export TMPDIR
}

bootstrap() {
	need mmdebstrap mmdebstrap
	choose_mode
	take_apt_sources
	choose_sources
	mkdir -p "$VZTMPL_POOL" "$VZTMPL_WORK/pool"
	host_apt_options >"$VZTMPL_WORK/aptopt"
	find "$VZTMPL_POOL" -name '*.deb' -ctime +45 -delete
	step "installing packages"
	# /.vztmpl carries the recipe inside: the hooks of user namespace mode
	# cannot read the invoker's files, and the special hooks can. /bin is made a
	# link at once. What stays where it is (file:) could not be reached from inside.
	printf '%s\n' "$sources" | sed 's/^deb file:/deb copy:/' |
		mmdebstrap --mode="$mode" --variant=apt --format=tar \
		--include="$(printf '%s\n' $merged_usr $packages | paste -sd,)" \
		--aptopt="$VZTMPL_WORK/aptopt" \
		--aptopt='Apt::Install-Recommends "false"' \
		--aptopt='Acquire::Languages "none"' \
		${dpkg_options:+--dpkgopt="$VZTMPL_RECIPE/$dpkg_options"} \
		--skip=download/empty,essential/unlink,output/dev \
		--setup-hook='mkdir -p "$1/.vztmpl/recipe" "$1/.vztmpl/lib" "$1/var/cache/apt/archives"' \
		--setup-hook='for d in bin sbin lib lib64; do mkdir -p "$1/usr/$d"; ln -s "usr/$d" "$1/$d"; done' \
		--setup-hook="sync-in '$VZTMPL_RECIPE' /.vztmpl/recipe" \
		--setup-hook="sync-in '$VZTMPL_LIB' /.vztmpl/lib" \
		${VZTMPL_APT_SOURCES:+--setup-hook="upload '$VZTMPL_WORK/apt/given.$form' /.vztmpl/given.$form"} \
		--setup-hook="sync-in '$VZTMPL_POOL' /var/cache/apt/archives" \
		--customize-hook="sync-out /var/cache/apt/archives '$VZTMPL_WORK/pool'" \
		--customize-hook='VZTMPL_LIB=$1/.vztmpl/lib VZTMPL_RECIPE=$1/.vztmpl/recipe sh "$1/.vztmpl/recipe/build.sh" inside "$1"' \
		--customize-hook="download /.vztmpl/packages '$VZTMPL_PACKAGES'" \
		--customize-hook='rm -rf "$1/.vztmpl"' \
		"" "$VZTMPL_OUT" - || fail "mmdebstrap failed: $(why_failed)"
	keep_packages
}

# keep_packages - what was downloaded serves the next build; a .deb enters the
# pool by rename, so that builds side by side never see half of one.
keep_packages() {
	for deb in "$VZTMPL_WORK"/pool/*.deb; do
		[ ! -e "$deb" ] || mv "$deb" "$VZTMPL_POOL/"
	done
}

# --- inside: verbs on $root -----------------------------------------------------

in_root() { chroot "$root" "$@"; }

# configure_sources - those that were given, else the distribution's public
# archives; nothing of the mirror.
configure_sources() {
	rm -f "$root/etc/apt/sources.list" "$root"/etc/apt/sources.list.d/*
	for given in "$root"/.vztmpl/given.*; do
		[ -e "$given" ] || continue
		cp "$given" "$root/etc/apt/sources.list.d/debian.${given##*.}"
		chmod 644 "$root/etc/apt/sources.list.d/debian.${given##*.}"
		return
	done
	cat >"$root/etc/apt/sources.list.d/debian.sources" <<-END
		Types: deb
		URIs: $public/debian
		Suites: $suite $suite-updates
		Components: main
		Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

		Types: deb
		URIs: $public/debian-security
		Suites: $suite-security
		Components: main
		Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
	END
}

# configure_host_keys - ssh keys are made at the first start of a container,
# before whatever listens; none is in the template.
configure_host_keys() {
	rm -f "$root"/etc/ssh/ssh_host_*
	copy_files "$VZTMPL_LIB/debian/host-keys"
	in_root systemctl -q enable ssh-host-keys.service
}

# configure_base - what every template of the family gets.
configure_base() {
	configure_sources
	copy_files "$VZTMPL_RECIPE/files"
	rm -f "$root/etc/hostname" "$root/etc/resolv.conf" # mmdebstrap left this machine's
	echo localhost >"$root/etc/hostname"
	printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"
	: >"$root/etc/resolv.conf"
	: >"$root/etc/fstab"
}

# configure_server - what containers of every release get.
configure_server() {
	configure_base
	copy_files "$VZTMPL_LIB/debian/server"
	configure_host_keys
	# Mounts that a user namespace may not make, and that no container needs.
	mask proc-sys-fs-binfmt_misc.automount sys-kernel-config.mount \
		sys-kernel-debug.mount sys-kernel-tracing.mount
}

# mask UNIT... - units that cannot do their work where the template runs.
mask() { in_root systemctl -q mask "$@"; }

# clean - no logs, lists, ids, seeds, backups; Python caches that a clamped
# file time would make stale go too. Not /tmp: mmdebstrap keeps its apt.conf there
# and empties it itself; without that file its clean-up would be of the machine.
clean() {
	in_root dpkg-query -W -f '${Package} ${Version}\n' >"$root/.vztmpl/packages"
	rm -f "$root/etc/apt/apt.conf.d/99mmdebstrap" "$root/var/lib/dbus/machine-id" \
		"$root/var/lib/systemd/random-seed" "$root/var/lib/systemd/catalog/database" \
		"$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old "$root"/etc/*- \
		"$root/etc/.pwd.lock" "$root/var/lib/apt/extended_states.old"
	find "$root/var/log" -type f -delete
	find "$root/var/lib/apt/lists" "$root/var/cache/apt" -type f -delete
	find "$root/usr/lib/python3" -name '*.py' -newermt "@$SOURCE_DATE_EPOCH" 2>/dev/null |
		while read -r py; do rm -f "${py%/*}/__pycache__/$(basename "$py" .py)".*.pyc; done
	rm -rf "$root"/var/tmp/* "$root"/root/.cache
	# Whether packages were fetched or came from the pool is no difference.
	find "$root/var/lib/apt" "$root/var/cache/apt" -type d -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
	: >"$root/etc/machine-id"
	[ -d "$root/var/lib/dbus" ] && ln -s /etc/machine-id "$root/var/lib/dbus/machine-id"
	return 0
}

configure() { configure_base; }

# why_failed - the last error that apt, dpkg or mmdebstrap printed;
# mmdebstrap's own last word says less than what came before it.
why_failed() {
	grep -E '^(E:|dpkg: error|Err:)' "$VZTMPL_WORK/log" | grep -v 'mmdebstrap failed to run' | tail -n 1
}

# build - without arguments the whole of it; mmdebstrap calls "inside ROOT".
build() {
	case ${1-} in
	inside)
		root=$2
		step "configuration"
		configure
		clean
		# mmdebstrap's last steps run this machine's apt with that file: if it
		# were gone they would empty this machine's lists and cache.
		ls "$root"/tmp/mmdebstrap.apt.conf.* >/dev/null 2>&1 || fail "the recipe removed mmdebstrap's apt.conf from /tmp"
		step "archive"
		;;
	*) bootstrap ;;
	esac
}
