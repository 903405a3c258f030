#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# libcpns' sample programs: one tells a Service Group lines of text by
# multicast, the other hears them, each with a key that it requests by
# request_key(2) and never sees.  They run on PNEs that have a SECA of their
# own (roles = pne).
#
# One kernel is enough: 6.12

set -u
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"

examples=$build/userspace/libcpns/examples
rule=/etc/request-key.d/cpns_group.conf
mkdir -p "${rule%/*}"
# of the guest, whose file system forgets it
sed "s|[^ \t]*/cpns-request-key|$build/userspace/request-key/cpns-request-key|" \
	"$top/userspace/request-key/cpns_group.conf" >"$rule"

# shellcheck disable=SC2034 # of topology.sh
gateway_roles=pne
listed_at_both() {
	logged gw1 "group $sgid: listed" && logged gw2 "group $sgid: listed"
}
lab_up listed_at_both < <(message_document "$sgid")

both_are_pne() {
	grep -q '^pne cpnsd .* started' "$lab/gw1.log" &&
		grep -q '^pne cpnsd .* started' "$lab/gw2.log"
}
claim "two PNEs, with no PN GW" both_are_pne

hear() {
	in_ns gw2 keyctl session - "$examples/multicast_receive" "$1" \
		239.192.8.8 9001 "$2" 192.0.2.2
}

tell() {
	in_ns gw1 keyctl session - "$examples/multicast_send" "$1" \
		239.192.8.8 9001 192.0.2.1
}

listens() {
	[ -n "$(in_ns gw2 ss -Hlun 'sport = :9001')" ]
}

capture_start messages wan br0
hear "$sgid" 3 >"$lab/heard" 2>"$lab/heard.err" &
listener=$!
claim "the receiver has requested the key and joined" \
	wait_until 40 listens
printf 'the kettle boils\nthe cat sleeps\n' >"$lab/told"
claim "the sender requests the key and tells two lines" \
	tell "$sgid" <"$lab/told"
# neither of a member nor of this epoch
in_ns gw1 python3 -c '
import socket
made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("192.0.2.1"))
made.sendto(b"\0\0\0\1" + bytes(60), ("239.192.8.8", 9001))'
echo 'tea is ready' >>"$lab/told"
tail -n 1 "$lab/told" | tell "$sgid"
ended() {
	! kill -0 "$listener" 2>/dev/null
}
wait_until 15 ended
kill "$listener" 2>/dev/null
heard_all() {
	cat "$lab/heard" "$lab/heard.err" | tr '\n' '|' >&3
	cmp "$lab/told" "$lab/heard"
}
claim "the receiver hears them, whole and in order" heard_all
claim "a forged packet is dropped" grep -q '^dropped: ' "$lab/heard.err"
capture_stop messages
sealed_only() {
	echo "$(count_packets messages 'udp port 9001') packets" >&3
	[ "$(count_packets messages 'udp port 9001')" -ge 3 ] &&
		! grep -qaF -e kettle -e 'cat sleeps' "$lab/messages.pcap"
}
claim "on the wire no line can be read" sealed_only
refused() {
	! tell sip:none@cpns.example <"$lab/told" 2>"$lab/refused" &&
		grep -i 'no key' "$lab/refused" >&3
}
claim "of a group that is not ours no key comes, and it says so" refused
claims_table
