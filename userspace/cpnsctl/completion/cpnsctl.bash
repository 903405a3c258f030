# SPDX-License-Identifier: GPL-2.0-only
# bash completion for cpnsctl(8): made by completion/generate out of the command table

_cpnsctl_groups() {
	cpnsctl status --json 2>/dev/null |
		sed -n 's/^ *"sgid": *"\([^"]*\)".*/\1/p' | sort -u
}

_cpnsctl() {
	local current previous words_before word noun verb
	local cur prev words cword files=
	local nouns="status group node enrol join leave policy sa metrics monitor doctor"

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
	--key)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	--file)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	--out)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	--enrol-token)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	--token-file)
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
	"node ") choices="issue install list revoke pin" ;;
	"policy ") choices="load" ;;
	"status "*) options="--help --config-dir --json" ;;
	"group create") options="--help --config-dir" files=1 ;;
	"group show") options="--help --config-dir --json --document" ;;
	"group list") options="--help --config-dir --json" ;;
	"group update") options="--help --config-dir" files=1 ;;
	"group delete") options="--help --config-dir" ;;
	"group add-member") options="--help --config-dir --tunnel --net --delivery --roles" ;;
	"group remove-member") options="--help --config-dir" ;;
	"group rekey") options="--help --config-dir --compromise --restored --unfounded" ;;
	"node issue") options="--help --config-dir --server --san --smf --out --address --enrol-token --lifetime --force" ;;
	"node install") options="--help --config-dir --force --no-pin --pin-required" files=1 ;;
	"node list") options="--help --config-dir --json" ;;
	"node revoke") options="--help --config-dir" ;;
	"node pin") options="--help --config-dir --key" ;;
	"enrol "*) options="--help --config-dir --token-file --renew --if-due --force --no-pin --pin-required" ;;
	"join "*) options="--help --config-dir" choices=$(_cpnsctl_groups) ;;
	"leave "*) options="--help --config-dir --open" choices=$(_cpnsctl_groups) ;;
	"policy load") options="--help --config-dir --file" ;;
	"sa "*) options="--help --config-dir --json" choices=$(_cpnsctl_groups) ;;
	"metrics "*) options="--help --config-dir --json" ;;
	"monitor "*) options="--help --config-dir --json" choices=$(_cpnsctl_groups) ;;
	"doctor "*) options="--help --config-dir --json" ;;
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
