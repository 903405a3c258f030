#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A group of 300 with a key tree (LKH-4).  Three of them are real gateways,
# whose kernels take whole paths with a SEAL and what changed without one,
# while others come and go; one of the three leaves, comes back, and is thrown
# out with all the keys it has.
#
# One kernel is enough: 6.1

set -u
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"

large_document() {
	group_document "$sgid" esp | awk '
		/<\/list>/ {
			for (i = 1; i <= 298; i++)
				printf "<entry uri=\"urn:cpns:node:n%d\"><cpns:member roles=\"receiver\"/></entry>\n", i
		}
		{ print }' | sed 's/atd="4" dtd="8"/atd="3" dtd="6"/
			s/delivery="pull"/delivery="push"/'
}

lab_up in_ns host1 ping -c 1 -W 1 10.2.0.2 < <(large_document)
capture_start wan wan br0

show() {
	in_ns server "$cpnsctl" group show "$sgid" --json | python3 -c '
import json, sys
print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

has_tree() {
	[ "$(show key_tree)" = "$1" ]
}

# another NUMBER COMMAND...: it makes this epoch, and both kernels take it
all_have() {
	local ns
	for ns in gw1 gw2; do
		wait_until 60 epoch_is "$ns" "$sgid" "$1" || return
	done
}

another() {
	local number=$1
	shift
	in_ns server "$cpnsctl" group "$@" >&3 && all_have "$number"
}

# traffic FROM TO...: host FROM reaches hosts TO
traffic() {
	local from=$1 to
	shift
	for to in "$@"; do
		in_ns "host$from" ping -q -c 3 -i 0.3 -W 2 "10.$to.0.2" || return
	done
}

both_ways() {
	wait_until 20 traffic 1 2 && traffic 2 1
}

third_comes() {
	gateway_configure gw3 && daemon_start gw3 &&
		another "$1" add-member "$sgid" gw3 --tunnel 192.0.2.3 \
			--net 10.3.0.0/24 --delivery push &&
		wait_until 60 epoch_is gw3 "$sgid" "$1" &&
		wait_until 20 traffic 3 1 && traffic 3 2
}

third_leaves() {
	in_ns gw3 "$cpnsctl" leave "$sgid" >&3 && all_have "$1" &&
		! in_ns host3 ping -q -c 3 -i 0.3 -W 1 10.1.0.2
}

# who has left stays out until asked to join, whatever the server lists
third_comes_back() {
	another "$1" add-member "$sgid" gw3 --tunnel 192.0.2.3 \
		--net 10.3.0.0/24 --delivery push &&
		in_ns gw3 "$cpnsctl" join "$sgid" &&
		wait_until 60 epoch_is gw3 "$sgid" "$1" &&
		wait_until 20 traffic 3 1
}

# its keys of the epoch before are still in its kernel, or it would prove
# nothing
third_is_thrown_out() {
	epoch_is gw3 "$sgid" "$(($1 - 1))" &&
		another "$1" remove-member "$sgid" gw3
}

third_has_nothing_new() {
	! in_ns host3 ping -q -c 3 -i 0.3 -W 1 10.1.0.2 && sleep 5 &&
		! epoch_is gw3 "$sgid" "$1"
}

no_refusal() {
	! grep -h "the kernel refuses" "$lab"/gw?.log >&3
}

no_alarm() {
	! grep -ih "alarm" "$lab"/gw?.log >&3
}

restart_server() {
	kill -9 "$(daemon_pid server)"
	wait_until 10 eval '! kill -0 "$(daemon_pid server)" 2>/dev/null'
	daemon_start server
}

nothing_clear() {
	local clear
	clear=$(clear_packets wan)
	echo "$(packets wan esp) ESP, $clear clear" >&3
	[ "$clear" = 0 ] && [ "$(packets wan esp)" -gt 20 ]
}

say "Epochs of a tree in real kernels"
claim "300 members: the group has a key tree" has_tree True
claim "both gateways have the epoch" all_have 1
claim "a member is thrown out: new keys on its path" \
	another 2 remove-member "$sgid" n7
claim "traffic both ways" both_ways
claim "a member comes" another 3 add-member "$sgid" n400 --roles receiver
claim "the timer: the same tree, another secret" another 4 rekey "$sgid"
claim "a member beside a gateway's leaf is thrown out" \
	another 5 remove-member "$sgid" n1
claim "traffic both ways" both_ways
claim "after a compromise all keys are new" \
	another 6 rekey "$sgid" --compromise
claim "traffic both ways" both_ways

say "One of the gateways"
claim "a third gateway comes and reaches both others" third_comes 7
claim "it leaves: new keys for the others, none for it" third_leaves 8
claim "it comes back" third_comes_back 9
claim "it is thrown out with the keys of the epoch before" \
	third_is_thrown_out 10
claim "the others go on" both_ways
claim "its kernel does not get the new epoch, its host reaches nobody" \
	third_has_nothing_new 10

say "The server is killed"
claim "kill -9 of the server" restart_server
claim "the tree is there again" has_tree True
claim "and goes on" another 11 remove-member "$sgid" n20
claim "traffic both ways" both_ways
capture_stop wan
claim "no kernel refused any of it" no_refusal
claim "no alarm at any gateway" no_alarm
claim "nothing left in clear at any time" nothing_clear
claims_table
