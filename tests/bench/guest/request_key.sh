#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A miss of request_key(2) until the key is there; see tools/request_key.c.

set -u
# shellcheck source=tests/bench/lib/gateways.sh
. "$(dirname "$0")/../lib/gateways.sh"
trap gateways_down EXIT
sgid=sip:bench@cpns.example

failed() {
	echo '{"bench": "request_key", "kind": "error", "case": "lab", "text": "no group to ask for"}'
	tail -n 5 "$lab"/*.log >&2
	exit 1
}

mkdir -p /etc/request-key.d
cat >/etc/request-key.d/cpns_group.conf <<-END
create cpns_group * * $build/userspace/request-key/cpns-request-key %k %d %c %S
END
echo 'create user cpns-bench:* * /bin/keyctl instantiate %k data %S' \
	>/etc/request-key.d/cpns_bench.conf
{ gateways_up 2 && group_begin "$sgid" 2; } >&2 || failed
in_ns g1 "$CPNS_BUILD/bench/tools/request_key" "$sgid"
