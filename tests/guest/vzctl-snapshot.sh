#!/bin/bash
# guest: kernel=plain root=host mem=3072 smp=1 boot=images time=300
# tools: vzctl ploop
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Snapshots of a container that runs and writes: made by vzctl, consistent, looked
# at, gone back to with the configuration of then, given up; a command that is
# killed leaves the container, and a list that says what there is. If this fails,
# who goes back to a snapshot gets another state, or loses the container.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"
# shellcheck source=tests/lib/crash.sh
. "$(dirname "$0")/../lib/crash.sh"
requires ploop dmsetup e2fsck strace

id=911 private=/vz/private/911 conf=/etc/vz/conf/911.conf
one=11111111-0000-4000-8000-000000000001
two=22222222-0000-4000-8000-000000000002
old=$tap_tmp/old open=/tmp/vzctl-snapshot-open
mkdir "$old"
mkdir -m 755 "$open"
cleanup_fn "umount $old $open 2>/dev/null || :; rmdir $open"
new_ct $id busybox --layout ploop:expanded --full --diskspace 256M
list() { vzctl snapshot-list $id -H -o "$1" | sed 's/ *$//'; }
inside() { vzctl exec2 $id "$@"; }
conf_of() { sed -n "s/^$1=\"\(.*\)\"/\1/p" "$conf"; }

# --- of one that runs ----------------------------------------------------------------
check "start" vzctl --quiet start $id
# Every line is on the disk before the next.
inside 'n=0; (while [ ! -e /stop ]; do n=$((n + 1)); echo $n >>/log; sync; done) >/dev/null 2>&1 </dev/null &
	echo before >/word; until [ -s /log ]; do usleep 10000; done'
before=$(inside 'wc -l </log')
run vzctl snapshot $id --id "$one" --name one --description "the first"
is "a snapshot of a running container" "$status" 0
like "whose processes are not in it" "$output" '^vzctl: warning: container 911 runs: its disk is kept, its processes are not'
like "is told" "$output" "^Snapshot \{$one\} has been successfully created$"
after=$(inside 'wc -l </log')
check "it goes on" wait_until 20 sh -c "[ \$(vzctl exec2 $id 'wc -l </log') -gt $((after + 2)) ]"
inside 'echo after >/word'
check "change it" vzctl --quiet set $id --hostname later.example --save
run vzctl snapshot $id --id "{$two}" --skip-suspend --skip-config
is "another one" "$status" 0
is "with nothing to warn of" "$(grep -c warning <<<"$output" || :)" 0
is "the list" "$(list parent_uuid,current,uuid,name,desc | sed 's/  */ /g')" " {$one} one the first
{$one} * {$two}"
like "the date" "$(list date,uuid)" "^20[0-9-]{8} [0-9:]{8} \{$one\}\$"
is "the configuration of the first is kept, of the second not" "$(ls $private/dump)" "{$one}.ve.conf"
like "as OpenVZ's scripts look for it" "$(cat $private/Snapshots.xml)" "<SavedStateItem guid=\"\{$two\}\" current=\"yes\">"

# --- looked at -----------------------------------------------------------------------
run vzctl snapshot-mount $id --id "$one" --target "$old"
is "mount it beside the container that runs" "$status" 0
is "in a closed directory" "$(grep -c warning <<<"$output" || :)" 0
is "it says what was" "$(cat "$old/word")" before
got=$(wc -l <"$old/log")
check "the writer's log is of then ($before, $got, $after)" test "$got" -ge "$before" -a "$got" -le "$((after + 1))"
check "with no gap" test "$(seq "$got")" = "$(cat "$old/log")"
mustfail "to be read only" touch "$old/x"
like "without set-uid and devices" "$(grep " $old " /proc/mounts)" ' ro,nosuid,nodev'
is "the list has it" "$(list uuid,target | grep "$one")" "{$one} $old"
like "and its device" "$(list device,uuid)" "^/dev/dm-[0-9]+ +\{$one\}\$"
run vzctl snapshot-mount $id --id "$one" --target "$open"
is "not twice" "$status" 41
like "says where" "$output" "mounted on '$old' already"
run vzctl snapshot-delete $id --id "$one"
is "and not deleted" "$status" 158
like "says why" "$output" "is mounted on '$old' \(snapshot-umount comes first\)"
run vzctl destroy $id
is "no destroy of what runs" "$status" 32
check "unmount" vzctl snapshot-umount $id --id "$one"
run vzctl snapshot-umount $id --id "$one"
is "once" "$status" 40
run vzctl snapshot-mount $id --id "$one" --target "$open"
is "in an open directory" "$status" 0
like "a line says so" "$output" "warning: .* is open to others"
check "unmount" vzctl --quiet snapshot-umount $id --id "$one"
run vzctl snapshot-mount $id --id "$one" --target "$tap_tmp/none"
is "a missing target" "$status" 160
three=33333333-0000-4000-8000-000000000003
check "a third" vzctl --quiet snapshot $id --id "$three" --skip-suspend --name three
now=$(inside 'wc -l </log')
run vzctl snapshot-delete $id --id "$three"
is "goes while it runs" "$status" 0
is "the list is as before, nothing is in it that has no name" "$(list uuid)" "{$one}
{$two}"
check "it goes on" wait_until 20 sh -c "[ \$(vzctl exec2 $id 'wc -l </log') -gt $((now + 2)) ]"

# --- gone back to ----------------------------------------------------------------------
inside 'touch /late'
run vzctl snapshot-switch $id --id 33333333-0000-4000-8000-000000000003
is "not to one that there is not" "$status" 159
is "and it runs on" "$(state $id)" "exist mounted running"
printf '%s\n' 'HOSTNAME="$(id)"' >"$private/dump/{$two}.ve.conf"
run vzctl snapshot-switch $id --id "$two"
is "not with a configuration that is none" "$status" 85
is "and it runs on" "$(state $id)" "exist mounted running"
rm "$private/dump/{$two}.ve.conf"
run vzctl snapshot-switch $id --id "$one" --skip-resume
is "go back: it is stopped for that" "$status" 0
like "which is told" "$output" '^Stopping container'
is "and stays stopped" "$(state $id)" "exist unmounted down"
is "the configuration is that of then" "$(conf_of HOSTNAME)" ""
is "the disk stands on the first" "$(list current,uuid)" "* {$one}
  {$two}"
check "start" vzctl --quiet start $id
is "the word of then" "$(inside 'cat /word')" before
is "the log of then" "$(inside 'wc -l </log')" "$got"
is "its processes are gone" "$(inside 'sleep 1; wc -l </log')" "$got"
run inside 'ls /late'
is "what came later is gone" "$status" 1
check "set another name" vzctl --quiet set $id --hostname branch.example --save
check "back to the second, without the configuration" vzctl --quiet snapshot-switch $id --id "$two" --skip-config
is "which stays" "$(conf_of HOSTNAME)" branch.example
vzctl --quiet mount $id
is "its word" "$(cat /vz/root/$id/word)" after
check "from a mounted container" vzctl snapshot-switch $id --id "$one" --skip-config
is "which is unmounted for that" "$(state $id)" "exist unmounted down"

# --- given up ----------------------------------------------------------------------------
check "delete the branch" vzctl snapshot-delete $id --id "$two"
is "the other one is left" "$(list current,uuid,name)" "* {$one} one"
check "delete that" vzctl snapshot-delete $id --id "$one"
is "none is left" "$(list uuid)" ""
is "nor a configuration" "$(ls $private/dump)" ""
is "nor another file" "$(find $private/root.hdd -name 'root.hds*' | wc -l)" 1
check "start" vzctl --quiet start $id
is "the disk has the first one's word" "$(inside 'cat /word')" before

# --- killed ---------------------------------------------------------------------------------
cuts=renameat,linkat,unlinkat,ioctl,fsync
points=${CRASH_POINTS:-4}
points_of() { cut_points $cuts "$points" "$@"; }
names() { list uuid | sort; }
# Files and configurations are those of what is listed, and of nothing else.
settled() {
	is_there=$(names)
	[ "$(grep -o 'guid="{[^"]*' $private/Snapshots.xml | cut -d'"' -f2 | sort)" = "$is_there" ] || echo "$1: $(cat $private/Snapshots.xml)"
	for f in "$private"/dump/*; do
		[ ! -e "$f" ] || grep -qxF "$(basename "$f" .ve.conf)" <<<"$is_there" || echo "$1: $f is left"
	done
	[ "$(find $private/root.hdd -name 'root.hds*' | wc -l)" = "$(($(grep -c . <<<"$is_there") + 1))" ] || echo "$1: $(ls $private/root.hdd)"
}
each() {
	while read -r name n; do
		"$2" "$name" "$n" </dev/null || echo "$name $n: status $?"
	done <<<"$1" 2>/dev/null
}
after_make() {
	inside "echo $1 $2 >/n"
	kill_at "$1" "$2" vzctl --quiet snapshot $id --name "$1 $2" || :
	is_whole=$(vzctl snapshot-list $id -H -o name | sed -n "s/^$1 $2 *\$/x/p")
	[ -z "$is_whole" ] || [ "$(find $private/dump -name '*.ve.conf' | wc -l)" -ge "$(names | wc -l)" ] || echo "$1 $2: no configuration"
	[ "$(inside 'cat /n')" = "$1 $2" ] || echo "$1 $2: the container has lost its disk"
}
make=$(points_of vzctl --quiet snapshot $id)
diag "snapshot makes $(wc -l <"$tap_tmp/calls") of them"
is "a killed snapshot" "$(each "$make" after_make)" ""
check "the next one comes" vzctl --quiet snapshot $id --skip-suspend
is "and clears up" "$(settled snapshot)" ""
check "stop" vzctl --quiet stop $id --fast
first=$(names | head -n 1 | tr -d '{}') last=$(list current,uuid | sed -n 's/^\* //p')
after_switch() {
	kill_at "$1" "$2" vzctl --quiet snapshot-switch $id --id "$first" || :
	vzctl --quiet snapshot-switch $id --id "$first" || echo "$1 $2: no switch after it"
	settled "$1 $2"
	vzctl --quiet snapshot-switch $id --id "$last" || echo "$1 $2: no switch back"
}
moves=$(points_of vzctl --quiet snapshot-switch $id --id "$first")
vzctl --quiet snapshot-switch $id --id "$last"
is "a killed switch" "$(each "$moves" after_switch)" ""
after_delete() {
	uuid=$(names | head -n 1)
	kill_at "$1" "$2" vzctl --quiet snapshot-delete $id --id "$uuid" || :
	if names | grep -qxF "$uuid"; then
		vzctl --quiet snapshot-delete $id --id "$uuid" || echo "$1 $2: no delete after it"
	else
		! vzctl --quiet snapshot-delete $id --id "$uuid" 2>/dev/null || echo "$1 $2: deleted twice"
	fi
	settled "$1 $2"
}
uuid=$(names | head -n 1)
ends=$(points_of vzctl --quiet snapshot-delete $id --id "$uuid")
is "a killed delete" "$(each "$(head -n "$(names | wc -l)" <<<"$ends")" after_delete)" ""
check "the disk is sound" ploop check $private/root.hdd
check "start" vzctl --quiet start $id
like "with a word that was written" "$(inside 'cat /n')" "^[a-z0-9]+ [0-9]+$"
check "stop" vzctl --quiet stop $id --fast

# --- raw, and the end -------------------------------------------------------------------------
new_ct 912 busybox --layout ploop:raw --diskspace 64M
check "start a container with a raw disk" vzctl --quiet start 912
run vzctl snapshot 912
is "no snapshot while it runs" "$status" 156
like "by name" "$output" 'raw image'
is "and nothing left of it" "$(vzctl snapshot-list 912 -H)$(ls /vz/private/912/dump)" ""
check "stop" vzctl --quiet stop 912 --fast
check "then one" vzctl snapshot 912 --id $one
check "it starts" vzctl --quiet start 912
check "the raw one is mounted" vzctl --quiet snapshot-mount 912 --id $one --target "$old"
check "and says what was" test -x "$old/bin/busybox"
check "stop" vzctl --quiet stop 912 --fast
run vzctl destroy 912
is "no destroy while a snapshot is mounted" "$status" 41
like "by name" "$output" "snapshot \{$one\} is mounted on '$old'"
check "unmount" vzctl --quiet snapshot-umount 912 --id $one
check "destroy" vzctl --quiet destroy 912
is "nothing is left" "$(ls -d /vz/private/912* 2>/dev/null || :)" ""
check "destroy the other one" vzctl --quiet destroy $id
is "nothing is left" "$(ls -d $private* 2>/dev/null || :)$(dmsetup ls --target ploop | grep -v 'No devices' || :)" ""
