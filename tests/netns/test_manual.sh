#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The examples of cpns_group(7) do what the page says: they are taken out of
# it and run word for word, as root on a gateway that has the group.

set -u
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"

# four times as patient as the lab: daemons may take long on a busy machine
eval "lab_$(declare -f wait_until)"
wait_until() {
	local seconds=$(($1 * 4))
	shift
	lab_wait_until "$seconds" "$@"
}

lab_up in_ns host1 ping -c 1 -W 1 10.2.0.2 < <(group_document "$sgid" esp)

page=$top/Documentation/man/cpns_group.7
out=$lab/manual.out

# what stands between .EX and .EE, as the reader sees it
examples() {
	sed -n '/^\.EX$/,/^\.EE$/{/^\.E[XE]$/d;s/\\-/-/g;s/\\e/\\/g;s/^\\&//;p}' "$1"
}

run_examples() {
	mkdir -p "$lab/manual" && cd "$lab/manual" || return
	examples "$page" >examples.sh && [ -s examples.sh ] || return
	# the lines too: which one failed, or hangs
	in_ns gw1 timeout 120 bash -eu -o verbose examples.sh >"$out" 2>&1
}

claim "every example runs" run_examples
sed 's/^/# /' "$out"
claim "the key of the group is in .cpns" \
	grep -q "cpns_group: $sgid\$" "$out"
claim "print shows what the page says" \
	grep -Eq '^epoch=1 state=active suite=AES-256-GCM sid=[1-9][0-9]* expires=[0-9]+ kcv=[0-9a-f]{16}$' "$out"
# twice as it is written, twice as it comes back
claim "the message opens, by keyctl and by AF_ALG" \
	test "$(grep -o 'the door is open' "$out" | wc -l)" = 4
claim "states show a handle of 12 bytes for a key" \
	grep -Eq 'aead rfc4106\(gcm\(aes\)\) 0x[0-9a-f]{24} 128' "$out"
claims_table
