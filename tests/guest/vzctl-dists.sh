#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 time=900
# tools: vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Distribution scripts. If this fails, those of an administrator do not run when and
# where they should, with what they expect, one that fails or hangs leaves half of a
# change, or what is in a container leads one of them to the host.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"
# shellcheck source=tests/lib/crash.sh
. "$(dirname "$0")/../lib/crash.sh"

id=2801
dists=/etc/vz/dists
root=/vz/root/$id
cp -a $dists "$tap_tmp/dists"
cp /etc/vz/vz.conf "$tap_tmp/vz.conf"
cleanup_fn "rm -rf $dists; cp -a '$tap_tmp/dists' $dists; cp '$tap_tmp/vz.conf' /etc/vz/vz.conf"
# in_time SECONDS - the limit of a script from now on.
in_time() {
	cp "$tap_tmp/vz.conf" /etc/vz/vz.conf
	echo "DIST_TIMEOUT=$1" >>/etc/vz/vz.conf
}
in_time 60
is "what is installed is root's alone to write" "$(find $dists ! -user root -o ! -type l -perm /022)" ""

# dist ACTION... - the container's distribution has a script for these, and no others.
dist() { for a; do echo "$a=note.sh"; done >$dists/busybox.conf; }
# note.sh inside: a line about itself, then it fails or hangs when the container's tree says so.
cat >$dists/scripts/functions <<'END'
note() { echo "$ACTION $VEID $VE_STATE:" "$@" >>/notes; }
ends_well() {
	[ ! -e "/hang.$ACTION" ] || sleep 500
	[ ! -e "/fail.$ACTION" ]
}
END
cat >$dists/scripts/note.sh <<'END'
case $ACTION in
*_IP) note "$IP_ADDR" "v6=$IPV6" "all=$IPDELALL" "($IP_ADDRESS)" "$FAKEGATEWAY $FAKEGATEWAYNET" ;;
SET_HOSTNAME) note "$HOSTNM $IP_ADDR" ;;
SET_DNS) note "$NAMESERVER, $SEARCHDOMAIN" ;;
SET_USERPASS) note "$USERPW" ;;
PRE_START) note "$VE_ROOT $VZ_KERNEL $USERNS" "$(echo x >/trap/file || echo kept)" "$(id -u)" "$(awk '/^(Seccomp|NoNewPrivs):/ { print $2 }' /proc/self/status | xargs)" \
	"$(cat /proc/self/uid_map | awk '{ print $1, ($2 > 0), $3 }')" "$(hostname)" ;;
esac
ends_well
END
# noted - what scripts in the container have said since.
noted() {
	noted_umount=
	mountpoint -q $root || { vzctl --quiet mount $id && noted_umount=1; }
	cat $root/notes 2>/dev/null || :
	rm -f $root/notes
	[ -z "$noted_umount" ] || vzctl --quiet umount $id
}
gateway="192.0.2.1 192.0.2.0"

# --- POST_CREATE: on the host ------------------------------------------------------

victim=$tap_tmp/victim
mkdir "$victim"
echo POST_CREATE=post.sh >$dists/busybox.conf
drop_ct $id
cleanup_fn "drop_ct $id"
create() { run vzctl --quiet create $id --ostemplate busybox --diskspace 256M --hostname box --ipadd 10.28.0.1; }
not_there() {
	is "$1: nothing is left" "$(state $id) $(leftovers $id)$(ls -d /vz/private/$id* /etc/vz/conf/$id.conf* 2>/dev/null)" \
		"deleted unmounted down "
}
echo 'exit 3' >$dists/scripts/post.sh
create
is "POST_CREATE that fails: 79" "$status" 79
like "is named" "$output" "^vzctl: cannot create $id: distribution script '$dists/scripts/post.sh' \(POST_CREATE\) failed with status 3"
not_there "failed"
echo 'sleep 503 & sleep 502' >$dists/scripts/post.sh
in_time 2
create
in_time 60
is "that hangs: 15" "$status" 15
like "is named, too" "$output" "^vzctl: cannot create $id: .*post.sh' \(POST_CREATE\): .* within 2 seconds"
not_there "hung"
is "nothing of it runs on" "$(pgrep -f 'sleep 50[23]' || :)" ""
# Cut off while the script has the disk, on either side, and where the container gets its name.
rests() {
	pgrep -f 'sleep 50[45]' || :
	grep -l " $root " /proc/[0-9]*/mountinfo 2>/dev/null || :
	leftovers $id
}
cut_off() { # NAME WHOM - create is at its script: WHOM of its processes is killed
	printf 'echo >%s\nsleep 504 & sleep 505\n' "$tap_tmp/at" >$dists/scripts/post.sh
	rm -f "$tap_tmp/at"
	vzctl --quiet create $id --ostemplate busybox --diskspace 256M 2>"$tap_tmp/why" &
	creating=$!
	wait_until 60 test -e "$tap_tmp/at" || not_ok "$1: the script runs"
	case $2 in
	vzctl) kill -9 $creating ;;
	*) pkill -9 -P $creating ;;
	esac
	status=0
	wait $creating || status=$?
	wait_until 20 sh -c "! pgrep -f 'sleep 50[45]'" || :
	is "$1: nothing of it is left, no process, no mount, no device" "$(rests)" ""
}
goes_on() { # NAME - the next create is a whole one
	echo 'echo made >etc/post-create' >$dists/scripts/post.sh
	create
	is "$1: the next create" "$status $(state $id)" "0 exist unmounted down"
	check "$1: has what its script wrote" sh -c "vzctl --quiet mount $id; cat $root/etc/post-create; s=\$?; vzctl --quiet umount $id; exit \$s"
	vzctl --quiet destroy $id
	rm -f /etc/vz/conf/$id.conf*
}
cut_off "vzctl killed in POST_CREATE" vzctl
goes_on "after vzctl"
cut_off "the process that mounted killed in POST_CREATE" mounter
is "the process that mounted: create fails" "$([ "$status" -ne 0 ] && grep -c '^vzctl: cannot create' "$tap_tmp/why")" 1
not_there "the process that mounted"
goes_on "after the one that mounted"
echo 'echo made >etc/post-create' >$dists/scripts/post.sh
calls=fork,clone,clone3,vfork,wait4,recvmsg,rename,renameat,linkat,symlinkat
for point in $(cut_points $calls 3 vzctl --quiet create $id --ostemplate busybox --diskspace 256M | tr ' ' :); do
	vzctl --quiet destroy $id 2>/dev/null || :
	rm -f /etc/vz/conf/$id.conf*
	kill_at "${point%:*}" "${point#*:}" vzctl --quiet create $id --ostemplate busybox --diskspace 256M || :
	sleep 1
	is "killed at $point: no process, mount or device" "$(rests)" ""
	[ "$(state $id)" = "deleted unmounted down" ] || vzctl --quiet destroy $id
	goes_on "after $point"
done
cat >$dists/scripts/post.sh <<END
{
	pwd; echo "\$VE_ROOT \$VEID \$ACTION"
	ln -s $victim "\$VE_ROOT/trap"
	echo x >"\$VE_ROOT/trap/file" || echo "no link leads out"
	chroot . /bin/busybox true 2>/dev/null || echo "nothing of it runs"
	grep -c " \$VE_ROOT " /proc/1/mountinfo || echo "nobody else sees it"
} >$tap_tmp/post
echo made >etc/post-create
END
create
is "POST_CREATE: 0" "$status" 0
is "in the new disk, which has no way out" "$(cat "$tap_tmp/post")" "$root
$root $id POST_CREATE
no link leads out
nothing of it runs
0
nobody else sees it"
is "(no file)" "$(ls "$victim")" ""
is "it is not mounted after" "$(state $id) $(leftovers $id)" "exist unmounted down "

# --- inside --------------------------------------------------------------------------

dist PRE_START ADD_IP DEL_IP SET_HOSTNAME SET_DNS SET_USERPASS
check "a password in one that does not run" vzctl set $id --userpasswd root:one
is "is the script's, in a container made for it" "$(noted)" "SET_USERPASS $id starting: root:one"
is "that is gone after" "$(state $id) $(leftovers $id)" "exist unmounted down "
vzctl --quiet set $id --nameserver 192.0.2.53 --nameserver 192.0.2.54 --searchdomain example.org --save
check "start" vzctl --quiet start $id
is "all that there is to set, in its order and before init" "$(noted)" \
	"PRE_START $id starting: / yes yes kept 0 0 2 0 1 262144 box
ADD_IP $id starting: 10.28.0.1 v6=no all= (10.28.0.1) $gateway
SET_HOSTNAME $id starting: box 10.28.0.1
SET_DNS $id starting: 192.0.2.53 192.0.2.54, example.org"
is "no link leads out from inside" "$(ls "$victim")" ""
is "what POST_CREATE wrote is the container's" "$(vzctl exec $id 'cat /etc/post-create; stat -c %u /etc/post-create')" "made
0"
is "vzctl did none of it itself" "$(vzctl exec $id 'cat /etc/hostname; grep -c . /etc/resolv.conf')" "localhost
0"
check "but the address" ping -c 1 -W 5 10.28.0.1
check "changes" vzctl --quiet set $id --ipadd 10.28.0.2/24 --ipadd 2001:db8:28::1/64 --hostname crate --userpasswd root:two
is "of a running one" "$(noted)" "ADD_IP $id running: 10.28.0.2/24 2001:db8:28::1/64 v6=yes all= (10.28.0.1 10.28.0.2/24 2001:db8:28::1/64) $gateway
SET_HOSTNAME $id running: crate 10.28.0.1
SET_USERPASS $id running: root:two"
is "the name in the kernel, too" "$(vzctl exec $id hostname)" crate
check "one address for another" vzctl --quiet set $id --ipdel 10.28.0.2 --ipadd 10.28.0.3
is "are two actions" "$(noted)" "DEL_IP $id running: 10.28.0.2/24 v6=yes all= (10.28.0.1 2001:db8:28::1/64) $gateway
ADD_IP $id running: 10.28.0.3 v6=yes all= (10.28.0.1 2001:db8:28::1/64 10.28.0.3) $gateway"
check "all" vzctl --quiet set $id --ipdel all
is "is told" "$(noted)" "DEL_IP $id running: 10.28.0.1 2001:db8:28::1/64 10.28.0.3 v6=yes all=yes () $gateway"
vzctl --quiet set $id --ipadd 10.28.0.1 --hostname box
noted >/dev/null
check "DNS servers and domain" vzctl --quiet set $id --nameserver 192.0.2.56 --searchdomain example.net
is "are one action" "$(noted)" \
	"SET_DNS $id running: 192.0.2.53 192.0.2.54 192.0.2.56, example.org example.net"

# --- what fails ------------------------------------------------------------------------

touch $root/fail.ADD_IP
run vzctl set $id --hostname other --ipadd 10.28.0.9 --save
is "ADD_IP that fails: 34" "$status" 34
like "is named" "$output" "^vzctl: distribution script '$dists/scripts/note.sh' \(ADD_IP\) failed with status 1$"
is "all is taken back" "$(noted | cut -d' ' -f1,4)" "SET_HOSTNAME other
ADD_IP 10.28.0.9
DEL_IP 10.28.0.9
SET_HOSTNAME box"
is "on the host, too" "$(vzctl exec $id hostname; ip route show 10.28.0.9; grep -c 'other\|0\.9' /etc/vz/conf/$id.conf || :)" "box
0"
rm $root/fail.ADD_IP
# An address is the host's: a tenant's shell that fails, or hangs, does not keep it.
for how in fail hang; do
	vzctl --quiet set $id --ipadd 10.28.0.8
	touch $root/$how.DEL_IP
	in_time 2
	run vzctl set $id --ipdel 10.28.0.8
	in_time 60
	rm $root/$how.DEL_IP
	like "DEL_IP: $how: is told" "$status $output" "^0 vzctl: warning: distribution script '.*note.sh' \(DEL_IP\).*: the addresses are changed without$"
	is "DEL_IP: $how: the address is gone" "$(ip route show 10.28.0.8; vzctl exec $id ip addr show dev venet0 | grep -c 10.28.0.8 || :)" 0
done
touch $root/hang.SET_DNS
in_time 4
run vzctl set $id --nameserver 192.0.2.55 --save
is "SET_DNS that hangs: 15" "$status" 15
like "is named" "$output" "^vzctl: distribution script '.*note.sh' \(SET_DNS\): no end within 4 seconds: killed, with all that it started$"
is "nothing of it runs on" "$(vzctl exec $id 'ps | grep -c [s]leep.500' || :)" 0
# All of a start by one shell, and no script knows of another's doings.
noted >/dev/null
cp $dists/scripts/functions "$tap_tmp/functions"
cat >>$dists/scripts/functions <<'END'
note "${left:-none} $$ $(pwd)" $(cat)
left=$ACTION
cd /tmp
set -u
END
rm -f $root/hang.*
vzctl --quiet stop $id --fast
check "a start" vzctl --quiet start $id
is "one shell for all of it" "$(awk '/ starting: none [0-9]/ { print $5 }' $root/notes | sort | uniq -c | awk '{ print $1 }')" 4
is "of which none leaves anything to the next, nor its input" \
	"$(noted | awk '/ starting: none [0-9]/ { print $1, $6 == "/tmp", NF }' | xargs)" "PRE_START 0 6 ADD_IP 0 6 SET_HOSTNAME 0 6 SET_DNS 0 6"
cp "$tap_tmp/functions" $dists/scripts/functions
# One that ends, or that its script ends, is followed by another.
cat >>$dists/scripts/functions <<'END'
[ "$ACTION" != ADD_IP ] || { note ends it; kill -9 $$; exit 1; }
END
vzctl --quiet stop $id --fast
run vzctl --quiet start $id
like "a shell that is killed in a start" "$status $output" "^0 vzctl: warning: distribution script '.*' \(ADD_IP\) failed with status 137: done without$"
is "the others have another" "$(noted | cut -d' ' -f1 | xargs)" "PRE_START ADD_IP SET_HOSTNAME SET_DNS"
cp "$tap_tmp/functions" $dists/scripts/functions
touch $root/hang.PRE_START
vzctl --quiet stop $id --fast
in_time 2
run vzctl --quiet start $id
in_time 60
is "in a start: 15" "$status" 15
like "is named, too" "$output" "^vzctl: cannot start $id: distribution script .*\(PRE_START\)"
is "and nothing is left" "$(state $id) $(leftovers $id)" "exist unmounted down "
noted >/dev/null
for a in PRE_START:79 SET_USERPASS:74; do
	vzctl --quiet mount $id
	rm -f $root/hang.* $root/fail.*
	touch $root/fail.${a%:*}
	vzctl --quiet umount $id
	case $a in
	SET_USERPASS:*) run vzctl set $id --userpasswd root:three ;;
	*) run vzctl --quiet start $id ;;
	esac
	is "${a%:*} that fails: ${a#*:}" "$status $(state $id) $(leftovers $id)" "${a#*:} exist unmounted down "
done
noted >/dev/null
# What a tenant's shell writes is told of one that fails, a line each and nothing for a terminal, and has an end.
vzctl --quiet mount $id
rm -f $root/hang.* $root/fail.*
mv $root/bin/sh $root/bin/true-sh
printf '#!/bin/busybox sh\nprintf "\\033[2Jvzctl: all is well\\nsecond"\nhead -c 3000000 /dev/zero | tr "\\000" x\nexit 9\n' >$root/bin/sh
chmod 755 $root/bin/sh
vzctl --quiet umount $id
run vzctl --quiet start $id
is "a shell that shouts: the start fails by it" "$status" 79
is "what it wrote" "$(printf '%s\n' "$output" | head -n 1)" \
	'vzctl: warning: PRE_START in container 2801: \033[2Jvzctl: all is well'
is "has an end" "$(printf '%s\n' "$output" | wc -l) $(($(printf '%s\n' "$output" | wc -c) < 4000))" "3 1"
vzctl --quiet mount $id
mv $root/bin/true-sh $root/bin/sh
vzctl --quiet umount $id
# The others are no reason not to start it. One that hung is not asked again.
vzctl --quiet set $id --hostname plain --save
for a in fail.ADD_IP fail.SET_HOSTNAME fail.SET_DNS hang.ADD_IP; do
	vzctl --quiet mount $id
	rm -f $root/hang.* $root/fail.* $root/etc/hostname
	touch $root/$a
	vzctl --quiet umount $id
	in_time 2
	run vzctl --quiet start $id
	in_time 60
	like "a start in which $a: goes on, and tells" "$status $output" "^0 vzctl: warning: distribution script '.*' \(${a#*.}\).*: done without$"
	is "$a: in one line" "$(printf '%s\n' "$output" | wc -l)" 1
	check "$a: the address is there" ping -c 1 -W 5 10.28.0.1
	case $a in
	*.SET_HOSTNAME | hang.*) is "$a: so is the name" "$(cat $root/etc/hostname)" plain ;;
	fail.SET_DNS) is "$a: so are the servers" "$(grep -c 192.0.2.53 $root/etc/resolv.conf)" 1 ;;
	esac
	vzctl --quiet stop $id --fast
done
noted >/dev/null
vzctl --quiet mount $id
rm -f $root/hang.* $root/fail.*
vzctl --quiet umount $id
vzctl --quiet set $id --hostname box --save

# refused NAME STATUS PATTERN - no start, in one line that says why.
refused() {
	run vzctl --quiet start $id
	is "$1: $2" "$status $(printf '%s\n' "$output" | wc -l)" "$2 1"
	like "$1: says why" "$output" "^vzctl: cannot start $id: .*$3"
	is "$1: nothing is left" "$(leftovers $id)" ""
}
dist SET_HOSTNAME
chown 1000 $dists/scripts/note.sh
refused "somebody else's script" 108 "distribution script '$dists/scripts/note.sh' is not root's alone to write"
chown 0 $dists/scripts/note.sh
chmod 775 $dists/scripts
refused "a directory that others write" 108 "scripts/note.sh' is not root's"
chmod 755 $dists/scripts
chmod 646 $dists/busybox.conf
refused "a configuration that others write" 107 "'$dists/busybox.conf' is not root's"
chmod 644 $dists/busybox.conf
echo SET_HOSTNAME=none.sh >$dists/busybox.conf
refused "a script that is not there" 108 "$dists/busybox.conf:1: SET_HOSTNAME: there is no script"
echo SET_HOSTNME=note.sh >$dists/busybox.conf
refused "no action" 85 "$dists/busybox.conf:1: 'SET_HOSTNME'"
is "none of them has run" "$(noted)" ""
echo SET_CONSOLE=note.sh >$dists/busybox.conf
run vzctl start $id
is "one that OpenVZ had" "$status" 0
like "is named, and not done" "$output" "warning: $dists/busybox.conf:1: SET_CONSOLE is not supported"
is "without a script vzctl does it itself" "$(noted)$(vzctl exec $id cat /etc/hostname)" box
vzctl --quiet stop $id --fast

# Without a shell: init alone is a container, too.
dist ADD_IP SET_HOSTNAME SET_DNS SET_USERPASS
vzctl --quiet mount $id
mv $root/bin/sh $root/bin/no-sh
vzctl --quiet umount $id
vzctl --quiet set $id --hostname lone --save
run vzctl --quiet start $id
is "no shell: the start goes well" "$status $(state $id)" "0 exist mounted running"
for a in ADD_IP SET_HOSTNAME SET_DNS; do
	like "no shell: $a is named" "$output" "warning: container $id has no shell for the distribution's script of $a: done without"
done
is "no shell: vzctl does it itself" "$(noted)$(cat $root/etc/hostname; grep -c 192.0.2.53 $root/etc/resolv.conf)" "lone
1"
vzctl --quiet stop $id --fast
dist PRE_START
run vzctl --quiet start $id
is "no shell: but PRE_START, for which there is nothing else" "$status $(leftovers $id)" "79 "
vzctl --quiet mount $id
mv $root/bin/no-sh $root/bin/sh
vzctl --quiet umount $id

# --- the scripts that are installed --------------------------------------------------------

rm -rf $dists && cp -a "$tap_tmp/dists" $dists
# scripts COMMAND... - the actions whose scripts it ran, all well.
scripts() {
	run vzctl --verbose "$@"
	printf '%s\n' "$output" | sed -n "s|.*distribution script '$dists/scripts/[a-z]*\.sh' (\([A-Z_]*\)): status 0,.*|\1|p" | xargs
}
# password_of USER PASSWORD - what root of the container's shadow has is that.
password_of() {
	hash=$(sed -n "s/^$1:\([^:]*\):.*/\1/p" $root/etc/shadow)
	[ -n "$hash" ] && [ "$(perl -e 'print crypt($ARGV[0], $ARGV[1])' "$2" "$hash")" = "$hash" ]
}
named="--hostname one.example.org --nameserver 192.0.2.53 --searchdomain example.org"
# set_up NAME - names, DNS and passwords of $id, by scripts and as asked for.
set_up() {
	# shellcheck disable=SC2086 # options are a list
	vzctl --quiet set $id $named --save
	is "$1: a password, stopped" "$(scripts set $id --userpasswd root:sesame)" SET_USERPASS
	is "$1: a start is by scripts" "$(scripts start $id)" "ADD_IP SET_HOSTNAME SET_DNS"
	check "$1: the password is that" password_of root sesame
	is "$1: names" "$(vzctl exec $id 'hostname; cat /etc/hostname; grep "# vzctl" /etc/hosts; cat /etc/resolv.conf')" \
		"one.example.org
one.example.org
127.0.1.1	one.example.org one # vzctl
search example.org
nameserver 192.0.2.53"
	is "$1: running, too" "$(scripts set $id --hostname two --nameserver 192.0.2.54 --userpasswd root:open)" \
		"SET_HOSTNAME SET_DNS SET_USERPASS"
	is "$1: other names" "$(vzctl exec $id 'hostname; cat /etc/hostname; grep "# vzctl" /etc/hosts; tail -n 1 /etc/resolv.conf')" \
		"two
two
127.0.1.1	two # vzctl
nameserver 192.0.2.54"
	check "$1: another password" password_of root open
}
id=2803
root=/vz/root/$id
new_ct $id busybox
set_up busybox
# A file of the host's in the place of one of its own is not a script's to write.
echo 'nameserver 192.0.2.70' >"$tap_tmp/resolv.conf"
chmod 644 "$tap_tmp/resolv.conf"
vzctl --quiet stop $id --fast
vzctl --quiet set $id --bindmount_add "$tap_tmp/resolv.conf:/etc/resolv.conf" --nameserver 192.0.2.71 --save
run vzctl --quiet start $id
is "a mounted file: a start says nothing of it" "$status $output" "0 "
is "a mounted file: stays as it is" "$(vzctl exec $id cat /etc/resolv.conf) $(cat "$tap_tmp/resolv.conf")" "nameserver 192.0.2.70 nameserver 192.0.2.70"
vzctl --quiet stop $id --fast
vzctl --quiet set $id --bindmount_del /etc/resolv.conf --save
vzctl --quiet start $id
# A disk that is full for its tenant has the reserve of the host's root: it starts with what is to be set.
vzctl exec $id 'fallocate -l 4G /big 2>/dev/null; cat /dev/zero >/rest 2>/dev/null' || :
vzctl --quiet stop $id --fast
vzctl --quiet set $id --hostname full --nameserver 192.0.2.60 --save
run vzctl --quiet start $id
is "a full disk: the start goes on, and tells" "$status $(printf '%s\n' "$output" | grep -c ': done without$')" "0 2"
is "a full disk: names are set" "$(cat $root/etc/hostname; grep -c 192.0.2.60 $root/etc/resolv.conf)" "full
1"
vzctl --quiet stop $id --fast
# What a tenant does: systemd-networkd, with a file for an Ethernet device, and no ifupdown,
# whose boot is vzctl-systemd.sh's.
id=2802
root=/vz/root/$id
new_ct $id debian-12 --ipadd 10.28.1.1 --ipadd 2001:db8:28:1::1/64
vzctl --quiet set $id --netif_add eth0 --save
vzctl --quiet mount $id
check "networkd instead of ifupdown" systemctl -q --root=$root disable networking
printf '[Match]\nName=eth0\n\n[Network]\nAddress=10.77.0.2/24\nIPv6AcceptRA=no\nLinkLocalAddressing=no\n' \
	>$root/etc/systemd/network/20-eth0.network
check "is to start" systemctl -q --root=$root enable systemd-networkd
mustfail "there is no udev" test -e $root/usr/lib/systemd/systemd-udevd
vzctl --quiet umount $id
set_up debian
addresses() { vzctl exec $id "ip -o addr show dev venet0; ip route show default; ip -6 route show default" | awk '/default/ { print $3; next } { print $4 }' | sort | xargs; }
flush='ip addr flush dev venet0; ip -6 addr flush dev venet0; ip route flush dev venet0; ip -6 route flush dev venet0'
is "is up, and nothing waits or fails" "$(come_up $id)" running
is "networkd has configured both" "$(vzctl exec $id networkctl --no-pager --no-legend | awk '$2 ~ /^(venet0|eth0)$/ { print $2, $4, $5 }')" \
	"venet0 routable configured
eth0 routable configured"
check "all is online" vzctl exec2 $id systemctl start systemd-networkd-wait-online
before=$(addresses)
like "the addresses are there" " $before " ' 10\.28\.1\.1/.* 192\.0\.2\.1 .*2001:db8:28:1::1/64 .*fe80::1 '
check "lost inside" vzctl exec2 $id "$flush"
check "networkd restarts" vzctl exec2 $id systemctl restart systemd-networkd
wait_until 30 sh -c "vzctl exec $id networkctl --no-pager --no-legend list venet0 | grep -qw configured" || :
is "and they are there again" "$(addresses)" "$before"
check "and they answer" ping -c 1 -W 5 10.28.1.1
is "another, while it runs" "$(scripts set $id --ipadd 10.28.1.2)" ADD_IP
check "networkd knows it" wait_until 30 sh -c "vzctl exec $id networkctl --no-pager status venet0 | grep -qw 10.28.1.2"
check "others can write to /sys, as before" vzctl exec2 $id 'test -w /sys/class/net/venet0/uevent'
for f in network/interfaces.d/venet0 systemd/network/10-venet0.network; do
	is "it is in /etc/$f" "$(sed -n 's/^# addresses: //p' $root/etc/$f)" "10.28.1.1 2001:db8:28:1::1/64 10.28.1.2"
done

# ifupdown, of which the files are kept all the time.
check "ifupdown instead of networkd" vzctl exec2 $id 'systemctl stop systemd-networkd.socket systemd-networkd; systemctl start networking'
before=$(addresses)
check "lost inside" vzctl exec2 $id "$flush"
check "its own ifup" vzctl exec2 $id 'ifup --force venet0'
is "has them again" "$(addresses)" "$before"
check "and they answer too" ping -c 1 -W 5 10.28.1.2
is "one less" "$(scripts set $id --ipdel 10.28.1.2)" DEL_IP
before=$(addresses)
check "without IPv6 inside ifupdown is content" vzctl exec2 $id 'sysctl -qw net.ipv6.conf.all.disable_ipv6=1; systemctl restart networking'
check "with it again, too" vzctl exec2 $id 'sysctl -qw net.ipv6.conf.all.disable_ipv6=0; systemctl restart networking'
is "and has it" "$(addresses)" "$before"
check "a default route of the tenant's" vzctl exec2 $id "ip route replace default dev lo && ifup --force venet0"
is "stays" "$(vzctl exec $id ip route show default | awk '{ print $1, $2, $3 }')" "default dev lo"
vzctl --quiet stop $id --fast
