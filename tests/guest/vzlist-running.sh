#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 time=300
# tools: vzctl vzlist
# SPDX-License-Identifier: GPL-2.0-or-later
#
# vzlist of a container that runs. If this fails, what a panel shows is not what
# the kernel counts and enforces, or it hangs while somebody else works.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"
requires jq flock setpriv

id=2701
new_ct $id busybox --ram 64M --swap 32M --numproc 40 --cpulimit 50 --hostname seen.example --name web$id
value() { cat "$CG/$id/$1"; }
of() { vzlist -H -o "$1" $id | xargs; }
conf=/etc/vz/conf/$id.conf

is "limits of the next start" "$(of physpages.l,swappages.l,numproc.b,physpages,status)" "16384 8192 40 - stopped"
vzctl --quiet mount $id
is "mounted" "$(of status)" mounted
vzctl --quiet umount $id
vzctl --quiet start $id
like "it is listed without -a" "$(vzlist)" "^ *$id +[0-9]+ running +- +seen.example$"
# Both are read one after the other, so not while init still starts its four.
# shellcheck disable=SC2016 # awk's
check "init has started what it starts" wait_until 60 \
	awk '$1 == "numproc" && $2 == 4 { ok = 1 } END { exit !ok }' "$CG/$id/ve.ubc.stat"
sleep 2
is "the kernel's beancounter" "$(of numproc,numproc.m,numproc.b,numproc.l,numproc.f)" \
	"$(awk '$1 == "numproc" { print $2, $3, $4, $5, $6 }' "$CG/$id/ve.ubc.stat")"
is "limits in effect" "$(of physpages.b,physpages.l,swappages.b,swappages.l)" "0 16384 0 8192"
is "what it does not count" "$(of kmemsize,numfile.l,laverage)" "- - -"
near() { awk -v a="$1" -v b="$2" -v d="$3" 'BEGIN { exit !(a - b <= d && b - a <= d) }'; }
check "memory is that of its cgroup" near "$(of physpages)" $(($(value memory.current) / 4096)) 256
is "the most ever held too" "$(of physpages.m)" $(($(value memory.peak) / 4096))

# More than it may have: the kernel kills, and counts.
run timeout 150 vzctl exec2 $id dd if=/dev/zero of=/dev/null bs=120M count=1
check "a failure is counted" test "$(of physpages.f)" -gt 0
is "as the kernel counts it" "$(of physpages.f)" "$(awk '$1 == "oom" { print $2 }' "$CG/$id/memory.events")"
is "swap too, of which this host has none" "$(of swappages,swappages.m)" "0 $(($(value memory.swap.peak) / 4096))"
is "its failures are the kernel's" "$(of swappages.f)" "$(awk '$1 == "fail" { print $2 }' "$CG/$id/memory.swap.events")"

# shellcheck disable=SC2046 # three words
set -- $(vzctl exec $id df -k / | awk 'END { print $2, $3 }')
is "the size of its disk" "$(of diskspace.s,diskspace.h)" "$1 $1"
check "and what is used of it" near "$(of diskspace)" "$2" 64
check "inodes" test "$(of diskinodes)" -gt 50 -a "$(of diskinodes)" -lt "$(of diskinodes.h)"
up=$(vzctl exec $id cat /proc/uptime | cut -d. -f1)
check "its own uptime" near "$(vzlist -j $id | jq '.[0].uptime')" "$up" 5
like "in its form" "$(of uptime)" '^000d00h:0[0-9]m:[0-9]{2}s$'

vzctl --quiet set $id --cpulimit 70 --numproc 50
is "what was set for now" "$(of cpulimit,numproc.b)" "70 50"
like "and not what the file says" "$(cat $conf)" '^CPULIMIT="50"$'
vzctl exec $id 'hostname "$(printf "a\033[2Jb")"' || :
is "what a tenant calls it is nobody's name" "$(of hostname)" seen.example

flock -F /vz/lock/$id.lck sleep 60 &
locker=$!
is_locked() { ! flock -n /vz/lock/$id.lck true; }
check "the lock is held" wait_until 20 is_locked
is "vzlist does not wait for it" "$(timeout 20 vzlist -H -o status $id)" running
is "nor vzctl status" "$(timeout 20 vzctl status $id)" "CTID $id exist mounted running"
check "it is held still" is_locked
kill $locker

vzctl stop $id --fast >/dev/null &
while kill -0 $! 2>/dev/null; do
	s=$(timeout 20 vzlist -H -o status $id) || s=none
	case $s in running | mounted | stopped) ;; *) not_ok "while it stops: '$s'" ;; esac
done
ok "while it stops there is always an answer"
vzctl --quiet start $id

as_user() { setpriv --reuid 65534 --clear-groups vzlist "$@"; }
is "without root" "$(as_user -H -o ctid,status,numproc.b $id | xargs)" "$id running 40"

cp $conf $conf.good
echo 'not a line' >>$conf
run vzlist -H -o ctid,status,hostname,numproc.b
like "a bad file is told" "$output" "^vzlist: $conf:[0-9]+: "
like "and hides nothing that runs" "$output" "^ *$id running +- +40$"
is "nor fails" "$status" 0
rm $conf
like "so when it is gone" "$(vzlist -H -o ctid,status)" "^ *$id running$"
mv $conf.good $conf

# The installed completion, as bash finds it.
offered() {
	bash --norc -c '. "/usr/share/bash-completion/completions/$1"; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_vesper "$1" "${!#}" ""; echo "${COMPREPLY[@]}"' bash "$@"
}
is "completion offers what runs to stop" "$(offered vzctl stop web)" web$id
is "nothing of it to start" "$(offered vzctl start web)" ""
is "and templates" "$(offered vzctl create 2702 --ostemplate busy)" busybox
