#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# vz-onboot, with a vzctl and a vzlist that only note what they are asked. If this
# fails, a node comes up without its containers, with too many at once, or one that
# fails keeps the others from it.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires xargs nproc

top=$(cd "$(dirname "$0")/../.." && pwd)
bin=$tap_tmp/bin log=$tap_tmp/log conf=$tap_tmp/vz.conf
mkdir "$bin"
sed "s,/etc/vz/vz.conf,$conf," "$top/etc/vz-onboot" >"$bin/vz-onboot"
# What it lists: for -a "id onboot status", else the ids that run.
cat >"$bin/vzlist" <<END
#!/bin/sh
[ ! -e "$tap_tmp/broken" ] || { echo "vzlist: broken" >&2; exit 3; }
case \$1 in
-a) cat "$tap_tmp/all" ;;
-1) awk '\$3 == "running" { print \$1 }' "$tap_tmp/all" ;;
esac
END
# Each call is a line; "begin ID" and "end ID" a tenth of a second apart.
cat >"$bin/vzctl" <<END
#!/bin/sh
echo "\$*" >>"$log"
echo "begin \$3" >>"$log.times"
sleep 0.2
echo "end \$3" >>"$log.times"
[ "\$2 \$3 \${4-}" != "\$(cat "$tap_tmp/fails" 2>/dev/null)" ]
END
chmod +x "$bin"/*
PATH=$bin:$PATH
printf '%s\n' '101 yes stopped' '102 no stopped' '103 yes running' '104 yes stopped' \
	'105 no running' '106 yes mounted' >"$tap_tmp/all"
called() { cat "$log" 2>/dev/null || :; rm -f "$log"; }
# most - how many were at it at once.
most() {
	awk '{ n += $1 == "begin" ? 1 : -1; if (n > m) m = n } END { print m + 0 }' "$log.times"
	rm -f "$log.times"
}

echo 'VE_PARALLEL="1"' >"$conf"
check "start" vz-onboot start
is "what is to be up and is not, in order" "$(called)" "--quiet start 101
--quiet start 104
--quiet start 106"
is "one by one" "$(most)" 1
check "stop" vz-onboot stop
is "what runs" "$(called)" "--quiet stop 103
--quiet stop 105"
is "one by one" "$(most)" 1
echo ' VE_PARALLEL=02 # two' >>"$conf"
check "two at once" vz-onboot start
is "all the same" "$(called | sort | xargs)" "--quiet start 101 --quiet start 104 --quiet start 106"
is "never three" "$(most)" 2
for no in '' 'VE_PARALLEL=0' '#VE_PARALLEL=1' 'XVE_PARALLEL=1'; do
	echo "$no" >"$conf"
	check "'$no'" vz-onboot start
	is "'$no': four for each CPU" "$(most)" 3
done
called >/dev/null
rm -f "$log.times"

echo 'VE_PARALLEL=1' >"$conf"
echo 'start 101 ' >"$tap_tmp/fails"
mustfail "one that does not start" vz-onboot start
is "is status 1" "$status" 1
like "and named" "$output" '^vz-onboot: container 101 did not start$'
is "the others are started" "$(called | tail -n 2 | xargs)" "--quiet start 104 --quiet start 106"
echo 'stop 103 ' >"$tap_tmp/fails"
check "one that does not stop" vz-onboot stop
is "is killed" "$(called)" "--quiet stop 103
--quiet stop 103 --fast
--quiet stop 105"
touch "$tap_tmp/broken"
mustfail "a node that cannot be read" vz-onboot start
is "is its status" "$status" 3
rm "$tap_tmp/broken"
: >"$tap_tmp/all"
rm "$tap_tmp/fails"
check "nothing to start" vz-onboot start
check "nothing to stop" vz-onboot stop
is "nothing is called" "$(called)" ""
mustfail "no word" vz-onboot
is "is usage" "$status" 2
