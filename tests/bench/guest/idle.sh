#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What a gateway's daemon takes while nothing happens: connected, one group,
# its key installed.  And what it takes on the disk.  The same of the one that
# can be nothing but a gateway; and libcoap's own client, which observes the
# group as it does: below that no program with these libraries comes.

set -u
# shellcheck source=tests/bench/lib/gateways.sh
. "$(dirname "$0")/../lib/gateways.sh"
trap gateways_down EXIT
sgid=sip:bench@cpns.example
seconds=60

# figure CASE UNIT VALUE
figure() {
	printf '{"bench": "idle", "kind": "figure", "case": "%s", "unit": "%s", "counted": false, "value": %s}\n' \
		"$1" "$2" "$3"
}

failed() {
	echo '{"bench": "idle", "kind": "error", "case": "lab", "text": "no group"}'
	tail -n 5 "$lab"/*.log >&2
	exit 1
}

# nanoseconds on a processor, times it slept
used() {
	cut -d' ' -f1 "/proc/$1/schedstat"
	awk '$1 == "voluntary_ctxt_switches:" { print $2 }' "/proc/$1/status"
}

# status PID NAME FILE
status() {
	awk -v name="$2:" '$1 == name { print $2 }' "/proc/$1/$3"
}

# Every fifth minute the group's number is asked for, and what that takes is
# resident for a minute: so the most beside the median.
# figures WHO PID PROGRAM
figures() {
	local before after stripped resident=() i
	mapfile -t before < <(used "$2")
	for ((i = 0; i < seconds; i += 2)); do
		sleep 2
		resident+=("$(status "$2" VmRSS status)")
	done
	mapfile -t after < <(used "$2")
	mapfile -t resident < <(printf '%s\n' "${resident[@]}" | sort -n)
	figure "$1, processor time a minute" "ms" \
		"$(((after[0] - before[0]) / 1000000))"
	figure "$1, times it wakes a minute" "times" "$((after[1] - before[1]))"
	figure "$1, resident, median (target 6,144)" "KiB" \
		"${resident[${#resident[@]} / 2]}"
	figure "$1, resident, most" "KiB" "${resident[-1]}"
	figure "$1, of it its own (anonymous)" "KiB" \
		"$(status "$2" RssAnon status)"
	stripped=$(mktemp)
	strip -o "$stripped" "$3"
	figure "$1, stripped (target 409,600)" "bytes" \
		"$(stat -c %s "$stripped")"
	rm -f "$stripped"
}

# memory WHO PID
memory() {
	figure "$1, resident" "KiB" "$(status "$2" VmRSS status)"
	figure "$1, of it its own (anonymous)" "KiB" \
		"$(status "$2" RssAnon status)"
}

{ gateways_up 2 && group_begin "$sgid" 2; } >&2 || failed
kill "$(daemon_pid g2)"
gateway_cpnsd=$build/userspace-gateway/cpnsd/cpnsd
{ daemon_start g2 && patient sends g2 "$sgid"; } >&2 || failed
cat "$lab/g1/node.pem" "$lab/g1/node.key" >"$lab/g1/both.pem"
ip netns exec g1 coap-client-openssl -s 600 -w -B 600 \
	-c "$lab/g1/both.pem" -j "$lab/g1/node.key" -C "$lab/g1/ca.pem" \
	"coaps+tcp://192.0.2.10:5684/ace-group/$sgid" >"$lab/observed" 2>&1 &
peer=$!
observing() {
	[ -s "$lab/observed" ]
}
patient observing || failed
# what the beginning took is given back within a minute
sleep 70
# ip netns exec has become the daemon
figures "gateway daemon" "$(daemon_pid g1)" "$cpnsd"
figures "gateway daemon without the server" "$(daemon_pid g2)" "$gateway_cpnsd"
# it ends at an error
kill -0 "$peer" || failed
memory "libcoap's coap-client, observing" "$peer"
kill "$peer"
