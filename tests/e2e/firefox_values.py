#!/usr/bin/env python3
"""Writes the values of Firefox's IndexedDB files to standard output, unpacked.

    firefox_values.py DIRECTORY

Firefox compresses each stored value with Snappy, which hides texts from a search of the files themselves.
"""

import pathlib
import sqlite3
import sys


def unpack(data):
    """Snappy's raw format: the length as a varint, then literals and copies of what came before."""
    at = length = shift = 0
    while True:
        byte = data[at]
        length |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            break
    out = bytearray()
    while at < len(data):
        tag, at = data[at], at + 1
        kind, count = tag & 3, tag >> 2
        if kind == 0:
            if count >= 60:
                size = count - 59
                count, at = int.from_bytes(data[at : at + size], "little"), at + size
            out += data[at : at + count + 1]
            at += count + 1
            continue
        if kind == 1:
            offset, count, at = (tag >> 5) << 8 | data[at], 4 + (count & 7), at + 1
        else:
            size = 2 if kind == 2 else 4
            offset, count, at = int.from_bytes(data[at : at + size], "little"), count + 1, at + size
        for _ in range(count):
            out.append(out[-offset])
    if len(out) != length:
        raise ValueError("this is not Snappy")
    return bytes(out)


for path in sorted(pathlib.Path(sys.argv[1]).rglob("idb/*.sqlite")):
    with sqlite3.connect(path) as database:
        for (data,) in database.execute("SELECT data FROM object_data"):
            # A number stands for a value kept in a file of its own, which the search reads as it is.
            if isinstance(data, bytes):
                sys.stdout.buffer.write(unpack(data) + b"\n")
