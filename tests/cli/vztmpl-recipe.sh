#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What vztmpl demands of a recipe: a failure has one line that says why, a
# secret is refused, and whatever happens the cache is as it was before.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires vztmpl

export VZTMPL_CACHE="$tap_tmp/cache" VZTMPL_RECIPES="$tap_tmp/recipes"
mkdir -p "$VZTMPL_RECIPES/lib" "$VZTMPL_RECIPES/t"
: >"$VZTMPL_RECIPES/lib/recipe.sh"
: >"$VZTMPL_RECIPES/lib/none.sh"
conf=$VZTMPL_RECIPES/t/recipe.conf
good_conf() { printf 'summary = s\nfamily = none\n' >"$conf"; }
good_conf

# recipe COMMANDS - a recipe that has $r, a root with an init, and then does COMMANDS.
recipe() {
	cat >"$VZTMPL_RECIPES/t/build.sh" <<-END
		set -e
		r=\$VZTMPL_WORK/root
		mkdir -p \$r/sbin && : >\$r/sbin/init && echo "p 1" >\$VZTMPL_PACKAGES
		pack() { tar -C \$r -cf \$VZTMPL_OUT --owner=0 --group=0 --mtime=@1 .; }
		$1
	END
}

# refused NAME PATTERN - the build fails with a line of PATTERN and leaves nothing.
refused() {
	run vztmpl build --quiet t
	if [ "$status" -eq 1 ]; then ok "$1: refused"; else not_ok "$1: status $status"; fi
	like "$1: said so" "$output" "^vztmpl: .*$2"
	is "$1: nothing left" "$(find "$VZTMPL_CACHE" -mindepth 1 ! -name '.*.lock')" ""
}

recipe 'echo "error the moon is full" >&3; exit 1'
refused "a recipe's own word" "cannot build 't': the moon is full$"
recipe 'echo last words; exit 7'
refused "a silent failure" "status 7:"
like "the log's end is shown" "$output" "^last words$"
recipe 'pack; head -c 700 $VZTMPL_OUT >$VZTMPL_OUT.x; mv $VZTMPL_OUT.x $VZTMPL_OUT'
refused "a truncated tar" "the recipe's tar: is no tar archive or a damaged one"
recipe 'echo nonsense >$VZTMPL_OUT'
refused "no tar at all" "the recipe's tar: is no tar archive"
recipe ':'
refused "nothing written" "wrote no tar"
recipe 'rm $r/sbin/init; pack'
refused "no init" "has no init"
recipe 'pack; echo broken >$VZTMPL_PACKAGES'
refused "a bad package list" "bad line in the recipe's package list: 'broken'"
recipe 'tar -C $r -cPf $VZTMPL_OUT --transform "s,^./sbin,../sbin," .'
refused "a name with .." "the recipe's tar: '\.\./.*' has '\.\.' in its name"

secret() {
	recipe "mkdir -p \$r/$(dirname "$1") && echo x >\$r/$1 && pack"
	refused "$1" "'/$1' is $2, which no template may hold"
}
secret etc/ssh/ssh_host_rsa_key "a host key"
secret etc/machine-id "a machine id"
secret var/lib/dbus/machine-id "a machine id"
secret var/lib/systemd/random-seed "a random seed"
secret var/lib/apt/lists/x_Packages "a package list"
secret var/log/apt/term.log "a log of the build"
recipe 'mkdir $r/etc; : >$r/etc/machine-id; pack'
check "an empty machine-id is what it should be" vztmpl build --quiet t
vztmpl remove t

printf 'summary = s\nfamily = none\ncolour = red\n' >"$conf"
refused "an unknown key" "recipe.conf:3: unknown key 'colour'"
printf 'summary = s\nfamily = gone\n' >"$conf"
refused "an unknown family" "no family 'gone'"
printf 'summary = s\nfamily = none\ninputs = /no/such\n' >"$conf"
refused "a missing input" "needs '/no/such'"
printf 'family = none\n' >"$conf"
refused "no summary" "'summary' is missing"
good_conf

# gone - the processes that the recipe wrote down are no more, or wait for their reaper only.
gone() {
	for file in pid own; do
		state=$(sed -n 's/^State:[[:space:]]*//p' "/proc/$(cat "$tap_tmp/$file")/status" 2>/dev/null) || :
		case $state in '' | Z*) ;; *) return 1 ;; esac
	done
}

# Interrupted: the recipe's children end too, nothing is left, the next goes on.
recipe 'sleep 300 & echo $! >'"$tap_tmp"'/pid
setsid sh -c "echo \$\$ >'"$tap_tmp"'/own; exec sleep 300" & wait'
vztmpl build --quiet t 2>"$tap_tmp/err" &
pid=$!
check "it has begun" wait_until 20 test -s "$tap_tmp/own"
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
is "interrupted: exit code" "$status" 130
like "interrupted: said so" "$(cat "$tap_tmp/err")" "interrupted, nothing kept"
check "interrupted: what the recipe started is gone" wait_until 5 gone
is "interrupted: nothing left" "$(find "$VZTMPL_CACHE" -mindepth 1 ! -name '.*.lock')" ""
rm "$tap_tmp/pid" "$tap_tmp/own"

# Killed without a chance to clean up: the next build does it.
vztmpl build --quiet t &
pid=$!
check "it has begun again" wait_until 20 test -s "$tap_tmp/own"
kill -KILL "$pid"
wait "$pid" || :
check "killed: what the recipe started ends with vztmpl" wait_until 10 gone
check "killed: a rest is there" test -d "$VZTMPL_CACHE/.build-t"
recipe pack
# Its lock is free once the rest of it has ended.
check "the next build works" wait_until 10 vztmpl build --quiet t
mustfail "and has cleaned up" test -e "$VZTMPL_CACHE/.build-t"
