# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Completion of vzctl, vzlist, vztmpl and ploop for bash. Commands, options and
# fields are asked of the program that is being typed: --list-options prints
# its own tables as "SECTION OPTION KEY STATE ARGUMENT". So is what they take:
# containers of vzlist, templates and samples of vzctl, recipes of vztmpl.
#
# The functions below share the variables of _vesper, by bash's dynamic scope:
#   prog words cur prev  the program, what is typed, its last word, the one before
#   config               --config-root DIR if that was given

# _vesper_rows SECTION [OPTION] - the rows of a section that are not refused, as "option key argument".
_vesper_rows() {
	local section option key state arg
	while read -r section option key state arg; do
		if [[ $section == "$1" && $state == ok && ${2:-$option} == "$option" ]]; then
			printf '%s\n' "$option $key $arg"
		fi
	done < <("$prog" --list-options 2>/dev/null)
}

# _vesper_options SECTION - the options among them.
_vesper_options() {
	local option
	_vesper_rows "$1" | while read -r option _; do
		[[ $option != -?* ]] || printf '%s\n' "$option"
	done
}

# _vesper_commands - every section that is a command.
_vesper_commands() {
	local section option state
	while read -r section option _ state _; do
		[[ $section == -* || $option != - || $state != ok || $section == *.conf ]] || echo "$section"
	done < <("$prog" --list-options 2>/dev/null)
}

# _vesper_first COMMAND... - the first word of each line that it prints.
_vesper_first() { "$@" 2>/dev/null | while read -r word _; do echo "$word"; done; }

# _vesper_containers [OPTION...] - ids and names; the options are those of vzlist.
_vesper_containers() {
	local id name list=vzlist
	[[ $prog != */* ]] || list=${prog%/*}/vzlist
	"$list" "${config[@]}" "$@" -H -o ctid,name 2>/dev/null | while read -r id name; do
		echo "$id"
		[[ $name == - ]] || echo "$name"
	done
}

# _vesper_offer WORD... - those that go on from what is typed.
_vesper_offer() { mapfile -t COMPREPLY < <(compgen -W "$*" -- "$cur"); }

# _vesper_paths -f|-d - files, or directories only.
_vesper_paths() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen "$1" -- "$cur")
}

# _vesper_words ARGUMENT - of "address|inherit" what can be typed as it stands.
_vesper_words() {
	local word list
	IFS='|' read -ra list <<<"$1"
	for word in "${list[@]}"; do
		case $word in
		address | domain | list | count | interface | device | name | size | dst | user:* | *[A-Z]*) ;;
		*) echo "$word" ;;
		esac
	done
}

# _vesper_targets CTID - where its bind mounts are.
_vesper_targets() {
	local item
	"${prog%vzctl}vzlist" "${config[@]}" -H -t -o bindmount "$1" 2>/dev/null | tr ' ' '\n' | while read -r item; do
		[[ $item != *:* ]] || echo "${item##*:}"
	done
}

# _vesper_snapshots CTID - their UUIDs.
_vesper_snapshots() { "$prog" "${config[@]}" snapshot-list "$1" -H -o uuid 2>/dev/null | tr -d '{}'; }

# _vesper_snapshot_fields CTID - behind the last comma.
_vesper_snapshot_fields() {
	compopt -o nospace 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -P "${cur%"${cur##*,}"}" \
		-W "$(_vesper_first "$prog" "${config[@]}" snapshot-list "$1" -L)" -- "${cur##*,}")
}

# _vesper_value OPTION KEY ARGUMENT [CTID] - what may stand behind an option.
_vesper_value() {
	case $1:$2 in
	*:OSTEMPLATE) _vesper_offer "$("$prog" "${config[@]}" --list-templates 2>/dev/null)" ;;
	--bindmount_add:*) _vesper_paths -f ;;
	--bindmount_del:*) _vesper_offer all "$(_vesper_targets "${4:-0}")" ;;
	--ipdel:*) _vesper_offer all "$("${prog%vzctl}vzlist" "${config[@]}" -H -o ip "${4:-0}" 2>/dev/null)" ;;
	*)
		case $3 in
		path | file | *FILE* | DEVICE) _vesper_paths -f ;;
		SAMPLE) _vesper_offer "$("$prog" "${config[@]}" --list-samples 2>/dev/null)" ;;
		DIR) _vesper_paths -d ;;
		FIELDS) _vesper_snapshot_fields "${4:-0}" ;;
		UUID) [[ ${prog##*/} != vzctl ]] || _vesper_offer "$(_vesper_snapshots "${4:-0}")" ;;
		*'|'*) _vesper_offer "$(_vesper_words "$3")" ;;
		*[A-Z]*) ;;
		# ploop has options with one value.
		*) [[ ${prog##*/} != ploop ]] || _vesper_offer "$3" ;;
		esac
		;;
	esac
}

# _vesper_after_option SECTION [CTID] - complete the value of the option before, if it takes one.
_vesper_after_option() {
	local option key arg
	[[ $prev == -?* ]] || return 1
	read -r option key arg < <(_vesper_rows "$1" "$prev") || return 1
	[[ $arg != - ]] || return 1
	_vesper_value "$option" "$key" "$arg" "${2:-}"
}

_vesper_vzctl() {
	local command=${words[first]:-} id=${words[first + 1]:-} which=-a
	if ((first == last)); then
		_vesper_offer "$(_vesper_commands)" "$(_vesper_options vzctl)" --help --version
	elif ((first + 1 == last)); then
		# The others of these two kinds would be refused.
		case $command in
		create) return ;;
		start) which=-S ;;
		stop | exec* | enter | console) which=-H ;;
		esac
		_vesper_offer "$(_vesper_containers "$which")"
	elif [[ $command == runscript ]]; then
		if ((first + 2 == last)); then _vesper_paths -f; fi
	elif ! _vesper_after_option "$command" "$id"; then
		_vesper_offer "$(_vesper_options "$command")"
	fi
}

# _vesper_fields PREFIX PART - a field goes on behind PREFIX; suffixes once its dot is typed.
_vesper_fields() {
	local list
	compopt -o nospace 2>/dev/null
	list=$(_vesper_first "$prog" -L | if [[ $2 == *.* ]]; then cat; else grep -v '\.'; fi)
	mapfile -t COMPREPLY < <(compgen -P "$1" -W "$list" -- "$2")
}

_vesper_vzlist() {
	# Of letters in one word the last has the argument: -Ho FIELD.
	[[ $prev != -[!-]* ]] || prev=-${prev: -1}
	case $prev in
	-o | --output) _vesper_fields "${cur%"${cur##*,}"}" "${cur##*,}" ;;
	-s | --sort) _vesper_fields "${cur%"${cur#-}"}" "${cur#-}" ;;
	*)
		if _vesper_after_option vzlist; then return; fi
		case $cur in
		-*) _vesper_offer "$(_vesper_options vzlist)" ;;
		*) _vesper_offer "$(_vesper_containers -a)" ;;
		esac
		;;
	esac
}

_vesper_vztmpl() {
	local command=${words[first]:-} cache=() i what
	if ((first == last)); then
		_vesper_offer "$(_vesper_commands)" "$(_vesper_options -)"
		return
	fi
	if _vesper_after_option "$command"; then return; fi
	for ((i = first; i + 1 < last; i++)); do
		[[ ${words[i]} != --cache ]] || cache=(--cache "${words[i + 1]}")
	done
	read -r _ _ what < <(_vesper_rows "$command" -)
	case $cur:$what in
	-*) _vesper_offer "$(_vesper_options "$command")" ;;
	*:*FILE* | *:*DIR*) _vesper_paths -f ;;
	*:NAME*)
		case $command in
		build) _vesper_offer "$(_vesper_first "$prog" list --recipes --no-header)" ;;
		*) _vesper_offer "$(_vesper_first "$prog" list --no-header "${cache[@]}")" ;;
		esac
		;;
	esac
}

_vesper_ploop() {
	local command=${words[first]:-}
	if ((first == last)); then
		_vesper_offer "$(_vesper_commands)" --help --version
	elif ! _vesper_after_option "$command"; then
		case $cur in
		-*) _vesper_offer "$(_vesper_options "$command")" --help ;;
		*) _vesper_paths -f ;;
		esac
	fi
}

_vesper() {
	local prog=$1 words=() config=() cur prev i first last glue word
	# bash splits at "=" and ":"; here "--onboot=y" and an address are one word.
	glue=
	for ((i = 0; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]:-}
		if [[ $i -gt 1 && ($word == [=:]* || -n $glue) ]]; then
			words[-1]+=$word
		else
			words+=("$word")
		fi
		glue=
		[[ $word != *[=:] ]] || glue=1
	done
	last=$((${#words[@]} - 1))
	cur=${words[last]} prev=${words[last - 1]}
	if [[ $cur == --*=* ]]; then prev=${cur%%=*} cur=${cur#*=}; fi
	for ((first = 1; first < last; first++)); do
		case ${words[first]} in
		--config-root) config=(--config-root "${words[++first]}") ;;
		-*) ;;
		*) break ;;
		esac
	done
	COMPREPLY=()
	"_vesper_${prog##*/}"
	# Only what follows the last break is replaced.
	for i in = :; do
		[[ $COMP_WORDBREAKS == *"$i"* && $cur == *"$i"* ]] || continue
		COMPREPLY=("${COMPREPLY[@]#"${cur%"${cur##*"$i"}"}"}")
	done
}

complete -F _vesper vzctl vzlist vztmpl ploop
