#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 time=300
# tools: vzctl vzlist
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Each wrong command ends with its documented exit code and leaves nothing. If
# this fails, scripts take one failure for another, or a failed start litters.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"

id=2501
code() {
	code_name=$1 code_want=$2
	shift 2
	run "$@"
	is "$code_name: exit $code_want" "$status" "$code_want"
	is "$code_name: one line" "$(printf '%s\n' "$output" | grep -c '^vzctl: ')" 1
}

new_ct $id busybox --ipadd 10.25.0.1
code "stop of a stopped one" 31 vzctl stop $id
code "exec in a stopped one" 31 vzctl exec $id true
code "umount of an unmounted one" 40 vzctl umount $id
vzctl --quiet mount $id
code "mount of a mounted one" 41 vzctl mount $id
code "destroy of a mounted one" 41 vzctl destroy $id
is "a mounted one" "$(state $id)" "exist mounted down"
check "starts as it is" vzctl start $id
code "start of a running one" 32 vzctl start $id
code "destroy of a running one" 32 vzctl destroy $id
code "umount of a running one" 32 vzctl umount $id
code "mount of a running one" 41 vzctl mount $id
code "a program that is not there" 8 vzctl exec3 $id /no/such
check "it still runs after all that" vzctl exec $id true

flock /vz/lock/$id.lck sleep 8 &
sleep 1
code "a locked one" 9 vzctl stop $id
check "status does not wait" timeout 3 vzctl status $id
check "nor does vzlist" timeout 3 vzlist -a
check "nor does exec" timeout 5 vzctl exec $id true
wait
vzctl --quiet stop $id --fast

# Every step of the start that can be made to fail.
new_ct 2502 busybox --ipadd 10.25.0.1
vzctl --quiet start $id
code "an address in use" 78 vzctl start 2502
is "address: nothing is left" "$(leftovers 2502)" ""
check "the other is not harmed" ping -c 1 -W 5 10.25.0.1
vzctl --quiet stop $id --fast

vzctl --quiet mount $id
mv /vz/root/$id/sbin/init /vz/root/$id/sbin/init.away
find /vz/root/$id/bin/init /vz/root/$id/etc/init 2>/dev/null && rm -f /vz/root/$id/bin/init /vz/root/$id/etc/init
vzctl --quiet umount $id
code "no init" 47 vzctl start $id
is "init: nothing is left" "$(leftovers $id)" ""
vzctl --quiet mount $id
mv /vz/root/$id/sbin/init.away /vz/root/$id/sbin/init
vzctl --quiet umount $id

echo "$(awk '$1 == "nr_descendants" { print $2 }' $CG/cgroup.stat)" >$CG/cgroup.max.descendants
code "no cgroup to be had" 7 vzctl start $id
echo max >$CG/cgroup.max.descendants
like "it is named" "$output" "$CG/$id"
is "no cgroup: nothing is left" "$(leftovers $id)" ""

descriptor=/vz/private/$id/root.hdd/DiskDescriptor.xml
cp $descriptor "$tap_tmp/descriptor"
echo '<Parallels_disk_image' >$descriptor
code "a damaged descriptor" 152 vzctl start $id
like "it is named" "$output" "$descriptor"
is "a damaged descriptor: nothing is left" "$(leftovers $id)" ""
cp "$tap_tmp/descriptor" $descriptor

ip link add venet$id type dummy
mkdir $CG/$id
check "leftovers do not keep it from starting" vzctl --quiet start $id
vzctl --quiet stop $id --fast
is "are cleaned up" "$(leftovers $id)" ""

mv /vz/private/$id /vz/private/$id.away
code "no private area" 43 vzctl start $id
mv /vz/private/$id.away /vz/private/$id
cp /etc/vz/conf/$id.conf "$tap_tmp/conf"
echo 'CPULIMIT="lots"' >>/etc/vz/conf/$id.conf
code "a bad value in its file" 85 vzctl start $id
echo 'rubbish' >>/etc/vz/conf/$id.conf
code "a bad line in its file" 85 vzctl start $id
like "the line is named" "$output" "$id.conf:[0-9]+: "
cp "$tap_tmp/conf" /etc/vz/conf/$id.conf
check "after all that it starts" vzctl start $id

# Killed in the middle of a start, at many moments: the next command gets it right.
vzctl --quiet stop $id --fast
for ms in 05 10 20 30 40 60 80; do
	timeout -s KILL 0.$ms vzctl --quiet start $id >/dev/null 2>&1 || :
	sleep 1
	case $(state $id) in
	*running) vzctl --quiet stop $id --fast ;;
	*) vzctl --quiet start $id && vzctl --quiet stop $id --fast ;;
	esac || not_ok "after a kill at 0.$ms s"
	[ -z "$(leftovers $id)" ] || not_ok "left after a kill at 0.$ms s: $(leftovers $id)"
done
ok "a killed start is picked up by the next command"
