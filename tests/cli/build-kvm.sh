#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, every guest could wait for a KVM that does not boot our kernel,
# or a machine on which it does could be emulated for ever.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
unset VESPER_ACCEL
# A device that can be written to, whether the machine has one or not.
export CACHE="$tap_tmp/cache" VESPER_KVM="$tap_tmp/kvm"
: >"$VESPER_KVM"

# A QEMU that tells how it is called, and boots nothing.
mkdir "$tap_tmp/bin"
cat >"$tap_tmp/bin/qemu-system-x86_64" <<END
#!/bin/sh
while [ \$# -gt 0 ]; do
	[ "\$1" != -accel ] || echo "\${2%%,*}" >>"$tap_tmp/calls"
	shift
done
exit 1
END
chmod 755 "$tap_tmp/bin/qemu-system-x86_64"
PATH=$tap_tmp/bin:$PATH
echo no kernel >"$tap_tmp/bzImage"

# accelerated - with what a guest was tried, in order.
accelerated() {
	: >"$tap_tmp/calls"
	run "$top/tests/guest/run" -k "$tap_tmp/bzImage" -- true
	xargs <"$tap_tmp/calls"
}
answer=$CACHE/kvm-$(uname -r)
is "KVM is tried, and not taken where it boots nothing" "$(accelerated)" "kvm tcg"
is "the answer is kept" "$(cat "$answer")" tcg
is "so that it is tried once" "$(accelerated)" tcg
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
