#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# scripts/host-image killed at one of the commands that it runs, or with half an image
# written: the image in place is whole, the next run makes the new one and leaves
# nothing else. If this fails, a machine that went down in `make host-image` boots its
# guests from half a root, or needs somebody who knows what to remove.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/crash.sh
. "$(dirname "$0")/../lib/crash.sh"
requires vztmpl ploop jq debugfs e2fsck
repo=$(cd "$(dirname "$0")/../.." && pwd)

# A tree in which all is small: the script, recipes of a few files, an install of one.
tree=$tap_tmp/tree out=$tap_tmp/tree/build/host
export CACHE="$tap_tmp/cache" FAKE="$tap_tmp"
mkdir -p "$tree/scripts" "$tree/templates/lib" "$tree/tests/templates" "$tree/build/bin"
cp "$repo/scripts/lib.sh" "$tree/scripts/"
sed 's/^SIZE=.*/SIZE=64M/' "$repo/scripts/host-image" >"$tree/scripts/host-image"
chmod +x "$tree/scripts/host-image"
: >"$tree/templates/lib/recipe.sh"
: >"$tree/templates/lib/none.sh"
ln -s ../../templates/lib "$tree/tests/templates/lib"
# recipes VERSION - of all that the script builds; what the image holds says which version it is.
recipes() {
	for recipe in templates/host templates/debian-12 templates/busybox tests/templates/nested; do
		mkdir -p "$tree/$recipe"
		printf 'summary = s\nfamily = none\n' >"$tree/$recipe/recipe.conf"
		cat >"$tree/$recipe/build.sh" <<-RECIPE
			set -e
			mkdir -p "\$VZTMPL_WORK/root/sbin"
			: >"\$VZTMPL_WORK/root/sbin/init"
			echo $1 >"\$VZTMPL_WORK/root/version"
			tar -C "\$VZTMPL_WORK/root" -cf "\$VZTMPL_OUT" --mtime=@1 --owner=0 --group=0 .
			echo "p $1" >"\$VZTMPL_PACKAGES"
		RECIPE
	done
}
printf 'install:\n\tmkdir -p $(DESTDIR)/usr/sbin && echo tool >$(DESTDIR)/usr/sbin/vzctl\n' >"$tree/Makefile"

# What the script calls, by a stand-in that counts: at the call of FAKE/cut the script
# is killed, and the command does not come to run ("N") or goes on without it ("N on").
mkdir "$tap_tmp/bin"
stand_in() {
	cat >"$2" <<-END
		#!/bin/sh
		# Some run beside each other.
		n=\$(
			$(command -v flock) 9
			n=\$((\$(cat "\$FAKE/n") + 1))
			echo \$n | tee "\$FAKE/n"
		) 9>>"\$FAKE/lock"
		echo "\$n \${0##*/}" >>"\$FAKE/calls"
		read -r cut on <"\$FAKE/cut"
		if [ \$n = \$cut ]; then
			kill -KILL "\$(cat "\$FAKE/pid")"
			[ "\$on" ] || exit 1
		fi
		exec $1 "\$@"
	END
	chmod +x "$2"
}
for command in flock jq sha256sum make tar mv ln cp rm mkdir; do stand_in "$(command -v $command)" "$tap_tmp/bin/$command"; done
for command in vztmpl ploop; do stand_in "$(command -v $command)" "$tree/build/bin/$command"; done

# host_image CUT - run the script, killed at that call (0: not).
host_image() {
	echo 0 >"$tap_tmp/n"
	: >"$tap_tmp/calls"
	echo "$1" >"$tap_tmp/cut"
	# shellcheck disable=SC2016 # expands there
	PATH=$tap_tmp/bin:$PATH setsid sh -c 'echo $$ >"$FAKE/pid"; exec "$0"' "$tree/scripts/host-image"
}

# holds VERSION... - the image in place is whole, and of one of these ("none": there is none).
holds() {
	[ -e "$out/root.hdd" ] || { [ "$1" = none ]; return; }
	e2fsck -fn "$out/root.hdd?offset=1048576" >/dev/null 2>&1 || { echo "half an image"; return 1; }
	got=$(debugfs -R 'cat /version' "$out/root.hdd?offset=1048576" 2>/dev/null)
	case " $* " in *" $got "*) ;; *) echo "the image is of '$got', not $*"; return 1 ;; esac
}
completed() {
	output=$(host_image 0 2>&1) || { echo "the next run fails: $output"; return 1; }
	holds "$1" || return 1
	rest=$(find "$out" -mindepth 1 -maxdepth 1 | grep -vE '/(root.hdd|DiskDescriptor.xml|key|base|lock|log|templates)$' || :)
	[ -z "$rest" ] || { echo "left: $rest"; return 1; }
	host_image 0 2>&1 | grep -q 'up to date' || { echo "it is made again"; return 1; }
}

recipes 1
check "it is made" host_image 0
is "and is whole" "$(holds 1)" ""
# The one that puts the image in place, each way; and some of the others.
cuts() {
	sed -n 's/ mv$//p' "$tap_tmp/calls.whole" | while read -r cut; do printf '%s\n%s on\n' "$cut" "$cut"; done
	awk '{ print $1; print $1 " on" }' "$tap_tmp/calls.whole" | spread "${CRASH_POINTS:-7}"
}
calls=$(cat "$tap_tmp/n")
cp "$tap_tmp/calls" "$tap_tmp/calls.whole"
cp -a "$out" "$tap_tmp/made"
cp -a "$CACHE" "$tap_tmp/made-cache"
diag "$calls calls"
check "by some calls" test "$calls" -gt 30

# before OLD - what there was before the cut.
before() {
	rm -rf "$out" "$CACHE"
	[ "$1" = none ] || { cp -a "$tap_tmp/made" "$out" && cp -a "$tap_tmp/made-cache" "$CACHE"; }
}
recipes 2
each_cut() {
	cuts | while read -r cut; do
		before "$1"
		host_image "$cut" >/dev/null 2>&1 || :
		holds "$1" 2 && completed 2 || echo "killed at call $cut, $1 before"
	done
}
is "killed at a command, over another image" "$(each_cut 1)" ""
is "killed at a command, with nothing before" "$(CRASH_SEED=$((CRASH_SEED + 1)) each_cut none)" ""

# ploop and the script go down together, in the middle of the image.
cat >"$tree/build/bin/ploop" <<END
#!/bin/sh
$(command -v ploop) "\$@" || exit
truncate -s 3M "$out/new/root.hdd"
kill -KILL "\$(cat "\$FAKE/pid")"
END
before 1
host_image 0 >/dev/null 2>&1 || :
is "killed with half an image: it is there" "$(stat -c %s "$out/new/root.hdd")" $((3 << 20))
is "the one before stands" "$(holds 1)" ""
stand_in "$(command -v ploop)" "$tree/build/bin/ploop"
is "and the next run makes the new one" "$(completed 2)" ""
