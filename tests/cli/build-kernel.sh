#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Without this, a guest could boot the kernel of an older series, or each start of
# one could wait for a build of what has not changed.
set -eu
. "$(dirname "$0")/../lib/functions.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
export CACHE="$tap_tmp/cache" KERNEL_SOURCE="$tap_tmp/linux.tar.xz"
unset PATCHES KERNEL_CONFIG MAKEFLAGS MFLAGS

# A tree with a stand-in for make: the kernel is the series, and each build is counted.
tree=$tap_tmp/tree
mkdir -p "$tree/scripts" "$tree/patches/10-ve" "$tree/kernel-config" "$tap_tmp/bin" "$CACHE/kernel/6.12.9-x/linux"
cp "$top/scripts/build-kernel" "$top/scripts/lib.sh" "$tree/scripts/"
printf '%s\n' '# of the test' 'plain 10' 'debug 8' >"$tree/scripts/kernel-objects"
mkdir -p "$tree/tests/guest/faulty"
echo module >"$tree/tests/guest/faulty/faulty.c"
cp "$top/config.mk" "$tree/"
printf '#!/bin/sh\necho "%s/kernel/6.12.9-x/linux"\n' "$CACHE" >"$tree/scripts/stage-kernel"
# shellcheck disable=SC2016 # expands there
printf '#!/bin/sh\nmkdir -p "$3"\necho "$1" >"$3/.config"\n' >"$tree/scripts/merge-config"
echo one >"$tree/patches/series"
echo one >"$tree/kernel-config/base.config"
echo one >"$KERNEL_SOURCE"
cat >"$tap_tmp/bin/make" <<END
#!/bin/sh
for a; do
	case \$a in O=*) obj=\${a#O=} ;; M=*) m=\${a#M=} ;; INSTALL_PATH=*) mkdir -p "\${a#*=}/ve" ;; esac
done
case "\$*" in
*bzImage)
	echo built >>"$tap_tmp/builds"
	for a; do case \$a in CC=*) echo "\$a" >"$tap_tmp/compiler" ;; esac; done
	[ ! -e "$tap_tmp/broken" ] || { echo "kernel/fork.c:1:1: error: broken"; exit 2; }
	mkdir -p "\$obj/arch/x86/boot"
	cat "$tree/patches/series" >"\$obj/arch/x86/boot/bzImage"
	echo map >"\$obj/System.map"
	for i in 1 2 3; do
		echo "  CC      \$i.o"
		touch "\$obj/.\$i.o.cmd"
		[ ! -e "$tap_tmp/slow" ] || sleep 1
	done
	;;
*modules)
	[ ! -e "$tap_tmp/faultless" ] || { echo "faulty.c:1:1: error: none"; exit 2; }
	cp "\$m/faulty.c" "\$m/faulty.ko"
	;;
*kernelrelease) echo 6.12.9-vesper ;;
esac
END
chmod 755 "$tree/scripts"/* "$tap_tmp/bin/make"
PATH=$tap_tmp/bin:$PATH

# built ARG... - how many builds that takes, and how it ends.
built() {
	: >"$tap_tmp/builds"
	run "$tree/scripts/build-kernel" "$@"
	built="$(grep -c . "$tap_tmp/builds" || :) $status"
}
image=$tree/build/kernel/plain/bzImage
built plain
is "nothing there: built" "$built" "1 0"
built plain
is "nothing changed: it stands" "$built" "0 0"
is "and nothing is said" "$output" ""
built --again plain
is "--again: built" "$built" "1 0"
built debug
is "another flavour is another kernel" "$built" "1 0"
is "with a module that does wrong, for the tests of its checks" "$(cat "$tree/build/kernel/debug/faulty.ko")" module
built debug
is "and stands" "$built" "0 0"
echo another >"$tree/tests/guest/faulty/faulty.c"
built debug
is "a changed module: built" "$built $(cat "$tree/build/kernel/debug/faulty.ko")" "1 0 another"
rm "$tree/build/kernel/debug/faulty.ko"
built debug
is "no module: built" "$built $(cat "$tree/build/kernel/debug/faulty.ko")" "1 0 another"
touch "$tap_tmp/faultless"
built --again debug
is "a module that does not build" "$built $(printf '%s\n' "$output" | tail -n 1)" \
	"1 1 build-kernel: tests/guest/faulty does not build: faulty.c:1:1: error: none"
rm "$tap_tmp/faultless"
built debug
is "is not taken for one that does" "$built" "1 0"
changed() { # WHAT
	built plain
	is "$1: built" "$built" "1 0"
	built plain
	is "$1: once" "$built" "0 0"
}
echo two >"$tree/patches/series"
changed "a changed series"
is "and the kernel is of it" "$(cat "$image")" two
echo two >"$tree/kernel-config/base.config"
changed "a changed fragment"
echo another >"$KERNEL_SOURCE"
changed "another source"
echo '# changed' >>"$tree/scripts/merge-config"
changed "a changed script"
rm "$image"
changed "no image"
rm -r "$tree/build/kernel/selftests"
changed "no tests of ours"

echo three >"$tree/patches/series"
touch "$tap_tmp/broken"
built plain
is "a build that fails" "$built" "1 1"
echo two >"$tree/patches/series"
rm "$tap_tmp/broken"
built plain
is "the series of the kernel that is there: it stands" "$built" "0 0"
echo three >"$tree/patches/series"
built plain
is "the other one: built" "$built" "1 0"

mkdir "$tap_tmp/linux"
KERNEL_SOURCE=$tap_tmp/linux built plain
is "from a tree: built" "$built" "1 0"
KERNEL_SOURCE=$tap_tmp/linux built plain
is "each time" "$built" "1 0"
built plain
is "and then from the tarball again" "$built" "1 0"

# A bad fragment stops it by name, before anything is compiled.
cp "$tree/scripts/merge-config" "$tap_tmp/merge-config"
printf '#!/bin/sh\necho "merge-config: base.config: no symbol CONFIG_NO" >&2\nexit 1\n' >"$tree/scripts/merge-config"
before=$(md5sum <"$image")
built plain
is "a bad fragment" "$built" "0 1"
is "is named, in one line" "$output" "merge-config: base.config: no symbol CONFIG_NO"
is "and the kernel of before is there" "$(md5sum <"$image")" "$before"
cp "$tap_tmp/merge-config" "$tree/scripts/merge-config"

# With ccache where it is there, and without where it is not.
mkdir "$tap_tmp/programs"
ln -s /usr/bin/* "$tap_tmp/programs/"
rm -f "$tap_tmp/programs/ccache" "$tap_tmp/programs/make"
printf '#!/bin/sh\nexec "$@"\n' >"$tap_tmp/ccache"
chmod 755 "$tap_tmp/ccache"
PATH=$tap_tmp/bin:$tap_tmp/programs built --again plain
is "without ccache" "$built $(cat "$tap_tmp/compiler")" "1 0 CC=gcc"
cp "$tap_tmp/ccache" "$tap_tmp/programs/"
PATH=$tap_tmp/bin:$tap_tmp/programs built --again plain
is "with it" "$built $(cat "$tap_tmp/compiler")" "1 0 CC=ccache gcc"

# How far it is: a build from nothing has an end, the next one may be of any part.
. "$(dirname "$0")/../lib/pty.sh"
"$top/tests/guest/run" --prepare
obj=$CACHE/kernel/6.12.9-x/linux/obj-plain
touch "$tap_tmp/slow"
rm "$obj"/.*.o.cmd
at_terminal "$tree/scripts/build-kernel" --again plain <<'END'
test a build from nothing counts to what there will be
expect building the plain kernel 0:0
expect 2/10 objects
test and ends
expect done in
status 0
END
for i in 4 5 6; do touch "$obj/.$i.o.cmd"; done
at_terminal "$tree/scripts/build-kernel" --again plain <<'END'
test one that goes on counts what is there
expect 8/10 objects
status 0
END
for i in 7 8 9; do touch "$obj/.$i.o.cmd"; done
at_terminal "$tree/scripts/build-kernel" --again plain <<'END'
test one of a few files does not count to all
expect 2 of at most 10 objects
status 0
END
is "each flavour has its number" "$(sed -n 's/^\([a-z]*\) [1-9][0-9]*$/\1/p' "$top/scripts/kernel-objects" | xargs)" "plain debug base"
