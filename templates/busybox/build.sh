#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
set -eu
# shellcheck source=templates/lib/busybox.sh
. "$VZTMPL_LIB/busybox.sh"
umask 022
build
