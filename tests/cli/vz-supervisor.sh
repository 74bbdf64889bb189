#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The program beside each container stands alone: if this fails, an upgrade of a
# library reaches what runs, and each container holds its pages.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires vz-supervisor readelf
program=$(command -v vz-supervisor)

run readelf -lW "$program"
is "it is an executable that is read" "$status" 0
is "static: it asks for no interpreter" "$(printf '%s\n' "$output" | grep -c INTERP)" 0
is "and for no library" "$(readelf -dW "$program" | grep -c NEEDED)" 0
run vz-supervisor
is "it is not for people" "$status $output" "2 vz-supervisor is started by vzctl"
