#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# ploop serve: QEMU reads and writes an image through a socket, without a kernel of
# ours and without root, and what it wrote and flushed is in a closed image. If this
# fails, nobody can look into an image elsewhere.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
requires ploop qemu-img qemu-io flock perl

cd "$tap_tmp"
url="nbd+unix:///?socket=$tap_tmp/s"
server=
# shellcheck disable=SC2016 # at the end
cleanup_fn '[ -z "$server" ] || kill "$server" 2>/dev/null || :'
# serve [OPTION...] IMAGE - in the background, until it listens.
serve() {
	ploop serve -U s "$@" 2>serve.err &
	server=$!
	wait_until 20 test -S s
}
# ended - waits for its end: its exit code, and what is left of the socket, as $end.
ended() {
	code=0
	wait "$server" || code=$?
	server=
	end="$code $(ls s 2>/dev/null || :)"
}
stopped() {
	kill "$server"
	ended
}
marker() { od -An -tx4 -j44 -N4 "$1" | xargs; }

ploop init -s 64M --uuid 11111111-2222-4333-8444-555555555555 --time 1700000000 i/root.hds
qemu-img convert -f parallels -O raw i/root.hds raw
serve -r i
is "only its owner may connect" "$(stat -c %a s)" 600
like "its size" "$(qemu-img info --output=json "$url")" '"virtual-size": 67108864'
check "it reads the same" qemu-img compare -f raw -F raw raw "$url"
mustfail "read-only takes no write" qemu-io -f raw -c 'write -P 7 0 4k' "$url"
mustfail "another name is not there" qemu-img info "nbd+unix:///other?socket=$tap_tmp/s"
mustfail "nobody has it for writing meanwhile" flock -n -x i/root.hds true
printf 'no client at all' | perl -MIO::Socket::UNIX -e '
	my $s = IO::Socket::UNIX->new(Peer => "s") or die; local $/; print $s <STDIN>; shutdown $s, 1; <$s>;'
check "what is no client is gone, the next is served" qemu-img compare -f raw -F raw raw "$url"
stopped
is "a signal ends it" "$end" "0 "
check "nothing has changed" qemu-img compare -f parallels -F raw i/root.hds raw

serve i
is "for writing it is in use" "$(marker i/root.hds)" 746f6e59
mustfail "nobody else serves it" ploop serve -U other i
is "exit code" "$status" 37
is "no socket is left of that" "$(ls other 2>/dev/null || :)" ""
# In the middle, over two clusters; zeros; the same in the raw one.
set -- -c 'write -P 1 10M 3M' -c 'write -P 2 1047552 2k' -c 'write -P 3 62M 512' \
	-c 'write -z 11M 1M' -c 'write -z 30M 1M' -c 'write -f -P 4 20M 512' -c flush
check "QEMU writes" qemu-io -f raw "$@" "$url"
qemu-io -f raw "$@" raw >/dev/null
check "and reads it back" qemu-img compare -f raw -F raw raw "$url"
mustfail "nothing behind the end" qemu-io -f raw -c 'write -P 1 64M 512' "$url"
stopped
is "a signal ends it" "$end" "0 "
is "the image is closed" "$(marker i/root.hds)" 00000000
check "check finds nothing" qemu-img check -f parallels i/root.hds
check "it is what was written" qemu-img compare -f parallels -F raw i/root.hds raw

# On a snapshot: what is below stays.
ploop snapshot i >/dev/null
sha256sum i/root.hds >before
serve --once i
check "a chain of two reads the same" qemu-img compare -f raw -F raw raw "$url"
ended
is "that was its one client" "$end" "0 "
serve i
qemu-io -f raw -c 'write -P 9 10M 64k' -c flush "$url" >/dev/null
qemu-io -f raw -c 'write -P 9 10M 64k' raw >/dev/null
check "a chain is written to" qemu-img compare -f raw -F raw raw "$url"
check "in its top only" sha256sum --quiet -c before
# Killed: what was flushed is there, once it is closed.
kill -9 "$server"
wait "$server" 2>/dev/null || :
server=
rm -f s
mustfail "one that was not closed is not served" ploop serve -U s i
is "exit code" "$status" 37
check "check closes it" ploop check -d i
serve -r i
check "and what was flushed is there" qemu-img compare -f raw -F raw raw "$url"
stopped
is "and it ends" "$end" "0 "
mustfail "what is no image is not served" ploop serve -U s before
is "exit code" "$status" 11
mustfail "nor without a socket" ploop serve i
is "exit code" "$status" 38
