#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# on-host
# limit: 5400
# Without this, a patch could break what mainline promises, and nobody would see it.
# (The limit is for a version without a baseline: base is built and run eight times.)
exec "$(dirname "$0")/../../scripts/kselftest" run
