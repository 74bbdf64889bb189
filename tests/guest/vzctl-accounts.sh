#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 time=400
# tools: vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Passwords and keys of a container's users. If this fails, nobody gets in, the
# wrong one does, a password is seen by others, or a link in the container leads
# the host to a file of its own.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"
requires perl

id=2601
root=/vz/root/$id
secret='a"b$c`d\e f;g'

# has_password USER PASSWORD - what is in the mounted shadow file fits.
has_password() {
	[ -e $root/etc/shadow ] || return 1
	PW=$2 perl -ne 'BEGIN { $bad = 1 } @f = split /:/; $bad = crypt($ENV{PW}, $f[1]) ne $f[1] if $f[0] eq "'"$1"'"; END { $? = $bad }' \
		$root/etc/shadow
}
seen_on_host() { grep -lFf "$tap_tmp/secret" /proc/[0-9]*/cmdline 2>/dev/null || :; }

# vzctl's own way, without a script (those that are installed: vzctl-dists.sh)
new_ct $id busybox --distribution other
printf '%s\n' "$secret" >"$tap_tmp/secret"
check "a password, stopped" sh -c "vzctl set $id --userpasswd root:- <'$tap_tmp/secret'"
is "it is not mounted after" "$(state $id)" "exist unmounted down"
vzctl --quiet mount $id
check "is the one" has_password root "$secret"
mustfail "and no other" has_password root "$secret."
is "the file has its owner and mode" "$(stat -c '%u %g %a' $root/etc/shadow)" "0 0 640"
is "mounted as it was" "$(vzctl set $id --userpasswd root:two; state $id)" "exist mounted down"
check "the second one" has_password root two
run vzctl set $id --userpasswd nobody9:x
is "no such user: 74" "$status $output" "74 vzctl: there is no user 'nobody9' in the container"

printf 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl a@b\n' >"$tap_tmp/keys"
check "a key" vzctl set $id --ssh-key "$tap_tmp/keys"
check "the same key" vzctl set $id --ssh-key "$tap_tmp/keys"
is "is there once" "$(grep -c . $root/root/.ssh/authorized_keys)" 1
is "as sshd wants it" "$(stat -c '%u %g %a' $root/root/.ssh $root/root/.ssh/authorized_keys | xargs)" "0 0 700 0 0 600"

# What a tenant leaves for the host to walk into.
mkdir "$tap_tmp/victim"
cp $root/etc/shadow "$tap_tmp/victim/shadow"
cp $root/etc/passwd "$tap_tmp/victim/passwd"
refused() {
	run vzctl set $id "$2" "$3"
	is "$1: 74" "$status" 74
	like "$1: named" "$output" "^vzctl: cannot open .*$4"
}
mv $root/root/.ssh $root/root/ssh
ln -s "$tap_tmp/victim" $root/root/.ssh
refused "a link for .ssh" --ssh-key "$tap_tmp/keys" "/root/.ssh"
rm $root/root/.ssh && mv $root/root/ssh $root/root/.ssh
rm $root/root/.ssh/authorized_keys
ln -s "$tap_tmp/victim/keys" $root/root/.ssh/authorized_keys
refused "a link for authorized_keys" --ssh-key "$tap_tmp/keys" authorized_keys
mv $root/root $root/root.away
ln -s "$tap_tmp/victim" $root/root
refused "a link for /root" --ssh-key "$tap_tmp/keys" /root
rm $root/root && mv $root/root.away $root/root && rm $root/root/.ssh/authorized_keys
mv $root/etc/shadow $root/etc/shadow.away
ln -s "$tap_tmp/victim/shadow" $root/etc/shadow
refused "a link for shadow" --userpasswd root:three shadow
mv $root/etc $root/etc.away
ln -s "$tap_tmp/victim" $root/etc
refused "a link for /etc" --userpasswd root:three /etc
rm $root/etc && mv $root/etc.away $root/etc && mv $root/etc/shadow.away $root/etc/shadow
is "nothing of the host was touched" "$(cd "$tap_tmp/victim" && ls && md5sum <shadow)" "passwd
shadow
$(md5sum <$root/etc/shadow)"

check "start" vzctl --quiet start $id
check "without chpasswd, running" vzctl set $id --userpasswd root:four
check "is on its disk" has_password root four
check "a key, running" vzctl set $id --ssh-key "$tap_tmp/keys"
is "is seen inside" "$(vzctl exec $id 'stat -c "%u %g %a" /root/.ssh/authorized_keys')" "0 0 600"
vzctl --quiet set $id --hostname first --save
mustfail "a password that cannot be" vzctl set $id --hostname other --userpasswd nobody9:x --save
is "takes back what came before it" "$(vzctl exec $id 'hostname; cat /etc/hostname'; sed -n 's/^HOSTNAME=//p' /etc/vz/conf/$id.conf)" 'first
first
"first"'
vzctl --quiet stop $id --fast

id=2602
root=/vz/root/$id
new_ct $id debian-12
vzctl --quiet start $id
check "by its own chpasswd" sh -c "vzctl set $id --userpasswd root:- <'$tap_tmp/secret'"
check "the password" has_password root "$secret"
like "hashed as the container hashes" "$(grep ^root: $root/etc/shadow)" '^root:\$y\$'
run vzctl set $id --userpasswd nobody9:x
is "no such user: 74" "$status $output" "74 vzctl: there is no user 'nobody9' in the container"
vzctl exec $id 'printf "#!/bin/sh\nsleep 8; exec /usr/sbin/chpasswd\n" >/usr/local/sbin/chpasswd; chmod 755 /usr/local/sbin/chpasswd'
printf 'sesame-open\n' >"$tap_tmp/secret"
vzctl set $id --userpasswd root:sesame-open &
setting=$!
sleep 4
is "nobody sees it in a process list" "$(seen_on_host)" ""
is "nor inside" "$(vzctl exec $id 'cat /proc/[0-9]*/cmdline' | tr '\0' ' ' | grep -c 'sesame[-]open' || :)" 0
status=0
wait $setting || status=$?
is "and set it is" "$status" 0
check "the password" has_password root sesame-open
