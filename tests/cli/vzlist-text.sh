#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Texts of containers at a terminal. If this fails, a description moves the
# cursor of the administrator who looks at it, or makes one name look like another.
set -eu
# shellcheck source=tests/lib/functions.sh
. "$(dirname "$0")/../lib/functions.sh"
# shellcheck source=tests/lib/node.sh
. "$(dirname "$0")/../lib/node.sh"
requires vzlist jq script

make_node
export LC_ALL=C.UTF-8
L() { vzlist --config-root "$etc" "$@"; }
# at LOCALE ARG... - what vzlist writes when its output is a terminal.
at() {
	LC_ALL=$1
	shift
	script -qec "vzlist --config-root '$etc' $*" /dev/null </dev/null | tr -d '\r'
	LC_ALL=C.UTF-8
}
# text BYTES - the description and name of container 101, as printf writes it.
text() {
	# shellcheck disable=SC2059 # meant as it stands
	printf "DESCRIPTION=\"$1\"\n" >"$etc/conf/101.conf"
}
shown() { at C.UTF-8 -Ho description 101; }

text 'plain'
is "plain text" "$(shown)" plain
text 'gr\303\266\303\237e \343\201\262'
is "letters of any language" "$(shown)" 'größe ひ'
is "not where the terminal has none" "$(at C -Ho description 101)" \
	'gr\xc3\xb6\xc3\x9fe \xe3\x81\xb2'
text 'a\302\2332Jb'
is "a control sequence of one character" "$(shown)" 'a\xc2\x9b2Jb'
text 'a\2332Jb'
is "or of one byte" "$(shown)" 'a\x9b2Jb'
text 'user\342\200\256txt.exe'
is "a turn of the direction" "$(shown)" 'user\xe2\x80\xaetxt.exe'
text 'we\342\200\213b'
is "a character that nobody sees" "$(shown)" 'we\xe2\x80\x8bb'
text 'a\tb'
is "a tab" "$(shown)" 'a\x09b'
for bad in '\300\257' '\355\240\200' '\364\220\200\200' '\342\202' '\377'; do
	text "a${bad}"
	like "bytes that are no UTF-8: $bad" "$(shown)" '^a(\\x[0-9a-f]{2})+$'
	is "are replaced in JSON" "$(L -j 101 | jq -r '.[0].description' | tr -d '\357\277\275')" a
	# shellcheck disable=SC2059
	is "and kept for a program" "$(L -Ho description 101 | od -An -c)" "$(printf "a$bad\n" | od -An -c)"
done

# cell FIELD... - the line between two bars, to see what the column is filled up with.
cell() { L -H -o "$@" 101 | sed 's/^/|/'; }
text 'abc'
is "a column is filled" "$(cell description,ctid)" "|abc$(printf '%29s' '')        101"
text '\303\266bc'
is "by what is seen" "$(cell description,ctid)" "|öbc$(printf '%29s' '')        101"
text '\343\201\262c'
is "wide letters are two" "$(cell description,ctid)" "|ひc$(printf '%29s' '')        101"
text "$(printf 'x%.0s' $(seq 31))\343\201\262"
is "none is cut in the middle" "$(cell description,ctid)" "|$(printf 'x%.0s' $(seq 31))         101"
is "whatever the locale is" "$(LC_ALL=C cell description,ctid)" "|$(printf 'x%.0s' $(seq 31))         101"
