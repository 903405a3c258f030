#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The server's machine loses its power, and the disk has not heard of a
# member's Sender-ID: it is given another, its former one serves nobody in this
# epoch, and traffic goes on.
#
# One kernel is enough: 6.12

set -u
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"

lab_up all_listed < <(group_document "$sgid" esp |
	sed 's/delivery="push"/delivery="pull"/')

no_loss() {
	local result
	result=$(in_ns host1 ping -q -i 0.2 -c 15 -W 3 10.2.0.2 |
		grep -o '[0-9]* packets transmitted.*loss')
	echo "$result" >&3
	[[ "$result" = *" 0% packet loss"* ]]
}

say "Two members join; what the disk has in between is kept"
claim "gw1 joins" in_ns gw1 "$cpnsctl" join "$sgid"
kill -STOP "$(daemon_pid server)"
cp -a "$lab/server/state" "$lab/disk"
kill -CONT "$(daemon_pid server)"
claim "gw2 joins" in_ns gw2 "$cpnsctl" join "$sgid"
kept=$(sid_of gw1)
lost=$(sid_of gw2)
claim "they have Sender-IDs" [ "$kept" -gt 0 -a "$lost" -gt 0 ]
claim "host1 reaches host2, and back" wait_until 30 no_loss
capture_start wan wan br0

say "The power goes, and comes back"
kill -9 "$(daemon_pid server)"
wait_until 10 bash -c "! kill -0 $(daemon_pid server)"
rm -rf "$lab/server/state"
cp -a "$lab/disk" "$lab/server/state"
claim "traffic goes on without the server" no_loss
before=$(starts server)
daemon_start server
wait_until 30 more_starts server "$before"
another() {
	local now
	now=$(sid_of gw2)
	echo "gw1 $kept, now $(sid_of gw1); gw2 $lost, now $now" >&3
	[ "$now" -gt 0 ] && [ "$now" != "$lost" ] && [ "$now" != "$kept" ]
}
claim "gw2 comes back by itself and has another" wait_until 60 another
claim "gw1 has kept its own" [ "$(sid_of gw1)" = "$kept" ]
both_in_epoch_1() {
	epoch_is gw1 "$sgid" 1 && epoch_is gw2 "$sgid" 1
}
claim "both are in the epoch that they were in" both_in_epoch_1
claim "traffic goes on" wait_until 20 no_loss
claim "traffic goes on" wait_until 20 no_loss
capture_stop wan
nothing_clear() {
	local clear
	clear=$(clear_packets wan)
	echo "$(packets wan esp) ESP, $clear clear" >&3
	[ "$clear" = 0 ] && [ "$(packets wan esp)" -gt 40 ]
}
claim "nothing in clear at any time" nothing_clear
claims_table
