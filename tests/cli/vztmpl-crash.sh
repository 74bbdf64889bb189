#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# vztmpl build killed, at a system call that changes something and while each part of
# the family debian's recipe is at work: what the cache then has is whole or said to
# be damaged, and the next build completes it. If this fails, a killed build costs
# the template that was there, or half of one becomes containers.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/crash.sh
. "$(dirname "$0")/../lib/crash.sh"
requires vztmpl zstd
repo=$(cd "$(dirname "$0")/../.." && pwd)

export VZTMPL_CACHE="$tap_tmp/cache"

# version NAME - what its archive holds.
version() { zstd -qdc "$VZTMPL_CACHE/$1-x86_64.tar.zst" | tar -xOf - ./version 2>/dev/null; }

# whole NAME VERSION... - the cache has one of these versions as a sound template ("none":
# nothing of it), or says that it is damaged.
whole() {
	name=$1
	shift
	run vztmpl info "$name"
	case $status in
	47) return 0 ;;
	91) got=none ;;
	0) got=$(version "$name") ;;
	*) got="status $status" ;;
	esac
	case " $* " in *" $got "*) ;; *) echo "$got of $*"; return 1 ;; esac
}

# completed NAME VERSION - the next build makes it, once what the killed one left has ended.
completed() {
	wait_until 60 vztmpl build --quiet "$1" || { vztmpl build "$1" 2>&1; return 1; }
	vztmpl info "$1" >/dev/null || return 1
	[ "$(version "$1")" = "$2" ] || { echo "not version $2"; return 1; }
	rest=$(find "$VZTMPL_CACHE" -mindepth 1 -maxdepth 1 ! -name '.*.lock' ! -name .packages ! -name "$1-x86_64.*")
	[ -z "$rest" ] || { echo "left: $rest"; return 1; }
}

# --- at a system call ---------------------------------------------------------------------------
mkdir -p "$tap_tmp/recipes/lib" "$tap_tmp/recipes/tiny"
: >"$tap_tmp/recipes/lib/recipe.sh"
: >"$tap_tmp/recipes/lib/none.sh"
printf 'summary = a tiny one\nfamily = none\n' >"$tap_tmp/recipes/tiny/recipe.conf"
recipe() {
	cat >"$tap_tmp/recipes/tiny/build.sh" <<-END
		set -e
		mkdir -p "\$VZTMPL_WORK/root/sbin"
		: >"\$VZTMPL_WORK/root/sbin/init"
		echo $1 >"\$VZTMPL_WORK/root/version"
		tar -C "\$VZTMPL_WORK/root" -cf "\$VZTMPL_OUT" --mtime=@1 --owner=0 --group=0 .
		echo "tinit $1" >"\$VZTMPL_PACKAGES"
	END
}
calls=mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,rmdir,fsync,fdatasync,ftruncate,fchmod,clone,clone3,vfork,wait4

# cut OLD - killed at each point over that version ("none"); what came of it where it is wrong.
cut() {
	rm -rf "$VZTMPL_CACHE"
	[ "$1" = none ] || { recipe "$1" && vztmpl build --quiet tiny; }
	recipe 2
	[ ! -d "$VZTMPL_CACHE" ] || cp -a "$VZTMPL_CACHE" "$tap_tmp/before"
	for point in $(cut_points $calls "${CRASH_POINTS:-12}" vztmpl build --quiet tiny | tr ' ' =); do
		rm -rf "$VZTMPL_CACHE"
		[ ! -d "$tap_tmp/before" ] || cp -a "$tap_tmp/before" "$VZTMPL_CACHE"
		kill_at "${point%=*}" "${point#*=}" vztmpl build --quiet tiny || :
		whole tiny "$1" 2 && completed tiny 2 || echo "killed at $point over $1"
	done
	rm -rf "$tap_tmp/before"
}
export VZTMPL_RECIPES="$tap_tmp/recipes"
is "killed at a system call, with nothing before" "$(cut none)" ""
is "killed at a system call, over another version" "$(cut 1)" ""
diag "$(wc -l <"$tap_tmp/calls") such calls"
check "and they were some" test "$(wc -l <"$tap_tmp/calls")" -gt 10

# --- while the family debian is at work -----------------------------------------------------------
# A mirror that has no more than its suite, and a mmdebstrap that waits in one part of
# its work: FAKE/stop says where, and for how long. It makes the version of FAKE/version.
suite=bookworm
mkdir -p "$tap_tmp/mirror/dists/$suite" "$tap_tmp/bin"
echo 'Date: Sat, 06 Sep 2025 10:00:00 UTC' >"$tap_tmp/mirror/dists/$suite/InRelease"
cat >"$tap_tmp/bin/mmdebstrap" <<'END'
#!/bin/sh
set -e
read -r version <"$FAKE/version"
read -r stop pause <"$FAKE/stop"
at() { [ "$1" != "$stop" ] || { touch "$FAKE/at"; sleep "$pause"; }; }
at begin
whole=$FAKE/tar.$version
head -c 2000 "$whole" >"$VZTMPL_WORK/pool/p_$version.deb"
at package
cat "$whole" >"$VZTMPL_WORK/pool/p_$version.deb"
head -c 2000 "$whole" >"$VZTMPL_OUT"
at half
cat "$whole" >"$VZTMPL_OUT"
at tar
echo "p $version" >"$VZTMPL_PACKAGES"
END
chmod +x "$tap_tmp/bin/mmdebstrap"
mkdir -p "$tap_tmp/tree/sbin"
: >"$tap_tmp/tree/sbin/init"
for version in 1 2 3; do
	echo "$version" >"$tap_tmp/tree/version"
	tar -C "$tap_tmp/tree" -cf "$tap_tmp/tar.$version" --mtime=@1 --owner=0 --group=0 .
done
export PATH="$tap_tmp/bin:$PATH" VZTMPL_RECIPES="$repo/templates" FAKE="$tap_tmp"

# debian VERSION STOP PAUSE - a build of that version.
debian() {
	rm -f "$tap_tmp/at"
	echo "$1" >"$tap_tmp/version"
	echo "$2 $3" >"$tap_tmp/stop"
	exec vztmpl build --quiet --force --mirror "file:$tap_tmp/mirror" debian-12
}

# killed STAGE PAUSE [both] - a build of version 2 over 1 killed there; "both": so is
# the process that is to end its recipe, which goes on after PAUSE seconds.
killed() {
	rm -rf "$VZTMPL_CACHE"
	(debian 1 none 0)
	rm -rf "$VZTMPL_CACHE/.packages" "$tap_tmp/at"
	debian 2 "$1" "$2" &
	builder=$! also=
	wait_until 120 test -e "$tap_tmp/at" || { echo "it was never at '$1'"; return 1; }
	[ -z "${3-}" ] || also=$(cat "/proc/$builder/task/$builder/children")
	# shellcheck disable=SC2086 # a list
	kill -KILL $builder $also
	wait $builder 2>/dev/null || :
	whole debian-12 1 && [ ! -e "$VZTMPL_CACHE/.packages/p_2.deb" ]
}
# goes_on VERSION STOP PAUSE - and the next one, at once or when the rest of that has ended, makes its own.
goes_on() {
	next=$(($(date +%s) + 100))
	until output=$(debian "$@" 2>&1); do
		case $output in *"is being built"*) ;; *) echo "$output" && return 1 ;; esac
		[ "$(date +%s)" -lt "$next" ] || { echo "it never ends" && return 1; }
		sleep 0.2
	done
	completed debian-12 "$1" && cmp "$tap_tmp/tar.$1" "$VZTMPL_CACHE/.packages/p_$1.deb"
}
at_stages() {
	for stage in begin package half tar; do
		killed $stage 300 && goes_on 2 none 0 || echo "killed at $stage"
	done
}
is "killed while mmdebstrap works" "$(at_stages 2>&1)" ""
is "mmdebstrap survives and goes on beside the next build" "$(killed begin 2 both 2>&1 && goes_on 3 tar 4)" ""
