#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# How a member's part ends, other than by the server's word: it leaves while
# the server is away; the server's state was put back to an older one and gives
# its Sender-ID to another. And who is told: cpnsctl monitor.
#
# One kernel is enough: 6.12

set -u
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"

phase_is() {
	member_of "$1" phase | grep -q "^$2"
}
# three_members NET: the document with gw3 and 10.NET.0.0/24 behind it
three_members() {
	group_document "$sgid" esp | sed 's/delivery="push"/delivery="pull"/
		/node:gw2/a <entry uri="urn:cpns:node:gw3"><cpns:member delivery="pull" tunnel="192.0.2.3" nets="10.'"$1"'.0.0/24"/></entry>'
}
lab_up all_listed < <(group_document "$sgid" esp |
	sed 's/delivery="push"/delivery="pull"/')
gateway_configure gw3 && daemon_start gw3
in_ns server "$cpnsctl" group add-member "$sgid" gw3 --tunnel 192.0.2.3 \
	--net 10.3.0.0/24 >/dev/null
wait_until 30 logged gw3 "group $sgid: listed"

say "A copy of the server's state, before anybody has a Sender-ID"
kill "$(daemon_pid server)"
wait_until 20 bash -c "! kill -0 $(daemon_pid server)"
cp -a "$lab/server/state" "$lab/copy"
daemon_start server
in_ns gw1 "$cpnsctl" monitor --json >"$lab/told" 2>&1 &
monitor=$!
sleep 1
claim "gw1 joins" in_ns gw1 "$cpnsctl" join "$sgid"
claim "gw2 joins" in_ns gw2 "$cpnsctl" join "$sgid"
claim "a program was told that a key is there" \
	wait_until 10 grep -q '"sgid":"'"$sgid"'".*"state":"active"' "$lab/told"
ping_once() {
	in_ns host1 ping -c 1 -W 1 10.2.0.2
}
claim "host1 reaches host2" wait_until 30 ping_once
capture_start wan wan br0
old_sid=$(sid_of gw1)

say "The copy is put back: the server gives Sender-IDs anew"
kill -9 "$(daemon_pid server)"
sleep 1
rm -rf "$lab/server/state"
cp -a "$lab/copy" "$lab/server/state"
# gw2 would report that SPIs collide, and a new epoch would heal it at once
kill -STOP "$(daemon_pid gw2)"
daemon_start server
in_ns gw3 "$cpnsctl" join "$sgid" >/dev/null
# the copy's roster is older than the one gw1 knows, until it has changed more
for net in 13 23 33 43 53; do
	three_members "$net" >"$lab/three.xml"
	in_ns server "$cpnsctl" group update "$sgid" "$lab/three.xml" >/dev/null
	sleep 2
done
claim "gw1 sees its Sender-ID at another node and stops sending" \
	wait_until 60 phase_is gw1 stopped
claim "... with an alarm in its log" grep -q "stands under node .*; traffic stopped" \
	"$lab/gw1.log"
no_ping() {
	! in_ns host1 ping -q -i 0.2 -c 5 -W 1 10.2.0.2
}
claim "no traffic goes" no_ping
kill -9 "$(daemon_pid gw1)"
daemon_start gw1
claim "a daemon started anew stays stopped" wait_until 20 phase_is gw1 stopped
claim "still no traffic" no_ping
three_members 63 >"$lab/three.xml"
in_ns server "$cpnsctl" group update "$sgid" "$lab/three.xml" >/dev/null
blocks_new() {
	in_ns gw1 ip xfrm policy list dst 10.63.0.0/24 dir out |
		grep -q 'action block'
}
claim "a net that is new in the document is blocked while stopped" 	wait_until 20 blocks_new
claim "the administrator's join brings another Sender-ID" \
	in_ns gw1 "$cpnsctl" join "$sgid"
another() {
	echo "$old_sid, now $(sid_of gw1)" >&3
	phase_is gw1 held
}
claim "... and the group is held again" wait_until 20 another
# gw2's was given anew too, to gw1
kill -CONT "$(daemon_pid gw2)"
claim "gw2 joins anew too" wait_until 40 in_ns gw2 "$cpnsctl" join "$sgid"
# their traffic waits for an epoch without gw3 at a Sender-ID that was gw1's:
# the kernel takes no inbound SA of its own one

say "Leaving while the server is away"
kill -9 "$(daemon_pid server)"
sleep 1
claim "gw2 leaves without the server" in_ns gw2 "$cpnsctl" leave "$sgid"
no_key() {
	local epoch
	epoch=$(epoch_of gw2 "$sgid")
	[ -z "$epoch" ] || [ "$epoch" = 0 ]
}
claim "its kernel has no key any more" wait_until 10 no_key
claim "its traffic is blocked" no_ping
kill -9 "$(daemon_pid gw2)"
daemon_start gw2
daemon_start server
not_member() {
	! in_ns server "$cpnsctl" group show "$sgid" --json | grep -q '"gw2"'
}
claim "the server is told when it is back, by the daemon started anew too" \
	wait_until 90 not_member
capture_stop wan
nothing_clear() {
	local clear
	clear=$(count_packets wan 'net 10.0.0.0/8')
	echo "$(count_packets wan esp) ESP, $clear clear" >&3
	[ "$clear" = 0 ]
}
claim "nothing left in clear at any time" nothing_clear
claim "the program was told of the end of the key too" \
	wait_until 30 grep -q '"sgid":"'"$sgid"'".*"state":"dead"' "$lab/told"
kill "$monitor"
claims_table
