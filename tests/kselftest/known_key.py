#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Groups with known keys, put to every use, for known_key.sh.

usage: known_key.py act DIRECTORY sealed|clear|NAME

sealed  a group by SEAL and ITEM, AES-GCM, and its next epoch by ITEM alone
clear   a group by SECRET, ChaCha20-Poly1305
NAME    a group by SECRET with that in its SGID, by which a search can be seen
        to find what is there; its serial is not kept

Each is used by ESP states of both directions, AF_ALG and messages. In
DIRECTORY, `keys` gets what no output may hold, in hex: epoch secrets,
pseudo-random keys, traffic keys of both senders, KEKs, what HPKE agreed on;
`serials` the groups' keys. All come from the functions that make the test
vectors, none from the code that is tested.
"""
import contextlib
import hashlib
import io
import os
import runpy
import socket
import struct
import subprocess
import sys
import time

import known_key_ask as ask

GROUP_SET, SA_ADD = 4, 8
(A_SGID, A_SERIAL, A_HEADER, A_SEAL, A_ITEM, A_SECRET, A_SID, A_EPOCH, A_DIR,
 A_SRC, A_DST, A_SPI, A_REQID, A_MODE) = (1, 2, 4, 5, 6, 9, 10, 11, 20, 21, 22,
                                          23, 24, 25)
NODE_PUBKEY = 16
OWN, OTHER = 0x0102, 0x0305
LEAF, KEK = (11, 1), (0x40000007, 5)
HERE, THERE = "192.0.2.1", "192.0.2.2"
USES = ((1, 2, 32), (1, 2, 16), (1, 4, 32), (2, 1, 32), (2, 1, 16), (2, 3, 32),
        (3, 1, 32), (3, 3, 32))		# use, AEAD, key bytes


def vectors():
    """The vectors' functions, and a list that gets every key they use."""
    with contextlib.redirect_stdout(io.StringIO()):
        functions = runpy.run_path(os.path.join(
            os.path.dirname(os.path.abspath(__file__)),
            "../vectors/make-kernel-message.py"))
    used = []
    inside = functions["hpke_seal"].__globals__
    exchange, aesgcm = inside["exchange"], inside["AESGCM"]

    def exchange_kept(private, peer):
        used.append(exchange(private, peer))
        return used[-1]

    def aesgcm_kept(key):
        used.append(key)
        return aesgcm(key)

    inside.update(exchange=exchange_kept, AESGCM=aesgcm_kept)
    return functions, used


class Group:
    def __init__(self, directory, name, suite):
        self.directory = directory
        self.sgid = b"urn:cpns:test:known-key-" + name
        self.tag = hashlib.sha256(self.sgid).digest()[:12]
        self.suite = suite
        self.family = ask.Family()
        self.functions, self.used = vectors()
        self.serial = 0

    def keep(self, *keys):
        with open(self.directory + "/keys", "a", encoding="ascii") as file:
            for key in keys:
                file.write(key.hex() + "\n")

    def header(self, epoch, secret, atd):
        """HEADER; keeps what follows from the secret"""
        expand = self.functions["expand"]
        prk = self.functions["extract"](
            self.tag + struct.pack(">I", epoch), secret)
        self.keep(secret, prk)
        for sid in (OWN, OTHER):
            for use, aead, size in USES:
                info = b"cpns tk v1" + struct.pack(">BBHB", use, aead, sid,
                                                   size)
                salt = 4 if use == 1 else 0
                self.keep(expand(prk, info, size + salt)[:size])
        return (struct.pack(">BBHIIII", 1, self.suite, 0, epoch, atd,
                            atd + 600, 0) + self.tag +
                expand(prk, b"cpns kcv v1", 16))

    def item(self, numbers, wrapping, bound, key):
        nonce, numbers = os.urandom(12), struct.pack(">IIII", *numbers)
        wrap = self.functions["hpke_seal"].__globals__["AESGCM"](wrapping)
        return numbers + nonce + wrap.encrypt(
            nonce, key, b"cpns item v1" + bound + numbers)

    def set(self, *attributes):
        answer = self.family.talk(
            GROUP_SET, ask.attribute(A_SGID, self.sgid + b"\0") +
            b"".join(ask.attribute(*each) for each in attributes))[0]
        self.serial = struct.unpack("=i", ask.attributes(answer)[A_SERIAL])[0]

    def set_sealed(self, epoch):
        """An epoch by SEAL, and the next one by the KEK that came with it;
        states of both, those of the second wait for it."""
        secret, leaf, kek = os.urandom(32), os.urandom(32), os.urandom(32)
        node = ask.attributes(self.family.talk(ask.NODE_GET)[0])[NODE_PUBKEY]
        header = self.header(epoch, secret, 0)
        bound = self.tag + struct.pack(">I", epoch)
        aad = struct.pack(">HBBIIHHI", 2, 0, 0, *LEAF, OWN, 0,
                          epoch) + self.tag
        enc, sealed = self.functions["hpke_seal"](
            2, node, None, os.urandom(32), b"cpns leaf v1" + self.tag, aad,
            leaf)
        self.set((A_HEADER, header), (A_SEAL, aad + enc + sealed),
                 (A_ITEM, self.item((*KEK, *LEAF), leaf, bound, kek)),
                 (A_ITEM, self.item((0, epoch, *KEK), kek, header, secret)))
        self.states(epoch, epoch << 12)
        following = os.urandom(32)
        header = self.header(epoch + 1, following, 5)
        self.set((A_HEADER, header), (A_ITEM, self.item(
            (0, epoch + 1, *KEK), kek, header, following)))
        self.states(epoch + 1, (epoch + 1) << 12)
        self.keep(leaf, kek, *self.used)

    def set_clear(self, epoch):
        secret = os.urandom(32)
        self.set((A_HEADER, self.header(epoch, secret, 0)),
                 (A_SECRET, secret), (A_SID, struct.pack("=H", OWN)))

    def states(self, epoch, spi):
        for sid, direction, src, dst in ((OWN, 2, HERE, THERE),
                                         (OTHER, 1, THERE, HERE)):
            self.family.talk(
                SA_ADD, ask.attribute(A_SGID, self.sgid + b"\0") +
                ask.attribute(A_EPOCH, struct.pack("=I", epoch)) +
                ask.attribute(A_SID, struct.pack("=H", sid)) +
                ask.attribute(A_DIR, bytes([direction])) +
                ask.attribute(A_SRC, socket.inet_aton(src)) +
                ask.attribute(A_DST, socket.inet_aton(dst)) +
                ask.attribute(A_SPI, struct.pack(">I", spi + direction)) +
                ask.attribute(A_REQID, struct.pack("=I", spi)) +
                ask.attribute(A_MODE, b"\0"))

    def use_sockets(self, epoch):
        for name, size in (("gcm(aes)", 32), ("gcm(aes)", 16),
                           ("rfc7539(chacha20,poly1305)", 32)):
            with socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET) as parent:
                parent.bind(("aead", f"cpns({name})"))
                parent.setsockopt(socket.SOL_ALG, socket.ALG_SET_KEY,
                                  struct.pack(">iIHBB", self.serial, epoch,
                                              OWN, 2, size))
                parent.setsockopt(socket.SOL_ALG,
                                  socket.ALG_SET_AEAD_AUTHSIZE, None, 16)
                child, _ = parent.accept()
            with child:
                text = bytes(12) + b"known key"
                child.sendmsg_afalg([text], op=socket.ALG_OP_ENCRYPT,
                                    assoclen=0)
                sealed = child.recv(len(text) + 16)
                child.sendmsg_afalg([sealed], op=socket.ALG_OP_DECRYPT,
                                    assoclen=0)
                assert child.recv(len(text))[12:] == text[12:]

    def use_messages(self):
        text, sealed = self.directory + "/text", self.directory + "/sealed"
        with open(text, "wb") as file:
            file.write(b"known key")
        for command, source, target in (("encrypt", text, sealed),
                                        ("decrypt", sealed, text)):
            with open(target + ".out", "wb") as file:
                subprocess.run(["keyctl", "pkey_" + command, str(self.serial),
                                "0", source, "enc=raw"], stdout=file,
                               check=True)
            os.rename(target + ".out", target)


def send():
    """Through the outbound state; an inbound one refuses what is not sealed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        for _ in range(3):
            plain.sendto(b"known key", (THERE, 9))


def main():
    directory, kind = sys.argv[2:4]
    group = Group(directory, kind.encode(), 1 if kind == "sealed" else 3)
    if kind == "sealed":
        group.set_sealed(3)
        time.sleep(6)
        epoch = 4
    else:
        group.set_clear(1)
        group.states(1, 0x5000 if kind == "clear" else 0x6000)
        epoch = 1
    group.use_sockets(epoch)
    group.use_messages()
    send()
    if kind not in ("sealed", "clear"):
        return
    with open(directory + "/serials", "a", encoding="ascii") as file:
        file.write(f"{group.serial}\n")


main()
