#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A container that behaves as a Debian server after its first start.
set -eu
# shellcheck source=templates/lib/debian.sh
. "$VZTMPL_LIB/debian.sh"

suite=bookworm
packages=$server_packages

configure() { configure_server; }

build "$@"
