#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A member that only receives: its nets are blocked and encrypted like a
# sender's, what it sends stays inside; and the group document makes it a
# sender within the epoch.
#
# One kernel is enough: 6.12

set -u
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"

document() {
	group_document "$sgid" esp |
		sed "/node:gw2/s/cpns:member/cpns:member roles=\"$1\"/"
}
blocked() {
	in_ns gw1 ip xfrm policy list dst 10.2.0.0/24 dir out |
		grep -q 'action block'
}
lab_up blocked < <(document receiver)
capture_start wan wan br0

say "host1 sends to the net behind the receiver"
ip netns exec host2 "$here/sequence" receive 10.2.0.2 9000 "$lab/came.json" &
receiver=$!
ip netns exec host1 "$here/sequence" send 10.2.0.2 9000 10 15 >/dev/null
kill "$receiver"
wait "$receiver" 2>/dev/null
came() {
	python3 -c '
import json, sys
print(json.load(open(sys.argv[1]))["count"])' "$lab/came.json"
}
most_came() {
	echo "$(came) of 150 came" >&3
	[ "$(came)" -gt 20 ]
}
claim "it arrives" most_came
claim "gw2 holds the key, with no Sender-ID" [ "$(sid_of gw2)" = 0 ]
no_answer() {
	! in_ns host2 ping -q -i 0.2 -c 5 -W 1 10.1.0.2
}
claim "what host2 sends does not arrive" no_answer
capture_stop wan
nothing_clear() {
	local clear
	clear=$(clear_packets wan)
	echo "$(packets wan esp) ESP, $clear clear" >&3
	[ "$clear" = 0 ] && [ "$(packets wan esp)" -gt "$1" ]
}
claim "nothing went in clear, either way" nothing_clear 15

say "The document makes it a sender"
capture_start wan wan br0
document "sender receiver" >"$lab/group.xml"
claim "the server takes the document" \
	in_ns server "$cpnsctl" group update "$sgid" "$lab/group.xml"
has_sid() {
	local sid
	sid=$(sid_of gw2)
	echo "$sid" >&3
	[ "$sid" -gt 0 ]
}
claim "gw2 gets a Sender-ID by itself" wait_until 30 has_sid
claim "in the same epoch" epoch_is gw2 "$sgid" 1
answered() {
	in_ns host2 ping -q -i 0.2 -c 10 -W 2 10.1.0.2
}
claim "host2 reaches host1" wait_until 30 answered
capture_stop wan
claim "nothing went in clear" nothing_clear 15
claims_table
