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

# What every guest is made of, and what runs the tests in it.
infrastructure() {
	find tests/guest -type f \( -name run -o -name batch -o -name init.c -o -name agent.c -o -name relay.c -o -name mkcpio.c \
		-o -name tsc.c -o -name '*.h' -o -name initramfs.spec -o -path '*/mini/*' \)
	echo /bin/busybox
}

# And all that tests which boot guests themselves may take from the tree's tests.
all_tests() {
	find tests/guest tests/lib -type f ! -path 'tests/guest/*.sh'
	echo /bin/busybox
}

# The tools as built, what they are tested with, and what a page promises of them.
of_host() {
	find build/bin -type f
	find build/host/templates -name '*.json'
	echo docs/security.md
}

# tools_of TEST - which of the tools it has in the guest (batch takes the others away): what
# "# tools: NAME..." in its head says, "none", or "all" of one that says nothing.
tools_of() {
	local t
	t=$(head -n 15 "$1" | sed -n 's/^# tools: //p')
	echo "${t:-all}"
}

# files_of TOOL... - their programs. What vzctl starts has a program of its own as its parent.
files_of() {
	local t
	for t; do
		[ "$t" = none ] || echo "build/bin/$t"
		[ "$t" != vzctl ] || echo build/bin/vz-supervisor
	done
}

# named TEST - itself, and of what only some tests use that which it names, or a file that it
# sources: programs of the guest, selftests of the kernel, what is for the tools besides.
named() {
	local texts=("$1") f i=0
	while [ "$i" -lt ${#texts[@]} ]; do
		for f in tests/lib/*; do
			[[ " ${texts[*]} " == *" $f "* ]] || ! grep -qF "lib/${f##*/}" "${texts[i]}" || texts+=("$f")
		done
		i=$((i + 1))
	done
	printf '%s\n' "${texts[@]}"
	for f in tests/guest/*.pl build/guest/* docs/security.md; do
		[ ! -f "$f" ] || ! grep -qF "/${f#*/}" "${texts[@]}" || echo "$f"
	done
	! grep -qF kernel/selftests "${texts[@]}" || find build/kernel/selftests -type f
	! grep -qF host/templates "${texts[@]}" || find build/host/templates -name '*.json'
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

# add WORD... - to $all.
add() { all+=" $*"; }

# What a guest test sees: all of the guest that every test has, of the rest what it names.
of_guest_test() {
	local tools
	tools=$(tools_of "$1")
	sum_of infrastructure infrastructure
	add "$sum"
	sum_of "$2" echo "build/kernel/$2/bzImage"
	add "$sum" "$(named "$1" | LC_ALL=C sort -u | xargs -r -d '\n' sha256sum)"
	[ "$3" = host ] || return 0
	if [ "$tools" = all ]; then
		sum_of host of_host
		add "$sum" "$(cat build/host/key)"
	else
		# shellcheck disable=SC2086 # names
		add "$(cat build/host/base)" "$(files_of $tools | xargs -r sha256sum)"
	fi
}

# What one on the host sees, that boots guests itself.
of_host_test() {
	local k
	sum_of all all_tests
	add "$sum"
	sum_of selftests find build/kernel/selftests -type f
	add "$sum"
	for k in plain debug base; do
		[ "$k" = "$2" ] || { grep -qw "$k" "$1" && [ -e "build/kernel/$k/bzImage" ]; } || continue
		sum_of "$k" echo "build/kernel/$k/bzImage"
		add "$sum"
	done
	sum_of build of_build
	add "$sum" "$(sha256sum <"$1")"
	case $3 in
	tools)
		sum_of host of_host
		add "$sum" "$(cat build/host/key)"
		;;
	build)
		sum_of series find patches kernel-config -type f
		add "$sum"
		;;
	esac
}

result_key() {
	local test=$1 kernel=$2 root=$3 sum all
	[ -n "${emulator:-}" ] || emulator=$(qemu-system-x86_64 --version | head -n 1)
	all="$* $emulator ${VESPER_ACCEL:-} ${VESPER_APPEND:-} ${TEMPLATE:-}"
	case $root in
	on-host | tools | build) of_host_test "$test" "$kernel" "$root" ;;
	*) of_guest_test "$test" "$kernel" "$root" ;;
	esac
	! grep -q CRASH_ "$test" || add "$CRASH_SEED ${CRASH_POINTS:-}"
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
