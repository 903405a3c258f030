#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The examples of cpns_group(7) do what the page says: they are taken out of
# it and run word for word, as root on a gateway that has the group.
#
# One kernel is enough: 6.12

set -u
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"

# four times as patient as the lab: a busy machine is no fault of the page
eval "lab_$(declare -f wait_until)"
wait_until() {
	local seconds=$(($1 * 4))
	shift
	lab_wait_until "$seconds" "$@"
}

page=$top/Documentation/man/cpns_group.7
folder=$lab/manual
out=$folder/out
# shellcheck disable=SC2034 # of server_configure
lab_secrets=$lab/epoch-secrets

lab_up in_ns host1 ping -c 1 -W 1 10.2.0.2 < <(group_document "$sgid" esp)

# what stands between .EX and .EE, as the reader sees it
examples() {
	sed -n '/^\.EX$/,/^\.EE$/{/^\.E[XE]$/d;s/\\-/-/g;s/\\e/\\/g;s/^\\&//;p}' "$1"
}

run_examples() {
	mkdir -p "$folder" && cd "$folder" || return
	examples "$page" >examples.sh && [ -s examples.sh ] || return
	# the lines too: which one failed, or hangs
	in_ns gw1 timeout 240 bash -eu -o verbose examples.sh >"$out" 2>&1
}

# 4 bytes of epoch, 8 of IV, 16 of tag
sealed_as_the_page_says() {
	[ "$(stat -c %s "$folder/sealed")" = $((4 + 8 + 16 + 16)) ] &&
		[ "$(head -c 4 "$folder/sealed" | od -An -tx1)" = ' 00 00 00 01' ] &&
		! grep -qa door "$folder/sealed"
}

no_secret_in_sight() {
	# found where one stands, else the search says nothing
	cut -d' ' -f3 "$lab_secrets" >"$folder/planted" &&
		python3 "$here/find-secrets" --text "$lab_secrets" \
			"$folder/planted" || return
	! python3 "$here/find-secrets" "$lab_secrets" "$out" "$folder/sealed" &&
		! python3 "$here/find-secrets" --text "$lab_secrets" "$out"
}

ended() {
	[ -z "$(in_ns gw1 ip xfrm state)" ]
}

claim "every example runs" run_examples
sed 's/^/# /' "$out"
claim "the key of the group is in .cpns" \
	grep -q "cpns_group: $sgid\$" "$out"
claim "print shows one line of status as the page says" \
	grep -Eqx 'epoch=1 state=active suite=AES-256-GCM sid=[1-9][0-9]* expires=[0-9]+ kcv=[0-9a-f]{16}' "$out"
claim "the sealed message has the form of the page" sealed_as_the_page_says
# twice as it is written, twice as it comes back
claim "the message opens, by keyctl and by AF_ALG" \
	test "$(grep -o 'the door is open' "$out" | wc -l)" = 4
claim "states show a handle of 12 bytes for a key" \
	grep -Eq 'aead rfc4106\(gcm\(aes\)\) 0x[0-9a-f]{24} 128' "$out"
claim "cpnsctl shows both states of the group" \
	test "$(grep -c "^  group: $sgid\$" "$out")" = 2
claim "no epoch secret stands in what was shown" no_secret_in_sight
claim "the revoked group has no states" wait_until 10 ended
claim "its traffic is dropped" \
	eval '! in_ns host1 ping -c 1 -W 1 10.2.0.2'
claims_table
