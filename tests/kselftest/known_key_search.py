#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Searches outputs for keys, in whatever form they may stand there.

usage: known_key_search.py NUMBER KEYS PLAIN MANIFEST

KEYS, PLAIN: keys in hex, one a line. A line of MANIFEST is, with tabs between,
"clean" or "plain", the name of a test, files: no key of KEYS stands in any of
the files, or the key of PLAIN in each. Prints TAP, from the test behind NUMBER
on; the first is that the search finds a key in every form. Exit: 0 or 1.

Eight bytes at the start or in the middle of a key give it away, as bytes, in
hex of either case with any punctuation, in base64, or as decimal numbers; also
with the bytes of 32-bit or 64-bit words turned round.
"""
import base64
import re
import sys

PART = 8
LARGE = 1 << 20


def turned(data, size):
    return b"".join(data[at:at + size][::-1]
                    for at in range(0, len(data), size))


def parts(key, step):
    return [key[at:at + PART] for at in range(0, len(key) - PART + 1, step)]


class Needles:
    """What to look for in each view of a file."""

    def __init__(self, keys, step):
        self.raw, self.hexadecimal, self.decimal = set(), set(), set()
        self.base64 = set()
        for key in keys:
            for size in (1, 4, 8):
                for part in parts(turned(key, size), step):
                    self.raw.add(part)
                    self.hexadecimal.add(part.hex().encode())
                    self.decimal.add(b"," + b",".join(
                        b"%d" % byte for byte in part) + b",")
            # three positions of the key in the groups of three bytes
            for start in (0, 1, 2):
                cut = key[start:start + (len(key) - start) // 9 * 9]
                for at in range(0, len(cut) - 8, 9):
                    self.base64.add(base64.b64encode(cut[at:at + 9]))


def views(data):
    """(kind, bytes) of a file's content, made comparable."""
    yield "raw", data
    yield "hexadecimal", re.sub(rb"0x|\\x|[^0-9A-Za-z]+", b"", data).lower()
    yield "base64", re.sub(rb"\s+", b"", data.translate(
        bytes.maketrans(b"-_", b"+/")))
    numbers = re.sub(rb"[^0-9]+", b",", data)
    yield "decimal", b"," + numbers + b","


def found(needles, data):
    for kind, content in views(data):
        for needle in getattr(needles, kind):
            if needle in content:
                return kind
    return None


def read_keys(path):
    with open(path, encoding="ascii") as file:
        keys = [bytes.fromhex(line) for line in file if line.strip()]
    if not keys or any(len(key) < 16 for key in keys):
        sys.exit(f"{path}: no keys to look for")
    return keys


def forms(key):
    """Name and content of a file that holds @key."""
    text = key.hex()
    yield "raw", b"....." + key + b"..."
    yield "hex", text.encode()
    yield "hex-upper", text.upper().encode()
    yield "hex-spaces", " ".join(re.findall("..", text)).encode()
    yield "hex-0x", ",".join("0x" + two for two in
                             re.findall("..", text)).encode()
    yield "hex-words", " ".join("0x" + turned(key, 4)[at:at + 4].hex()
                                for at in range(0, len(key), 4)).encode()
    yield "words-32", b"." + turned(key, 4)
    yield "words-64", b"." + turned(key, 8)
    for shift in range(3):
        yield f"base64-{shift}", base64.b64encode(bytes(shift) + key)
    yield "base64url", base64.urlsafe_b64encode(key)
    yield "decimal", str(list(key)).encode()
    yield "second-half", key[len(key) // 2:]


def holds(needles, path):
    with open(path, "rb") as file:
        data = file.read()
    keep = needles[1] if len(data) > LARGE else needles[0]
    return found(keep, data) if data else "empty"


def check(kind, files, keys, plain):
    """What is wrong with @files, one line each."""
    for path in files:
        name = path.rsplit("/", 1)[-1]
        if kind == "plain":
            form = holds(plain, path)
            if form in (None, "empty"):
                yield f"{name} does not hold the plain key"
        else:
            form = holds(keys, path)
            if form:
                yield f"{name}: " + ("empty" if form == "empty" else
                                     f"holds a key ({form})")


def main():
    number = int(sys.argv[1])
    keys, plain = read_keys(sys.argv[2]), read_keys(sys.argv[3])
    every = Needles(keys, 4), Needles(keys, 16)
    beside = Needles(plain, 4), Needles(plain, 16)
    missed = [name for name, content in forms(plain[0])
              if not found(beside[0], content) or found(every[0], content)]
    number += 1
    print("# missed:", *missed)
    print("not ok" if missed else "ok", number,
          "- a key is found in every form")
    status = bool(missed)
    with open(sys.argv[4], encoding="utf-8") as manifest:
        for line in manifest:
            kind, name, *files = line.rstrip("\n").split("\t")
            wrong = list(check(kind, files, every, beside))
            for text in wrong:
                print("#", text)
            number += 1
            print("not ok" if wrong else "ok", number, "-", name)
            status |= bool(wrong)
    print(f"1..{number}")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
