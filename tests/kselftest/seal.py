#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""GROUP_SET messages to a node, by python3-cryptography's primitives only.

usage: seal.py NODE-PUBLIC-HEX OSG-PRIVATE-HEX

Four messages of "name = hex" lines, an empty line behind each: epoch 3 of the
groups urn:cpns:independent:0 to 3; mode base and then mode auth, AES-128-GCM
and AES-256-GCM each. The functions are those that make the test vectors.
"""
import contextlib
import hashlib
import io
import os
import runpy
import struct
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                       "../vectors/make-kernel-message.py")
EPOCH, SID, LEAF, VERSION, KEK = 3, 0x0102, 11, 2, 0x40000007


def item(leaf, numbers, bound, key):
    nonce = os.urandom(12)
    numbers = struct.pack(">IIII", *numbers)
    return (numbers + nonce +
            AESGCM(leaf).encrypt(nonce, key, b"cpns item v1" + bound + numbers))


def message(vectors, node, sender, aead, sgid):
    secret, leaf, kek = os.urandom(32), os.urandom(32), os.urandom(32)
    tag = hashlib.sha256(sgid).digest()[:12]
    epoch = struct.pack(">I", EPOCH)
    prk = vectors["extract"](tag + epoch, secret)
    header = (struct.pack(">BBHIIII", 1, 2, 0, EPOCH, 1, 2, 0) + tag +
              vectors["expand"](prk, b"cpns kcv v1", 16))
    aad = struct.pack(">HBBIIHHI", aead, 2 if sender else 0, 0, LEAF, VERSION,
                      SID, 0, EPOCH) + tag
    enc, ct = vectors["hpke_seal"](aead, node, sender, os.urandom(32),
                                   b"cpns leaf v1" + tag, aad, leaf)
    print("header =", header.hex())
    print("seal =", (aad + enc + ct).hex())
    print("item =", item(leaf, (KEK, 5, LEAF, VERSION), tag + epoch,
                         kek).hex())
    print("item =", item(kek, (0, EPOCH, KEK, 5), header, secret).hex())
    print(flush=True)


def main():
    with contextlib.redirect_stdout(io.StringIO()):
        vectors = runpy.run_path(VECTORS)
    node, osg = (bytes.fromhex(argument) for argument in sys.argv[1:3])
    for number in range(4):
        message(vectors, node, osg if number >= 2 else None, 1 + number % 2,
                b"urn:cpns:independent:%d" % number)


main()
