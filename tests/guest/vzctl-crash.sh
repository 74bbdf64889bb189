#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 time=500 boot=crash
# tools: vzctl vzlist
# SPDX-License-Identifier: GPL-2.0-or-later
#
# start and stop killed at the entry of a system call that changes something:
# status and list tell what is, the next command completes it or removes what
# is left, and the container starts and stops after that. If this fails, a
# killed command leaves a container half there. (create, destroy and set, which
# need no kernel: tests/cli/vzctl-crash.sh.) One call of each step of a start and of
# a stop is taken, and two more of where the container's shell sets its names, other ones each day, or all (tests/lib/crash.sh).
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"
# shellcheck source=tests/lib/crash.sh
. "$(dirname "$0")/../lib/crash.sh"

id=2701
options="--diskspace 128M --ipadd 10.27.0.1 --ipadd 2001:db8:27::1/64 --hostname crash.example.org --nameserver 192.0.2.53"
cuts=mount,umount2,open_tree,move_mount,mount_setattr,ioctl,mkdir,rmdir,unlink,unlinkat,rename,renameat,linkat,symlinkat,fsync,write,bpf,clone,clone3,fork,vfork,kill,pidfd_send_signal,sendto,sendmsg,fchown,fchownat,ftruncate

# The job that the supervisor runs for start, without one: its calls are this process's.
start="--verbose --verbose --supervised start"
look() {
	truth_state=down truth_wrong=
	case $(cat "$CG/$id/ve.state" 2>/dev/null) in
	running* | stopping*) truth_state=running ;;
	esac
	truth_mounted=unmounted
	! grep -q " /vz/root/$id " /proc/self/mountinfo || truth_mounted=mounted
	[ "$(state $id)" = "exist $truth_mounted $truth_state" ] ||
		truth_wrong="status says $(state $id), it is $truth_mounted $truth_state"
	case $(vzlist -a -H -o status $id | xargs) in
	running) [ "$truth_state" = running ] || truth_wrong="listed as running" ;;
	*) [ "$truth_state" = down ] || truth_wrong="listed as down" ;;
	esac
}

# The supervisor may be tidying up meanwhile: what changed under the look is looked at again.
truth() {
	for _ in 1 2 3; do
		look
		[ -n "$truth_wrong" ] || return 0
		sleep 1
	done
	echo "$1: $truth_wrong"
}

# patient COMMAND... - again while the container is locked (9): the supervisor takes away what is left.
patient() {
	for _ in $(seq 50); do
		patient_status=0
		"$@" || patient_status=$?
		[ "$patient_status" -eq 9 ] || return "$patient_status"
		sleep 0.2
	done
	return 9
}

# The next command, one of three in turn, then a whole life.
# shellcheck disable=SC2086
go_on() {
	truth "$1"
	case $truth_state$(($2 % 3)) in
	running*)
		timeout 20 vzctl exec $id true || echo "$1: runs and takes no command"
		patient vzctl --quiet stop $id --fast || echo "$1: does not stop"
		;;
	down0) patient vzctl --quiet start $id && vzctl --quiet stop $id --fast || echo "$1: no start and stop" ;;
	down1)
		patient vzctl --quiet stop $id >/dev/null 2>&1 || [ $? = 31 ] || echo "$1: stop fails"
		[ "$truth_mounted" = unmounted ] || [ -z "$(leftovers $id)" ] || patient vzctl --quiet umount $id || :
		;;
	down2)
		# A whole mount is somebody's, and is unmounted first (41); half of one goes by itself.
		whole=$(grep " /vz/root/$id " /proc/self/mountinfo | grep -cv nodiratime || :)
		patient vzctl --quiet destroy $id 2>"$tap_tmp/why" ||
			{ [ $? = 41 ] && [ "$whole" -gt 0 ] && vzctl --quiet umount $id && vzctl --quiet destroy $id; } ||
			echo "$1: no destroy: $(cat "$tap_tmp/why")"
		vzctl --quiet create $id --ostemplate busybox $options
		vzctl --quiet set $id --netif_add eth0 --save
		;;
	esac
	wait_until 10 sh -c "! pgrep -x vzctl" || echo "$1: a vzctl stays: $(pgrep -ax vzctl)"
	[ -z "$(leftovers $id)" ] || echo "$1: left $(leftovers $id)"
}

after_start() {
	# shellcheck disable=SC2086 # two words
	kill_at "$1" "$2" vzctl $start $id || :
	go_on "start, $1 $2" "$3"
}

# The command that a person gives, which waits for its supervisor: the job goes on without it.
after_front() {
	kill_at "$1" "$2" vzctl --quiet start $id || :
	wait_until 30 sh -c "! pgrep -f '[-]-supervised start $id'" || echo "front end, $1 $2: its job stays"
	go_on "front end, $1 $2" "$3"
}

# The job under its supervisor, which has it run by a program that kills it.
after_job() {
	rm -f "$tap_tmp/began"
	cat >"$tap_tmp/traced" <<END
#!/bin/sh
: >"$tap_tmp/began"
case " \$* " in *" start "*) exec strace -qq -o /dev/null -e trace=$1 -e inject=$1:signal=KILL:when=$2 vzctl "\$@" ;; esac
exec vzctl "\$@"
END
	chmod 755 "$tap_tmp/traced"
	setsid /usr/lib/vesper/vz-supervisor /run/vz/$id $CG/supervisor $id "$tap_tmp/traced" --verbose --verbose -- start \
		>/dev/null 2>&1 3>"$tap_tmp/report" 4<&- 5<&- &
	wait_until 30 test -e "$tap_tmp/began" || echo "job, $1 $2: not begun"
	wait_until 30 sh -c "! pgrep -f '[-]-supervised start $id'" || echo "job, $1 $2: not killed"
	go_on "job, $1 $2" "$3"
}

# after_stop NAME N COUNT [--fast]
# shellcheck disable=SC2086 # nothing or a word
after_stop() {
	patient vzctl --quiet start $id || echo "stop, $1 $2: no start before"
	kill_at "$1" "$2" vzctl --quiet stop $id ${4:-} || :
	go_on "stop ${4:-}, $1 $2" "$3"
}
after_fast_stop() { after_stop "$1" "$2" "$3" --fast; }

# each CALLS FUNCTION - FUNCTION NAME N COUNT for each; it prints what is wrong.
each() {
	each_n=0
	printf '%s\n' "$1" | while read -r name n; do
		each_n=$((each_n + 1))
		"$2" "$name" "$n" "$each_n" </dev/null || echo "$name $n: status $?"
	done
}

# shellcheck disable=SC2086
new_ct $id busybox $options
vzctl --quiet set $id --netif_add eth0 --save
# shellcheck disable=SC2086 # words
list=$(step_points $cuts vzctl $start $id)
diag "start makes $(wc -l <"$tap_tmp/calls") of them: $(cut -d' ' -f1 "$tap_tmp/steps" | uniq -c | xargs)"
is "each step of a start is cut" "$(cut -d' ' -f1 "$tap_tmp/steps" | uniq | xargs)" \
	"kernel mount files cgroup limits devices confine spawn network record ve addresses distribution init supervisor script end"
job=$(cut -d' ' -f2- "$tap_tmp/steps" | spread 1)
# While the container's shell writes its files.
scripts=$(sed -n 's/^distribution //p' "$tap_tmp/steps" | spread 2)
hand=$(sed -n 's/^supervisor \(sendmsg\)/\1/p' "$tap_tmp/steps")
check "the job alone starts it" vzctl exec $id true
# steps - those of the last command that make one of the calls.
steps() { cut -d' ' -f1 "$tap_tmp/steps" | uniq | xargs; }
ends=$(step_points $cuts vzctl --verbose --verbose stop $id --fast)
diag "stop --fast makes $(wc -l <"$tap_tmp/calls") of them: $(cut -d' ' -f1 "$tap_tmp/steps" | uniq -c | xargs)"
is "each step of a stop --fast is cut" "$(steps)" "script halt cgroup network umount record end"
front=$(cut_points $cuts,read,wait4,socketpair 1 vzctl --quiet start $id)
halts=$(step_points $cuts vzctl --verbose --verbose stop $id)
diag "stop makes $(wc -l <"$tap_tmp/calls") of them: $(cut -d' ' -f1 "$tap_tmp/steps" | uniq -c | xargs)"
is "each step of a stop is cut" "$(steps)" "script halt cgroup network umount record end"
is "a killed start" "$(each "$list
$scripts" after_start)" ""
is "a killed start before its supervisor" "$(each "$front" after_front)" ""
is "a killed start under its supervisor" "$(each "$job
$hand" after_job)" ""
is "a killed stop --fast" "$(each "$ends" after_fast_stop)" ""
is "a killed stop" "$(each "$halts" after_stop)" ""
check "after all that it starts" vzctl --quiet start $id
check "and runs" vzctl exec $id true
is "with its names whole" "$(vzctl exec $id 'hostname; cat /etc/hostname; grep -c "# vzctl" /etc/hosts; cat /etc/resolv.conf; ls -A /etc | grep -c "[.]new$"')" "crash.example.org
crash.example.org
1
nameserver 192.0.2.53
0"
check "and stops" vzctl --quiet stop $id
is "and leaves nothing" "$(leftovers $id)" ""
is "no orphan" "$(orphans)" ""

# What cannot be saved is taken back.
vzctl --quiet start $id
mount --bind /etc/vz/conf /etc/vz/conf
mount -o remount,bind,ro /etc/vz/conf
run vzctl set $id --ipadd 10.27.0.2 --save
is "a set that cannot be saved" "$status" 139
mustfail "has not given the address" vzctl exec2 $id 'ip addr show venet0 | grep -q 10.27.0.2'
umount /etc/vz/conf
check "so that it can be given" vzctl --quiet set $id --ipadd 10.27.0.2 --save
check "and taken" vzctl --quiet set $id --ipdel 10.27.0.2 --save
vzctl --quiet stop $id --fast
