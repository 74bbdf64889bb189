#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, every guest could wait for a KVM that does not boot our kernel,
# a machine on which it does could be emulated for ever, or a guest run so.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
unset VESPER_ACCEL
# A device that can be written to, whether the machine has one or not.
export CACHE="$tap_tmp/cache" VESPER_KVM="$tap_tmp/kvm"
: >"$VESPER_KVM"

# A copy whose relay only runs QEMU, and a QEMU that tells how it is called. With
# "boots-kvm" or "boots-tcg" COMMAND is reached; with "hangs" KVM does not end.
"$top/tests/guest/run" --prepare
mkdir -p "$tap_tmp/bin" "$tap_tmp/top/tests" "$tap_tmp/top/build"
cp -r "$top/tests/guest" "$tap_tmp/top/tests/"
cp -r "$top/build/guest" "$tap_tmp/top/build/"
cat >"$tap_tmp/top/build/guest/relay" <<'END'
#!/bin/sh
while [ "$1" != -- ]; do
	[ "$1" != -T ] || limit=$2
	shift
done
shift
echo "$limit" >"$(dirname "$0")/limit"
exec timeout "$limit" "$@"
END
cat >"$tap_tmp/bin/qemu-system-x86_64" <<END
#!/bin/sh
while [ \$# -gt 0 ]; do
	[ "\$1" != -accel ] || accel=\${2%%,*}
	case \$1 in file,id=console,path=*) : >"\${1#file,id=console,path=}" ;; esac
	shift
done
echo "\$accel" >>"$tap_tmp/calls"
[ "\$accel" = tcg ] || [ ! -e "$tap_tmp/hangs" ] || exec sleep 60
[ -e "$tap_tmp/boots-\$accel" ] || exit 98
END
chmod 755 "$tap_tmp/bin/qemu-system-x86_64" "$tap_tmp/top/build/guest/relay"
touch "$tap_tmp"/top/build/guest/*
PATH=$tap_tmp/bin:$PATH
echo no kernel >"$tap_tmp/bzImage"

# accelerated - with what a guest was tried, in order.
accelerated() {
	: >"$tap_tmp/calls"
	run "$tap_tmp/top/tests/guest/run" -k "$tap_tmp/bzImage" -- true
	xargs <"$tap_tmp/calls"
}
answer=$CACHE/kvm-$(uname -r)
is "KVM is tried, and not taken where it boots nothing" "$(accelerated)" "kvm tcg"
check "a kernel that emulation does not boot either says nothing of KVM" test ! -e "$answer"
is "so that the next one is tried" "$(accelerated)" "kvm tcg"
touch "$tap_tmp/boots-tcg"
is "one that emulation boots" "$(accelerated)" "kvm tcg"
is "is an answer, and it is kept" "$(cat "$answer")" tcg
is "so that it is tried once" "$(accelerated)" tcg
rm "$answer"
touch "$tap_tmp/hangs"
since=$(date +%s)
is "KVM that hangs is given up" "$(VESPER_KVM_SECONDS=2 accelerated)" "kvm tcg"
check "in its time" test $(($(date +%s) - since)) -lt 50
rm "$tap_tmp/hangs" "$answer"
touch "$tap_tmp/boots-kvm"
is "KVM that boots it" "$(accelerated)" "kvm kvm"
is "is the other answer" "$(cat "$answer")" kvm
rm "$tap_tmp/boots-kvm"
echo kvm >"$answer"
is "KVM that has booted our kernel is taken" "$(accelerated)" kvm
rm "$answer"
is "what VESPER_ACCEL says is taken" "$(VESPER_ACCEL=tcg accelerated)" tcg
check "and nothing is kept of it" test ! -e "$answer"
is "no device: KVM is not tried" "$(VESPER_KVM=$tap_tmp/none accelerated)" tcg
if [ "$(id -u)" -ne 0 ]; then
	chmod 0 "$VESPER_KVM"
	is "nor is one that may not be written to" "$(accelerated)" tcg
fi
check "and nothing is kept of that" test ! -e "$answer"

# The time limit of a guest.
for k in plain debug; do install -D "$tap_tmp/bzImage" "$tap_tmp/top/build/kernel/$k/bzImage"; done
limit_of() {
	run env VESPER_ACCEL=tcg "$tap_tmp/top/tests/guest/run" "$@" -- true
	cat "$tap_tmp/top/build/guest/limit"
}
is "300 s if nothing is said" "$(limit_of)" 300
is "900 s on debug" "$(limit_of -k debug)" 900
is "what -t says" "$(limit_of -k debug -t 7)" 7
