#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Bytes of one's own choice to a server, in CoAP over TLS (RFC 8323).

usage: raw_request.py ADDRESS FOLDER BYTES...

FOLDER has ca.pem, node.pem and node.key. Each of BYTES is a message in
hexadecimal without its length and token: code, then options and payload.
"GET:" and segments with "/" between stand for a GET with that path,
"+NUMBER=HEX" behind it for another option, the same with "POST:". "raw:"
sends what follows as it is. The answer to each is printed, its code and its
payload as far as it is text, or "closed" where none comes; then the next one
goes in a session of its own.
"""
import socket
import ssl
import struct
import sys

TOKEN = b"\x42"
METHODS = {"GET": 1, "POST": 2}
SECONDS = 8


def encode_options(options):
    out, last = b"", 0
    for number, value in sorted(options, key=lambda option: option[0]):
        delta, size, late = number - last, len(value), b""
        nibbles = 0
        for part in (delta, size):
            nibble, more = ((part, b"") if part < 13 else
                            (13, bytes([part - 13])) if part < 269 else
                            (14, struct.pack("!H", part - 269)))
            nibbles = nibbles << 4 | nibble
            late += more
        out += bytes([nibbles]) + late + value
        last = number
    return out


def frame(code, rest, token=TOKEN):
    size = len(rest)
    nibble, more = ((size, b"") if size < 13 else
                    (13, bytes([size - 13])) if size < 269 else
                    (14, struct.pack("!H", size - 269)))
    return bytes([nibble << 4 | len(token)]) + more + bytes([code]) + token + rest


def message(text):
    if text.startswith("raw:"):
        return bytes.fromhex(text[4:])
    method, _, rest = text.partition(":")
    if method not in METHODS:
        whole = bytes.fromhex(text)
        return frame(whole[0], whole[1:])
    path, *more = rest.split("+")
    options = [(11, part.encode("latin-1")) for part in path.split("/")]
    for option in more:
        number, value = option.split("=")
        options.append((int(number), bytes.fromhex(value)))
    return frame(METHODS[method], encode_options(options))


class Closed(Exception):
    pass


class Session:
    def __init__(self, address, folder):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False
        context.load_verify_locations(folder + "/ca.pem")
        context.load_cert_chain(folder + "/node.pem", folder + "/node.key")
        plain = socket.create_connection((address, 5684), timeout=SECONDS)
        self.stream = context.wrap_socket(plain)
        self.stream.sendall(frame(0xe1, b"", b""))

    def take(self, size):
        out = b""
        while len(out) < size:
            got = self.stream.recv(size - len(out))
            if not got:
                raise Closed
            out += got
        return out

    def receive(self):
        first = self.take(1)[0]
        size, token = first >> 4, first & 15
        if size == 13:
            size = self.take(1)[0] + 13
        elif size == 14:
            size = struct.unpack("!H", self.take(2))[0] + 269
        elif size == 15:
            size = struct.unpack("!I", self.take(4))[0] + 65805
        code = self.take(1)[0]
        token = self.take(token)
        return code, token, self.take(size)

    def answer(self):
        while True:
            code, _, rest = self.receive()
            if code >> 5 != 7 or code == 0xe5:	# not a signal, but Abort
                return code, rest


def main():
    session = Session(sys.argv[1], sys.argv[2])
    for text in sys.argv[3:]:
        try:
            session.stream.sendall(message(text))
            code, rest = session.answer()
        except (Closed, OSError) as error:
            print("closed", error)
            session = Session(sys.argv[1], sys.argv[2])
            continue
        payload = rest.split(b"\xff", 1)[1] if b"\xff" in rest else b""
        print(f"{code >> 5}.{code & 31:02}",
              "".join(chr(c) for c in payload if 32 <= c < 127))


if __name__ == "__main__":
    main()
