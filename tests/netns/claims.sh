# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Claims: each is a sentence and a command that checks it.  The table at the
# end shows all of them; one that is false makes the run fail.  With
# CPNS_CLAIMS=tap the rows are printed in the Test Anything Protocol.

claims_text=()
claims_true=()
claims_note=()

# say TEXT...: a heading of the run
say() {
	printf '\n# === %s\n' "$*"
}

# row TAP PLAIN TEXT NOTE
row() {
	if [ "${CPNS_CLAIMS:-}" = tap ]; then
		printf '%s %d - %s%s\n' "$1" $((${#claims_text[@]} + 1)) \
			"$3" "${4:+ ($4)}"
	else
		printf '%-6s %s%s\n' "$2" "$3" "${4:+ ($4)}"
	fi
}

# claim TEXT COMMAND...: the row is true if the command succeeds; what it
# prints on descriptor 3 stands in the table as the figure that was seen
claim() {
	local text=$1 note status=true
	shift
	if note=$("$@" 3>&1 >/tmp/claim.out 2>&1); then
		row ok true "$text" "$note"
	else
		status=FALSE
		row 'not ok' FALSE "$text" "$note"
		sed 's/^/#      | /' /tmp/claim.out | tail -n 15
	fi
	claims_text+=("$text")
	claims_true+=("$status")
	claims_note+=("$note")
}

# claims_table: prints all rows; fails if one is false
claims_table() {
	local i bad=0
	if [ "${CPNS_CLAIMS:-}" = tap ]; then
		printf '1..%d\n' "${#claims_text[@]}"
		[[ " ${claims_true[*]} " != *" FALSE "* ]] &&
			[ "${#claims_text[@]}" -gt 0 ]
		return
	fi
	printf '\n%-6s %s\n' row 'what was shown'
	for i in "${!claims_text[@]}"; do
		printf '%-6s %s%s\n' "${claims_true[i]}" "${claims_text[i]}" \
			"${claims_note[i]:+  [${claims_note[i]}]}"
		[ "${claims_true[i]}" = true ] || bad=$((bad + 1))
	done
	printf '%d rows, %d true, %d false\n' "${#claims_text[@]}" \
		$((${#claims_text[@]} - bad)) "$bad"
	[ "$bad" = 0 ] && [ "${#claims_text[@]}" -gt 0 ]
}

# wait_until SECONDS COMMAND...: tries four times a second
wait_until() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.25
	done
}
