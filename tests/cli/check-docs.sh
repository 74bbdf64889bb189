#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# scripts/check-docs sees a page and a program, or a page and the series, drift
# apart, in both directions, and names what differs.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires mandoc
repo=$(cd "$(dirname "$0")/../.." && pwd)

tree=$tap_tmp/tree
mkdir -p "$tree/scripts" "$tree/docs/man" "$tree/build/bin" "$tree/patches/10-ve"
cp "$repo/scripts/check-docs" "$repo/scripts/lib.sh" "$tree/scripts/"

program() { printf '#!/bin/sh\ncat <<END\n%s\nEND\n' "$2" >"$tree/build/bin/$1"; chmod +x "$tree/build/bin/$1"; }
# page NAME ITEM... - a page whose list defines ITEMs.
page() {
	p_name=$1
	shift
	{
		printf '.\\" SPDX-License-Identifier: GPL-2.0-or-later\n.Dd November 1, 2026\n.Dt %s %s\n.Os\n' \
			"$(echo "${p_name%.*}" | tr a-z A-Z)" "${p_name##*.}"
		printf '.Sh NAME\n.Nm %s\n.Nd a page\n.Sh DESCRIPTION\nText.\n' "${p_name%.*}"
		[ $# -eq 0 ] || {
			printf '.Bl -tag -width Ds\n'
			for item; do printf '.It %s\ntext\n' "$item"; done
			printf '.El\n'
		}
	} >"$tree/docs/man/$p_name"
}
for p in ploop vzlist vztmpl; do
	program "$p" "$p --all"
	page "$p.8" 'Fl Fl all'
done
program vzctl 'start --force - ok
set --ram PHYSPAGES ok
set --blinky BLINKY refused
vz.conf - WINKY refused
vz.conf - LOCKDIR ok'
page vzctl.8 'Cm start Op Fl Fl force' 'Cm set' 'Fl Fl force' 'Fl Fl ram Ar N'
page ct.conf.5 'Sy PHYSPAGES'
page vz.conf.5 'Sy LOCKDIR'
program vztmpl 'vztmpl --all
template.conf - summary'
page template.conf.5 'Sy summary'
# shellcheck disable=SC2016 # backquotes of the page
echo '`--blinky` is refused, BLINKY and WINKY are not applied' >"$tree/docs/unsupported.md"
cat >"$tree/patches/10-ve/10-add-x.patch" <<'END'
+		.name = "id",
+	dir = proc_mkdir("vz", NULL);
+	proc_create_single("version", 0444, dir, f);
END
mkdir -p "$tree/tools/lib"
printf '\t{"null", '"'c'"', 1, 3, RW, 0666},\n\t{NULL, '"'c'"', 136, DEVICE_ALL, RW, 0}, /* ptys */\n' >"$tree/tools/lib/device.c"
printf '\tGIVEN(KILL, "x"),\n\tNEVER(BPF, "y"),\n' >"$tree/tools/lib/caps.c"
printf '\t{"acct", EPERM, false,\n\t "z"},\n' >"$tree/tools/lib/sysfilter.c"
security() { printf '| `%s` | %s | text |\n' "$@" >"$tree/docs/security.md"; }
security 'c 1:3' rw 'c 136:all' rw KILL yes BPF no acct EPERM
abi() { printf -- '- `%s`\n' "$@" >"$tree/docs/kernel-abi.md"; }
abi ve.id /proc/vz/version

check "agreement passes" "$tree/scripts/check-docs"

differs() {
	run "$tree/scripts/check-docs"
	if [ "$status" -ne 0 ]; then ok "$1: fails"; else not_ok "$1: passed"; fi
	like "$1: by name" "$output" "$2"
}

mkdir -p "$tree/tools/lib"
printf '\tVZ_OK = 0,\n\tVZ_SYSTEM = 3,\n' >"$tree/tools/lib/exitcode.h"
echo 'return VZ_SYSTEM;' >"$tree/tools/lib/x.c"
codes() {
	page vzctl.8 'Cm start' 'Cm set' 'Fl Fl force' 'Fl Fl ram'
	printf '.Sh EXIT STATUS\n.Bl -tag -width Ds\n' >>"$tree/docs/man/vzctl.8"
	for item; do printf '.It %s\ntext\n' "$item"; done >>"$tree/docs/man/vzctl.8"
	printf '.El\n.Sh EXAMPLES\ntext\n' >>"$tree/docs/man/vzctl.8"
}
codes '0, 3'
check "exit codes that agree pass" "$tree/scripts/check-docs"
codes 0
differs "an exit code unsaid" "vzctl.8: exit code 3 is missing"
codes 0 3 6
differs "an exit code that is not" "vzctl.8: exit code 6 is not in"
codes 0 3
: >"$tree/tools/lib/x.c"
differs "a code that nothing returns" "VZ_SYSTEM is never returned"
rm "$tree/tools/lib/exitcode.h"
page vzctl.8 'Cm start' 'Cm set' 'Fl Fl ram Ar N'
differs "an option without a word" "vzctl.8: '--force' is missing"
page vzctl.8 'Cm start' 'Cm set' 'Fl Fl force' 'Fl Fl ram' 'Fl Fl rambo'
differs "an option that is not" "vzctl.8: defines '--rambo', which vzctl does not know"
page vzctl.8 'Cm start' 'Fl Fl force' 'Fl Fl ram'
differs "a command without a word" "vzctl.8: command 'set' is missing"
page vzctl.8 'Cm start' 'Cm set' 'Fl Fl force' 'Fl Fl ram'
page ct.conf.5 'Sy PHYSPAGES' 'Sy GHOST'
differs "a key that is not" "ct.conf.5: defines 'GHOST'"
page ct.conf.5 'Sy OTHER'
differs "a key without a word" "ct.conf.5: key 'PHYSPAGES' is missing"
page ct.conf.5 'Sy PHYSPAGES'
page template.conf.5 'Sy summary' 'Sy colour'
differs "a key in lower case that is not" "template.conf.5: defines 'colour'"
page template.conf.5
differs "a key in lower case without a word" "template.conf.5: key 'summary' is missing"
page template.conf.5 'Sy summary'
rm "$tree/docs/man/vz.conf.5"
differs "a missing page" "docs/man/vz.conf.5 is missing"
page vz.conf.5 'Sy LOCKDIR'
: >"$tree/docs/unsupported.md"
differs "a refusal unsaid" "unsupported.md: vzctl set --blinky is refused and not named"
echo '--blinky BLINKY' >"$tree/docs/unsupported.md"
differs "a key without effect unsaid" "unsupported.md: vzctl key WINKY is refused and not named"
echo '--blinky BLINKY WINKY' >"$tree/docs/unsupported.md"
abi ve.id
differs "a kernel file unsaid" "kernel-abi.md: '/proc/vz/version' is missing"
abi ve.id /proc/vz/version ve.ghost
differs "a kernel file that is not" "names 've.ghost', which no patch adds"
abi ve.id /proc/vz/version
security 'c 1:3' rw KILL yes BPF yes acct EPERM
differs "a device unsaid" "security.md: no row '. .c 136:all. . rw .'"
differs "a capability said wrongly" "security.md: row '. .BPF. . yes .' is in no table"
