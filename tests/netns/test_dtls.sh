#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Over DTLS 1.2 (coaps://): two gateways, one by pull and one by push, a server
# that goes and comes back.  And a member that is none of our making, over both
# transports: libcoap's coap-client asks, foreign_peer.py opens the answers.
#
# One kernel is enough: 6.1

set -u
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"

# shellcheck disable=SC2034 # of topology.sh
lab_listen="coaps://192.0.2.10:5684 coaps+tcp://192.0.2.10:5684"
# shellcheck disable=SC2034
lab_server=coaps://192.0.2.10:5684

lab_up in_ns host1 ping -c 1 -W 1 10.2.0.2 \
	< <(group_document "$sgid" esp | sed 's/coaps+tcp:/coaps:/')

both_have() {
	wait_until 60 epoch_is gw1 "$sgid" "$1" &&
		wait_until 60 epoch_is gw2 "$sgid" "$1"
}

rekey() {
	in_ns server "$cpnsctl" group rekey "$sgid" && both_have "$1"
}

both_ways() {
	wait_until 20 in_ns host1 ping -q -c 2 -W 2 10.2.0.2 &&
		in_ns host2 ping -q -c 2 -W 2 10.1.0.2
}

no_session() {
	[ -z "$(in_ns gw1 ss -Htn "dport = :5684")$(in_ns gw2 ss -Htn \
		"dport = :5684")" ]
}

server_again() {
	kill "$(daemon_pid server)"
	wait_until 20 eval '! kill -0 "$(daemon_pid server)" 2>/dev/null'
	daemon_start server
}

connected() {
	in_ns server "$cpnsctl" group show "$sgid" --json | python3 -c '
import json, sys
sys.exit(not all(m["connected"] for m in json.load(sys.stdin)["members"]
                 if m["node"] in ("gw1", "gw2")))'
}

back() {
	server_again && wait_until 60 connected
}

say "Two gateways over DTLS"
claim "no gateway has a TCP session" no_session
claim "both have the epoch" both_have 1
claim "a new key by pull and by push" rekey 2
claim "traffic both ways" both_ways
claim "the server goes and comes back, both return by themselves" \
	back
claim "and have the next key" rekey 3
claim "traffic both ways" both_ways

say "A foreign member"
here=$(dirname "$0")
mkdir -p "$lab/gw3"
tar -C "$lab/gw3" -xf "$lab/gw3.tar"
cat "$lab/gw3/node.pem" "$lab/gw3/node.key" >"$lab/gw3/both.pem"
"$here/foreign_peer.py" ask "$lab/gw3" "$sgid"

# foreign SCHEME PATH OPTIONS...: its answer is $lab/answer, its words $lab/said
foreign() {
	local scheme=$1 path=$2
	shift 2
	rm -f "$lab/answer"
	in_ns gw3 coap-client-openssl -B 15 -v 6 -c "$lab/gw3/both.pem" \
		-j "$lab/gw3/node.key" -C "$lab/gw3/ca.pem" \
		-o "$lab/answer" "$@" "$scheme://192.0.2.10/$path" \
		>"$lab/said" 2>&1
	cat "$lab/said"
}

# answered CODE SCHEME PATH OPTIONS...
answered() {
	local code=$1
	shift
	foreign "$@"
	grep -oE '[2-5]\.[0-9]{2}' "$lab/said" | sort -u | tr '\n' ' ' >&3
	grep -qE "(^|[^0-9.])${code/./\\.}([^0-9]|\$)" "$lab/said"
}

opened() {
	"$here/foreign_peer.py" open "$lab/gw3" "$sgid" \
		"$lab/answer" gw3 >&3
}

joins() {
	foreign "$1" "ace-group/$sgid" -m post -t 261 -f "$lab/gw3/request"
	[ -s "$lab/answer" ] && opened
}

pulls() {
	foreign "$1" "ace-group/$sgid" && opened
}

# the last answer that came while the key was changed
observes() {
	(sleep 8; in_ns server "$cpnsctl" group rekey "$sgid") 3>&- &
	foreign "$1" "ace-group/$sgid/num" -s 20 -w
	wait
	od -An -tx1 "$lab/answer" | tr -d '\n' >&3
	[ "$(wc -c <"$lab/answer")" -ge 4 ]
}

claim "a stranger is refused" answered 4.03 coaps "ace-group/$sgid/num"
claim "it is listed" in_ns server "$cpnsctl" group add-member "$sgid" gw3 \
	--tunnel 192.0.2.3 --net 10.3.0.0/24
both_have 4 >/dev/null
for scheme in coaps coaps+tcp; do
	claim "$scheme: it joins, and opens record, roster, SEAL, ITEM" \
		joins "$scheme"
	claim "$scheme: it pulls" pulls "$scheme"
done
claim "it observes the number and hears of the next one" observes coaps

say "Bad requests, and old versions"
# raw CODE BYTES: over TCP, byte for byte; the session answers afterwards, too
raw() {
	in_ns gw3 "$here/raw_request.py" 192.0.2.10 "$lab/gw3" "$2" "GET:$num" |
		tr '\n' ' ' | tee /dev/fd/3 | grep -q "^$1 .*2\.05 "
}

num=ace-group/$sgid/num
claim "an unknown critical option" \
	raw 4.02 "GET:$num+65001=78"
claim "an unknown elective one does no harm" \
	raw 2.05 "GET:$num+65000=78"
claim "another content format than there is" raw 4.06 "GET:$num+17=3c"
claim "the one that there is" raw 2.05 "GET:$num+17=0105"
claim "no proxy" raw 5.05 "GET:$num+35=636f61703a2f2f78"
claim "a path that climbs out of the group" \
	raw 4.04 "GET:ace-group/$sgid/../../smf/gw1"
claim "an empty name of a group" raw 4.03 "GET:ace-group//num"
claim "something below the number" raw 4.04 "GET:$num/"
claim "another one's list" raw 4.03 "GET:smf/gw1"
claim "a block behind the last one" raw 4.02 "GET:$num+23=0ffff6"
claim "a body's second block without its first" \
	raw 4.08 "POST:ace-group/$sgid+12=0105+27=1e"
claim "options that end in the middle" raw closed 01bf
claim "a message longer than it is" raw closed raw:ff
claim "a body that is no CBOR" eval 'printf "\377" >"$lab/bad" &&
	answered 4.00 coaps "ace-group/$sgid" -m post -t 261 -f "$lab/bad"'

# old ARGUMENTS...: the handshake does not come about
old() {
	in_ns gw3 timeout 20 openssl s_client -connect 192.0.2.10:5684 \
		-cert "$lab/gw3/node.pem" -key "$lab/gw3/node.key" \
		-cipher ALL:@SECLEVEL=0 "$@" </dev/null >"$lab/said" 2>&1
	cat "$lab/said"
	! grep -q "^SSL-Session" "$lab/said" ||
		grep -qE "Cipher *: (0000|\(NONE\))" "$lab/said"
}
claim "TLS 1.2 over TCP" old -tls1_2
claim "TLS 1.1 over TCP" old -tls1_1
claim "DTLS 1.0" old -dtls1
claim "the group went on" both_ways
claims_table
