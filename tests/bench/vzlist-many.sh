#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# vzlist-many.sh [CONTAINERS] [ROUNDS] - milliseconds that vzlist takes on a node
# with 1,000 configured containers: the default columns, and all of them as JSON.
# It has no peer; the aim for -a is 100 ms. Medians, warm caches.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
count=${1:-1000}
rounds=${2:-15}
vzlist=$top/build/bin/vzlist
make -s -C "$top" all

dir=$(mktemp -d "${TMPDIR:-/tmp}/vesper-bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/conf"
sed "s,^CGROUP_ROOT=.*,CGROUP_ROOT=\"$dir/cg\"," "$top/etc/vz.conf" >"$dir/vz.conf"
id=101
while [ $id -lt $((101 + count)) ]; do
	{
		cat "$top/etc/conf/ve-vswap-1g.conf-sample"
		printf 'HOSTNAME="ct%s.example"\nNAME="web%s"\nIP_ADDRESS="10.0.0.1 10.0.0.2"\n' $id $id
		printf 'OSTEMPLATE="debian-12"\nVE_LAYOUT="ploop:raw"\nLOCAL_UID="1"\nLOCAL_GID="1"\nLOCAL_SIZE="262144"\n'
	} >"$dir/conf/$id.conf"
	id=$((id + 1))
done

# timed ARG... - the median of the rounds after one that is thrown away
timed() {
	perl -MTime::HiRes=time -e '
		my ($n, @c) = @ARGV; my @t;
		for (0 .. $n) {
			my $t = time;
			system("@c >/dev/null") == 0 or die "$c[0] failed\n";
			push @t, time - $t if $_;
		}
		@t = sort { $a <=> $b } @t;
		printf "%.1f (%.1f to %.1f)", map { 1000 * $_ } @t[$n / 2, 0, $n - 1];
	' "$rounds" "$vzlist" --config-root "$dir" "$@"
}
echo "vzlist -a, $count containers: $(timed -a) ms"
echo "vzlist -a -j, all fields: $(timed -a -j) ms"
