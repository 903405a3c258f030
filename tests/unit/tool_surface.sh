#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# cpnsctl as people and shells see it: completions as the command table says,
# working in bash and zsh; its help, usage and refusals to the letter; blocking
# policies whatever cpnsd.conf is like; the man page names every command and
# option.
#
# What needs a daemon or a kernel with the module is in tests/netns.
#
# usage: tool_surface.sh TOP CPNSCTL

set -u
top=$1
cpnsctl=$(realpath "$2")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
count=0
bad=0

# check NAME COMMAND...
check() {
	local name=$1 word=ok
	shift
	count=$((count + 1))
	"$@" >"$folder/out" 2>&1 || word='not ok'
	[ "$word" = ok ] || bad=1
	echo "$word $count - $name"
	[ "$word" = ok ] || sed 's/^/# /' "$folder/out"
}

mkdir "$folder/bin"
ln -s "$cpnsctl" "$folder/bin/cpnsctl"
export PATH=$folder/bin:$PATH

bash_completes() {
	local wanted=$1
	shift
	bash --norc --noprofile -c '
		. "$1"
		shift
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1))
		_cpnsctl
		printf "%s\n" "${COMPREPLY[@]}"' - \
		"$top/userspace/cpnsctl/completion/cpnsctl.bash" "$@" |
		tr '\n' ' ' >"$folder/completed"
	echo "wanted: $wanted"
	echo "got: $(cat "$folder/completed")"
	[ "$(cat "$folder/completed")" = "$wanted " ]
}

# zsh completes in a terminal only: one of its own
zsh_completes() {
	local wanted=$1 typed=$2
	cat >"$folder/try.zsh" <<-'END'
		zmodload zsh/zpty
		zpty try "env TERM=dumb COLUMNS=200 zsh -f -i"
		zpty -w try "PS1= ; unsetopt zle_bracketed_paste prompt_sp; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D"
		zpty -w try "zstyle ':completion:*' list-colors ''; setopt auto_list no_list_ambiguous no_beep"
		zpty -w try "print READY"
		zpty -r try line "*READY*READY*"
		zpty -w -n try "$2"$'\t'
		zpty -r try line "*$3*"
		zpty -d try
	END
	timeout 60 zsh -f "$folder/try.zsh" \
		"$top/userspace/cpnsctl/completion" "$typed" "$wanted" </dev/null
}

golden() {
	local code=$1 file=$top/tests/vectors/cpnsctl/$2.txt
	shift 2
	"$cpnsctl" "$@" >"$folder/golden" 2>&1 </dev/null
	[ $? = "$code" ] || return
	diff "$file" "$folder/golden"
}

# policy_load CODE WANTED CPNSD.CONF BLOCK.CONF: in a network of its own
policy_load() {
	local code=$1 wanted=$2

	mkdir -p "$folder/etc" "$folder/state"
	rm -f "$folder/state/block.conf"
	printf '%b' "$3" >"$folder/etc/cpnsd.conf"
	[ -z "$4" ] || printf '%b' "$4" >"$folder/state/block.conf"
	unshare -rn "$cpnsctl" --config-dir "$folder/etc" policy load \
		>"$folder/loaded" 2>&1
	[ $? = "$code" ] && grep -qF -- "$wanted" "$folder/loaded" && return
	cat "$folder/loaded"
	return 1
}

version_alone() {
	"$cpnsctl" --version | tee /dev/stderr |
		grep -qE '^[0-9]+\.[0-9]+\.[0-9]+$'
}

in_the_page() {
	local name options option missing=0 page
	page=$(sed -e 's/\\f[A-Z]//g; s/\\-/-/g; s/"//g; s/^\.[A-Z]* *//' \
		"$top/Documentation/man/cpnsctl.8")
	while IFS=$'\t' read -r name _; do
		grep -qE "^$name( |\$)" <<<"$page" ||
			{ echo "no command $name"; missing=1; }
		read -ra words <<<"$name"
		options=$("$cpnsctl" "${words[@]}" --list-options)
		for option in $options; do
			grep -qF -- "${option%=}" <<<"$page" ||
				{ echo "no option ${option%=} ($name)"; missing=1; }
		done
	done < <("$cpnsctl" --list-commands)
	return "$missing"
}

check "completions are what the command table says" \
	"$top/userspace/cpnsctl/completion/generate" "$cpnsctl" --check
check "bash: commands" bash_completes "metrics monitor" cpnsctl m
check "bash: verbs" bash_completes "remove-member rekey" cpnsctl group re
check "bash: options" \
	bash_completes "--delivery" cpnsctl group add-member x y --d
check "bash: words after an option" \
	bash_completes "pull push" cpnsctl group add-member x y --delivery p
check "bash: options of a command without verb" \
	bash_completes "--open" cpnsctl leave x --o
if command -v zsh >/dev/null; then
	check "zsh: a command" zsh_completes "cpnsctl doctor" "cpnsctl do"
	check "zsh: a verb" zsh_completes "cpnsctl group rekey" "cpnsctl group rek"
	check "zsh: an option" \
		zsh_completes "--compromise" "cpnsctl group rekey x --comp"
else
	count=$((count + 1))
	echo "ok $count - zsh # SKIP no zsh here"
fi
check "help" golden 0 help --help
check "the version, and nothing else" version_alone
check "usage of a noun" golden 2 group group
check "usage of a command" golden 2 add-member group add-member
check "help of a command" golden 0 leave-help leave --help
check "an unknown command" golden 2 unknown frobnicate
check "a CA that is not there" golden 78 no-config --config-dir /nonexistent node issue gw1 --out /nonexistent/x.tar
check "a document that is not there" golden 4 no-document group create /nonexistent/sg.xml
check "... for an update" golden 4 no-document group update sip:a@b /nonexistent/sg.xml
state="[server]\nstate = $folder/state\n"
block="block sip:a@b 192.0.2.0/24\n"
if unshare -rn true 2>/dev/null; then
	check "policy load: no block.conf" \
		policy_load 0 "0 policies stand" "$state" ""
	check "policy load: block.conf is where cpnsd.conf says" \
		policy_load 0 "3 policies stand, 3 of them new" "$state" "$block"
	check "policy load: a mistake in block.conf is told" \
		policy_load 78 "$folder/state/block.conf:1: neither" "$state" "shut\n"
	mistake="$folder/etc/cpnsd.conf:5: unknown section [serve]"
	mistaken="$state\n[serve]\na = b\n"
	check "policy load: so is one in cpnsd.conf" \
		policy_load 78 "$mistake" "$mistaken" "$block"
	check "policy load: ... which opens nothing" \
		policy_load 78 "3 policies stand, 3 of them new" "$mistaken" "$block"
	check "policy load: nor does a group of users that is not there yet" \
		policy_load 78 "3 policies stand, 3 of them new" \
		"[access]\nsip:a@b = gid:nobody-of-that-name\n$state" "$block"
else
	count=$((count + 1))
	echo "ok $count - policy load # SKIP no network namespace here"
fi
check "the man page has each command and option" in_the_page
echo "1..$count"
exit "$bad"
