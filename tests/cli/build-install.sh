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
		"$(cd "$top/docs/man" && for p in *.3 *.5 *.8; do echo "man${p##*.}/$p"; done | xargs)"
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

	# Who builds on it: C and C++, with what is installed and no more.
	cat >"$tap_tmp/user.c" <<-'END'
		#include <ploop/ploop.h>
		#include <ploop/err.h>
		#include <stdio.h>
		#include <string.h>
		int main(int argc, char **argv)
		{
			struct ploop_create_opts opts;
			struct err err = ERR_INIT;
			struct ploop_disk *disk;
			memset(&opts, 0, sizeof(opts));
			opts.size_bytes = 64u << 20;
			opts.format = PLOOP_FORMAT_EXPANDED;
			if (argc != 2 || ploop_create(argv[1], &opts, &err) < 0 || ploop_open(argv[1], &disk, &err) < 0)
				return puts(err.msg), 1;
			printf("%u MiB\n", (unsigned)(ploop_size_bytes(disk) >> 20));
			ploop_close(disk);
			return ploop_open("/nowhere", &disk, &err) == 0 || !err.msg[0];
		}
	END
	export PKG_CONFIG_PATH="$own/lib/pkgconfig"
	# shellcheck disable=SC2046 # words
	flags=$(pkg-config --define-variable=prefix="$own" --cflags --libs ploop)
	for cc in "gcc -std=c11 -x c" "clang -x c++"; do
		rm -rf "$tap_tmp/user" "$tap_tmp/user.hdd"
		# shellcheck disable=SC2086 # words
		check "a program on the library, ${cc%% *}, $prefix" $cc -Wall -Wextra -Wpedantic -Werror -o "$tap_tmp/user" "$tap_tmp/user.c" -x none $flags
		is "it works, ${cc%% *}, $prefix" "$(LD_LIBRARY_PATH=$own/lib "$tap_tmp/user" "$tap_tmp/user.hdd")" "64 MiB"
	done
	is "of the version, $prefix" "$(pkg-config --modversion ploop)" "$("$own/sbin/ploop" --version | awk '{ print $NF }')"
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
