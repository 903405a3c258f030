#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Bytes of a GROUP_SET message, of handles and traffic keys, from fixed inputs.

Written from the byte tables of include/uapi/linux/cpns.h with
python3-cryptography's primitives only, independent of the C code, so that
user space, the kernel's tests and this agree on every byte.

    ./make-kernel-message.py > kernel-message.txt
"""
import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import (
    AESGCM,
    ChaCha20Poly1305,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
)

SGID = b"sip:sg-42@cpns.example"
EPOCH, ATD, DTD, LIFETIME = 7, 2, 5, 86400
SUITE_AES_256_GCM = 1
LEAF_ID, LEAF_VERSION, SID = 3, 2, 0x0102
NODE_ID, NODE_VERSION = 0x40000001, 9


def fixed(label, size=32):
    """Bytes that look random and are the same every time."""
    return hashlib.sha512(b"cpns test vector " + label).digest()[:size]


def extract(salt, key):
    return hmac.new(salt or bytes(32), key, hashlib.sha256).digest()


def expand(prk, info, size):
    out, block = b"", b""
    while len(out) < size:
        block = hmac.new(prk, block + info + bytes([len(out) // 32 + 1]),
                         hashlib.sha256).digest()
        out += block
    return out[:size]


def public(private):
    key = X25519PrivateKey.from_private_bytes(private).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def exchange(private, peer):
    return X25519PrivateKey.from_private_bytes(private).exchange(
        X25519PublicKey.from_public_bytes(peer))


def hpke_seal(aead, recipient, sender, ephemeral, info, aad, text):
    """RFC 9180 6.1, single shot, DHKEM(X25519, HKDF-SHA256)."""
    def labeled_extract(suite, salt, label, ikm):
        return extract(salt, b"HPKE-v1" + suite + label + ikm)

    def labeled_expand(suite, prk, label, data, size):
        return expand(prk, struct.pack(">H", size) + b"HPKE-v1" + suite +
                      label + data, size)

    kem = b"KEM" + struct.pack(">H", 0x20)
    suite = b"HPKE" + struct.pack(">HHH", 0x20, 1, aead)
    enc = public(ephemeral)
    dh, context = exchange(ephemeral, recipient), enc + recipient
    if sender:
        dh += exchange(sender, recipient)
        context += public(sender)
    shared = labeled_expand(
        kem, labeled_extract(kem, b"", b"eae_prk", dh), b"shared_secret",
        context, 32)
    context = (bytes([2 if sender else 0]) +
               labeled_extract(suite, b"", b"psk_id_hash", b"") +
               labeled_extract(suite, b"", b"info_hash", info))
    secret = labeled_extract(suite, shared, b"secret", b"")
    key = labeled_expand(suite, secret, b"key", context,
                         16 if aead == 1 else 32)
    nonce = labeled_expand(suite, secret, b"base_nonce", context, 12)
    return enc, AESGCM(key).encrypt(nonce, text, aad)


def check_hpke():
    """The implementation above against RFC 9180 A.1.1 and A.1.3."""
    def block(number):
        path = __file__.replace("make-kernel-message.py", "hpke-rfc9180.txt")
        with open(path, encoding="ascii") as file:
            text = file.read().split("\n\n")[number]
        return {name: bytes.fromhex(value) for name, value in (
            line.split(" = ") for line in text.splitlines() if " = " in line)}

    for number in (1, 2, 3, 4):
        v = block(number)
        enc, sealed = hpke_seal(
            int.from_bytes(v["aead"], "big"), v["pkRm"], v.get("skSm"),
            v["skEm"], v["info"], v["aad"], v["pt"])
        assert (enc, sealed) == (v["enc"], v["ct"]), number


def show(name, value):
    print(f"{name} = {value.hex()}")


def block(title):
    print(f"\n# {title}")


check_hpke()
print("# A GROUP_SET message and what follows from it; made by")
print("# make-kernel-message.py, which says where each byte comes from.")

block("group: tag = SHA-256(sgid)[0..12]")
tag = hashlib.sha256(SGID).digest()[:12]
show("sgid", SGID)
show("tag", tag)

block("epoch secret; prk = Extract(tag | be32 epoch, secret); kcv")
secret = fixed(b"epoch secret")
prk = extract(tag + struct.pack(">I", EPOCH), secret)
kcv = expand(prk, b"cpns kcv v1", 16)
show("epoch", struct.pack(">I", EPOCH))
show("secret", secret)
show("prk", prk)
show("kcv", kcv)

block("HEADER 48")
header = struct.pack(">BBHIIII", 1, SUITE_AES_256_GCM, 0, EPOCH, ATD, DTD,
                     LIFETIME) + tag + kcv
assert len(header) == 48
show("header", header)

node, osg, leaf = fixed(b"node key"), fixed(b"osg key"), fixed(b"leaf kek")
for aead in (2, 1):
    for sender in (osg, None):
        mode = 2 if sender else 0
        ephemeral = fixed(b"ephemeral %d %d" % (aead, mode))
        block(f"SEAL 112, AES-{128 * aead}-GCM, mode "
              f"{'auth' if sender else 'base'}")
        aad = struct.pack(">HBBIIHHI", aead, mode, 0, LEAF_ID, LEAF_VERSION,
                          SID, 0, EPOCH) + tag
        assert len(aad) == 32
        enc, ct = hpke_seal(aead, public(node), sender, ephemeral,
                            b"cpns leaf v1" + tag, aad, leaf)
        show("aead", struct.pack(">H", aead))
        show("mode", bytes([mode]))
        show("node_private", node)
        show("node_public", public(node))
        if sender:
            show("osg_private", osg)
            show("osg_public", public(osg))
        show("ephemeral_private", ephemeral)
        show("leaf_id", struct.pack(">I", LEAF_ID))
        show("leaf_version", struct.pack(">I", LEAF_VERSION))
        show("sid", struct.pack(">H", SID))
        show("leaf_kek", leaf)
        show("seal", aad + enc + ct)


def item(identity, version, wrapping, wrapping_version, nonce, key, inner):
    numbers = struct.pack(">IIII", identity, version, wrapping,
                          wrapping_version)
    bound = header if identity == 0 else tag + struct.pack(">I", EPOCH)
    ct = AESGCM(key).encrypt(nonce, inner,
                             b"cpns item v1" + bound + numbers)
    show("id", struct.pack(">I", identity))
    show("version", struct.pack(">I", version))
    show("wrapping_id", struct.pack(">I", wrapping))
    show("wrapping_version", struct.pack(">I", wrapping_version))
    show("nonce", nonce)
    show("wrapping_key", key)
    show("key", inner)
    show("item", numbers + nonce + ct)


block("ITEM 76, the epoch secret under the leaf KEK: AAD has HEADER")
item(0, EPOCH, LEAF_ID, LEAF_VERSION, fixed(b"nonce 0", 12), leaf, secret)
node_kek = fixed(b"node kek")
block("ITEM 76, a KEK under the leaf KEK: AAD has tag and epoch")
item(NODE_ID, NODE_VERSION, LEAF_ID, LEAF_VERSION, fixed(b"nonce 1", 12),
     leaf, node_kek)
block("ITEM 76, the epoch secret under that KEK")
item(0, EPOCH, NODE_ID, NODE_VERSION, fixed(b"nonce 2", 12), node_kek, secret)

USES = {1: "ESP", 2: "AF_ALG", 3: "message"}
AEADS = {1: ("gcm(aes)", 0), 2: ("rfc4106(gcm(aes))", 4),
         3: ("rfc7539(chacha20,poly1305)", 0),
         4: ("rfc7539esp(chacha20,poly1305)", 4)}


def traffic_key(use, aead, sid, size):
    return expand(prk, b"cpns tk v1" + struct.pack(">BBHB", use, aead, sid,
                                                   size),
                  size + AEADS[aead][1])


for use, aead, size in ((1, 2, 32), (1, 2, 16), (1, 4, 32), (2, 1, 32),
                        (2, 1, 16), (2, 3, 32), (3, 1, 32), (3, 1, 16),
                        (3, 3, 32)):
    block(f"traffic key: {USES[use]}, {AEADS[aead][0]}, {size} bytes"
          f"{' and a salt of 4' if AEADS[aead][1] else ''}")
    show("use", bytes([use]))
    show("aead_id", bytes([aead]))
    show("sid", struct.pack(">H", SID))
    show("key_bytes", bytes([size]))
    show("traffic_key", traffic_key(use, aead, SID, size))

block("handle 12: serial, epoch (0: the one to send with), SID, use, bytes")
for serial, epoch, use, size in ((0x12345678, EPOCH, 1, 32),
                                 (0x12345678, 0, 2, 16)):
    show("handle", struct.pack(">iIHBB", serial, epoch, SID, use, size))

for counter in (1, 0xfffffffffffe):
    iv = struct.pack(">HHI", SID, counter >> 32, counter & 0xffffffff)
    text = b"packet %d" % (counter % 10)
    block(f"message: be32 epoch | IV | ciphertext | tag, counter {counter}")
    show("iv", iv)
    show("text", text)
    show("message", struct.pack(">I", EPOCH) + iv +
         AESGCM(traffic_key(3, 1, SID, 32)).encrypt(bytes(4) + iv, text, iv))
    block(f"AF_ALG: AAD | IV | ciphertext | tag, gcm(aes), counter {counter}")
    show("aad", b"caller's AAD")
    show("iv", iv)
    show("text", text)
    show("sealed", b"caller's AAD" + iv +
         AESGCM(traffic_key(2, 1, SID, 32)).encrypt(
             bytes(4) + iv, text, b"caller's AAD" + iv))
    block(f"AF_ALG: rfc7539(chacha20,poly1305), counter {counter}")
    show("aad", b"caller's AAD")
    show("iv", iv)
    show("text", text)
    show("sealed", b"caller's AAD" + iv +
         ChaCha20Poly1305(traffic_key(2, 3, SID, 32)).encrypt(
             bytes(4) + iv, text, b"caller's AAD" + iv))
