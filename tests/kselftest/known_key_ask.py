#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What the kernel tells whoever asks, as lines of hex, for known_key.sh.

usage: known_key_ask.py cpns|xfrm|crypto|pfkey     every dump there is
       known_key_ask.py listen FILE SOURCE...      until SIGTERM: events of
           cpns, xfrm, pfkey, audit; what a tap on netlink sees (nlmon)
       known_key_ask.py audit on|off               rule for the system calls
                                                   that groups are used by
"""
import os
import re
import select
import signal
import socket
import struct
import sys

GENERIC, XFRM, AUDIT, CRYPTO = 16, 6, 9, 21
NODE_GET, GROUP_GET, SA_GET = 1, 5, 10
REQUEST, ACK, DUMP = 1, 4, 0x300
ERROR, DONE, CTRL = 2, 3, 16
AF_KEY = 15
AUDIT_SET, AUDIT_ADD, AUDIT_DEL = 1001, 1011, 1012
AUDIT_CALLS = (41, 44, 46, 47, 49, 54, 248, 249, 250)


def attribute(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def attributes(data):
    found = {}
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        found[kind & 0x3fff] = data[4:size]
        data = data[(size + 3) & ~3:]
    return found


class Netlink:
    def __init__(self, protocol):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                                    protocol)
        self.socket.bind((0, 0))

    def ask(self, kind, body, flags=ACK):
        """Payloads of the answers; raises OSError on a refusal."""
        self.socket.send(struct.pack("=IHHII", 16 + len(body), kind,
                                     REQUEST | flags, 1, 0) + body)
        answers = []
        while True:
            received = self.socket.recv(1 << 18)
            while received:
                size, answer = struct.unpack_from("=IH", received)
                message, received = (received[16:size],
                                     received[(size + 3) & ~3:])
                if answer == DONE:
                    return answers
                if answer == ERROR:
                    error = -struct.unpack_from("=i", message)[0]
                    if error:
                        raise OSError(error, os.strerror(error))
                    return answers
                answers.append(message)


class Family(Netlink):
    def __init__(self):
        super().__init__(GENERIC)
        answer = attributes(self.ask(
            CTRL, struct.pack("=BBH", 3, 1, 0) + attribute(2, b"cpns\0"))[0][4:])
        self.family = struct.unpack("=H", answer[1])[0]
        group = attributes(next(iter(attributes(answer[7]).values())))
        self.events = struct.unpack("=I", group[2])[0]

    def talk(self, command, data=b"", flags=ACK):
        return [answer[4:] for answer in
                self.ask(self.family, struct.pack("=BBH", command, 1, 0) + data,
                         flags)]


def ask_cpns():
    family = Family()
    return (family.talk(NODE_GET) + family.talk(GROUP_GET, flags=DUMP) +
            family.talk(SA_GET, flags=DUMP))


def ask_xfrm():
    """GETSA, GETPOLICY; each state alone; GETAE; the counts of both."""
    xfrm = Netlink(XFRM)
    states = xfrm.ask(0x12, b"", DUMP)
    answers = states + xfrm.ask(0x15, b"", DUMP)
    for state in states:
        # struct xfrm_usersa_info: selector 56, id 24, saddr 16, ... family
        identity, source = state[56:80], state[80:96]
        family = state[212:214]
        if identity[16:20] == bytes(4):
            continue  # larval: none is found without an SPI
        one = identity[:20] + family + identity[20:21] + b"\0"
        try:
            answers += xfrm.ask(0x12, one)
            answers += xfrm.ask(0x1f, one + source + bytes(8))
        except ProcessLookupError as gone:
            # A state may end between the dump and the question.
            if any(identity == left[56:80] for left in xfrm.ask(0x12, b"", DUMP)):
                raise ProcessLookupError(f"listed, not found: {state.hex()}") from gone
    answers += xfrm.ask(0x23, bytes(4)) + xfrm.ask(0x25, bytes(4))
    return answers


def ask_crypto():
    """CRYPTO_MSG_GETALG; struct crypto_user_alg."""
    return Netlink(CRYPTO).ask(0x13, bytes(64 + 64 + 64 + 16), DUMP)


def pfkey(kind, satype):
    """struct sadb_msg"""
    return struct.pack("=BBBBHHII", 2, kind, 0, satype, 2, 0, 1, os.getpid())


def ask_pfkey():
    """SADB_DUMP and SADB_X_SPDDUMP"""
    answers = []
    for kind in (10, 18):
        with socket.socket(AF_KEY, socket.SOCK_RAW, 2) as key:
            key.settimeout(3)
            key.send(pfkey(kind, 0))
            while True:
                try:
                    answers.append(key.recv(1 << 16))
                except TimeoutError:
                    break
                if not struct.unpack_from("=I", answers[-1], 8)[0]:
                    break
    return answers


def texts(data):
    """Lines of the texts in @data: a key in hex in one of them would stand in
    hex of hex else."""
    return [f"text {part.decode()}\n"
            for part in re.findall(rb"[ -~]{12,}", data)]


def listener(name):
    if name == "pfkey":
        key = socket.socket(AF_KEY, socket.SOCK_RAW, 2)
        key.send(pfkey(7, 3))		# SADB_REGISTER for ESP
        key.send(pfkey(12, 1))		# SADB_X_PROMISC
        return key
    if name == "nlmon":
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                             socket.htons(3))
    if name == "cpns":
        family = Family()
        family.socket.setsockopt(270, 1, family.events)
        return family.socket
    raw = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                        XFRM if name == "xfrm" else AUDIT)
    raw.bind((0, 0xff if name == "xfrm" else 1))
    return raw


def listen(path, names):
    sockets = {listener(name): name for name in names}
    for each in sockets:
        each.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)
    end = []
    signal.signal(signal.SIGTERM, lambda *_: end.append(True))
    with open(path, "w", encoding="ascii") as file:
        file.write("listening\n")
        file.flush()
        # what came before the signal is read before the end
        while True:
            ready = select.select(list(sockets), [], [], 0.3)[0]
            if not ready and end:
                return
            for each in ready:
                try:
                    data = each.recv(1 << 18)
                except OSError as error:
                    file.write(f"{sockets[each]} {error}\n")
                    continue
                file.write(f"{sockets[each]} {data.hex()}\n")
                file.writelines(texts(data))
            file.flush()


def audit(switch):
    """struct audit_status, struct audit_rule_data"""
    kernel = Netlink(AUDIT)
    calls = [0] * 64
    for call in AUDIT_CALLS:
        calls[call // 32] |= 1 << call % 32
    rule = struct.pack("=III64I192II", 4, 2, 0, *calls, *([0] * 192), 0)
    backlog = struct.pack("=11I", 0x11, int(switch), 0, 0, 0, 8192, 0, 0, 0, 0,
                          0)
    if not switch:
        kernel.ask(AUDIT_DEL, rule)
    kernel.ask(AUDIT_SET, backlog)
    if switch:
        kernel.ask(AUDIT_ADD, rule)


def main():
    kind = sys.argv[1]
    if kind == "listen":
        listen(sys.argv[2], sys.argv[3:])
    elif kind == "audit":
        audit(sys.argv[2] == "on")
    elif kind == "say":
        Netlink(AUDIT).ask(1005, sys.argv[2].encode() + b"\0")
    else:
        for answer in {"cpns": ask_cpns, "xfrm": ask_xfrm, "pfkey": ask_pfkey,
                       "crypto": ask_crypto}[kind]():
            print(answer.hex())
            print(*texts(answer), sep="", end="")


if __name__ == "__main__":
    main()
