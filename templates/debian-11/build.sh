#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A container that behaves as a Debian server after its first start.
set -eu
# shellcheck source=templates/lib/debian.sh
. "$VZTMPL_LIB/debian.sh"

suite=bullseye
packages=$server_packages
# This release knows no package that says so: the links are made all the same.
merged_usr=

configure() { configure_server; }

build "$@"
