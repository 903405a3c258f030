#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# From `cpnsctl group rekey` to the new epoch sending, on 2, 10 and 50
# gateways with a tunnel to each other; see tools/epoch_watch.c.

set -u
# shellcheck source=tests/bench/lib/gateways.sh
. "$(dirname "$0")/../lib/gateways.sh"
trap gateways_down EXIT
most=${CPNS_BENCH_GATEWAYS:-50}

failed() {
	printf '{"bench": "rekey", "kind": "error", "case": "lab", "text": "%s"}\n' "$1"
	tail -n 5 "$lab"/server.log "$lab"/g1.log >&2
	exit 1
}

gateways_up "$most" >&2 || failed "gateways do not start"
for count in 2 10 50; do
	[ "$count" -le "$most" ] || break
	sgid=sip:bench-$count@cpns.example
	group_begin "$sgid" "$count" || failed "$count gateways: no key"
	names=()
	for ((i = 1; i <= count; i++)); do
		names+=("g$i")
	done
	"$CPNS_BUILD/bench/tools/epoch_watch" "$cpnsctl" "$sgid" server \
		"${names[@]}" || exit
	in_ns server "$cpnsctl" group delete "$sgid" >&2
done
