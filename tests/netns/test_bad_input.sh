#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What bad input gets, end to end: a clear error that names the cause, and a
# group that goes on untouched.  What only a kernel or a decoder can refuse is
# in tests/kselftest and tests/unit.
#
# One kernel is enough: 6.12

set -u
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"

lab_up in_ns host1 ping -c 1 -W 1 10.2.0.2 < <(group_document "$sgid" esp)

# refused CODES TEXT COMMAND...: fails with one of the codes, and says TEXT
refused() {
	local codes=$1 text=$2 code
	shift 2
	"$@" >"$lab/refused" 2>&1
	code=$?
	head -n 1 "$lab/refused" >&3
	cat "$lab/refused"
	[[ " $codes " = *" $code "* ]] && grep -qiF -- "$text" "$lab/refused"
}

create() {
	in_ns server "$cpnsctl" group create "$lab/bad.xml"
}

# edited SED-SCRIPT: the good document of another group, spoilt
edited() {
	group_document sip:bad@cpns.example esp | sed "$1" >"$lab/bad.xml"
}

untouched() {
	[ "$(epoch_of gw1 "$sgid")" = 1 ] && [ "$(epoch_of gw2 "$sgid")" = 1 ] &&
		in_ns host1 ping -q -c 3 -i 0.2 -W 2 10.2.0.2
}

say "Malformed group documents"
echo '<group' >"$lab/bad.xml"
claim "not XML" refused "1 5" "line 1" create
edited 's/suite="1"/suite="1" colour="red"/'
claim "unknown attribute of ours, with its line" refused "1 5" "colour" create
edited 's/lifetime="86400"/lifetime="5"/'
claim "lifetime out of range" refused "1 5" "lifetime" create
edited 's/atd="4" dtd="8"/atd="8" dtd="8"/'
claim "ATD not below DTD" refused "1 5" "dtd" create
edited 's/node:gw2/node:gw1/'
claim "the same member twice" refused "1 5" "gw1" create
edited 's/10.2.0.0/10.1.0.0/'
claim "nets that overlap" refused "1 5" "10.1.0.0/24" create
edited 's/10.2.0.0\/24/0.0.0.0\/0/'
claim "a default route as net" refused "1 5" "0.0.0.0/0" create
edited '1i <!DOCTYPE group [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
claim "a document type" refused "1 5" "" create
group_document "$sgid" esp >"$lab/bad.xml"
claim "a group that exists already" refused "1 5" "$sgid" create
claim "a file that is not there" refused "1 2 4" "nothing.xml" \
	in_ns server "$cpnsctl" group create "$lab/nothing.xml"

say "Unknown groups and members"
claim "rekey of a group that is not there" refused "4" "sip:none@" \
	in_ns server "$cpnsctl" group rekey sip:none@cpns.example
claim "removal of a node that is no member" refused "4 5" "gw9" \
	in_ns server "$cpnsctl" group remove-member "$sgid" gw9
gateway_configure gw3 >/dev/null 2>&1
daemon_start gw3
claim "a node that is no member is refused the key" refused "4 5" "" \
	in_ns gw3 "$cpnsctl" join "$sgid"
cp "$lab/refused" "$lab/refused-member"
claim "... in the same words as for a group that does not exist" \
	refused "4 5" "" in_ns gw3 "$cpnsctl" join sip:none@cpns.example
same_words() {
	diff <(sed 's/sip:[^ ]*//' "$lab/refused-member") \
		<(sed 's/sip:[^ ]*//' "$lab/refused")
}
claim "... to the letter" same_words
no_key_at() {
	! in_ns "$1" "$cpnsctl" status --json | grep -q '"active"'
}
claim "and its kernel has no key" no_key_at gw3
kill "$(daemon_pid gw3)"

say "Wrong certificates"
mkdir -p "$lab/other"
"$cpnsctl" --config-dir "$lab/other" node issue --server main \
	--san 192.0.2.10 >/dev/null 2>&1
"$cpnsctl" --config-dir "$lab/other" node issue gw3 --out "$lab/other.tar" \
	>/dev/null 2>&1
rm -rf "$lab/gw3" "$lab/gw3.log"
mkdir "$lab/gw3-ours"
cp "$lab/gw3.tar" "$lab/gw3-ours.tar"
cp "$lab/other.tar" "$lab/gw3.tar"
# the archive is whole in itself, so it installs; the pin is of another OSG
mkdir -p "$lab/gw3"
in_ns gw3 "$cpnsctl" --config-dir "$lab/gw3" node install --no-pin \
	"$lab/gw3.tar" >/dev/null 2>&1
printf '[cpnsd]\nroles = gateway\n[gateway]\nserver = coaps+tcp://192.0.2.10:5684\nserver-id = urn:cpns:server:main\nstate = %s/gw3\n' \
	"$lab" >"$lab/gw3/cpnsd.conf"
daemon_start gw3
says() {
	wait_until 20 grep -qiE -- "$2" "$lab/$1.log" || return 1
	grep -iE -m 1 -- "$2" "$lab/$1.log" >&3
}
claim "wrong CA: the gateway names the cause" \
	says gw3 'certificate.*(not signed|issuer|CA)'
kill "$(daemon_pid gw3)"

say "A member's certificate posing as a server's"
rm -rf "$lab/gw3" "$lab/gw3.log"
cp "$lab/gw3-ours.tar" "$lab/gw3.tar"
gateway_configure gw3 >/dev/null 2>&1
in_ns gw2 openssl s_server -accept 192.0.2.2:5684 -cert "$lab/gw2/node.pem" \
	-key "$lab/gw2/node.key" -tls1_3 -quiet </dev/null >/dev/null 2>&1 &
sed -i 's/192.0.2.10/192.0.2.2/' "$lab/gw3/cpnsd.conf"
listens() {
	[ -n "$(in_ns gw2 ss -Hltn 'sport = :5684')" ]
}
wait_until 10 listens
daemon_start gw3
claim "the gateway refuses it and names the cause" says gw3 'urn:cpns:node|node.s certificate|is a node'
kill "$(daemon_pid gw3)"

say "The group went on"
claim "same epoch everywhere, and traffic" untouched
claims_table
