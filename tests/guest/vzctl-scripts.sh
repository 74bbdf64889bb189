#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 time=300
# tools: vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Action scripts and runscript. If this fails, scripts of an administrator do not
# run when and where they should, a failed one goes unseen, or one that others can
# write runs as root.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"
# shellcheck source=tests/lib/pty.sh
. "$(dirname "$0")/../lib/pty.sh"

id=2701
conf=/etc/vz/conf
log=$tap_tmp/log
new_ct $id busybox
cleanup_fn "rm -f $conf/vps.*mount $conf/$id.*mount $conf/$id.start $conf/$id.stop"

# script NAME [BODY] - a script of the host that notes that it ran.
script() {
	{
		printf '#!/bin/sh\necho "%s $VEID" >>%s\n' "$1" "$log"
		printf '%s\n' "${2-}"
	} >"$conf/$1"
	chmod 755 "$conf/$1"
}
ran() { cat "$log" 2>/dev/null || :; rm -f "$log"; }

for a in premount mount umount postumount; do
	script vps.$a
	script $id.$a
done
# shellcheck disable=SC2016 # expand in the script
script $id.mount '. "$VE_CONFFILE"; mountpoint -q /vz/root/$VEID && echo "disk of $OSTEMPLATE" >>'"$log"
up="vps.premount $id
$id.premount $id
vps.mount $id
$id.mount $id
disk of busybox"
down="$id.umount $id
vps.umount $id
$id.postumount $id
vps.postumount $id"
check "mount" vzctl --quiet mount $id
is "its scripts, the node's first" "$(ran)" "$up"
check "umount" vzctl --quiet umount $id
is "its scripts, the container's first" "$(ran)" "$down"

printf 'hostname >/started; echo from start\n' >$conf/$id.start
printf 'echo from stop; [ ! -e /stay ]\n' >$conf/$id.stop
run vzctl start $id
is "start" "$status" 0
like "its output is shown" "$output" '^from start$'
is "the start script ran inside" "$(vzctl exec $id cat /started)" localhost
is "the mount scripts ran" "$(ran)" "$up"
vzctl exec $id touch /stay
run vzctl stop $id
is "a stop script that fails: 79" "$status" 79
like "is named" "$output" "^vzctl: cannot stop $id: action script '$conf/$id.stop' failed with status 1"
is "and the container goes on" "$(state $id)" "exist mounted running"
is "nothing was unmounted" "$(ran)" ""
vzctl exec $id rm /stay
run vzctl stop $id
like "the stop script ran inside" "$output" '^from stop$'
is "the umount scripts ran" "$(ran)" "$down"

echo 'exit 3' >$conf/$id.start
run vzctl start $id
is "a start script that fails: 79" "$status" 79
like "is named" "$output" "^vzctl: cannot start $id: action script '$conf/$id.start' failed with status 3"
is "nothing is left" "$(leftovers $id)" ""
echo 'sleep 500' >$conf/$id.start
vzctl start $id >/dev/null 2>&1 &
wait_until 60 sh -c "vzctl exec $id 'ps | grep -q [s]leep.500'"
run vzctl stop $id
is "while a start script runs others wait: 9" "$status" 9
# shellcheck disable=SC2016 # expands inside
vzctl exec $id 'kill -9 $(pidof sleep)'
status=0
wait $! || status=$?
is "a start script that is killed inside: 79" "$status" 79
check "its container is gone" wait_until 20 sh -c "! vzctl status $id | grep -q running"
is "and nothing is left" "$(leftovers $id)" ""

# One that takes too long is killed, with what it started, in a session of its own too.
rm $conf/$id.start
check "start" vzctl --quiet start $id
echo 'setsid sh -c "sleep 501 & sleep 502" & sleep 503' >$conf/$id.stop
vzctl --quiet set $id --stop-timeout 5 --save
run vzctl stop $id
is "a stop script that takes too long: 79" "$status" 79
like "it was killed, it says" "$output" "action script '$conf/$id.stop': no end within 5 seconds: killed, with all that it started"
is "nothing of it runs inside" "$(vzctl exec $id 'ps | grep -c [s]leep.50')" 0
is "and its cgroup is gone" "$(find $CG/$id/init -maxdepth 1 -name 'vzctl-*' | wc -l)" 0
is "the container goes on" "$(state $id)" "exist mounted running"
rm $conf/$id.stop
check "stop" vzctl --quiet stop $id --fast

for a in premount mount umount; do
	script $id.$a 'exit 1'
	run vzctl start $id
	case $a in
	umount) vzctl --quiet stop $id --fast || status=$? ;;
	esac
	is "$a script that fails: 79" "$status" 79
	script $id.$a
	case $a in
	umount) vzctl --quiet umount $id ;;
	esac
	is "$a: nothing is left" "$(leftovers $id)" ""
done
ran >/dev/null

# unsafe NAME COMMAND... - after COMMAND the script is refused, not run.
unsafe() {
	unsafe_name=$1
	shift
	"$@"
	run vzctl mount $id
	is "$unsafe_name: 79" "$status" 79
	like "$unsafe_name: named" "$output" "^vzctl: cannot mount $id: .*$conf/$id.mount"
	is "$unsafe_name: did not run" "$(ran | grep -c "^$id.mount" || :)" 0
	is "$unsafe_name: nothing is left" "$(leftovers $id)" ""
	rm -f $conf/$id.mount
	script $id.mount
}
unsafe "writable by others" chmod 757 $conf/$id.mount
unsafe "writable by a group" chmod 775 $conf/$id.mount
unsafe "somebody else's" chown 1000 $conf/$id.mount
unsafe "a link" sh -c "mv $conf/$id.mount $tap_tmp/x && ln -s $tap_tmp/x $conf/$id.mount"
unsafe "not executable" chmod 644 $conf/$id.mount
chmod 777 $conf
run vzctl mount $id
chmod 755 $conf
is "a directory that others may write: 79" "$status" 79
rm -f $conf/vps.*mount $conf/$id.*mount

# The classic: a mount script binds something below VE_ROOT; nobody unmounts it.
mkdir -p /srv/classic
echo hello >/srv/classic/file
chown -R 0:0 /srv/classic
# The host's / is shared: a bind is its peer, and so are those below it.
mkdir /srv/classic/volume
mount -t tmpfs volume /srv/classic/volume
# shellcheck disable=SC2016 # expands in the script
script $id.mount '. "$VE_CONFFILE"; mkdir -p /vz/root/$VEID/mnt/c && mount -n --rbind /srv/classic /vz/root/$VEID/mnt/c'
check "a script that binds" vzctl --quiet start $id
check "(what is mounted below, too)" mountpoint -q /vz/root/$id/mnt/c/volume
is "the container sees it" "$(vzctl exec $id cat /mnt/c/file)" hello
is "with its own ids" "$(vzctl exec $id 'stat -c %u:%g /mnt/c/file; echo x >/mnt/c/new'; stat -c %u /srv/classic/new)" "0:0
0"
check "stop" vzctl --quiet stop $id --fast
is "takes it away" "$(leftovers $id)" ""
check "and the host keeps its own" test -e /srv/classic/file
check "and what is mounted there" mountpoint -q /srv/classic/volume
umount -l /srv/classic/volume 2>/dev/null || :

# What a killed mount or unmount leaves is taken for neither.
# shellcheck disable=SC2016 # expand in the script
{
	bind='. "$VE_CONFFILE"; mkdir -p /vz/root/$VEID/mnt/c && mount -n --bind /srv/classic /vz/root/$VEID/mnt/c'
	cut='[ -e /tmp/cut ] || { touch /tmp/cut; kill -9 $PPID; exit 0; }'
}
rm -f /tmp/cut
ran >/dev/null
script $id.mount "$cut; $bind"
vzctl --quiet mount $id 2>/dev/null || :
is "a mount that is killed in its script" "$(state $id) $(ran)" "exist mounted down $id.mount $id"
check "start mounts again" vzctl --quiet start $id
is "with the script" "$(vzctl exec $id cat /mnt/c/file) $(ran)" "hello $id.mount $id"
check "stop" vzctl --quiet stop $id --fast
script $id.mount "$bind"
script $id.umount "umount /vz/root/$id/mnt/c; $cut"
check "mount" vzctl --quiet mount $id
rm -f /tmp/cut
vzctl --quiet umount $id 2>/dev/null || :
is "an unmount that is killed in its script" "$(state $id)" "exist mounted down"
ran >/dev/null
check "start mounts again" vzctl --quiet start $id
is "with the script" "$(vzctl exec $id cat /mnt/c/file) $(ran)" "hello $id.mount $id"
check "stop" vzctl --quiet stop $id --fast
is "leaves nothing" "$(leftovers $id)" ""
rm -rf $conf/$id.mount $conf/$id.umount /tmp/cut /srv/classic

cat >"$tap_tmp/s" <<'END'
echo "$(hostname) $(id -u) $#"
exit 7
END
run vzctl runscript $id "$tap_tmp/s"
like "runscript starts a stopped one" "$output" '^Starting container'
like "runs the script inside" "$output" '^localhost 0 0$'
is "its status is the script's" "$status" 7
is "and it is stopped again" "$(state $id) $(leftovers $id)" "exist unmounted down "
vzctl --quiet start $id
at_terminal vzctl runscript $id - <<'END'
test a script may be typed
send echo a''nswer; exit 5\r
expect answer
status 5
END
at_terminal vzctl runscript $id - <<'END'
test ^C ends it
send echo u''p; sleep 1000\r
expect up
send \x03
status 130
END
run vzctl --quiet runscript $id "$tap_tmp/s"
is "in a running one" "$status $(echo "$output" | head -n 1)" "7 localhost 0 0"
is "it goes on running" "$(state $id)" "exist mounted running"
is "from standard input" "$(echo 'echo $((6 * 7))' | vzctl runscript $id -)" 42
run vzctl runscript $id "$tap_tmp/none"
is "a missing script: 21" "$status" 21
run vzctl runscript $id "$tap_tmp"
is "a directory: 21" "$status" 21
run vzctl runscript $id
is "no script: 20" "$status" 20
