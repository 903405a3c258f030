#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What was decided holds while daemons are down: a leave that the server was
# not told of, a removal that the gateway missed, nets that two groups want;
# and a configuration that is read again disturbs nobody.
#
# One kernel is enough: 6.1

set -u
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"

pushed() {
	group_document "$1" esp | sed 's/delivery="pull"/delivery="push"/'
}

ping_once() {
	in_ns host1 ping -c 1 -W 1 10.2.0.2
}

lab_up ping_once < <(pushed "$sgid")
second=sip:sg-44@cpns.example

no_key() {
	[ -z "$(epoch_of "$1" "$2")" ] || [ "$(epoch_of "$1" "$2")" = 0 ]
}

lists() {
	in_ns server "$cpnsctl" group show "$1" | grep -qw "$2"
}

say "The configuration is read again under traffic"
in_ns host1 ping -q -i 0.1 -c 40 -W 3 10.2.0.2 >"$lab/reload" 2>&1 &
pinging=$!
sleep 1
for ns in server gw1 gw2; do
	kill -HUP "$(daemon_pid "$ns")"
done
wait "$pinging"
undisturbed() {
	grep -o '[0-9]*% packet loss' "$lab/reload" >&3
	grep -q ' 0% packet loss' "$lab/reload" && ! logged server disconnected &&
		wait_until 10 logged gw1 "configuration read again" &&
		wait_until 10 logged server "configuration read again"
}
claim "no packet and no session is lost" undisturbed
chmod 644 "$lab/gw1/node.key"
kill -HUP "$(daemon_pid gw1)"
claim "a key that others can read is not taken" \
	wait_until 10 logged gw1 "others can get at the key"
chmod 600 "$lab/gw1/node.key"

say "Two groups want the same nets"
pushed "$second" >"$lab/second.xml"
in_ns server "$cpnsctl" group create "$lab/second.xml"
claim "the second is refused, and told why" \
	wait_until 30 logged gw1 "is encrypted by group $sgid already"
in_ns gw1 "$cpnsctl" leave "$sgid"
claim "gw1 leaves the first, the second takes over by itself" \
	wait_until 40 logged gw1 "group $second: its nets are free now"
in_ns server "$cpnsctl" group delete "$sgid"
claim "and carries traffic" wait_until 40 ping_once

say "gw1 leaves while the server is away"
kill "$(daemon_pid server)"
wait_until 10 eval '! kill -0 "$(daemon_pid server)" 2>/dev/null'
sleep 1
leave() {
	in_ns gw1 "$cpnsctl" leave "$second" >"$lab/leave" || return
	head -n 1 "$lab/leave" >&3
	grep -q 'the server was not told' "$lab/leave"
}
claim "leave says that the server was not told" leave
claim "the key is gone all the same" no_key gw1 "$second"
kill "$(daemon_pid gw1)"
wait_until 10 eval '! kill -0 "$(daemon_pid gw1)" 2>/dev/null'
daemon_start gw1
daemon_start server
not_listed() {
	! lists "$second" gw1
}
claim "after both have started anew the server is told" \
	wait_until 60 logged gw1 "the server knows that this node has left"
claim "and has taken gw1 out" wait_until 20 not_listed

say "gw2 is removed while its daemon is down, and its list gets lost"
wait_until 40 eval '! no_key gw2 "$second"'
kill "$(daemon_pid gw2)"
wait_until 10 eval '! kill -0 "$(daemon_pid gw2)" 2>/dev/null'
rm "$lab/gw2/state/groups/list.cbor"
in_ns server "$cpnsctl" group remove-member "$second" gw2
claim "its kernel holds the key on" eval '! no_key gw2 "$second"'
daemon_start gw2
claim "until the daemon hears the server's list: then it ends" \
	wait_until 40 no_key gw2 "$second"
claims_table
