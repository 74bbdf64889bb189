#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# on-host
# Without this, a patch could break what mainline promises, and nobody would see it.
exec "$(dirname "$0")/../../scripts/kselftest" run
