#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A third gateway enrols by a one-time token over EST, joins the group, renews
# its certificate and is revoked; a second one turns from its certificate to a
# pre-shared key. And the port that all this needs is off by default.
#
# One kernel is enough: 6.1

set -u
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"

psk_port=coaps+tcp://192.0.2.10:5685

ping_from() {
	in_ns "$1" ping -c 1 -W 1 "$2"
}
# exits CODE COMMAND...: what it complained of is the row's note
exits() {
	local wanted=$1 got
	shift
	"$@" >/dev/null 2>"$lab/complaint"
	got=$?
	cut -d : -f 2- "$lab/complaint" | head -n 1 | tr -d '\n' >&3
	[ "$got" = "$wanted" ] || { echo "exit $got"; cat "$lab/complaint"; return 1; }
}
# issue_token NODE FILE
issue_token() {
	in_ns server "$cpnsctl" --config-dir "$lab/server" node issue "$1" \
		--enrol-token "$2"
}
# enrol NS OPTIONS...
enrol() {
	local ns=$1
	shift
	in_ns "$ns" "$cpnsctl" --config-dir "$lab/$ns" enrol "$@"
}
serial_of() {
	openssl x509 -in "$1" -noout -serial | cut -d = -f 2
}
epoch_above() {
	[ "$(epoch_of "$1" "$sgid")" -gt "$2" ]
}
# follows NODE: a new epoch is made, and the node has it
follows() {
	local before
	before=$(epoch_of "$1" "$sgid")
	in_ns server "$cpnsctl" group rekey "$sgid" &&
		wait_until 60 epoch_above "$1" "$before"
}
daemon_again() {
	kill "$(daemon_pid "$1")"
	wait_until 20 bash -c "! kill -0 $(daemon_pid "$1")" && daemon_start "$1"
}

lab_up ping_from host1 10.2.0.2 < <(group_document "$sgid" esp)

say "Off by default"
nobody_listens() {
	[ -z "$(in_ns server ss -Hltn 'sport = :5685')" ]
}
claim "without psk-listen there is no port for pre-shared keys" nobody_listens
claim "without ca-key and psk-listen no token is made" \
	exits 78 issue_token gw3 "$lab/token"
echo "gw2 = $(openssl rand -hex 32)" >"$lab/server/psk"
cat >>"$lab/server/cpnsd.conf" <<-END
psk-listen = $psk_port
ca-key = $lab/server/ca.key
END
chmod 644 "$lab/server/psk"
refuses_to_start() {
	! in_ns server timeout 20 "$cpnsd" --config-dir "$lab/server" \
		>"$lab/refusal" 2>&1 && grep -o 'others can get at the keys' "$lab/refusal" >&3
}
kill "$(daemon_pid server)"
wait_until 20 bash -c "! kill -0 $(daemon_pid server)"
claim "a file of keys that others can read is refused" refuses_to_start
doctor_says_so() {
	in_ns server "$cpnsctl" --config-dir "$lab/server" doctor |
		tee /dev/stderr | grep -q -- "-> chmod 600 $lab/server/psk"
}
claim "... and cpnsctl doctor says what to do" doctor_says_so
chmod 600 "$lab/server/psk"
daemon_start server

say "A third gateway enrols"
mkdir -p "$lab/gw3"
rm -f "$lab/gw3.tar"
closed_file() {
	[ "$(stat -c '%a %h' "$1")" = "600 1" ] && [ "$(wc -l <"$1")" = 1 ]
}
claim "a token is made" issue_token gw3 "$lab/token"
claim "... in a file that root alone can read" closed_file "$lab/token"
claim "... and another one takes its place" issue_token gw3 "$lab/token2"
claim "the one before is worth nothing" \
	exits 5 enrol gw3 "$psk_port" --token-file "$lab/token"
sed 's/gw3/gw4/' "$lab/token2" >"$lab/other"
claim "nor is it for another node" \
	exits 5 enrol gw3 "$psk_port" --token-file "$lab/other"
claim "nor at the port for certificates" \
	exits 5 enrol gw3 coaps+tcp://192.0.2.10:5684 --token-file "$lab/token2"
nothing_written() {
	[ -z "$(ls -A "$lab/gw3")" ]
}
claim "nothing was written until now" nothing_written
capture_start enrolment wan br0
by_standard_input() {
	enrol gw3 "$psk_port" --token-file - <"$lab/token2"
}
claim "the gateway enrols, the token on standard input" by_standard_input
capture_stop enrolment
belong_together() {
	[ "$(stat -c %a "$lab/gw3/node.key")" = 600 ] &&
		openssl verify -CAfile "$lab/server/ca.pem" "$lab/gw3/node.pem" &&
		openssl x509 -in "$lab/gw3/node.pem" -noout -ext subjectAltName |
		grep -q 'URI:urn:cpns:node:gw3$' &&
		[ "$(openssl pkey -in "$lab/gw3/node.key" -pubout)" = \
			"$(openssl x509 -in "$lab/gw3/node.pem" -noout -pubkey)" ]
}
claim "it has a key and the CA's certificate for it" belong_together
claim "the CA's certificate is the server's" \
	cmp "$lab/server/ca.pem" "$lab/gw3/ca.pem"
claim "the OSG's key came with it" cmp "$lab/server/osg.pub" "$lab/gw3/osg.pub"
pinned() {
	in_ns gw3 "$cpnsctl" status --json | tee /dev/stderr |
		grep -q '"pinned": *true'
}
claim "... and is pinned in its kernel" pinned
# what a device has after the server has used up the token, when the answer
# did not come
answer_lost() {
	mv "$lab/gw3/node.key" "$lab/gw3/node.key.enrolling" &&
		rm "$lab/gw3/node.pem" &&
		key_before=$(openssl pkey -in "$lab/gw3/node.key.enrolling" -pubout) &&
		enrol gw3 "$psk_port" --token-file "$lab/token2" &&
		[ "$(openssl pkey -in "$lab/gw3/node.key" -pubout)" = "$key_before" ] &&
		belong_together && [ ! -e "$lab/gw3/node.key.enrolling" ]
}
claim "where the answer was lost, it gets one for the same key" answer_lost
claim "for another key the token works no more" \
	exits 5 enrol gw3 "$psk_port" --token-file "$lab/token2" --force
claim "... and the gateway keeps what it has" belong_together
# in logs, in the configuration and state of either side, and on the wire
nowhere() {
	local secret
	secret=$(cut -d : -f 3 "$lab/token2")
	[ "${#secret}" = 43 ] &&
		! grep -raF -e "$secret" "$lab"/*.log "$lab/server" "$lab/gw3" \
			"$lab/enrolment.pcap"
}
claim "the token stands nowhere else" nowhere

say "It is a gateway like the others"
claim "its daemon starts with the configuration that enrol wrote" \
	daemon_start gw3
add_gw3() {
	in_ns server "$cpnsctl" group add-member "$sgid" gw3 \
		--tunnel 192.0.2.3 --net 10.3.0.0/24
}
capture_start wan wan br0
claim "the group's document takes it in" add_gw3
claim "host3 reaches host1 through the group" \
	wait_until 60 ping_from host3 10.1.0.2
claim "... and host2" wait_until 60 ping_from host3 10.2.0.2
cp "$lab/gw3/node.pem" "$lab/first.pem"
first=$(serial_of "$lab/first.pem")
not_due_now() {
	enrol gw3 --renew --if-due | tee /dev/stderr | grep -q 'not due yet'
}
not_due() {
	not_due_now && [ "$(serial_of "$lab/gw3/node.pem")" = "$first" ]
}
claim "its certificate is not due for renewal" not_due
key_before=$(sha256sum <"$lab/gw3/node.key")
renewed() {
	enrol gw3 --renew && [ "$(serial_of "$lab/gw3/node.pem")" != "$first" ] &&
		[ "$(sha256sum <"$lab/gw3/node.key")" != "$key_before" ] &&
		belong_together
}
claim "it renews: another key, another certificate" renewed
cut_short() {
	local serial
	serial=$(serial_of "$lab/gw3/node.pem")
	mv "$lab/gw3/node.pem" "$lab/gw3/node.pem.new"
	cp "$lab/first.pem" "$lab/gw3/node.pem"
	not_due_now && [ "$(serial_of "$lab/gw3/node.pem")" = "$serial" ] &&
		belong_together && [ ! -e "$lab/gw3/node.pem.new" ]
}
claim "a renewal that a power cut ended is brought to its end" cut_short
kill -HUP "$(daemon_pid gw3)"
daemon_again server
registered_anew() {
	in_ns server "$cpnsctl" group show "$sgid" --json | python3 -c '
import json, sys
sys.exit(not all(m["connected"] for m in json.load(sys.stdin)["members"]))'
}
claim "with it, its daemon comes back to a server that started anew" \
	wait_until 90 registered_anew
claim "... and follows to the next epoch" follows gw3
claim "host3 reaches host1 in it" wait_until 40 ping_from host3 10.1.0.2

say "A gateway turns to a pre-shared key"
cp "$lab/server/psk" "$lab/gw2/psk"
sed -i "s|^server = .*|server = $psk_port|" "$lab/gw2/cpnsd.conf"
printf '[tls]\npsk-identity = gw2\n' >>"$lab/gw2/cpnsd.conf"
rm "$lab/gw2/node.pem" "$lab/gw2/node.key"
claim "its daemon starts without a certificate" daemon_again gw2
doctor_reads_it() {
	in_ns gw2 "$cpnsctl" --config-dir "$lab/gw2" doctor | tee /dev/stderr |
		grep -q '^good *pre-shared key .* has the key of gw2$'
}
claim "cpnsctl doctor looks at that in its place" doctor_reads_it
psk_session() {
	in_ns gw2 ss -Htn state established 'dport = :5685' | grep -q 5685 &&
		[ -z "$(in_ns gw2 ss -Htn state established 'dport = :5684')" ]
}
claim "it is at the server's port for pre-shared keys alone" \
	wait_until 30 psk_session
claim "the next epoch is pushed to it" follows gw2
claim "host1 reaches host2 in it" wait_until 40 ping_from host1 10.2.0.2

say "Revocation"
claim "the enrolled gateway is revoked" \
	in_ns server "$cpnsctl" --config-dir "$lab/server" node revoke gw3
claim "no packet of it arrives" wait_until 30 eval '! ping_from host3 10.1.0.2'
claim "its certificates are refused" exits 5 enrol gw3 --renew
claim "no token is made for it" exits 5 issue_token gw3 "$lab/token3"
both_listed() {
	local list
	list=$(openssl crl -in "$lab/server/ca.crl" -noout -text | tr -d ' :')
	grep -qi "SerialNumber0*$first" <<<"$list" &&
		grep -qi "SerialNumber0*$(serial_of "$lab/gw3/node.pem")" <<<"$list"
}
claim "both of them are on the CA's list" both_listed
claim "the gateway with the pre-shared key is revoked, too" \
	in_ns server "$cpnsctl" --config-dir "$lab/server" node revoke gw2
claim "... and let in no more" wait_until 30 eval '! psk_session'
capture_stop wan
nothing_clear() {
	local clear
	clear=$(count_packets wan 'net 10.0.0.0/8')
	echo "$(count_packets wan esp) ESP, $clear clear" >&3
	[ "$clear" = 0 ]
}
claim "nothing left in clear at any time" nothing_clear
claims_table
