#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 boot=terminal time=600
# tools: vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A person and a program in a container: if this fails, the terminal of enter is
# none, or the person's own is left broken, or exec loses bytes or a signal.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"
# shellcheck source=tests/lib/pty.sh
. "$(dirname "$0")/../lib/pty.sh"

id=2140
new_ct $id busybox --hostname entered
vzctl --quiet start $id
export TERM=vt220

# --- enter, at a terminal ---
at_terminal vzctl enter $id --exec 'stty size' <<'END'
test the size is there before the program can ask
expect 24 80\r\n
status 0
mode cooked
END

at_terminal vzctl enter $id <<'END'
test enter makes the terminal raw and gives a prompt
expect entered into CT 2140
mode raw
expect #
test what is typed is echoed once, by the inside
send echo he''re $(hostname) $TERM $(tty)\r
expect echo he''re
absent echo he''re
expect here entered vt220 /dev/pts/
test stty size is that of the outer terminal
send stty size\r
expect 24 80\r\n
test a resize comes in
size 50 132
pause 500
send stty size\r
expect 50 132\r\n
test and a program inside is told
send sh -c 'trap "echo res''ized; stty size" WINCH; echo rea''dy; while :; do sleep 1; done'\r
expect ready
size 33 77
expect resized\r\n
expect 33 77\r\n
test ^C ends the program and not the shell
send \x03
pause 500
send sleep 1000; echo no''t here\r
pause 500
send \x03
pause 500
send echo al''ive\r
expect alive
absent not here
test ^Z stops it
send sleep 1001\r
pause 500
send \x1a
expect Stopped
send kill -9 %1; sleep 1; echo go''ne\r
expect gone
test control characters pass
send stty raw -echo; echo no''w; head -c 4 | od -An -tx1; stty sane\r
expect now
send \x01\x03\x1aX
expect 01 03 1a 58
test much output comes whole
send seq 60000 | tail -n 59999; echo do''ne\r
expect 59999\r\n60000\r\ndone\r\n
test the status is passed on
send exit 7\r
expect exited from CT 2140
status 7
test the terminal is as it was
mode cooked
END

at_terminal vzctl enter $id <<'END'
test ^D ends the shell
mode raw
expect #
send \x04
status 0
mode cooked
END

at_terminal vzctl enter $id <<'END'
test a signal to vzctl ends what is inside, and the terminal is as it was
mode raw
expect #
send echo u''p\r
expect up
signal 15
status 129
mode cooked
END

at_terminal vzctl enter $id <<'END'
test a terminal that goes away takes the shell with it
mode raw
expect #
send sleep 4321\r
pause 1000
do vzctl exec 2140 ps | grep -q 'sleep 432[1]'
hangup
status 129
do ! vzctl exec 2140 ps | grep -q 'sleep 432[1]'
END

for how in '--fast' ''; do
	sed "s/@HOW@/$how/" <<'END' >"$tap_tmp/stopped"
test the container is stopped under it (stop @HOW@)
mode raw
expect #
send echo u''p\r
expect up
do vzctl --quiet stop 2140 @HOW@
status 137
mode cooked
END
	at_terminal vzctl enter $id <"$tap_tmp/stopped"
	vzctl --quiet start $id
done

# --- exec, at a terminal ---
at_terminal vzctl exec2 $id 'tty; stty size; echo mine >/dev/tty; exit 9' <<'END'
test exec2 has a terminal of the container, with the size, before the program can ask
expect /dev/pts/
expect 24 80\r\n
test which is the controlling one
expect mine\r\n
test the status is passed on
status 9
mode cooked
END

at_terminal vzctl exec2 $id 'trap "echo resized; stty size" WINCH; echo ready; while :; do sleep 1; done' <<'END'
test a resize comes in, and the program is told
expect ready
mode raw
size 33 77
expect resized\r\n
expect 33 77\r\n
test ^C ends the program
send \x03
status 130
mode cooked
END

at_terminal vzctl exec2 $id 'cat; echo over; read x; echo got $x >&2; exit 3' <<'END'
test what is typed is echoed once, and ^D is an end of input and not of the terminal
send one\r
expect one\r\none\r\n
send \x04
expect over\r\n
send two\r
expect two\r\ngot two\r\n
status 3
END

at_terminal vzctl exec $id 'exit 9' <<'END'
test exec at a terminal tells only that it did not go well
status 8
mode cooked
END

at_terminal vzctl exec2 $id 'sleep 5321 & setsid sleep 5322 & sleep 1; echo bye' <<'END'
test exec with something left in the background returns
expect bye
status 0
mode cooked
test what is on the terminal gets SIGHUP then, and what has left it goes on
do ! vzctl exec 2140 ps | grep -q 'sleep 532[1]'
do vzctl exec 2140 ps | grep -q 'sleep 532[2]'
do vzctl exec 2140 'kill $(pidof sleep)'
END

at_terminal vzctl exec2 $id 'echo up; sleep 5323' <<'END'
test a terminal that goes away takes the program with it
expect up
mode raw
hangup
status 129
do ! vzctl exec 2140 ps | grep -q 'sleep 532[3]'
END

cat >"$tap_tmp/pipes" <<END
set -m
vzctl exec2 $id 'test -t 1 && echo tty 0 || echo pipe 0' </dev/null
vzctl exec2 $id 'test -t 1 && echo tty 1 || echo pipe 1' | cat
vzctl exec2 $id 'test -t 1 && echo tty 2 || echo pipe 2' 2>/dev/null
vzctl exec2 $id 'test -t 1 && echo tty 3 || echo pipe 3' &
wait \$!
END
at_terminal sh "$tap_tmp/pipes" <<'END'
test without one of the three it has pipes, and in the background, where it is not stopped
expect pipe 0
expect pipe 1
expect pipe 2
expect pipe 3
status 0
mode cooked
END

# --- exec, with pipes ---
head -c 1000000 /dev/urandom >"$tap_tmp/bytes"
want=$(md5sum <"$tap_tmp/bytes")
is "a megabyte of any bytes in" "$(vzctl exec $id md5sum <"$tap_tmp/bytes")" "$want"
is "in and out again" "$(vzctl exec $id cat <"$tap_tmp/bytes" | md5sum)" "$want"
is "from a pipe" "$(cat "$tap_tmp/bytes" | vzctl exec $id cat | md5sum)" "$want"
is "more out than in" "$(vzctl exec $id od -An -v -tx1 <"$tap_tmp/bytes" | md5sum)" \
	"$(od -An -v -tx1 <"$tap_tmp/bytes" | md5sum)"
is "to one who reads late" "$(vzctl exec $id cat <"$tap_tmp/bytes" | { sleep 3; md5sum; })" "$want"
is "what is left in the pipe at the end" \
	"$(vzctl exec $id 'head -c 65536 /dev/zero; sleep 1; head -c 10000 /dev/zero' | { sleep 5; wc -c; })" 75536
vzctl exec $id 'head -c 300000 /dev/zero; head -c 200000 /dev/zero >&2' >"$tap_tmp/1" 2>"$tap_tmp/2"
is "both outputs, apart" "$(wc -c <"$tap_tmp/1") $(wc -c <"$tap_tmp/2")" "300000 200000"
is "a reader that goes away" "$(timeout 20 vzctl exec $id yes | head -n 1)" y
is "a program that takes no input" "$(yes | timeout 20 vzctl exec $id echo over)" over
is "closed input is an end" "$(timeout 20 vzctl exec $id 'cat; echo end' <&-)" end
is "so is /dev/null" "$(timeout 20 vzctl exec $id 'cat; echo end' </dev/null)" end
check "closed output is no failure" sh -c "timeout 20 vzctl exec $id true >&- 2>&-"
is "one that goes on writing in the background is left" \
	"$(timeout 20 vzctl exec $id 'yes & echo first' | head -n 1 | grep -c .)" 1
timeout 20 vzctl exec $id 'while echo x; do :; done & :' >/dev/null </dev/null || status=$?
is "and not waited for" "$status" 0

status=0
vzctl exec2 $id 'exit 77' </dev/null || status=$?
is "status" "$status" 77
n=0
for sig in INT TERM HUP QUIT; do
	# The shell inside waits for its child: 5 if that alone gets the signal, a long time if the shell alone does.
	n=$((n + 1))
	status=0
	vzctl exec2 $id "trap 'exit 66' $sig; sleep 4$n; exit 5" </dev/null >"$tap_tmp/out" 2>&1 &
	pid=$!
	wait_until 20 sh -c "vzctl exec $id ps | grep -q 'sleep [4]$n'" || diag "not seen: $(cat "$tap_tmp/out")"
	start=$(date +%s)
	kill -s $sig $pid || :
	wait $pid || status=$?
	like "SIG$sig reaches the program and its children" "$status $(($(date +%s) - start))" '^66 [0-9]$'
done
mustfail "nothing of it is left" sh -c "vzctl exec $id ps | grep -q 'sleep [4]'"

# --- what the container does with it ---
is "a program opens its output by name" \
	"$(vzctl exec $id 'echo out >/dev/stdout; echo err >/dev/stderr; cat </dev/stdin' </dev/null 2>&1 | xargs)" "out err"
vzctl exec2 $id "trap '' TERM; sleep 444; sleep 445" </dev/null >/dev/null 2>&1 &
pid=$!
wait_until 20 sh -c "vzctl exec $id ps | grep -q 'sleep 44[4]'" || :
kill $pid
sleep 1
kill $pid
status=0
wait $pid || status=$?
is "the second signal is not to be ignored" "$status" 137
echo 1 >$CG/$id/init/cgroup.freeze
start=$(date +%s)
timeout 5 vzctl exec $id true || status=$?
like "a container that stops who enters does not hold us" "$status $(($(date +%s) - start))" '^124 ([5-9]|1[0-9])$'
echo 0 >$CG/$id/init/cgroup.freeze
vzctl exec $id 'head -c 100000 /dev/zero' 2>/dev/null | { sleep 300; cat >/dev/null; } &
reader=$!
wait_until 20 sh -c "! vzctl exec $id ps | grep -q 'head -[c]'" || :
check "a reader that does not read does not keep it from stopping" timeout 50 vzctl stop $id
kill $reader 2>/dev/null || :

# An init that we do not know is asked by a program of the tenant's.
vzctl --quiet mount $id
root=/vz/root/$id
cp $root/bin/busybox $root/bin/other
ln -sf /bin/other $root/sbin/init
rm $root/sbin/halt
printf '#!/bin/sh\nsleep 1000\n' >$root/sbin/halt
chmod 755 $root/sbin/halt
vzctl --quiet umount $id
vzctl --quiet set $id --stop-timeout 8 --save
vzctl --quiet start $id
start=$(date +%s)
check "one that does not halt when it is asked is stopped" timeout 100 vzctl stop $id
check "once its time is over" test $(($(date +%s) - start)) -lt 60
is "and nothing is left" "$(leftovers $id)" ""
