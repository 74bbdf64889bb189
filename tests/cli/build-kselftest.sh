#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, plain could be compared with what another kernel said, or with nothing.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
requires bash mke2fs file
export CACHE="$tap_tmp/cache"
unset MAKEFLAGS MFLAGS

# A tree whose kernels, tests and guests are stand-ins: what a kernel says is the
# next file of said/KERNEL.
tree=$tap_tmp/tree
mkdir -p "$tree/scripts" "$tree/tests/guest" "$tap_tmp/bin" "$tap_tmp/stock" "$CACHE/kernel"
cp "$top/scripts/kselftest" "$top/scripts/lib.sh" "$tree/scripts/"
cp "$top/tests/guest/kselftest-in-guest" "$top/tests/guest/kselftest-libcap.c" "$tree/tests/guest/"
echo 6.12.9 >"$tap_tmp/stock/.unpacked"
printf '#!/bin/sh\necho "%s"\n' "$tap_tmp/stock" >"$tree/scripts/stage-kernel"
# shellcheck disable=SC2016 # expands there
printf '#!/bin/sh\necho "build $1" >>"%s/calls"\nmkdir -p build/kernel/$1\ncat "%s/kernel" >build/kernel/$1/bzImage\n' \
	"$tap_tmp" "$tap_tmp" >"$tree/scripts/build-kernel"
echo one >"$tap_tmp/kernel"
cat >"$tap_tmp/bin/make" <<'END'
#!/bin/sh
for a; do
	case $a in INSTALL_PATH=*) install=${a#*=} ;; esac
done
[ -n "${install:-}" ] || exit 0
mkdir -p "$install"
for t in cgroup clone3 mount_setattr pid_namespace pidfd proc timens; do
	mkdir -p "$install/$t"
	cp /bin/busybox "$install/$t/program"
done
END
cat >"$tree/tests/guest/run" <<END
#!/bin/sh
echo "guest \$2" >>"$tap_tmp/calls"
while [ "\$1" != -- ]; do
	[ "\$1" != -k ] || kernel=\$2
	shift
done
n=\$(grep -c "^guest \$kernel" "$tap_tmp/calls")
which=\$n
[ -e "$tap_tmp/said/\$kernel.\$n" ] || which=all
cat "$tap_tmp/said/\$kernel.\$which"
END
chmod 755 "$tree/scripts"/* "$tree/tests/guest/run" "$tap_tmp/bin/make"
PATH=$tap_tmp/bin:$PATH
says() { # KERNEL WHICH RESULT... - what a run of it says
	mkdir -p "$tap_tmp/said"
	f=$tap_tmp/said/$1.$2
	shift 2
	printf '%s\n' "$@" >"$f"
}
kselftest() {
	: >"$tap_tmp/calls"
	run "$tree/scripts/kselftest" "$1"
	calls=$(uniq -c <"$tap_tmp/calls" | sed 's/^ *//' | paste -sd ,)
}
in_tree=$tree/tests/guest/kselftest-baseline.6.12.9

# Another version's baseline is there: it says something else, and is not asked.
echo 'clone3/program one fail' >"$tree/tests/guest/kselftest-baseline.6.12.8"
says base all 'clone3/program one pass' 'clone3/program two fail'
says base 3 'clone3/program one pass' 'clone3/program two pass'
says plain all 'clone3/program one pass' 'clone3/program two fail'
kselftest run
is "no baseline: succeeds" "$status" 0
is "no baseline: base is built, run eight times, and then plain" "$calls" "1 build base,8 guest base,1 build plain,1 guest plain"
like "no baseline: said first" "$output" '^kselftest: notice: no baseline of Linux 6.12.9; recording one first$'
recorded=$(ls "$CACHE"/kselftest/baseline.6.12.9-*)
is "it is what base says" "$(grep -v '^#' "$recorded")" "clone3/program one pass
clone3/program two unstable"
like "the way into the tree is said" "$output" "^kselftest: notice: .*: cp $recorded tests/guest/kselftest-baseline.6.12.9\$"
like "plain is held to it" "$output" '^ok - clone3/program: one is pass, as on base$'
check "nothing is put there" test ! -e "$in_tree"

rm -rf "$tree/build"
kselftest run
is "the next clone takes it" "$calls" "1 build plain,1 guest plain"
is "and passes" "$status" 0

says plain all 'clone3/program one fail' 'clone3/program two fail'
kselftest run
is "plain says something else: fails" "$status" 1
is "after it was asked three times" "$calls" "1 build plain,3 guest plain"
like "by name" "$output" '^not ok - clone3/program one is fail on plain, pass on base$'
says plain all 'clone3/program one pass' 'clone3/program two fail'

echo '# other' >>"$tree/tests/guest/kselftest-in-guest"
kselftest run
like "other programs: recorded anew" "$calls" '^1 build base,8 guest base,'
is "beside the first" "$(find "$CACHE/kselftest" -name 'baseline.6.12.9-*' | wc -l)" 2

# A run that is cut goes on where it was.
rm "$CACHE"/kselftest/baseline.*
cp "$tree/tests/guest/run" "$tap_tmp/run.whole"
echo "[ \$n -lt 5 ] || exit 98" >>"$tree/tests/guest/run"
kselftest run
is "base does not run: fails" "$status" 1
like "base does not run: said so" "$output" '^kselftest: the base kernel did not run its own tests$'
check "base does not run: nothing is taken for a baseline" sh -c "! find '$CACHE/kselftest' -type f -name 'baseline.*' ! -path '*.runs/*' | grep ."
cat "$tap_tmp/run.whole" >"$tree/tests/guest/run"
cp -r "$CACHE/kselftest" "$tap_tmp/cut"
kselftest run
like "the next run goes on" "$calls" '^1 build base,4 guest base,'
is "and succeeds" "$status" 0
rm -r "$CACHE/kselftest"
cp -r "$tap_tmp/cut" "$CACHE/kselftest"
echo two >"$tap_tmp/kernel"
kselftest run
like "of another kernel it begins anew" "$calls" '^1 build base,8 guest base,'

printf '%s\n' 'clone3/program one pass' 'clone3/program two unstable' >"$in_tree"
rm -r "$CACHE/kselftest"
kselftest run
is "with one in the tree: it is taken" "$calls" "1 build plain,1 guest plain"
is "without a word" "$(printf '%s\n' "$output" | grep -c notice)" 0
rm "$tap_tmp/said/base.3"
says base all 'clone3/program one fail' 'clone3/program two fail'
kselftest baseline
like "baseline records into the tree" "$calls" '^1 build base,8 guest base$'
is "what base says now, and what has ever been unstable" "$(grep -v '^#' "$in_tree")" "clone3/program one fail
clone3/program two unstable"
