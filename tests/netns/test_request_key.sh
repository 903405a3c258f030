#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A program's request_key(2): one acquisition for many programs, who may, the
# errno of each refusal, negative answers that expire, each network namespace
# its own daemon, and a server that does not answer.

set -u
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"

rule=/etc/request-key.d/cpns_group.conf
mkdir -p "${rule%/*}"
sed "s|[^ \t]*/cpns-request-key|$build/userspace/request-key/cpns-request-key|" \
	"$top/userspace/request-key/cpns_group.conf" >"$rule"
second=sip:sg-43@cpns.example

cat >/run/ask.py <<'END'
# ask.py SGID [PROCESSES] [SECOND-ASKED-AFTER]: for each a line with the errno's
# name, or "key" and its line, and whole seconds
import ctypes, errno, os, sys, time
lib = ctypes.CDLL("libkeyutils.so.1", use_errno=True)
def ask():
    begin = time.monotonic()
    key = lib.request_key(b"cpns_group", sys.argv[1].encode(), b"", -3)
    error = ctypes.get_errno()
    text = errno.errorcode.get(error, "none")
    if key >= 0:
        room = ctypes.create_string_buffer(256)
        size = lib.keyctl_read(key, room, 256)
        text = "key " + room.raw[:max(size, 0)].decode().rstrip("\0\n")
    print(text, int(time.monotonic() - begin), flush=True)
processes = int(sys.argv[2]) if len(sys.argv) > 2 else 1
children = []
for _ in range(processes):
    child = os.fork()
    if child == 0:
        ask()
        for pause in sys.argv[3:]:
            time.sleep(float(pause))
            ask()
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
END

# asks NS [AS...] -- SGID [PROCESSES [PAUSE...]]: in a session of its own
asks() {
	local ns=$1 as=()
	shift
	while [ "$1" != -- ]; do
		as+=("$1")
		shift
	done
	shift
	in_ns "$ns" "${as[@]}" keyctl session - \
		/usr/bin/python3 /run/ask.py "$@" 2>/dev/null | tee /tmp/asked
}

# answers ERRNO|key: all that was asked last got it
answers() {
	tr '\n' ';' </tmp/asked >&3
	[ -s /tmp/asked ] && ! grep -qv "^$1 " /tmp/asked
}

joins() {
	grep -c "step 10 CSKMF->CSKMF group=$1 num=[0-9]* node=gw1" \
		"$lab/server.log"
}

listed_at_both() {
	logged gw1 "group $sgid: listed" && logged gw2 "group $sgid: listed"
}
lab_up listed_at_both < <(message_document "$sgid" |
	sed 's/delivery="push"/delivery="pull"/')

say "Many at once"
asks gw1 -- "$sgid" 16 >/dev/null
claim "16 programs ask at the same time: each gets the key" answers key
all_sixteen() {
	[ "$(wc -l </tmp/asked)" = 16 ]
}
claim "... all of them" all_sixteen
one_join() {
	joins "$sgid" >&3
	[ "$(joins "$sgid")" = 1 ]
}
claim "... by one acquisition" one_join

say "Who may"
as_user=(setpriv --reuid 1234 --regid 1234 --clear-groups)
as_group=(setpriv --reuid 1235 --regid 4321 --clear-groups)
asks gw1 "${as_user[@]}" -- "$sgid" >/dev/null
claim "a user who is not on the list: EACCES" answers EACCES
refusals() {
	grep -c 'request_key refused by \[access\]' "$lab/gw1.log"
}
before=$(refusals)
asks gw1 "${as_user[@]}" -- "$sgid" 1 0.1 0.1 >/dev/null &
asking=$!
wait "$asking"
claim "asked again at once: EACCES" answers EACCES
one_refusal() {
	[ "$(($(refusals) - before))" = 1 ]
}
claim "... of the kernel, from the first answer" one_refusal
: >/tmp/asked
asks gw1 "${as_user[@]}" -- "$sgid" 1 14 >/dev/null &
asking=$!
wait_until 20 grep -q EACCES /tmp/asked
printf '[access]\n%s = uid:1234 gid:4321\n' "$sgid" >>"$lab/gw1/cpnsd.conf"
kill -HUP "$(daemon_pid gw1)"
wait "$asking"
expired() {
	tr '\n' ';' </tmp/asked >&3
	head -n 1 /tmp/asked | grep -q '^EACCES ' &&
		tail -n 1 /tmp/asked | grep -q '^key epoch=1 state=active'
}
claim "on the list after that: the refusal expires, the key comes" expired
asks gw1 "${as_group[@]}" -- "$sgid" >/dev/null
claim "a member of a group of users that is listed" answers key
asks gw1 setpriv --reuid 1236 --regid 1236 --groups 4321 -- "$sgid" >/dev/null
claim "... as a supplementary group too" answers key
asks gw1 -- "$sgid" >/dev/null
claim "root is not, where there is a list" answers EACCES

say "Which group, which namespace"
asks gw1 -- sip:none@cpns.example >/dev/null
claim "a group that is not ours: ENOKEY" answers ENOKEY
asks gw2 -- "$sgid" >/dev/null
claim "in gw2's namespace it is gw2's daemon that answers" answers key
claim "... which joined for itself" logged server \
	"step 10 CSKMF->CSKMF group=$sgid num=1 node=gw2"
asks host1 -- "$sgid" >/dev/null
claim "where there is no daemon: ENONET" answers ENONET

say "A server that does not answer"
message_document "$second" | sed 's/delivery="push"/delivery="pull"/' \
	>"$lab/second.xml"
in_ns server "$cpnsctl" group create "$lab/second.xml" >/dev/null
second_listed() {
	logged gw1 "group $second: listed"
}
wait_until 30 second_listed
kill -STOP "$(daemon_pid server)"
asks gw1 -- "$second" >/dev/null
claim "it hangs: ETIMEDOUT" answers ETIMEDOUT
kill -CONT "$(daemon_pid server)"
comes() {
	asks gw1 -- "$second" >/dev/null && grep -q '^key ' /tmp/asked
}
claim "it goes on: the key comes" wait_until 60 comes
# shellcheck disable=SC2016 # for the shell in there
in_ns gw1 sh -c 'keyctl revoke "$(keyctl search %:.cpns cpns_group "$1")"' \
	- "$second"
kill -9 "$(daemon_pid server)"
sleep 1
asks gw1 -- "$second" >/dev/null
claim "it is gone, the key too: EHOSTUNREACH" answers EHOSTUNREACH
asks gw2 -- "$sgid" >/dev/null
claim "a key that is held is given without the server" answers key
claims_table
