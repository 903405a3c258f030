#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Makes the first inputs of the fuzz targets out of tests/vectors.

    seeds.py FOLDER      writes FOLDER/<target>/<number>
"""
import io
import os
import re
import struct
import sys
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.path.join(HERE, "../vectors")
TOP = os.path.join(HERE, "../..")

# enum of linux/cpns_netlink.h; FEATURES stands for allow_raw=1
SGID, HEADER, SEAL, ITEM, EVICTED, ELAPSED, SECRET, SID = 1, 4, 5, 6, 7, 8, 9, 10
FEATURES = 19


class Folder:
    def __init__(self, path):
        self.path = path
        self.counts = {}

    def add(self, target, data):
        number = self.counts[target] = self.counts.get(target, 0) + 1
        folder = os.path.join(self.path, target)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, f"{number:03}"), "wb") as file:
            file.write(data)


def blocks(name):
    """(title, [(field, bytes)]) of each block of a vectors file."""
    with open(os.path.join(VECTORS, name), encoding="ascii") as file:
        text = file.read()
    for block in text.split("\n\n"):
        titles = re.findall(r"^# (.*)$", block, re.M)
        fields = [(field, bytes.fromhex(value)) for field, value in
                  re.findall(r"^(\w+) =[ ]?([0-9a-f]*)$", block, re.M)]
        yield " ".join(titles), fields


def attribute(kind, data):
    size = 4 + len(data)
    return struct.pack("=HH", size, kind) + data + bytes(-size % 4)


def messages(folder):
    """GROUP_SET as the kernel gets it: whole ones, and each part less."""
    found = {}
    seals, items = [], []
    for _, fields in blocks("kernel-message.txt"):
        for name, value in fields:
            if name == "seal":
                seals.append(value)
            elif name == "item":
                items.append(value)
            else:
                found.setdefault(name, value)
    begin = (attribute(SGID, found["sgid"] + b"\0") +
             attribute(HEADER, found["header"]))
    for seal in seals:
        whole = begin + attribute(SEAL, seal)
        folder.add("message", whole)
        for item in items:
            whole += attribute(ITEM, item)
        folder.add("message", whole + attribute(EVICTED, b"\3\0") +
                   attribute(ELAPSED, struct.pack("=I", 1)))
    raw = begin + attribute(SECRET, found["secret"])
    sid = attribute(SID, struct.pack("=H", 258))
    folder.add("message", raw + sid)
    folder.add("message", raw + sid + attribute(FEATURES, b""))
    folder.add("message", begin)
    folder.add("message", begin + attribute(ITEM, items[0]) * 64)
    folder.add("message", begin + attribute(ITEM, items[0]) * 65)
    folder.add("message", begin + attribute(EVICTED, b"\xff\3") * 2)
    # the forever lifetime
    header = bytearray(found["header"])
    header[16:20] = bytes(4)
    folder.add("message", attribute(SGID, found["sgid"]) +
               attribute(HEADER, bytes(header)) + attribute(SEAL, seals[0]))


def bodies(folder):
    for title, fields in blocks("bodies.txt"):
        for name, value in fields:
            if name == "body":
                folder.add("properties" if title == "properties" else
                           "bodies", value)
            elif name in ("record", "x5chain_of_two"):
                folder.add("record", value)
                folder.add("cose", value)
            elif name == "roster":
                folder.add("roster", value)
            elif name == "refused":
                folder.add("roster" if "roster:" in title else "record",
                           value)
                folder.add("cose", value)
    folder.add("bodies", b"\7")
    folder.add("properties", b"\x80")
    for _, fields in blocks("cose-es256.txt"):
        for name, value in fields:
            if name == "message":
                folder.add("cose", value)
    for _, fields in blocks("cbor-rfc8949.txt"):
        for name, value in fields:
            if value and len(value) < 200:
                folder.add("bodies", value)


def documents(folder):
    where = os.path.join(VECTORS, "documents")
    for name in sorted(os.listdir(where)):
        with open(os.path.join(where, name), "rb") as file:
            data = file.read()
        # the large ones are for the unit tests
        if name.endswith(".xml") and len(data) < 8192:
            folder.add("document", data)


def control(folder):
    lines = [
        b'{"verb": "echo", "text": "a"}\n', b'{"verb": "echo"}\n',
        b'{"verb": "later"}\n{"verb": "echo", "text": [1, 2.5, null]}\n',
        b'{"verb": "admin"}\n{"verb": "none"}\n', b"\n\n[]\n{}\n",
        b'{"verb": 1}\n', b'{"verb": "ec\\u0068o", "text": "\\u0000"}\n',
        b'{"verb": "echo"\0}\n' + b"[" * 20 + b"]" * 20 + b"\n",
    ]
    for first in range(16):
        folder.add("control", bytes([first]) + b"".join(lines))
        folder.add("control", bytes([first]) + lines[first % len(lines)])


CONFIGURATION = b"""# all keys
[cpnsd]
roles = server gateway
[tls]
ca = /etc/cpns/ca.pem
cert = /etc/cpns/node.pem
key = /etc/cpns/node.key
crl = /etc/cpns/crl.pem
psk-file = /etc/cpns/psk
psk-identity = gw1
[server]
listen = coaps+tcp://[::]:5684 coaps://0.0.0.0:5684
groups = /etc/cpns/groups.d
state = /var/lib/cpns
signer-cert = /etc/cpns/signer.pem
signer-key = /etc/cpns/signer.key
psk-listen = coaps+tcp://[::]:5685
ca-key = /etc/cpns/ca.key
enrol-days = 90
osg-key = /etc/cpns/osg.key
smf-allowed = urn:cpns:smf:a urn:cpns:smf:b
[gateway]
server = coaps+tcp://192.0.2.10:5684
server-id = urn:cpns:server:main
[access]
sip:sg-42@cpns.example = uid:0 gid:root
urn:x = uid:1000
"""

BLOCKS = b"""# nets
allow tcp 192.0.2.10 5684
allow udp 2001:db8::10 5684
block sip:sg-42@cpns.example 10.2.0.0/24
block sip:sg-42@cpns.example 2001:db8:2::/64
block urn:x 239.1.2.3/32
"""

TEXTS = [
    "coaps+tcp://192.0.2.10:5684/ace-group/sip:sg-42@cpns.example",
    "COAPS://[2001:db8::1]/a/%41%2f%zz", "coaps://server.example:65536/x",
    "coaps+tcp://[::]:5684", "urn:cpns:node:gw1", "urn:cpns:server:main",
    "urn:cpns:signer:a.b_c-d", "urn:cpns:smf:x", "10.1.0.0/24",
    "192.0.2.1", "2001:db8::/32", "::1", "10.1.0.1/24", "0.0.0.0/0",
    "00001234 I--Q---     1 perm 1f3f0000     0     0 .request_ "
    "key:1234 pid:77 ci:0",
]

# Behind the byte that says what it is; requests and certificates, which are
# signed, stand in corpus/enrolment.
SETTINGS = (b"\xa5\x01\x63gw9\x02\x74urn:cpns:server:main\x03\x58\x20" +
            bytes(32) + b"\x04\x69coaps+tcp\x05\x19\x16\x34")
ENROLMENT = [
    b"\3" + SETTINGS,
    b"\4cpns-enrol-1:gw9:" + b"A" * 43 + b"\n",
    b"\5gw9", b"\5enrol:gw9",
    b"\6# keys\ngw1 = " + b"00" * 32 + b"\n\n gw9=" + b"aB" * 16 + b"\n",
]


def archive(names):
    """As cpnsctl node issue writes it, the content aside."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) \
            as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 5 * len(name)
            tar.addfile(info, io.BytesIO(b"x" * info.size))
    # Python pads to 10,240 bytes; the end is two blocks
    return out.getvalue().rstrip(b"\0").ljust(1, b"\0")


def archives(folder):
    for names in (["ca.pem", "node.pem", "node.key", "osg.pub"], ["ca.pem"],
                  [], ["ca.pem", "ca.pem"], ["other"], ["a" * 60 + "/" + "b" * 60]):
        data = archive(names)
        folder.add("tar", data + bytes(-len(data) % 512 + 1024))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Folder(sys.argv[1])
    messages(folder)
    bodies(folder)
    documents(folder)
    control(folder)
    for cut in range(0, len(CONFIGURATION), 97):
        folder.add("config", CONFIGURATION[:len(CONFIGURATION) - cut])
    folder.add("block", BLOCKS)
    folder.add("block", BLOCKS.replace(b" ", b"\t"))
    for text in TEXTS:
        folder.add("uri", text.encode())
    for data in ENROLMENT:
        folder.add("enrolment", data)
    archives(folder)


if __name__ == "__main__":
    main()
