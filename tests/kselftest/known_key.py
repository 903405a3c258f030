#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A group with a known secret and an IPsec state, for known_key.sh.

usage: known_key.py set     makes both; prints the key's serial, then in hex
                            what no output may hold
       known_key.py dump    every answer of the family, in hex

Keys come from the functions that make the test vectors.
"""
import contextlib
import hashlib
import io
import os
import runpy
import socket
import struct
import sys

SGID = b"urn:cpns:test:known-key"
EPOCH, SID, SPI = 1, 0x0102, 0x1234
SECRET = hashlib.sha256(b"cpns known key").digest()
NODE_GET, GROUP_SET, GROUP_GET, SA_ADD, SA_GET = 1, 4, 5, 8, 10
(A_SGID, A_SERIAL, A_HEADER, A_SECRET, A_SID, A_EPOCH, A_DIR, A_SRC, A_DST,
 A_SPI, A_REQID, A_MODE) = (1, 2, 4, 9, 10, 11, 20, 21, 22, 23, 24, 25)
REQUEST, ACK, DUMP = 1, 4, 0x300
ERROR, DONE, CTRL = 2, 3, 16


def attribute(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def attributes(data):
    found = {}
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        found[kind & 0x3fff] = data[4:size]
        data = data[(size + 3) & ~3:]
    return found


class Family:
    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
        self.socket.bind((0, 0))
        answer = self.talk(3, attribute(2, b"cpns\0"), family=CTRL)[0]
        self.family = struct.unpack("=H", attributes(answer)[1])[0]

    def talk(self, command, data=b"", flags=ACK, family=None):
        """Payloads behind the generic header; raises OSError on a refusal."""
        body = struct.pack("=BBH", command, 1, 0) + data
        self.socket.send(struct.pack("=IHHII", 16 + len(body),
                                     family or self.family, REQUEST | flags,
                                     1, 0) + body)
        answers = []
        while True:
            received = self.socket.recv(1 << 16)
            while received:
                size, kind = struct.unpack_from("=IH", received)
                message, received = (received[16:size],
                                     received[(size + 3) & ~3:])
                if kind == DONE:
                    return answers
                if kind == ERROR:
                    error = -struct.unpack_from("=i", message)[0]
                    if error:
                        raise OSError(error, os.strerror(error))
                    return answers
                answers.append(message[4:])


def make(family):
    with contextlib.redirect_stdout(io.StringIO()):
        vectors = runpy.run_path(os.path.join(
            os.path.dirname(os.path.abspath(__file__)),
            "../vectors/make-kernel-message.py"))
    expand = vectors["expand"]
    tag = hashlib.sha256(SGID).digest()[:12]
    prk = vectors["extract"](tag + struct.pack(">I", EPOCH), SECRET)
    header = (struct.pack(">BBHIIII", 1, 1, 0, EPOCH, 0, 1, 0) + tag +
              expand(prk, b"cpns kcv v1", 16))
    answer = family.talk(
        GROUP_SET, attribute(A_SGID, SGID + b"\0") +
        attribute(A_HEADER, header) + attribute(A_SECRET, SECRET) +
        attribute(A_SID, struct.pack("=H", SID)))[0]
    family.talk(
        SA_ADD, attribute(A_SGID, SGID + b"\0") +
        attribute(A_EPOCH, struct.pack("=I", EPOCH)) +
        attribute(A_SID, struct.pack("=H", SID)) + attribute(A_DIR, b"\2") +
        attribute(A_SRC, bytes([192, 0, 2, 1])) +
        attribute(A_DST, bytes([192, 0, 2, 2])) +
        attribute(A_SPI, struct.pack(">I", SPI)) +
        attribute(A_REQID, struct.pack("=I", 1)) + attribute(A_MODE, b"\0"))
    print(struct.unpack("=i", attributes(answer)[A_SERIAL])[0])
    print(SECRET.hex())
    print(prk.hex())
    for use, aead, size, salt in ((1, 2, 32, 4), (1, 4, 32, 4), (2, 1, 32, 0),
                                  (3, 1, 32, 0), (1, 2, 16, 4)):
        key = expand(prk, b"cpns tk v1" + struct.pack(">BBHB", use, aead, SID,
                                                     size), size + salt)
        print(key[:size].hex())


def main():
    family = Family()
    if sys.argv[1] == "set":
        make(family)
        return
    for answer in (family.talk(NODE_GET) +
                   family.talk(GROUP_GET, attribute(A_SGID, SGID + b"\0")) +
                   family.talk(GROUP_GET, flags=DUMP) +
                   family.talk(SA_GET, flags=DUMP)):
        print(answer.hex())


main()
