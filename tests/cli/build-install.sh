#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, what `make install` lays out could name files that are elsewhere:
# a unit that starts nothing, a completion of programs that are not there.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
requires mandoc bash
unset MAKEFLAGS MFLAGS VZTMPL_RECIPES
# As it was built: other flags would build all of it anew, below the tests beside this one.
werror=$(grep -c -e ' -Werror' "$top/build/flags" || :)
install_to() { make -s -C "$top" install WERROR="$werror" DESTDIR="$1" PREFIX="$2"; }

for prefix in /usr /opt/vesper; do
	root=$tap_tmp/root$prefix
	check "install, $prefix" install_to "$root" "$prefix"
	own=$root$prefix
	is "programs, $prefix" "$(cd "$own/sbin" && echo *)" "ploop vzctl vzlist vztmpl"

	# Units: what they start is there, and is no other prefix's.
	units=$own/lib/systemd/system
	is "units, $prefix" "$(cd "$units" && stat -c '%a %n' -- *)" "644 vz-onboot.service
644 vz.service"
	sed -n 's/^Exec[A-Za-z]*=\([^ ]*\).*/\1/p' "$units"/* | grep -vx /bin/true >"$tap_tmp/started"
	is "they start what is ours, $prefix" "$(sort -u "$tap_tmp/started")" "$prefix/lib/vesper/vz-onboot"
	while read -r program; do check "$program is there" test -x "$root$program"; done <"$tap_tmp/started"
	is "nothing else of them is of another prefix, $prefix" \
		"$(grep -ho '[^ =]*lib/vesper/[^ ]*' "$units"/* | grep -v "^$prefix/" || :)" ""
	# That one is started with systemd's PATH.
	mkdir -p "$tap_tmp/bin"
	printf '#!/bin/sh\necho "of another"\n' >"$tap_tmp/bin/vzlist"
	printf '#!/bin/sh\necho ours >&2\nexit 1\n' >"$tap_tmp/vzlist"
	chmod 755 "$tap_tmp/bin/vzlist" "$tap_tmp/vzlist"
	mv "$own/sbin/vzlist" "$tap_tmp/vzlist.real"
	cp "$tap_tmp/vzlist" "$own/sbin/vzlist"
	run env PATH="$tap_tmp/bin:/usr/bin:/bin" "$root$prefix/lib/vesper/vz-onboot" stop
	is "it calls the programs of its own prefix, $prefix" "$output" ours
	mv "$tap_tmp/vzlist.real" "$own/sbin/vzlist"

	# Pages, each in its section.
	is "pages, $prefix" "$(cd "$own/share/man" && echo */*)" \
		"$(cd "$top/docs/man" && for p in *.5 *.8; do echo "man${p##*.}/$p"; done | xargs)"
	check "pages can be read, $prefix" sh -c "mandoc -T utf8 '$own'/share/man/man*/* | grep -q vzctl"

	# Completion: a link for each program, and it completes.
	completions=$own/share/bash-completion/completions
	is "completions, $prefix" "$(cd "$completions" && echo *)" "ploop vzctl vzlist vztmpl"
	for p in ploop vzctl vzlist vztmpl; do check "of $p, $prefix" bash -n "$completions/$p"; done

	# The programs find what lies beside them.
	check "vztmpl finds its recipes, $prefix" sh -c "'$own/sbin/vztmpl' list --recipes | grep -q '^debian-12'"
	check "vzctl its supervisor, $prefix" test -x "$own/lib/vesper/vz-supervisor"
	check "OpenVZ's name of a sample is one too, $prefix" cmp "$root/etc/vz/conf/ve-vswap-1024m.conf-sample" "$top/etc/conf/ve-vswap-1g.conf-sample"
	check "the configuration is in /etc, $prefix" test -s "$root/etc/vz/vz.conf" -a -d "$root/etc/vz/dists" -a -d "$root/etc/vz/names"
	check "the library, $prefix" test -s "$own/lib/libploop.so.0" -a -h "$own/lib/libploop.so" -a -s "$own/include/ploop/ploop.h"
done
is "another prefix gets the same files" "$(cd "$tap_tmp/root/usr/usr" && find . ! -name usr | sort)" \
	"$(cd "$tap_tmp/root/opt/vesper/opt/vesper" && find . | sort)"
# The prefix that is meant if none is given.
check "install, no prefix given" make -s -C "$top" install WERROR="$werror" DESTDIR="$tap_tmp/default"
check "is under /usr" test -x "$tap_tmp/default/usr/sbin/vzctl"

# What a newcomer types sets up what is missing, and that first.
for target in demo test shell; do
	is "$target sets up" "$(make -n --no-print-directory -C "$top" "$target" WERROR="$werror" | head -n 1)" scripts/setup
done

# What an administrator has changed stays.
root=$tap_tmp/root/usr
echo '# changed' >>"$root/etc/vz/vz.conf"
check "install again" install_to "$root" /usr
check "the configuration that is there stays" grep -qx '# changed' "$root/etc/vz/vz.conf"
