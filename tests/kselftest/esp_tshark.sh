#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# tshark, which shares nothing with this tree, decrypts the ESP of two members
# of a lab group: its keys follow from the epoch secret alone, the way the key
# schedule says. With a key that is not that sender's it shows nothing inside.
#
# Needs the module with allow_raw=1, root, iproute2, tcpdump, tshark,
# python3-cryptography.

set -u

here=$(dirname "$(readlink -f "$0")")
out=$(mktemp -d)
count=10
number=0
failed=0
declare -A sid=([a]=0x0102 [b]=0x0304) address=([a]=192.0.2.1 [b]=192.0.2.2)

# shellcheck disable=SC2317 # called by the EXIT trap
finish() {
	ip netns del cpns_a 2>/dev/null
	ip netns del cpns_b 2>/dev/null
	rm -rf -- "$out"
}
trap finish EXIT

result() {
	number=$((number + 1))
	if [[ $1 == 0 ]]; then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
		failed=1
	fi
}

lab_group() {
	/usr/bin/python3 "$here/lab_group.py" "$@"
}

inside() {
	local ns=cpns_$1
	shift
	ip netns exec "$ns" "$@"
}

# member NAME PEER: with the epoch, a state each way, policies that demand them
member() {
	local me=$1 peer=$2 direction from to

	inside "$me" /usr/bin/python3 "$here/lab_group.py" join \
		"$sgid" "$epoch" "$suite" "$secret" "${sid[$me]}" || return
	while read -r direction from to; do
		inside "$me" /usr/bin/python3 "$here/lab_group.py" state \
			"$sgid" "$epoch" "${sid[$from]}" "$direction" \
			"${address[$from]}" "${address[$to]}" \
			"$((epoch << 16 | sid[$from]))" || return
		inside "$me" ip xfrm policy add dir "$direction" \
			src "${address[$from]}" dst "${address[$to]}" \
			tmpl proto esp reqid "$epoch" mode transport || return
	done <<<"out $me $peer
in $peer $me"
}

network() {
	local ns

	ip netns del cpns_a 2>/dev/null
	ip netns del cpns_b 2>/dev/null
	for ns in a b; do
		ip netns add "cpns_$ns" || return
	done
	ip link add eth netns cpns_a type veth peer name eth netns cpns_b ||
		return
	for ns in a b; do
		ip -n "cpns_$ns" link set eth up
		ip -n "cpns_$ns" addr add "${address[$ns]}/24" dev eth || return
	done
}

captured() {
	tcpdump -nr "$out/pcap" esp 2>/dev/null | wc -l
}

# Pings with a pattern inside, captured on the wire. The kernel may keep what
# tcpdump reads for a second.
exchange() {
	local status

	: >"$out/listening"
	ip netns exec cpns_b tcpdump --immediate-mode -i eth -U -w "$out/pcap" -Z root \
		2>"$out/listening" &
	for _ in {1..60}; do
		grep -q listening "$out/listening" && break
		sleep 0.2
	done
	inside a ping -q -c "$count" -i 0.2 -W 3 -p c0ffee42 "${address[b]}"
	status=$?
	for _ in {1..20}; do
		(($(captured) < 2 * count)) || break
		sleep 0.5
	done
	kill -INT %%
	wait %%
	return "$status"
}

# key_row SECRET OF FROM TO: what tshark is told of the packets FROM to TO:
# the key of the sender OF
key_row() {
	lab_group tshark "$sgid" "$epoch" "$suite" "$1" "${sid[$2]}" \
		"${address[$3]}" "${address[$4]}" "$((epoch << 16 | sid[$3]))"
}

# read_with ROW...: $out/packets gets a line for each ESP packet: the outer
# source, IV, type of ICMP inside, its data, which a wrong key makes up
read_with() {
	local row rows=()

	for row in "$@"; do
		rows+=(-o "uat:esp_sa:$row")
	done
	tshark -n -r "$out/pcap" -o esp.enable_encryption_decode:TRUE "${rows[@]}" \
		-Y esp -T fields -E occurrence=f -e ip.src -e esp.iv \
		-e icmp.type -e data.data 2>"$out/tshark" >"$out/packets"
}

# packets PATTERN: lines of those
packets() {
	grep -cE "$1" "$out/packets"
}

# equal WANTED SEEN TEXT
equal() {
	[[ $1 == "$2" ]] || echo "# $2 packets, not $1"
	[[ $1 == "$2" ]]
	result $? "$3"
}

echo "TAP version 13"
if ! command -v tshark >/dev/null || ! command -v tcpdump >/dev/null; then
	echo "1..0 # SKIP no tshark or no tcpdump"
	exit 4
fi
modprobe -aq xfrm_user esp4 gcm

for suite in 1 2; do
	sgid=urn:cpns:test:tshark-$suite
	epoch=$((suite + 4))
	secret=$(od -An -v -N 32 -tx1 /dev/urandom | tr -d ' \n')
	network && member a b && member b a && exchange >"$out/log" 2>&1
	status=$?
	((status == 0)) || sed 's/^/# /' "$out/log"
	result "$status" "suite $suite: two members reach each other"
	ours=$(key_row "$secret" a a b)
	theirs=$(key_row "$secret" b b a)

	read_with
	equal "$((2 * count))" "$(packets '^192')" "suite $suite: ESP on the wire"
	equal 0 "$(packets c0ffee42)" \
		"suite $suite: without a key nothing is inside"
	read_with "$ours" "$theirs"
	equal "$((2 * count))" "$(packets $'\t[08]\t.*c0ffee42')" \
		"suite $suite: with both keys tshark reads each ping"
	equal "$count" "$(packets $'^192.0.2.1\t0102[0-9a-f]{12}\t8')" \
		"suite $suite: one's IVs begin with its Sender-ID (RFC 6054)"
	equal "$count" "$(packets $'^192.0.2.2\t0304[0-9a-f]{12}\t0')" \
		"suite $suite: the other's with its own"
	read_with "$ours"
	equal "$count $count" \
		"$(packets c0ffee42) $(packets $'^192.0.2.1\t.*c0ffee42')" \
		"suite $suite: with one key only what that sender sent"
	read_with "$(key_row "$secret" b a b)" "$(key_row "$secret" a b a)"
	equal 0 "$(packets c0ffee42)" \
		"suite $suite: no sender's key opens the other's packets"
	wrong=$(tr 0-9a-f 1-9a-f0 <<<"$secret")
	read_with "$(key_row "$wrong" a a b)" "$(key_row "$wrong" b b a)"
	equal 0 "$(packets c0ffee42)" \
		"suite $suite: nor does a key of another secret"
done
echo "1..$number"
((failed == 0)) || sed 's/^/# /' "$out/tshark" 2>/dev/null | tail -n 5
exit "$failed"
