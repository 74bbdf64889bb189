#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# on-host
# Without this, a person at a terminal would have no shell in the guest, or one
# with no job control, of a wrong size, or would be left with a broken terminal.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/pty.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
check "run makes what it needs" "$top/tests/guest/run" -- true
unset VESPER_APPEND KERNEL MEMORY
# As a person calls it.
guest_shell() { at_terminal make -s -C "$top" guest-shell ROOT=mini; }

export TERM=vt220
# A shell of one command: a size that comes late would be seen.
at_terminal "$top/tests/guest/run" -I -- sh -c 'stty size' <<'END'
test the size is there from the first moment
size 31 97
expect 31 97
status 0
mode cooked
END

{
	cat <<'END'
test until the guest is there the terminal is as it was
size 41 101
expect shell: booting the mini root
pause 2000
mode cooked
test then it is raw, with a prompt
mode raw
expect #
test a command's output comes
send echo wor''ks "$(tty)" $TERM\r
expect works /dev/pts/
expect vt220\r\n
test stty size says what the outer terminal has
send stty size\r
expect 41 101\r\n
test a new size comes in
size 50 132
pause 1500
send stty size\r
expect 50 132\r\n
test and a program is told
send sh -c 'trap "echo res''ized; stty size" WINCH; echo rea''dy; while :; do sleep 1; done'\r
expect ready
size 33 77
expect resized\r\n
expect 33 77\r\n
test ^C ends the program and not the shell
send \x03
pause 500
send sleep 1000; echo no''t here\r
pause 1000
send \x03
pause 500
send echo al''ive $$\r
expect alive
absent not here
test ^Z stops it, and it can go on
send sleep 1001\r
pause 1000
send \x1a
expect Stopped
send jobs; kill -9 %1; sleep 1; echo jo''bs\r
expect sleep 1001
expect jobs\r\n
test bytes of other alphabets and control characters pass
send printf '\xc3\xa4' | od -An -tx1\r
expect c3 a4
send stty raw -echo; echo no''w; head -c 4 | od -An -tx1; stty sane\r
expect now
send \x01\x03\x1aX
expect 01 03 1a 58
test much output comes whole
send seq 60000 | tail -n 59999; echo do''ne\r
expect 59999\r\n60000\r\ndone\r\n
test what a program does not take yet does not stop its output, and is kept
send stty raw -echo; echo no''w; sleep 2; seq 60000; head -c 200000 | wc -c; stty sane\r
expect now
END
	# More than the terminal and all between hold.
	printf 'send '
	head -c 200000 /dev/zero | tr '\0' x
	cat <<'END'

expect 59999\n60000\n
expect 200000
test exit ends it
send exit 0\r
status 0
test the terminal is as it was
mode cooked
END
} >"$tap_tmp/session"
guest_shell <"$tap_tmp/session"

guest_shell <<'END'
test ^C before the guest is there gives up
expect shell: booting
pause 2000
send \x03
status 130
mode cooked
END

# Without make, which has a status of its own for what fails.
at_terminal "$top/tests/guest/shell" mini <<'END'
test the status of the shell is passed on
mode raw
expect #
send exit 7\r
status 7
END

at_terminal "$top/tests/guest/shell" mini <<'END'
test a guest that goes away is told on a terminal that works
mode raw
expect #
send echo o >/proc/sysrq-trigger\r
expect run: the guest ended before COMMAND did\r\n
status 98
mode cooked
END

guest_shell <<'END'
test a signal ends the guest and leaves the terminal as it was
mode raw
expect #
send echo u''p\r
expect up
signal 15
status 143
mode cooked
END

# Without a terminal: more comes out than goes in, and both ends are slow.
want=$(head -c 1000000 /dev/zero | od -An -v -tx1 | sha256sum)
got=$(head -c 1000000 /dev/zero | "$top/tests/guest/run" -I -- od -An -v -tx1 | sha256sum)
is "a command that writes more than it reads gets all its input" "$got" "$want"
got=$(yes | head -c 1000000 | timeout 60 "$top/tests/guest/run" -I -- sh -c 'sleep 2; head -c 500000 /dev/zero; cat >&2' 2>/dev/null | wc -c)
is "one that writes much before it reads is not in its own way" "$got" 500000
got=$(head -c 3000000 /dev/urandom | tee "$tap_tmp/sent" | "$top/tests/guest/run" -I -- cat | sha256sum)
is "and any byte passes both ways" "$got" "$(sha256sum <"$tap_tmp/sent")"
is "a command that takes no input ends" "$(yes | "$top/tests/guest/run" -I -- echo over)" over
