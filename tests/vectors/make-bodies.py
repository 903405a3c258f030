#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Bodies of the join exchange, a signed record and a signed roster.

Encoded by python3-cbor2 (canonical: RFC 8949 4.2.1) and signed by
python3-cryptography, so independent of the C code.  The signer's key is
fixed; signatures and certificate are new at every run, all else stays.

    ./make-bodies.py > bodies.txt
"""
import datetime
import hashlib

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

SGID = "sip:sg-42@cpns.example"


def fixed(label, size=32):
    """Bytes that look random and are the same every time."""
    return hashlib.sha512(b"cpns test vector " + label).digest()[:size]


def encode(value):
    return cbor2.dumps(value, canonical=True)


def show(name, value):
    print(f"{name} = {value.hex()}")


def block(title):
    print(f"\n# {title}")


def certificate(key):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "main")])
    start = datetime.datetime(2024, 1, 1)
    return (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name)
        .public_key(key.public_key()).serial_number(42)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName(
            [x509.UniformResourceIdentifier("urn:cpns:signer:main")]), False)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER))


def sign1(payload, domain, header=None, chain=None, tag=18):
    protected = encode({1: -7, 4: KID} if header is None else header)
    text = encode(["Signature1", protected, domain.encode(), payload])
    r, s = utils.decode_dss_signature(
        KEY.sign(text, ec.ECDSA(hashes.SHA256())))
    return encode(cbor2.CBORTag(tag, [
        protected, {33: CERTIFICATE if chain is None else chain}, payload,
        r.to_bytes(32, "big") + s.to_bytes(32, "big")]))


KEY = ec.derive_private_key(
    int.from_bytes(fixed(b"signer"), "big") >> 1, ec.SECP256R1())
CERTIFICATE = certificate(KEY)
KID = hashlib.sha256(CERTIFICATE).digest()[:8]
OTHER = certificate(ec.derive_private_key(
    int.from_bytes(fixed(b"other signer"), "big") >> 1, ec.SECP256R1()))

print("# Bodies of the join exchange, a record and a roster; made by")
print("# make-bodies.py, which says what each one holds.")

EPOCH = [
    "cpns-epoch-1", SGID, 1, 7, fixed(b"prev"), b"\x01etag", 3, 1,
    fixed(b"kcv", 16), 1732000000, 86400, 2, 5, [258, 3], 0,
    [fixed(b"shard 0"), fixed(b"shard 1")]]
payload = encode(EPOCH)

block("signed record")
show("certificate", CERTIFICATE)
show("kid", KID)
show("payload", payload)
show("payload_hash", hashlib.sha256(payload).digest())
show("record", sign1(payload, EPOCH[0]))

FIRST = sign1(encode(EPOCH[:2] + [1, 1, bytes(32)] + EPOCH[5:]), EPOCH[0])
show("x5chain_of_two", sign1(payload, EPOCH[0], chain=[CERTIFICATE, OTHER]))

for title, bad in (
        ("another algorithm", sign1(payload, EPOCH[0], {1: -8, 4: KID})),
        ("no algorithm", sign1(payload, EPOCH[0], {4: KID})),
        ("crit", sign1(payload, EPOCH[0], {1: -7, 2: [77], 4: KID, 77: 1})),
        ("another kid", sign1(payload, EPOCH[0], {1: -7, 4: bytes(8)})),
        ("a short kid", sign1(payload, EPOCH[0], {1: -7, 4: KID[:7]})),
        ("no kid", sign1(payload, EPOCH[0], {1: -7})),
        ("another's certificate", sign1(
            payload, EPOCH[0],
            {1: -7, 4: hashlib.sha256(OTHER).digest()[:8]}, OTHER)),
        ("a roster's external_aad", sign1(payload, "cpns-roster-1")),
        ("COSE_Mac0's tag", sign1(payload, EPOCH[0], tag=17)),
        ("no certificate", sign1(payload, EPOCH[0], chain=b"")),
        ("another domain",
         sign1(encode(["cpns-epoch-2"] + EPOCH[1:]), EPOCH[0])),
        ("a field missing", sign1(encode(EPOCH[:-1]), EPOCH[0])),
        ("a field too many", sign1(encode(EPOCH + [0]), EPOCH[0])),
        ("num 0", sign1(encode(EPOCH[:3] + [0] + EPOCH[4:]), EPOCH[0])),
        ("num too large",
         sign1(encode(EPOCH[:3] + [4294901761] + EPOCH[4:]), EPOCH[0])),
        ("reason 7", sign1(encode(EPOCH[:6] + [7] + EPOCH[7:]), EPOCH[0])),
        ("suite 4", sign1(encode(EPOCH[:7] + [4] + EPOCH[8:]), EPOCH[0])),
        ("kcv zero", sign1(encode(EPOCH[:8] + [bytes(16)] + EPOCH[9:]),
                           EPOCH[0])),
        ("prev in the first epoch",
         sign1(encode(EPOCH[:3] + [1] + EPOCH[4:]), EPOCH[0])),
        ("dtd not above atd",
         sign1(encode(EPOCH[:12] + [2] + EPOCH[13:]), EPOCH[0])),
        ("evicted sid 0",
         sign1(encode(EPOCH[:13] + [[0]] + EPOCH[14:]), EPOCH[0])),
        ("scheme 5", sign1(encode(EPOCH[:14] + [5] + EPOCH[15:]), EPOCH[0])),
        ("a short shard hash",
         sign1(encode(EPOCH[:15] + [[bytes(31)]]), EPOCH[0])),
        ("an SGID with a space",
         sign1(encode(EPOCH[:1] + ["sip:sg 42"] + EPOCH[2:]), EPOCH[0])),
        ("a number in place of the SGID",
         sign1(encode(EPOCH[:1] + [42] + EPOCH[2:]), EPOCH[0])),
        ("bytes after the payload", sign1(payload + b"\0", EPOCH[0])),
        ("bytes after the message", sign1(payload, EPOCH[0]) + b"\0")):
    block("refused record: " + title)
    show("refused", bad)

ROSTER = [
    "cpns-roster-1", SGID, 1, 7, 12,
    [[258, "gw1", [bytes([192, 0, 2, 1])],
      [[24, bytes([10, 1, 0, 0])], [16, bytes([172, 16, 0, 0])]]],
     [259, "gw2", [bytes([192, 0, 2, 2]),
                   bytes.fromhex("20010db8000000000000000000000002")],
      [[32, bytes.fromhex("20010db8000000000000000000000000")]]]],
    [3, 4]]
payload = encode(ROSTER)
block("signed roster")
show("payload", payload)
show("roster", sign1(payload, ROSTER[0]))

for title, sender in (
        ("bits beyond the prefix",
         [258, "gw1", [], [[24, bytes([10, 1, 0, 1])]]]),
        ("prefix of 33 for IPv4",
         [258, "gw1", [], [[33, bytes([10, 1, 0, 0])]]]),
        ("an address of 5 bytes", [258, "gw1", [bytes(5)], []]),
        ("sid 0", [0, "gw1", [], []]),
        ("sid 65536", [65536, "gw1", [], []]),
        ("node of 65 bytes", [258, "n" * 65, [], []]),
        ("a control character in the node", [258, "gw\n1", [], []])):
    block("refused roster: " + title)
    show("refused", sign1(encode(ROSTER[:5] + [[sender], []]), ROSTER[0]))

CAPS = {1: 2, 2: [[3, 2], [1, 1]], 3: True, 4: False}
block("registration")
show("body", encode({
    -65606: fixed(b"node key"), -65607: CAPS,
    -65608: [bytes([192, 0, 2, 1]), bytes(15) + b"\1"]}))

block("join request")
show("body", encode({
    3: encode([SGID, 3]), 6: fixed(b"cnonce", 16), -65606: fixed(b"node key")}))

block("response with everything")
show("body", encode({
    7: -65601, 8: b"a record", 9: 7, 10: -65601, 12: 86000,
    16: {1: 300, 2: 5}, 20: 0,
    27: encode([3, fixed(b"path", 64) + fixed(b"path 2", 12),
                [[1, fixed(b"item", 64) + fixed(b"item 2", 12)]]]),
    -65602: 258, -65603: fixed(b"seal", 64) + fixed(b"seal 2", 48),
    -65604: b"a roster", -65605: 400}))

block("response with the least")
show("body", encode({
    7: -65601, 8: b"a record", 9: 7, 10: -65601, 12: 0, 16: {1: 300, 2: 5},
    20: -65601, 27: encode([0, b"", []]), -65605: 0}))

block("status")
show("body", encode({9: 7, -65607: CAPS, -65609: [1, 4]}))

block("status with the least")
show("body", encode({9: 4294901760}))

block("problem: 4.04, membership ended")
show("body", encode({0: {0: 5}, -1: "not a member any more"}))

block("records")
show("body", encode([cbor2.loads(FIRST)]))

block("properties")
show("body", encode([{
    1: SGID, 2: "coaps+tcp://192.0.2.10:5684/ace-group/" + SGID, 3: 3,
    -65610: 1, -65611: "urn:cpns:signer:main", -65612: 1, -65613: 0,
    -65614: bytes([239, 1, 2, 3]), -65615: False,
    -65616: [[bytes([192, 0, 2, 1])], [[24, bytes([10, 1, 0, 0])]]],
    -65617: [["gw2", [bytes([192, 0, 2, 2])], [[24, bytes([10, 2, 0, 0])]]]],
    -65618: b"\x01\x02\x03\x04"}]))
