#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Two members that both pull, and what goes away under them: a daemon, the
# server, the keys.  Established traffic goes on, and never in clear.
#
# One kernel is enough: 6.1

set -u
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"

both_listed() {
	logged gw1 "listed, key by pull" && logged gw2 "listed, key by pull"
}

lab_up both_listed \
	< <(group_document "$sgid" esp | sed 's/delivery="push"/delivery="pull"/')

ping_once() {
	in_ns host1 ping -c 1 -W 1 10.2.0.2
}

no_loss() {
	local result
	result=$(in_ns host1 ping -q -i 0.2 -c 15 -W 3 10.2.0.2 |
		grep -o '[0-9]* packets transmitted.*loss')
	echo "$result" >&3
	[[ "$result" = *" 0% packet loss"* ]]
}

unanswered() {
	! in_ns host1 ping -q -i 0.2 -c 5 -W 1 10.2.0.2
}

no_epoch() {
	[ "$(epoch_of "$1" "$sgid")" = 0 ]
}

neither_has_a_key() {
	local ns
	for ns in gw1 gw2; do
		[ -z "$(epoch_of "$ns" "$sgid")" ] || no_epoch "$ns" || return
	done
}

nothing_clear() {
	local clear
	clear=$(clear_packets wan)
	echo "$(packets wan esp) ESP, $clear clear" >&3
	[ "$clear" = 0 ] && [ "$(packets wan esp)" -gt 20 ]
}

capture_start wan wan br0

say "Need at both ends"
claim "as long as nobody sends, no pull member has a key" neither_has_a_key
claim "host1 reaches host2: gw1 needs to encrypt, gw2 to decrypt" \
	wait_until 40 ping_once
claim "gw2 pulled because ESP arrived" \
	logged gw2 "ESP arrives that cannot be decrypted"

say "The server goes away"
kill "$(daemon_pid server)"
claim "traffic goes on without the server" no_loss

say "A gateway's daemon is killed"
kill -9 "$(daemon_pid gw1)"
claim "traffic goes on without gw1's daemon" no_loss
daemon_start gw1
claim "and after its restart, the server still gone" no_loss

say "The server comes back"
daemon_start server
back() {
	wait_until 60 in_ns server "$cpnsctl" group rekey "$sgid" &&
		wait_until 60 epoch_is gw1 "$sgid" 2 &&
		wait_until 60 epoch_is gw2 "$sgid" 2
}
claim "members come back by themselves and follow to the next epoch" back
claim "traffic goes on in the new epoch" wait_until 10 no_loss

say "A stop of the daemon, and no key"
kill "$(daemon_pid gw1)"
wait_until 10 eval '! kill -0 "$(daemon_pid gw1)"'
in_ns gw1 sh -c 'keyctl revoke "$(keyctl search %:.cpns cpns_group "$1")"' - "$sgid"
claim "an admin's keyctl revoke ends the SAs" \
	wait_until 5 eval '! in_ns gw1 ip xfrm state | grep -q "proto esp"'
claim "without a key traffic stops" unanswered
in_ns gw1 ip xfrm state flush
in_ns gw1 ip -s xfrm state >/dev/null
claim "and stays stopped" unanswered
capture_stop wan
claim "nothing left in clear at any time" nothing_clear
claims_table
