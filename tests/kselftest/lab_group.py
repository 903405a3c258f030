#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A lab group: its epoch secret is known, so others can be told its keys.

usage: lab_group.py join SGID EPOCH SUITE SECRET SID
       lab_group.py state SGID EPOCH SID in|out SRC DST SPI
       lab_group.py tshark SGID EPOCH SUITE SECRET SID SRC DST SPI

"join" gives this network namespace's kernel the epoch in clear (the module
needs allow_raw=1), "state" adds an ESP state in transport mode. "tshark" asks no
kernel: it derives the sender's traffic key and prints the row of tshark's
table esp_sa for it. SUITE 1 or 2 (tshark 4.0 has no ChaCha20-Poly1305 in ESP),
SECRET in hex; SRC and DST IPv4.
"""
import hashlib
import socket
import struct
import sys

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives import hmac

import known_key_ask as ask

GROUP_SET, SA_ADD = 4, 8
(A_SGID, A_HEADER, A_SECRET, A_SID, A_EPOCH, A_DIR, A_SRC, A_DST, A_SPI,
 A_REQID, A_MODE) = (1, 4, 9, 10, 11, 20, 21, 22, 23, 24, 25)
USE_ESP, SALT = 1, 4
DIRECTION = {"in": 1, "out": 2}
AEAD = 2				# rfc4106(gcm(aes))
KEY_BYTES = {1: 32, 2: 16}		# of the suites
CIPHER = "AES-GCM with 16 octet ICV [RFC4106]"	# as tshark calls it


def tag_of(sgid):
    return hashlib.sha256(sgid.encode()).digest()[:12]


def pseudo_random_key(sgid, epoch, secret):
    """HKDF-Extract with tag | be32 epoch as its salt"""
    extract = hmac.HMAC(tag_of(sgid) + struct.pack(">I", epoch), SHA256())
    extract.update(secret)
    return extract.finalize()


def expand(key, info, size):
    return HKDFExpand(SHA256(), size, info).derive(key)


def traffic_key(sgid, epoch, suite, secret, sid):
    """Key and salt that the sender @sid encrypts ESP with"""
    size = KEY_BYTES[suite]
    return expand(pseudo_random_key(sgid, epoch, secret),
                  b"cpns tk v1" + struct.pack(">BBHB", USE_ESP, AEAD, sid, size),
                  size + SALT)


def join(sgid, epoch, suite, secret, sid):
    check = expand(pseudo_random_key(sgid, epoch, secret), b"cpns kcv v1", 16)
    header = (struct.pack(">BBHIIII", 1, suite, 0, epoch, 0, 600, 0) +
              tag_of(sgid) + check)
    ask.Family().talk(
        GROUP_SET, ask.attribute(A_SGID, sgid.encode() + b"\0") +
        ask.attribute(A_HEADER, header) + ask.attribute(A_SECRET, secret) +
        ask.attribute(A_SID, struct.pack("=H", sid)))


def state(sgid, epoch, sid, direction, src, dst, spi):
    ask.Family().talk(
        SA_ADD, ask.attribute(A_SGID, sgid.encode() + b"\0") +
        ask.attribute(A_EPOCH, struct.pack("=I", epoch)) +
        ask.attribute(A_SID, struct.pack("=H", sid)) +
        ask.attribute(A_DIR, bytes([DIRECTION[direction]])) +
        ask.attribute(A_SRC, socket.inet_aton(src)) +
        ask.attribute(A_DST, socket.inet_aton(dst)) +
        ask.attribute(A_SPI, struct.pack(">I", spi)) +
        ask.attribute(A_REQID, struct.pack("=I", epoch)) +
        ask.attribute(A_MODE, b"\0"))


def tshark(sgid, epoch, suite, secret, sid, src, dst, spi):
    key = traffic_key(sgid, epoch, suite, secret, sid)
    print(",".join(f'"{field}"' for field in (
        "IPv4", src, dst, f"0x{spi:08x}", CIPHER, "0x" + key.hex(),
        "NULL", "")))


def main():
    verb, sgid, epoch, *rest = sys.argv[1:]
    epoch = int(epoch)
    if verb == "state":
        sid, direction, src, dst, spi = rest
        state(sgid, epoch, int(sid, 0), direction, src, dst, int(spi, 0))
        return
    suite, secret, sid, *path = rest
    known = sgid, epoch, int(suite), bytes.fromhex(secret), int(sid, 0)
    if verb == "join":
        join(*known)
    elif verb == "tshark":
        tshark(*known, path[0], path[1], int(path[2], 0))
    else:
        sys.exit(__doc__)


main()
