# shellcheck shell=bash disable=SC2154,SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
#
# For tests/run: the passes of guest tests, kept by what a guest test can see. It
# sees a stage and nothing else of the tree, so that what is no input of its cannot
# change its verdict. Source it from bash, in the tree's root.
#
#   stage DIR ROOT                     lay out what tests on ROOT (mini, host) share with the host
#   result_key TEST KERNEL ROOT WORD...  prints the key of TEST there; ROOT is
#                                      on-host of one that boots guests itself, tools with the host root, build of
#                                      one that builds kernels
#   stands KEY                         an earlier pass of KEY: its log is $earlier, its day $day
#   remember KEY LOG                   TEST has passed, wholly, in a guest that ended well

results=$CACHE/results

# What each guest is made of, and what each test sources.
infrastructure() {
	find tests/guest tests/lib -type f ! -path 'tests/guest/*.sh'
	echo /bin/busybox
}

# The tools as built, what they are tested with, and what a page promises of them.
of_host() {
	find build/bin -type f
	find build/host/templates -name '*.json'
	echo docs/security.md
}

stage() {
	local dir=$1 f
	rm -rf "$dir"
	mkdir -p "$dir/build/host" "$dir/build/kernel" "$dir/docs"
	cp -al tests "$dir/"
	cp -al build/guest "$dir/build/"
	cp -al build/kernel/selftests "$dir/build/kernel/"
	[ "$2" = host ] || return 0
	cp -al build/bin "$dir/build/"
	cp -al build/host/templates "$dir/build/host/"
	while read -r f; do cp -l "$f" "$dir/$f"; done < <(of_host | grep '^docs/')
}

declare -A sums=()
# sum_of NAME COMMAND... - the sum of the files that COMMAND names, made once a run.
sum_of() {
	local name=$1
	shift
	[ -n "${sums[$name]:-}" ] || sums[$name]=$("$@" | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum)
	sum=${sums[$name]}
}

# What `make TARGET` on the host goes by: of the tree's own files, all that make and scripts read.
of_build() {
	ls Makefile
	find . -maxdepth 2 -name '*.mk'
	find scripts -type f
}

kernel_files() {
	echo "build/kernel/$1/bzImage"
	find build/kernel/selftests -type f
}

result_key() {
	local test=$1 kernel=$2 root=$3 sum all
	[ -n "${emulator:-}" ] || emulator=$(qemu-system-x86_64 --version | head -n 1)
	all="$* $emulator ${VESPER_ACCEL:-} ${VESPER_APPEND:-} ${TEMPLATE:-}"
	sum_of infrastructure infrastructure
	all+=" $sum"
	sum_of "$kernel" kernel_files "$kernel"
	all+=" $sum"
	case $root in
	host | tools)
		sum_of host of_host
		all+=" $sum $(cat build/host/key)"
		;;&
	on-host | tools | build)
		sum_of build of_build
		all+=" $sum"
		[ "$root" != build ] || sum_of series find patches kernel-config -type f
		all+=" $sum"
		;;
	esac
	all+=" $(sha256sum <"$test")"
	! grep -q CRASH_ "$test" || all+=" $CRASH_SEED ${CRASH_POINTS:-}"
	sum=$(sha256sum <<<"$all")
	echo "${sum%% *}"
}

stands() {
	earlier=$results/$1
	[ -z "${RERUN:-}" ] && [ -s "$earlier" ] || return 1
	day=$(sed -n '1s/^# passed //p' "$earlier")
	touch "$earlier"
}

remember() {
	mkdir -p "$results"
	{
		echo "# passed $(date +%F)"
		cat "$2"
	} >"$results/$1.$$"
	mv "$results/$1.$$" "$results/$1"
	# What no run has asked for in two months is of a tree that is gone.
	find "$results" -type f -mtime +60 -delete
}
