#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 boot=terminal time=300
# tools: vzctl vzlist
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The supervisor and the console it holds: if this fails, a container that
# reboots or halts by itself is left lying, or one hangs on its console, or
# goes down with a process of the host.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"
# shellcheck source=tests/lib/pty.sh
. "$(dirname "$0")/../lib/pty.sh"

id=2150
new_ct $id busybox --hostname watched --ipadd 10.21.5.1
init() { sed -n 's/INIT_PID="\(.*\)"/\1/p' /run/vz/$id/state; }
supervisor() { pgrep -f "^vz-supervisor /run/vz/$id " || :; }

# --- who it is ---
is "what start says comes whole, and nothing holds the pipe" \
	"$(timeout 60 vzctl start $id | tail -n 1)" "Container start in progress..."
one=$(supervisor)
is "one supervisor" "$(echo "$one" | wc -w)" 1
is "it is the parent of init" "$(awk '{ print $4 }' /proc/"$(init)"/stat)" "$one"
like "it is outside of the container" "$(cat /proc/"$one"/cgroup)" '^0::/vz.slice/supervisor$'
is "and in no session of ours" "$(awk '{ print $6 }' /proc/"$one"/stat)" "$one"
rss=$(awk '$1 == "VmRSS:" { print $2 }' /proc/"$one"/status)
diag "it takes $rss KiB"
check "under 1 MiB" test "$rss" -lt 1024
is "it holds nothing of who started it" "$(readlink /proc/"$one"/fd/0 /proc/"$one"/fd/1 /proc/"$one"/fd/2 | sort -u)" /dev/null

# --- the console ---
is "/dev/console is a terminal of the container" "$(vzctl exec $id 'stat -c "%F %t" /dev/console')" "character special file 88"
at_terminal vzctl console $id <<'END'
test what init said before anybody looked is there
expect press Enter
mode raw
send \r
expect #
test what is typed gets there
send echo he''re $(tty) $(hostname)\r
expect here /dev/
expect watched
test so does the size of the terminal
send stty size\r
expect 24 80\r\n
size 50 132
pause 500
send stty size\r
expect 50 132\r\n
test and ^C
send sleep 1000\r
pause 500
send \x03
pause 300
send echo al''ive\r
expect alive
test an Esc alone is the container's
send stty raw -echo; echo no''w; head -c 1 | od -An -tx1; stty sane\r
expect now
send \x1b
expect 1b
test Esc . leaves it
send \x1b.
expect Detached from CT 2150
status 0
mode cooked
END
like "without a terminal it shows what was said" "$(timeout 20 vzctl console $id </dev/null)" 'watched'
run vzctl console $id 2
is "there is one only" "$status" 21

# A viewer that does not read, and a container that writes all the time.
vzctl console $id >/dev/null </dev/tty0 2>/dev/null & # no such terminal: ends by itself
# shellcheck disable=SC2016 # expands inside
check "a container that floods its console does not wait for anybody" \
	timeout 60 vzctl exec2 $id 'head -c 2000000 /dev/zero | tr "\0" x >/dev/console'
sleep 100 | vzctl console $id | { sleep 5; wc -c >"$tap_tmp/seen"; } &
viewer=$!
check "nor for one who looks and does not read" \
	timeout 60 vzctl exec2 $id 'head -c 2000000 /dev/zero | tr "\0" y >/dev/console'
kill $viewer 2>/dev/null || :
pkill -x sleep || :
is "and lives" "$(state $id)" "exist mounted running"
check "its supervisor takes less than 1 MiB after all that" test "$(awk '$1 == "VmRSS:" { print $2 }' /proc/"$one"/status)" -lt 1024

# --- reboot, halt, death ---
old=$(init)
vzctl exec $id reboot </dev/null >/dev/null 2>&1 || :
check "a reboot inside starts it again" wait_until 60 sh -c \
	"vzctl status $id | grep -q running && grep -q INIT_PID /run/vz/$id/state && ! grep -q 'INIT_PID=\"$old\"' /run/vz/$id/state"
is "under the same supervisor" "$(supervisor)" "$one"
check "with its address" wait_until 20 ping -c 1 -W 5 10.21.5.1
like "and a console" "$(timeout 20 vzctl console $id </dev/null)" 'press Enter'
vzctl exec $id poweroff </dev/null >/dev/null 2>&1 || :
check "a halt inside ends it" wait_until 60 sh -c "[ \"\$(vzctl status $id | cut -d' ' -f3-)\" = 'exist unmounted down' ]"
check "the supervisor goes too" wait_until 20 sh -c "! kill -0 $one"
is "nothing is left" "$(leftovers $id)" ""

vzctl --quiet start $id
kill -9 "$(init)"
check "an init that is killed ends it" wait_until 60 sh -c "[ \"\$(vzctl status $id | cut -d' ' -f3-)\" = 'exist unmounted down' ]"
is "nothing is left of that either" "$(leftovers $id)" ""

# --- a supervisor that dies ---
vzctl --quiet start $id
old=$(init)
kill -9 "$(supervisor)"
is "the container goes on" "$(vzctl status $id | cut -d' ' -f3-)" "exist mounted running"
is "the next command works" "$(vzctl exec $id echo here)" here
is "and gave it another one" "$(supervisor | wc -w)" 1
is "init is the same" "$(init)" "$old"
like "there is a console again" "$(vzctl exec $id 'echo new console >/dev/console'; timeout 20 vzctl console $id </dev/null)" 'new console'
is "mounted once" "$(vzctl exec $id 'grep -c /dev/console /proc/mounts')" 1
for n in 1 2 3 4; do vzctl exec $id "true $n" & done
wait
kill -9 "$(supervisor)"
for n in 1 2 3 4; do vzctl exec $id "true $n" & done
wait
is "four commands at once make one" "$(supervisor | wc -w)" 1
vzctl exec $id reboot </dev/null >/dev/null 2>&1 || :
check "that one starts it again, too" wait_until 60 sh -c \
	"vzctl status $id | grep -q running && grep -q INIT_PID /run/vz/$id/state && ! grep -q 'INIT_PID=\"$old\"' /run/vz/$id/state"
kill -9 "$(supervisor)"
check "stop works without one" vzctl stop $id
is "and leaves nothing" "$(leftovers $id)" ""

# Init ends before any command has given it another: nobody is there who could tidy up.
vzctl --quiet start $id
kill -9 "$(supervisor)"
kill -USR1 "$(init)" # busybox: halt
check "without one a halt is seen" wait_until 60 sh -c "[ \"\$(vzctl status $id | cut -d' ' -f3-)\" = 'exist mounted down' ]"
is "it is not listed as running" "$(vzlist -H -o ctid | grep -wc $id || :)" 0
run vzctl exec $id true
is "and takes no command" "$status" 31
check "it starts again" vzctl --quiet start $id
is "under a supervisor" "$(supervisor | wc -w)" 1
is "mounted once" "$(grep -c " /vz/root/$id " /proc/self/mountinfo)" 1
check "and runs" vzctl exec $id true
kill -9 "$(supervisor)"
kill -TERM "$(init)" # busybox: reboot
check "nor does a reboot start it" wait_until 60 sh -c "[ \"\$(vzctl status $id | cut -d' ' -f3-)\" = 'exist mounted down' ]"
run vzctl --quiet stop $id
is "a stop says that it does not run" "$status" 31
is "and takes away what is left" "$(state $id) $(leftovers $id)" "exist unmounted down "

# --- who starts it may end, tools may change ---
mkdir "$tap_tmp/bin"
cp "$(command -v vzctl)" "$(dirname "$(command -v vzctl)")/vz-supervisor" "$tap_tmp/bin/" 2>/dev/null ||
	cp "$(command -v vzctl)" /usr/lib/vesper/vz-supervisor "$tap_tmp/bin/"
setsid sh -c "$tap_tmp/bin/vzctl --quiet start $id; kill -HUP 0; kill -9 0" || :
is "it outlives the session that started it" "$(state $id)" "exist mounted running"
cp "$(command -v vzctl)" "$tap_tmp/bin/new"
mv "$tap_tmp/bin/new" "$tap_tmp/bin/vzctl"
rm "$tap_tmp/bin/vz-supervisor"
vzctl exec $id poweroff </dev/null >/dev/null 2>&1 || :
check "new tools under a running supervisor: what is left is taken away" \
	wait_until 60 sh -c "[ \"\$(vzctl status $id | cut -d' ' -f3-)\" = 'exist unmounted down' ]"

run vzctl console $id
is "a container that is down has no console" "$status" 31
