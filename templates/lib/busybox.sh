# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Family busybox: one static binary is the whole system. Needs neither root
# nor network: the binary is this machine's (Debian package busybox-static).
#
#   bootstrap    directories, the binary and a link for each of its applets
#   configure    the recipe's files over it, accounts, an empty machine-id
#   clean        nothing unique, nothing left of the build

# shellcheck source=templates/lib/recipe.sh
. "$VZTMPL_LIB/recipe.sh"

busybox=${BUSYBOX:-/bin/busybox}

bootstrap() {
	[ -z "$VZTMPL_APT_SOURCES" ] || fail "this template has no package sources (--apt-sources)"
	step "busybox and its applets"
	[ -x "$busybox" ] || fail "'$busybox' does not exist (Debian package busybox-static)"
	"$busybox" --list | grep -qx init || fail "'$busybox' has no init applet: install busybox-static"
	if LC_ALL=C grep -qa '/ld-linux' "$busybox"; then
		fail "'$busybox' is not static: install busybox-static"
	fi
	SOURCE_DATE_EPOCH=$(stat -c %Y "$busybox")
	for d in bin sbin etc dev proc sys run tmp root home mnt var/log var/spool/cron/crontabs usr/bin usr/sbin lib; do
		mkdir -p "$root/$d"
	done
	ln -s ../run "$root/var/run"
	ln -s ../tmp "$root/var/tmp"
	chmod 1777 "$root/tmp"
	chmod 700 "$root/root" "$root/var/spool/cron/crontabs"
	cp "$busybox" "$root/bin/busybox"
	chmod 755 "$root/bin/busybox"
	"$busybox" --list-full | grep -vxE 'bin/busybox|linuxrc' | while read -r applet; do
		mkdir -p "$root/${applet%/*}"
		ln -s /bin/busybox "$root/$applet"
	done
}

configure() {
	step "configuration"
	copy_files "$VZTMPL_RECIPE/files"
	chmod 640 "$root/etc/shadow"
	: >"$root/etc/machine-id"
}

clean() {
	dpkg-query -W -f '${binary:Package} ${Version}\n' busybox-static >"$VZTMPL_PACKAGES" 2>/dev/null ||
		"$busybox" | sed -n '1s/^BusyBox v\([^ ]*\) .*/busybox \1/p' >"$VZTMPL_PACKAGES"
}

# build - the whole of it; a recipe may have redefined configure.
build() {
	root=$VZTMPL_WORK/root
	bootstrap
	configure
	clean
	step "archive"
	pack_root
}
