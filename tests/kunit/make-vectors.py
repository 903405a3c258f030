#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Turns files of tests/vectors into C: one array of blocks a file.

usage: make-vectors.py FILE... > vectors_bytes.h

A block is what stands between empty lines: lines of "name = hex" below a
comment, its title. struct vector is in vectors.h.
"""
import os
import re
import sys


def blocks(path):
    with open(path, encoding="ascii") as file:
        for text in re.split(r"\n\s*\n", file.read()):
            title, fields = "", []
            for line in text.splitlines():
                if line.startswith("#"):
                    title = line[1:].strip()
                elif "=" in line:
                    name, value = line.split("=", 1)
                    fields.append((name.strip(), bytes.fromhex(value.strip())))
            if fields:
                yield title, fields


def main():
    print("/* made by make-vectors.py */")
    for path in sys.argv[1:]:
        base = os.path.splitext(os.path.basename(path))[0].replace("-", "_")
        listing = []
        for number, (title, fields) in enumerate(blocks(path)):
            lines = []
            for index, (name, value) in enumerate(fields):
                array = f"{base}_{number}_{index}"
                octets = ", ".join(f"0x{octet:02x}" for octet in value) or "0"
                print(f"static const u8 {array}[] = {{ {octets} }};")
                lines.append(f'\t{{ "{name}", {array}, {len(value)} }},')
            print(f"static const struct vector_field {base}_{number}[] = {{")
            print("\n".join(lines))
            print("\t{ }\n};")
            quoted = title.replace("\\", "\\\\").replace('"', '\\"')
            listing.append(f'\t{{ "{quoted}", {base}_{number} }},')
        print(f"const struct vector vectors_{base}[] = {{")
        print("\n".join(listing))
        print("\t{ }\n};")


if __name__ == "__main__":
    main()
