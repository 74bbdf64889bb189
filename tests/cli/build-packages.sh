#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Whether scripts/packages.list has what the build and the tests take from the machine,
# and no more: by the packages that the files come from here. If this fails, a bare
# Debian stops in the middle of `make test` for a program that nobody had to install.
#
# Seen are commands in the scripts that run on the machine, headers in C files, modules
# of pkg-config, and below, by path, what others run for us. A package may also come
# with one of the list, by its Depends; git and make are there before (README).
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
cd "$(dirname "$0")/../.."
requires dpkg-query

scripts() {
	find scripts tests/bench templates/lib tests/fuzz/run tests/run tests/guest/run tests/guest/shell tests/cli tests/lib -type f \
		! -name '*.md' ! -name '*.[ch]' ! -name packages.list ! -path 'templates/lib/*/*' \
		! -name demo-transcript ! -name container.sh ! -name ploop.sh ! -name '*-in-guest' ! -name build-packages.sh
	grep -lx '# on-host\(: .*\)\?' tests/guest/*.sh
}

# Words where a shell expects a command, and what a test or a recipe says that it needs.
words() {
	scripts | xargs sed -E 's/^[[:space:]]*#.*//; s/[[:space:]]#[[:space:]].*//
			s/\b(xargs|env|exec|command -v|timeout)\b( -[a-zA-Z]+)*/\1;/g; s/\btimeout; [0-9]+/;/g
			s/^([[:space:]]*)(need|requires) (.*)/\1;\3/; /^[[:space:]]*;/s/ /;/g' |
		grep -oE '(^|[|;&(`{!]|\$\(|\b(then|do|else|elif|if|while|until|--))[[:space:]]*([A-Za-z_]+=[^ ]* +)*[a-z][a-zA-Z0-9._+-]*' |
		grep -oE '[a-z][a-zA-Z0-9._+-]*$' | sort -u
}

# Those that are commands of this machine: no function of ours, nothing that the shell
# has itself, none that is for a guest, and no words that only look so.
commands() {
	local w d
	{
		scripts | xargs sed -nE 's/^[[:space:]]*([a-zA-Z_][a-zA-Z0-9_]*)\(\).*/\1/p'
		compgen -b
		printf '%s\n' docker ip iptables journalctl logrotate shutdown systemctl systemd-detect-virt host look node open print repo see tag task top uptime w
	} | sort -u >"$tap_tmp/not"
	words | comm -23 - "$tap_tmp/not" | while read -r w; do
		for d in /usr/bin /usr/sbin; do [ ! -x "$d/$w" ] || echo "$d/$w"; done
	done
}

headers() {
	local dirs h d
	dirs="/usr/include /usr/include/$(gcc -print-multiarch) $(pkg-config --cflags-only-I $modules | sed 's/-I//g')"
	find common ploop tools tests -name '*.[ch]' -print0 | xargs -0 sed -nE 's/^#include <([^>]*)>.*/\1/p' | sort -u |
		while read -r h; do
			for d in $dirs; do [ ! -e "$d/$h" ] || echo "$d/$h"; done
		done
}

# What is run or read by what we run.
others() {
	sed -n 's/^KERNEL_SOURCE *?= *//p' config.mk
	cat <<-END
		/usr/bin/clang
		/usr/bin/clang-format
		/usr/bin/pkg-config
		/usr/bin/bc
		/usr/bin/bison
		/usr/bin/flex
		/usr/bin/pahole
		/usr/bin/lz4
		/usr/bin/xz
		/usr/bin/bzip2
		/usr/bin/ccache
		/usr/bin/perl
		/usr/bin/python3
		/usr/include/libelf.h
		/usr/include/openssl/opensslv.h
		/usr/include/sys/capability.h
	END
	clang -print-file-name=libclang_rt.fuzzer-x86_64.a
	clang -print-file-name=libclang_rt.fuzzer.a
}

modules=$(sed -n 's/^LIBS_.*PKG_CONFIG) --libs \(.*\))$/\1/p' config.mk | xargs)
{
	commands
	headers
	for m in $modules; do echo "$(pkg-config --variable=pcfiledir "$m")/$m.pc"; done
	others
} | while read -r f; do
	# As a package names it: /bin and /lib are links by now.
	f=$(realpath -s "$f")
	echo "$f"
	echo "/usr/${f#/}"
	echo "${f#/usr}"
done | sort -u >"$tap_tmp/files"
xargs dpkg-query -S <"$tap_tmp/files" 2>/dev/null | grep -v '^diversion' |
	awk -F': ' '{ n = split($1, p, ", "); for (i = 1; i <= n; i++) { sub(/:.*/, "", p[i]); print p[i], $2 } }' >"$tap_tmp/owners"
diag "$(wc -l <"$tap_tmp/owners") files of $(cut -d' ' -f1 "$tap_tmp/owners" | sort -u | wc -l) packages"
check "some files were seen" test "$(wc -l <"$tap_tmp/owners")" -gt 100

dpkg-query -W -f '${db:Status-Abbrev}\t${Package}\t${Essential}\t${Priority}\t${Depends}, ${Pre-Depends}\t${Provides}\n' |
	grep '^.i' >"$tap_tmp/status"

# judge OWNERS STATUS LIST - "lacks PACKAGE FILE" of each that the list does not bring,
# and "idle PACKAGE" of each that could be taken out of it with nothing lacking and
# that no other brings: that a test of what is not in the list would fail.
judge() {
	awk -F'\t' '
	function bring(set, p,   n, i, m, j, alt, names) {
		if (p in set) return
		set[p] = 1
		n = split(depends[p], names, / *, */)
		for (i = 1; i <= n; i++) {
			m = split(names[i], alt, / *\| */)
			for (j = 1; j <= m; j++) {
				sub(/[ (].*/, "", alt[j])
				sub(/:.*/, "", alt[j])
				if (alt[j] in depends) { bring(set, alt[j]); break }
				if (alt[j] in provider) { bring(set, provider[alt[j]]); break }
			}
		}
	}
	function all_but(set, left_out,   p) {
		delete set
		for (p in base) bring(set, p)
		for (p in list) if (p != left_out) bring(set, p)
	}
	FILENAME == ARGV[2] {
		depends[$2] = $5
		if ($3 == "yes" || $4 == "required" || $2 ~ /^(apt|git|make)$/) base[$2] = 1
		n = split($6, names, / *, */)
		for (i = 1; i <= n; i++) { sub(/[ (].*/, "", names[i]); provider[names[i]] = $2 }
		next
	}
	FILENAME == ARGV[1] { split($0, f, " "); need[f[1]] = f[2]; next }
	{ sub(/[ \t]*#.*/, "") }
	$0 != "" { list[$0] = 1 }
	END {
		all_but(set, "")
		for (p in need) if (!(p in set)) print "lacks", p, need[p]
		for (l in list) {
			all_but(set, l)
			if (l in set) continue
			idle = 1
			for (p in need) if (!(p in set)) idle = 0
			if (idle) print "idle", l
		}
	}' "$@" | sort
}
run judge "$tap_tmp/owners" "$tap_tmp/status" scripts/packages.list
is "the list has what is used" "$(printf '%s\n' "$output" | grep '^lacks' || :)" ""
is "and nothing that is not" "$(printf '%s\n' "$output" | grep '^idle' || :)" ""
