#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A member made of nothing of ours: python3-cbor2 and python3-cryptography
read what the server sends, the way the description of the wire tells.

usage: foreign_peer.py ask FOLDER SGID
       foreign_peer.py open FOLDER SGID RESPONSE [NODE-WITH-SID]

"ask" makes a node key and writes the join request to FOLDER/request. "open"
checks the signed record and roster, the shard's hash, opens SEAL and ITEMs
down to the epoch secret, and says the number of the epoch if its check value
is the one that the signer vouches for. FOLDER has ca.pem and osg.pub.
"""
import hashlib
import hmac
import pathlib
import struct
import sys

import cbor2
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey, X25519PublicKey)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def need(true, what):
    if not true:
        sys.exit("foreign_peer: " + what)


def extract(salt, material):
    return hmac.digest(salt or bytes(32), material, "sha256")


def expand(key, info, size):
    out = block = b""
    for i in range(1, size // 32 + 2):
        block = hmac.digest(key, block + info + bytes([i]), "sha256")
        out += block
    return out[:size]


class Labeled:
    """LabeledExtract and LabeledExpand of RFC 9180 4."""

    def __init__(self, suite):
        self.suite = b"HPKE-v1" + suite

    def extract(self, salt, label, material):
        return extract(salt, self.suite + label + material)

    def expand(self, key, label, info, size):
        return expand(key, struct.pack("!H", size) + self.suite + label + info,
                      size)


def hpke_open(private, sender, enc, info, aad, sealed):
    """RFC 9180 mode auth, DHKEM(X25519, HKDF-SHA256), AES-256-GCM."""
    kem = Labeled(b"KEM\x00\x20")
    own = private.public_key().public_bytes(*RAW)
    shared = (private.exchange(X25519PublicKey.from_public_bytes(enc)) +
              private.exchange(X25519PublicKey.from_public_bytes(sender)))
    secret = kem.expand(kem.extract(b"", b"eae_prk", shared),
                        b"shared_secret", enc + own + sender, 32)
    suite = Labeled(b"HPKE\x00\x20\x00\x01\x00\x02")
    context = (b"\x02" + suite.extract(b"", b"psk_id_hash", b"") +
               suite.extract(b"", b"info_hash", info))
    secret = suite.extract(secret, b"secret", b"")
    return AESGCM(suite.expand(secret, b"key", context, 32)).decrypt(
        suite.expand(secret, b"base_nonce", context, 12), sealed, aad)


def verified(folder, message, domain):
    """The payload of a COSE_Sign1 whose signer our CA knows."""
    tagged = cbor2.loads(message)
    need(tagged.tag == 18, "not a COSE_Sign1")
    protected, other, payload, signature = tagged.value
    chain = other[33]
    der = chain if isinstance(chain, bytes) else chain[0]
    certificate = x509.load_der_x509_certificate(der)
    need(cbor2.loads(protected) ==
         {1: -7, 4: hashlib.sha256(der).digest()[:8]}, "alg or kid")
    ca = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    need(certificate.issuer == ca.subject, "signer's issuer")
    names = certificate.extensions.get_extension_for_class(
        x509.SubjectAlternativeName).value
    need("urn:cpns:signer:main" in names.get_values_for_type(
        x509.UniformResourceIdentifier), "signer's name")
    try:
        ca.public_key().verify(certificate.signature,
                               certificate.tbs_certificate_bytes,
                               ec.ECDSA(certificate.signature_hash_algorithm))
        certificate.public_key().verify(
            utils.encode_dss_signature(int.from_bytes(signature[:32], "big"),
                                       int.from_bytes(signature[32:], "big")),
            cbor2.dumps(["Signature1", protected, domain.encode(), payload],
                        canonical=True), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        need(False, "signature")
    fields = cbor2.loads(payload)
    need(fields[0] == domain, "domain")
    need(cbor2.dumps(fields, canonical=True) == payload, "not deterministic")
    return fields


def ask(folder, sgid):
    key = X25519PrivateKey.generate()
    (folder / "node.x25519").write_bytes(key.private_bytes(
        serialization.Encoding.Raw, serialization.PrivateFormat.Raw,
        serialization.NoEncryption()))
    (folder / "request").write_bytes(cbor2.dumps({
        3: cbor2.dumps([sgid, 3], canonical=True), 6: bytes(range(16)),
        -65606: key.public_key().public_bytes(*RAW)}, canonical=True))


def open_items(items, header, tag, num, keys):
    """One pass, in order; the secret is the one with id 0."""
    for item in items:
        numbers = item[:16]
        ident, version, outer, outer_version = struct.unpack("!4I", numbers)
        if (outer, outer_version) not in keys:
            continue
        bound = header if ident == 0 else tag + struct.pack("!I", num)
        keys[ident, version] = AESGCM(keys[outer, outer_version]).decrypt(
            item[16:28], item[28:], b"cpns item v1" + bound + numbers)
    return keys.get((0, num))


def open_response(folder, sgid, path, sender=None):
    answer = cbor2.loads(pathlib.Path(path).read_bytes())
    record = verified(folder, answer[8], "cpns-epoch-1")
    (_, group, _, num, _, _, _, suite, kcv, _, lifetime, atd, dtd, _, scheme,
     shards) = record
    need(group == sgid and answer[9] == num and answer[20] == scheme,
         "record and answer differ")
    tag = hashlib.sha256(sgid.encode()).digest()[:12]
    header = struct.pack("!BBHIIII", 1, suite, 0, num, atd, dtd,
                         lifetime) + tag + kcv
    seal = answer[-65603]
    aead, mode, _, leaf, version, sid, _, first, bound = struct.unpack(
        "!HBBIIHHI12s", seal[:32])
    need((aead, mode, first, bound) == (2, 2, num, tag), "SEAL's header")
    osg = serialization.load_pem_public_key((folder / "osg.pub").read_bytes())
    key = X25519PrivateKey.from_private_bytes(
        (folder / "node.x25519").read_bytes())
    keys = {(leaf, version): hpke_open(
        key, osg.public_bytes(*RAW), seal[32:64], b"cpns leaf v1" + tag,
        seal[:32], seal[64:])}
    own, way, given = cbor2.loads(answer[27])
    need(own == leaf, "another leaf")
    for index, items in given:
        need(hashlib.sha256(items).digest() == shards[index], "shard's hash")
    everything = way + b"".join(items for _, items in given)
    secret = open_items([everything[i:i + 76]
                         for i in range(0, len(everything), 76)],
                        header, tag, num, keys)
    need(secret, "no ITEM for the epoch secret")
    pseudorandom = extract(tag + struct.pack("!I", num), secret)
    need(expand(pseudorandom, b"cpns kcv v1", 16) == kcv, "check value")
    if sender:
        roster = verified(folder, answer[-65604], "cpns-roster-1")
        need([sid, sender] in [line[:2] for line in roster[5]] and
             answer[-65602] == sid, "own Sender-ID in the roster")
    print(f"epoch {num}, leaf {leaf}, Sender-ID {sid}")


if __name__ == "__main__":
    place = pathlib.Path(sys.argv[2])
    if sys.argv[1] == "ask":
        ask(place, sys.argv[3])
    else:
        open_response(place, *sys.argv[3:])
