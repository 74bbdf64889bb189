#!/bin/sh
# guest: kernel=plain root=host mem=3072 smp=1 time=900
# tools: vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# If this fails, root in a container has a right or a system call that
# docs/security.md says it has not, or what it starts by exec is confined
# otherwise than its init; or Debian does not live with what is left; or more of
# the host can be read than that page says.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/container.sh
. "$(dirname "$0")/../lib/container.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
requires capsh su

id=2651
drop_ct $id
cleanup_fn "drop_ct $id"
vzctl --quiet create $id --ostemplate debian-12 --ram 512M --swap 0
vzctl --quiet start $id
is "systemd is running" "$(come_up $id)" running
is "no unit has failed" "$(vzctl exec $id systemctl --failed --no-legend --plain)" ""
# shellcheck disable=SC2016 # expands inside
is "exec takes its bash" "$(vzctl exec $id 'echo $0 ${BASH_VERSION:+is bash}')" "bash is bash"

# --- what /proc and /sys tell: the page has all of it, and nothing that is hidden by now -----
export LC_ALL=C
vzctl exec $id perl - <"$top/tests/guest/readable.pl" | sort >"$tap_tmp/readable"
sed -n 's/^| \(`\/[^|]*\) |.*/\1/p' "$top/docs/security.md" | grep -o '`[^`]*`' | tr -d '`' | sort >"$tap_tmp/listed"
is "nothing more of the host can be read than is listed" "$(comm -23 "$tap_tmp/readable" "$tap_tmp/listed")" ""
is "and all of that" "$(comm -13 "$tap_tmp/readable" "$tap_tmp/listed")" ""

# confinement PID|exec - what bounds that process: "CapBnd CapEff NoNewPrivs Seccomp Seccomp_filters"
confinement() {
	if [ "$1" = exec ]; then
		vzctl exec $id cat /proc/self/status
	else
		cat "/proc/$1/status"
	fi | awk '/^(CapBnd|CapEff|NoNewPrivs|Seccomp|Seccomp_filters):/ { print $2 }' | xargs
}
names() { capsh --decode="$1" | cut -d= -f2 | tr ',' '\n' | sort | xargs; }
init() { sed -n 's/INIT_PID="\(.*\)"/\1/p' /run/vz/$id/state; }

want=$(sed -n 's/^| `\([A-Z_]*\)` | yes |.*/cap_\1/p' "$top/docs/security.md" | tr A-Z a-z | sort | xargs)
now=$(confinement "$(init)")
is "init has the capabilities of the table" "$(names "${now%% *}")" "$want"
is "as bound and in effect, one filter, no no_new_privs" "$now" "${now%% *} ${now%% *} 0 2 1"
is "exec is confined likewise" "$(confinement exec)" "$now"
run timeout 120 script -qec "vzctl enter $id --exec 'cat /proc/self/status'" /dev/null
like "and enter" "$(echo "$output" | tr -d '\r')" "^CapBnd:[[:space:]]*${now%% *}$"
like "with a filter" "$(echo "$output" | tr -d '\r')" "^Seccomp:[[:space:]]*2$"

vzctl exec $id 'useradd -m tom && echo "tom ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/tom'
is "sudo works" "$(vzctl exec $id "su tom -c 'sudo id -u'")" 0
check "so does ping of a user" vzctl exec $id "su tom -c 'ping -c 1 -W 5 127.0.0.1'"
check "a nested container of a user" vzctl exec $id \
	"su tom -c 'unshare -r -m -p -f --mount-proc sh -c \"mount -t tmpfs none /mnt && test -d /proc/1\"'"
check "a tunnel" vzctl exec $id 'ip tuntap add dev tun7 mode tun && ip link del tun7'

# --- system calls, by both entries ------------------------------------------------
cp "$top/build/guest/syscall" /vz/root/$id/usr/local/bin/syscall
inside() { vzctl exec3 $id syscall "$@" </dev/null; }
is "a call that is allowed" "$(inside 39) $(inside -i 20)" "0 0"
is "x32 is not there" "$(inside -x 39) $(inside -x 175)" "ENOSYS ENOSYS"
while read -r name x86_64 i386 error; do
	is "$name" "$(inside "$x86_64")" "$error"
	[ "$i386" = - ] || is "$name by i386" "$(inside -i "$i386")" "$error"
done <<END
init_module 175 128 EPERM
finit_module 313 350 EPERM
delete_module 176 129 EPERM
kexec_load 246 283 EPERM
kexec_file_load 320 - EPERM
iopl 172 110 EPERM
ioperm 173 101 EPERM
swapon 167 87 EPERM
swapoff 168 115 EPERM
acct 163 51 EPERM
open_by_handle_at 304 342 EPERM
bpf 321 357 EPERM
perf_event_open 298 336 EACCES
syslog 103 103 EPERM
END

# What the kernel would allow to anybody, so that only the filter can be it.
host() { su nobody -s /bin/sh -c "/tmp/vesper-syscall $*"; }
install -m 755 "$top/build/guest/syscall" /tmp/vesper-syscall
cleanup_fn rm -f /tmp/vesper-syscall
sysctl -q -w kernel.dmesg_restrict=0
is "the kernel's log is open to all of this host" "$(host 103 10)" 0
is "and not to a container" "$(inside 103 10)" EPERM

# With callout information the kernel runs a program on the host.
[ ! -e /sbin/request-key ] || mv /sbin/request-key /sbin/request-key.away
cleanup_fn 'rm -f /sbin/request-key; [ ! -e /sbin/request-key.away ] || mv /sbin/request-key.away /sbin/request-key'
printf '#!/bin/sh\ntouch /tmp/vesper-upcall\nexit 1\n' >/sbin/request-key
chmod 755 /sbin/request-key
cleanup_fn rm -f /tmp/vesper-upcall
/tmp/vesper-syscall 249 =user =vesper-x =info 0 >/dev/null
check "request_key runs it for the host" test -e /tmp/vesper-upcall
rm -f /tmp/vesper-upcall
is "not for a container" "$(inside 249 =user =vesper-y =info 0)" ENOKEY
is "nor by i386" "$(inside -i 287 =user =vesper-z =info 0)" ENOKEY
mustfail "it was not run" test -e /tmp/vesper-upcall
is "without the information it is a search" "$(inside 249 =user =vesper-y 0 0)" ENOKEY

# --- CAPABILITY, FEATURES ------------------------------------------------------------
run vzctl set $id --capability net_raw:off --features vzmarker:off --save
like "changes of both wait" "$output" '^--capability takes effect at the next start$'
like "and say so" "$output" '^--features takes effect at the next start$'
is "until then exec is as init" "$(confinement exec)" "$now"
check "the markers are there" vzctl exec $id 'test -d /proc/vz && test "$(systemd-detect-virt)" = openvz'
vzctl --quiet stop $id --fast
vzctl --quiet start $id
is "systemd is running" "$(come_up $id)" running
later=$(confinement "$(init)")
is "the capability is gone" "$(names "${later%% *}")" "$(echo " $want " | sed 's/ cap_net_raw / /; s/^ //; s/ $//')"
is "for exec too" "$(confinement exec)" "$later"
is "so are the markers" "$(vzctl exec $id 'ls -d /proc/vz /proc/user_beancounters 2>&1' | grep -c 'No such file')" 2
is "it is still a container, of no known kind" "$(vzctl exec $id systemd-detect-virt || :)" container-other
check "reboot and halt are its own" vzctl stop $id
vzctl --quiet set $id --features nesting:on,vzmarker:on --capability kill:off,net_raw:on --save
vzctl --quiet start $id
every=$(($(cat /proc/sys/kernel/cap_last_cap) + 1))
now=$(confinement "$(init)")
is "with nesting it has every other capability" "$(names "${now%% *}" | wc -w)" $((every - 1))
is "for exec too, and under the filter" "$(confinement exec)" "${now%% *} ${now%% *} 0 2 1"
is "but no more rights" "$(inside 175) $(vzctl exec $id 'date -s 2020-01-01 2>&1' | grep -c 'not permitted')" "EPERM 1"
vzctl --quiet stop $id --fast
is "nothing is left" "$(leftovers $id)" ""
