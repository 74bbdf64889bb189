#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 time=900
# tools: vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Flags and options of commands, --verbose and the log, with containers that run. If this
# fails, a flag does something else than the page says, or it cannot be read afterwards
# what happened to a container.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"

id=2951
conf=/etc/vz/conf
log=/var/log/vzctl.log
rm -f $log
new_ct $id busybox --disabled yes --noatime yes --ipadd 10.29.51.1
cleanup_fn "rm -f $conf/$id.mount $conf/$id.start $conf/vps.umount"
logged() { sed 's/^[0-9T:+-]* //' $log; }
printf '#!/bin/sh\nexit 0\n' >$conf/$id.mount
printf '#!/bin/sh\nexit 0\n' >$conf/vps.umount
chmod 755 $conf/$id.mount $conf/vps.umount
echo 'echo hello' >$conf/$id.start

run vzctl start $id
is "a disabled one" "$status" 105
run vzctl --verbose start $id --force
is "--force starts it" "$status $(state $id)" "0 exist mounted running"
for what in "the disk in '/vz/private/$id/root.hdd' is device [0-9]+:[0-9]+, mounted on '/vz/root/$id'" \
	"action script '$conf/$id.mount': status 0, [0-9]+ ms" \
	"cgroup '$CG/$id', host ids from [0-9]+ and [0-9]+, 262144 of them" \
	"venet0 is 'venet$id' in the host" "addresses on venet0: 10.29.51.1" \
	"init is process [0-9]+ of the host" "step 'mount' took [0-9]+ ms" \
	"action script '$conf/$id.start', inside: status 0, [0-9]+ ms" "start took [0-9]+ ms"; do
	like "--verbose: $what" "$output" "^vzctl: $what\$"
done
is "no parameter of once" "$(printf '%s\n' "$output" | grep -c PHYSPAGES)" 0
init=$(printf '%s\n' "$output" | sed -n 's/.*init is process \([0-9]*\).*/\1/p')
like "that is its init" "$(cat "/proc/$init/cgroup")" "/$id/"
is "the log" "$(logged | tail -n 4)" "vzctl : CT $id : container $id is disabled (--force starts it)
vzctl : CT $id : Starting container...
vzctl : CT $id : Container is mounted
vzctl : CT $id : Container start in progress..."
like "no access times" "$(vzctl exec $id grep "' / '" /proc/mounts)" 'noatime'
mustfail "nobody inside turns them on" vzctl exec $id mount -o remount,strictatime /
like "from outside too" "$(grep " /vz/root/$id " /proc/self/mountinfo)" 'noatime'
is "nor does anything else change" "$(grep " /vz/root/$id " /proc/self/mountinfo | grep -c nodiratime)" 0

for o in root private; do
	run vzctl set $id --$o /vz/elsewhere/$id --save
	is "set --$o of one that runs" "$status" 32
	like "by name" "$output" "^vzctl: --$o: container $id is running$"
done
run vzctl --verbose --verbose set $id --hostname flags --userpasswd root:sesame --save
like "what a running one is changed to" "$output" "^vzctl: HOSTNAME: from '' to 'flags'$"
is "nothing of a password" "$(cat $log "$conf/$id.conf" | grep -c sesame) $(printf '%s\n' "$output" | grep -c sesame)" "0 0"

# The disk stays.
# Numbers of mounts and devices are used again, this one is not.
disk() { cat "/sys/dev/block/$(awk -v r="/vz/root/$id" '$5 == r { print $3 }' /proc/self/mountinfo)/diskseq"; }
before=$(disk)
run vzctl --verbose stop $id --skip-umount
is "stop --skip-umount" "$status $(state $id)" "0 exist mounted down"
is "leaves the same mount" "$(disk)" "$before"
like "how it was stopped" "$output" "^vzctl: (init, process [0-9]+, is sent signal [0-9]+: halt|'halt' is run inside)$"
like "and what went" "$output" "^vzctl: cgroup '$CG/$id' is removed$"
is "without the scripts" "$(printf '%s\n' "$output" | grep -c umount:)" 0
for o in root private; do
	run vzctl set $id --$o /vz/elsewhere/$id --save
	is "set --$o of one that is mounted" "$status" 41
done
check "start" vzctl start $id --force
is "with that mount" "$(disk)" "$before"
check "restart --skip-umount" vzctl restart $id --force --skip-umount
is "keeps it" "$(state $id) $(disk)" "exist mounted running $before"
check "restart" vzctl restart $id --force --fast
[ "$(disk)" != "$before" ] && ok "does not" || not_ok "does not"

# A failure says what it undoes.
vzctl --quiet stop $id --fast
printf '#!/bin/sh\nexit 1\n' >$conf/$id.start
run vzctl --verbose start $id --force
is "a start script that fails" "$status" 79
like "what is undone" "$output" "^vzctl: step 'mount' is undone$"
like "how it ended" "$output" "^vzctl: action script '$conf/$id.start', inside: status 1, [0-9]+ ms$"
rm $conf/$id.start

# With the lock held by another.
vzctl --quiet set $id --disabled no --save
sh -c 'flock 9; exec sleep 300' 9>/vz/lock/$id.lck &
holder=$!
wait_until 5 sh -c "! flock -n /vz/lock/$id.lck true"
run vzctl start $id
is "a locked one" "$status" 9
check "--skiplock starts it" vzctl --skiplock start $id
is "it runs" "$(state $id)" "exist mounted running"
check "and stops it" vzctl --skiplock stop $id --fast
is "whole" "$(leftovers $id)" ""
kill $holder
wait $holder 2>/dev/null || :

# By itself: the log has it.
vzctl --quiet start $id
rm -f $log
vzctl exec $id poweroff || :
wait_until 30 sh -c "vzctl status $id | grep -q 'unmounted down'" || :
like "an end by itself is in the log" "$(logged)" "^vzctl : CT $id : it ended by itself: "
