#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A cpnsd for gateways alone (-Dserver=false -Dbluetooth=disabled): does a
# gateway's work, needs no library of the server's, and refuses its role.
#
# One kernel is enough: 6.12

set -u
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"

# shellcheck disable=SC2034 # of topology.sh
gateway_cpnsd=$build/userspace-gateway/cpnsd/cpnsd

pinged() {
	in_ns host1 ping -c 1 -W 1 10.2.0.2
}
lab_up pinged < <(group_document "$sgid" esp)

capture_start gateway wan br0
twenty() {
	in_ns host1 ping -q -i 0.1 -c 20 -W 3 10.2.0.2
}
claim "two such gateways have the key: hosts reach each other" twenty
new_epoch() {
	in_ns server "$cpnsctl" group rekey "$sgid" &&
		wait_until 60 epoch_is gw1 "$sgid" 2 &&
		wait_until 60 epoch_is gw2 "$sgid" 2 && twenty
}
claim "... with the next epoch too" new_epoch
capture_stop gateway
encrypted() {
	local clear esp
	clear=$(count_packets gateway 'ip and net 10.0.0.0/8')
	esp=$(count_packets gateway esp)
	echo "$esp ESP, $clear in clear" >&3
	[ "$esp" -ge 60 ] && [ "$clear" = 0 ]
}
claim "... and nothing is in clear" encrypted

needs() {
	readelf -d "$1" | grep -o 'Shared library: .*'
}
not_needed() {
	! needs "$gateway_cpnsd" | grep -E 'xml2|sqlite|p11-kit|dbus'
}
claim "it needs neither libxml2 nor SQLite nor p11-kit nor D-Bus" not_needed
all_needed() {
	[ "$(needs "$cpnsd" | grep -cE 'xml2|sqlite|p11-kit|dbus')" = 4 ]
}
claim "... which a server's does" all_needed
server_refused() {
	! "$gateway_cpnsd" --config-dir "$lab/server" >"$lab/refused" 2>&1 &&
		grep 'role server: this cpnsd is for gateways alone' "$lab/refused"
}
claim "it refuses the role of a server, and says why" server_refused
claims_table
