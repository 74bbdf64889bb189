#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, a machine that has all packages could need root or network, and
# one that lacks some could fail in the middle of a build.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)

# Stand-ins: a dpkg that has nothing but "here", an apt-get that reaches nobody, which
# for update is an error only when it is told so.
bin=$tap_tmp/bin
mkdir "$bin"
cat >"$bin/dpkg-query" <<'END'
#!/bin/sh
for p; do :; done
[ "$p" = here ] && echo "ii "
END
cat >"$bin/apt-get" <<END
#!/bin/sh
echo "apt-get \$*" >>"$tap_tmp/apt"
uri=http://deb.debian.org/debian/dists/bookworm/InRelease
case "\$*" in
*Error-Mode=any*update)
	printf '%s\n' "Err:1 http://deb.debian.org/debian bookworm InRelease" "E: Failed to fetch \$uri  Temporary failure resolving 'deb.debian.org'" \
		"E: Some index files failed to download. They have been ignored, or old ones used instead." >&2
	exit 100
	;;
*update) echo "W: Failed to fetch \$uri  Temporary failure resolving 'deb.debian.org'" >&2 ;;
*install*)
	echo "E: Unable to locate package absent-1" >&2
	echo "E: Unable to locate package absent-2" >&2
	exit 100
	;;
esac
END
printf '#!/bin/sh\necho ${FAKE_UID:-0}\n' >"$bin/id"
chmod +x "$bin"/*
setup() { env PATH="$bin:$PATH" PACKAGES_LIST="$tap_tmp/list" "$@" "$top/scripts/setup"; }

echo 'here  # a reason' >"$tap_tmp/list"
run setup env FAKE_UID=1000
is "nothing missing: succeeds without root" "$status" 0
is "nothing missing: silent" "$output" ""
check "nothing missing: apt-get is not called" test ! -e "$tap_tmp/apt"

printf 'here\nabsent-1\n# a group\nabsent-2\n' >"$tap_tmp/list"
run setup env FAKE_UID=1000
is "missing and not root: fails" "$status" 1
like "missing and not root: names them and the command" "$output" '^setup: not root.*absent-1 absent-2 \(as root: apt-get install absent-1 absent-2\)$'
is "missing and not root: one line" "$(printf '%s\n' "$output" | wc -l)" 1

run setup env
is "missing and no network: fails" "$status" 1
like "missing and no network: says so, and names them" "$output" \
	"^setup: cannot reach the package archive \\(Failed to fetch .*resolving 'deb.debian.org'\\), .*: absent-1 absent-2\$"
is "missing and no network: one line" "$(printf '%s\n' "$output" | wc -l)" 1

# An archive that answers: what is installed, dpkg has. "old" wants package lists of today first.
cat >"$bin/dpkg-query" <<END
#!/bin/sh
for p; do :; done
grep -qx "\$p" "$tap_tmp/installed" && echo "ii "
END
cat >"$bin/apt-get" <<END
#!/bin/sh
echo "apt-get \$*" >>"$tap_tmp/apt"
while [ \$# -gt 0 ]; do
	case \$1 in
	update) touch "$tap_tmp/fetched" ;;
	install)
		shift
		for p; do
			[ "\$p" != old ] || [ -e "$tap_tmp/fetched" ] || { echo "E: Unable to locate package old" >&2; exit 100; }
			[ "\$p" != none ] || { echo "E: Unable to locate package none" >&2; exit 100; }
		done
		for p; do [ "\$p" = lost ] || echo "\$p" >>"$tap_tmp/installed"; done
		exit 0
		;;
	esac
	shift
done
END
# wants PACKAGE... - set up with that list; which apt-get calls that took is in $calls.
wants() {
	echo here >"$tap_tmp/installed"
	rm -f "$tap_tmp/apt" "$tap_tmp/fetched"
	printf '%s\n' here "$@" >"$tap_tmp/list"
	run setup env
	calls=$(sed -n 's/.* \(update\|install .*\)/\1/p' "$tap_tmp/apt" | paste -sd,)
}
wants new-1 new-2
is "missing ones are installed" "$status" 0
is "by one call, and no package lists are fetched" "$calls" "install new-1 new-2"
like "with neither questions nor what is only recommended" "$(cat "$tap_tmp/apt")" '^apt-get -q -y --no-install-recommends install'
like "it says that it is done" "$output" '^setup: installing 2 packages: done in 0:0[0-9]$'
run setup env
is "the next time there is nothing to do" "$status $output" "0 "

wants old
is "old package lists: installed all the same" "$status" 0
is "once they are fetched" "$calls" "install old,update,install old"

wants none
is "a package that there is not: fails" "$status" 1
like "by name" "$output" '^setup: apt-get install failed: none \(Unable to locate package none\)$'
is "a package that there is not: one line of it" "$(printf '%s\n' "$output" | grep -vc 'done in')" 1
is "after package lists were fetched" "$calls" "install none,update,install none"
wants lost
is "one that apt-get did not install: fails" "$status" 1
like "one that apt-get did not install: by name" "$output" '^setup: still missing after apt-get: lost'
