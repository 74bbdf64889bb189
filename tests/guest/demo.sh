#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# on-host: tools
#
# What the README shows first, as a newcomer types it: if this fails, `make demo`
# ends early or shows something else, or `make shell` is no shell on that host.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/pty.sh
. "$(dirname "$0")/../lib/pty.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
unset VESPER_APPEND KERNEL MEMORY

run make -s -C "$top" demo
is "make demo" "$status" 0
after() { awk -v c="~]# $1" 'index($0, c) { on = 1; next } /^(\[root@|demo: )/ { on = 0 } on'; }
shown() { printf '%s\n' "$output" | after "$1"; }
# The same of README's transcript, and what of both does not change from day to day.
promised() { sed -n '/^    \[root@vesper ~\]# uname/,/^[^ ]/s/^    //p' "$top/README.md" | after "$1"; }
shape() { sed -E 's/[0-9]+([.:-][0-9]+)*/N/g; s/ +/ /g; s/ $//' | grep .; }
like "the kernel is ours" "$(shown 'uname -r')" '^6\.12\.[0-9]+-vesper$'
like "the template is there" "$(shown 'vztmpl list')" '^debian-12 .* ok$'
like "systemd inside is content" "$(shown 'vzctl exec 101 '\''until')" '^running$'
like "init is process 1" "$(shown 'vzctl exec 101 ps ax')" '^ +1 .* init( |$)'
is "nothing of the host is seen" "$(shown 'vzctl exec 101 ps ax' | grep -E 'kthreadd|vz-supervisor|agent' || :)" ""
is "its own name, and a container" "$(shown 'vzctl exec 101 '\''hostname' | grep . | sed -n '1p;$p' | xargs)" "ct101 openvz"
like "the host reaches it" "$(shown 'ping -c 3 10.0.0.101')" '3 packets transmitted, 3 received'
like "it reaches the host" "$(shown 'vzctl exec 101 ping')" '3 packets transmitted, 3 received'
is "listed while it runs, and after" "$(printf '%s\n' "$output" | awk '$1 == 101 { print $3, $4, $5 }' | xargs)" \
	"running 10.0.0.101 ct101 stopped 10.0.0.101 ct101"

while read -r line; do
	case $line in
	*' ps ax') ;; # which of them have come up is a matter of seconds
	*) is "README has the lines of: $line" "$(promised "$line" | shape)" "$(shown "$line" | shape)" ;;
	esac
	case $line in
	'vztmpl list' | 'vzlist -a' | *' ps ax')
		is "README has the columns of: $line" "$(promised "$line" | head -n 1)" "$(shown "$line" | head -n 1)" ;;
	esac
done <<END
$(sed -n 's/^    \[root@vesper ~\]# //p' "$top/README.md" | sort -u)
END

# ct101 was made on a copy that is gone.
export TERM=vt220
pty_limit=200
at_terminal make -s -C "$top" shell <<'END'
test make shell is a root shell on that host
mode raw
expect #
send vztmpl list; vzlist -a; id -un\r
expect debian-12
expect root\r\n
send exit 0\r
status 0
mode cooked
END
