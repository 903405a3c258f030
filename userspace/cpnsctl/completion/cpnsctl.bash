# SPDX-License-Identifier: GPL-2.0-only
# bash completion for cpnsctl(8)

_cpnsctl_groups() {
	cpnsctl status --json 2>/dev/null |
		sed -n 's/^ *"sgid": *"\([^"]*\)".*/\1/p' | sort -u
}

_cpnsctl() {
	local current previous words_before word verb noun
	local cur prev words cword files=
	local nouns="status group node join leave policy sa metrics monitor doctor"

	COMPREPLY=()
	# an SGID has colons: readline's word breaks must not tear it
	if declare -F _get_comp_words_by_ref >/dev/null; then
		_get_comp_words_by_ref -n : cur prev words cword
	else
		words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
		cur=${words[cword]} prev=${words[cword - 1]}
	fi
	current=$cur
	previous=$prev
	words_before=("${words[@]:1:cword-1}")

	case $previous in
	--config-dir)
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		return
		;;
	--key | --file | --out)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	--delivery)
		mapfile -t COMPREPLY < <(compgen -W "pull push" -- "$current")
		return
		;;
	--roles)
		mapfile -t COMPREPLY < <(compgen -W "sender receiver" -- "$current")
		return
		;;
	esac

	for word in "${words_before[@]}"; do
		case $word in
		-*) ;;
		*)
			if [[ -z $noun && " $nouns " == *" $word "* ]]; then
				noun=$word
			elif [[ -n $noun && -z $verb ]]; then
				verb=$word
			fi
			;;
		esac
	done

	local choices options="--help"
	case "$noun $verb" in
	" ") choices=$nouns options="--config-dir --help --version" ;;
	"group ") choices="create show list update delete add-member remove-member rekey" ;;
	"group create") files=1 ;;
	"group update") files=1 ;;
	"group show") options+=" --json --document" ;;
	"group list") options+=" --json" ;;
	"group add-member") options+=" --tunnel --net --delivery --roles" ;;
	"group rekey") options+=" --compromise" ;;
	"node ") choices="issue install list revoke pin" ;;
	"node issue") options+=" --server --san --smf --out --address --force" ;;
	"node install") files=1 options+=" --no-pin --pin-required --force" ;;
	"node list") options+=" --json" ;;
	"node pin") options+=" --key" ;;
	"policy ") choices="load" ;;
	"policy load") options+=" --file" ;;
	"status "* | "doctor "*) options+=" --json" ;;
	"sa "* | "monitor "*) choices=$(_cpnsctl_groups) options+=" --json" ;;
	"join "*) choices=$(_cpnsctl_groups) ;;
	"leave "*) choices=$(_cpnsctl_groups) options+=" --open" ;;
	esac
	if [[ $current == -* ]]; then
		choices=$options
	fi
	mapfile -t COMPREPLY < <(
		compgen -W "$choices" -- "$current"
		[[ -z $files ]] || compgen -f -- "$current"
	)
	__ltrim_colon_completions "$current" 2>/dev/null
}

complete -F _cpnsctl cpnsctl
