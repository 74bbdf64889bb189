#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 time=300
# tools: vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Bind mounts. If this fails, a container does not see what it was given, sees it
# with ids of others, or gets to what it was not given.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"

id=2801
src=/srv/bind
rm -rf $src
mkdir -p $src/data/below $src/other $src/tmpfs
chmod 700 $src
cleanup_fn "umount $src/data/below $src/tmpfs 2>/dev/null; rm -rf $src"
echo text >$src/data/file
echo alone >$src/single
printf '#!/bin/sh\nid -u\n' >$src/data/prog
chmod 755 $src/data/prog
chown 1000:1000 $src/data/file
mknod $src/data/null c 1 3
chmod 666 $src/data/null
mount -t tmpfs tmpfs $src/data/below
mount -t tmpfs tmpfs $src/tmpfs

new_ct $id busybox
check "a directory" vzctl --quiet set $id --bindmount_add $src/data:/mnt/deep/data --save
check "one with options" vzctl --quiet set $id --bindmount_add nosuid,noexec:$src/tmpfs:/opt/t --save
check "a file" vzctl --quiet set $id --bindmount_add $src/single:/etc/single --save
check "start" vzctl --quiet start $id
is "it is there" "$(vzctl exec $id cat /mnt/deep/data/file)" text
is "the file is there" "$(vzctl exec $id cat /etc/single)" alone
is "with the container's ids" "$(vzctl exec $id stat -c %u:%g /mnt/deep/data/file /mnt/deep/data | xargs)" "1000:1000 0:0"
is "its root owns what it makes" "$(vzctl exec $id 'echo x >/mnt/deep/data/new'; stat -c %u:%g $src/data/new)" "0:0"
is "what is mounted below stays the host's" "$(vzctl exec $id 'grep -c deep /proc/mounts; ls /mnt/deep/data/below')" 1
check "programs run" vzctl exec $id /mnt/deep/data/prog
mustfail "devices open for nobody" vzctl exec $id 'echo x >/mnt/deep/data/null'
vzctl exec $id 'cp /mnt/deep/data/prog /opt/t/prog'
mustfail "noexec" vzctl exec $id /opt/t/prog
like "nosuid" "$(vzctl exec $id cat /proc/mounts)" ' /opt/t tmpfs rw,nosuid,nodev,noexec'
mustfail "it cannot be unmounted inside" vzctl exec $id umount /mnt/deep/data
mustfail "nor its options changed" vzctl exec $id mount -o remount,bind,exec /opt/t

run vzctl set $id --bindmount_add $src/other:/opt/o --save
is "for a running one" "$output" "CT configuration saved to /etc/vz/conf/$id.conf
--bindmount_add takes effect at the next start"
mustfail "not there yet" vzctl exec $id test -e /opt/o
check "restarted when asked" vzctl --quiet set $id --bindmount_del /opt/t --setmode restart --save
check "there now" vzctl exec $id test -e /opt/o
is "the other is gone" "$(vzctl exec $id grep -c /opt/t /proc/mounts || :)" 0

# The tenant's tree and what it can write must not lead the host anywhere.
vzctl exec $id 'mv /opt /opt.away; mkdir /opt; ln -s /etc /opt/o; ln -s /etc /mnt/deep/data/link'
vzctl --quiet stop $id --fast
run vzctl start $id
is "a link as the target: 50" "$status" 50
like "is named" "$output" "^vzctl: cannot start $id: BINDMOUNT: cannot use '/opt/o' in the container"
is "nothing is left" "$(leftovers $id)" ""
vzctl --quiet set $id --bindmount_del all --save
run vzctl set $id --bindmount_add $src/data/link:/opt/x --save
is "a link as the source: 21" "$status" 21
like "is named" "$output" "'$src/data/link' has a symbolic link in it"
vzctl --quiet set $id --bindmount_add $src/data/below:/opt/x --save
umount $src/data/below
rmdir $src/data/below
ln -s /root $src/data/below
run vzctl start $id
is "a link that came later: 50" "$status" 50
is "nothing is left of that" "$(leftovers $id)" ""
rm $src/data/below
run vzctl start $id
is "a source that is gone: 50" "$status" 50
like "is named" "$output" "cannot open '$src/data/below': No such file"
mkdir $src/data/below
chmod 755 $src
run vzctl set $id --bindmount_add $src/data:/opt/y --save
like "users of the host are thought of" "$output" "^$src/data.*set-uid"
