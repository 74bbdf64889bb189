#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, nobody could tell which symbol of the kernel's configuration is there for what, and may go.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)

# unexplained FILE - the symbols that stand under no reason of theirs: a comment begins a group, an empty
# line or the title of a section ends it, and what the file as a whole is for explains none.
unexplained() {
	awk '
	FNR == 1 { head = 1; said = 0 }
	/^$/ { head = 0; said = 0; next }
	/^# ---/ { said = 0; next }
	/^(# )?CONFIG_/ { if (!said) print; next }
	/^#/ { said = !head }' "$1"
}
# required.config asserts what other fragments set.
for f in "$top"/kernel-config/*.config; do
	case $f in
	*/required.config) ;;
	*) is "a reason for each symbol of $(basename "$f")" "$(unexplained "$f")" "" ;;
	esac
done

printf '%s\n' '# what the file is for' '# and more' 'CONFIG_A=y' '' 'CONFIG_B=y' '# --- title ---' '# CONFIG_C is not set' \
	'# a reason' 'CONFIG_D=y' '# CONFIG_E is not set' '' 'CONFIG_F=y' >"$tap_tmp/bad.config"
is "one without is found" "$(unexplained "$tap_tmp/bad.config" | xargs)" "CONFIG_A=y CONFIG_B=y # CONFIG_C is not set CONFIG_F=y"
