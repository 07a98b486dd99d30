#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads an event log on its own and prints what `selfsame show --json` must agree with.

usage: event_log_peer.py FILE

Digests, registers, and of each event whether its digest is of all of its data, or of a
part of it that begins and ends anywhere (found by trying; near the ends of long data).
"""
import hashlib
import json
import struct
import sys

data = open(sys.argv[1], "rb").read()
size = struct.unpack_from("<I", data, 28)[0]
spec = data[32:32 + size]
count = struct.unpack_from("<I", spec, 24)[0]
algs = dict(struct.unpack_from("<HH", spec, 28 + 4 * i) for i in range(count))
names = {4: "sha1", 11: "sha256", 12: "sha384", 13: "sha512"}
at = 32 + size


def take(form):
    global at
    values = struct.unpack_from("<" + form, data, at)
    at += struct.calcsize("<" + form)
    return values


def covered(algorithm, digest, text):
    """As many bytes of the data as the digest is of; None: of none."""
    if algorithm not in hashlib.algorithms_available:
        return None
    of = lambda b: hashlib.new(algorithm, b).digest() == digest
    if of(text):
        return len(text)
    begins, ends = (80, 3) if len(text) > 600 else (len(text), len(text))
    return next((b - a for a in range(begins) for b in range(len(text), max(a, len(text) - ends), -1) if of(text[a:b])), None)


rtmr = [bytes(48) for _ in range(4)]
rows = []
while at < len(data):
    rest = data[at:]
    if set(rest) <= {0} or set(rest) <= {255}:
        break
    index, kind, number = take("III")
    digests = {}
    for _ in range(number):
        (algorithm,) = take("H")
        digests[algorithm] = data[at:at + algs[algorithm]]
        at += algs[algorithm]
    (size,) = take("I")
    text = data[at:at + size]
    at += size
    if kind != 3 and 12 in digests:
        rtmr[index - 1] = hashlib.sha384(rtmr[index - 1] + digests[12]).digest()
    best = max((a for a in digests if a in names), key=lambda a: algs[a], default=None)
    part = None if best is None or kind == 3 else covered(names[best], digests[best], text)
    rows.append({"index": index, "digests": [d.hex() for d in digests.values()], "bytes": size, "covered_bytes": part or 0})
print(json.dumps({"padding": len(data) - at, "rtmr": [r.hex() for r in rtmr] if 12 in algs else None, "log": rows}, sort_keys=True))
