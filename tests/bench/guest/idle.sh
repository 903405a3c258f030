#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What a gateway's daemon takes while nothing happens: connected, one group,
# its key installed.  And what it takes on the disk.

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

status() {
	awk -v name="$1:" '$1 == name { print $2 }' "/proc/$pid/$2"
}

{ gateways_up 2 && group_begin "$sgid" 2; } >&2 || failed
pid=$(daemon_pid g1)
# ip netns exec has become the daemon
sleep 20
mapfile -t before < <(used "$pid")
sleep "$seconds"
mapfile -t after < <(used "$pid")
figure "gateway daemon, processor time a minute" "ms" \
	"$(((after[0] - before[0]) / 1000000))"
figure "gateway daemon, times it wakes a minute" "times" \
	"$((after[1] - before[1]))"
figure "gateway daemon, resident (target 6,144)" "KiB" "$(status VmRSS status)"
figure "of it its own (anonymous)" "KiB" "$(status RssAnon status)"
figure "of it its share (Pss; two daemons run)" "KiB" "$(status Pss smaps_rollup)"
stripped=$(mktemp)
strip -o "$stripped" "$cpnsd"
figure "cpnsd, stripped (target 400 KiB)" "bytes" "$(stat -c %s "$stripped")"
rm -f "$stripped"
cp "/proc/$pid/smaps" "${CPNS_BENCH_SMAPS:-/dev/null}"
