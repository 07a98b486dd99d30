#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes what the tests of event logs need.

usage: event_log_maker.py firmware FILE        a firmware for TDX: CFV, BFV, TD HOB, stack, and metadata
       event_log_maker.py log FILE < JSON      a log of the events in `predicted` of `measure --explain --json`
"""
import json
import struct
import sys


def guid(text):
    raw = bytes.fromhex(text.replace("-", ""))
    return raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:]


def firmware():
    sections = [(0, 0x2000, 0xffffc000, 0x2000, 1, 0), (0x2000, 0x2000, 0xffffe000, 0x2000, 0, 1),
                (0, 0, 0x809000, 0x2000, 2, 0), (0, 0, 0x810000, 0x10000, 3, 0)]
    meta = b"TDVF" + struct.pack("<III", 16 + 32 * len(sections), 1, len(sections))
    meta += b"".join(struct.pack("<IIQQII", *s) for s in sections)
    make = lambda data, name: data + struct.pack("<H", len(data) + 18) + guid(name)
    end = bytes(32)
    foot = lambda n: struct.pack("<H", n + 18) + guid("96b582de-1fb2-45f7-baea-a366c55a082d")
    behind = len(meta) + 22 + 18 + len(end)
    entry = make(struct.pack("<I", behind), "e47a6535-984a-4798-865e-4685a7bf8ec2")
    tail = guid("e9eaf9f3-168e-44d5-a8eb-7f4d8738f6ae") + meta + entry + foot(len(entry)) + end
    return (b"variables".ljust(0x2000, b"\xff") + b"code").ljust(0x4000 - len(tail), b"\0") + tail


def log():
    out = struct.pack("<II20sI", 1, 3, bytes(20), 33) + b"Spec ID Event03\0"
    out += struct.pack("<I4BIHHB", 0, 0, 2, 0, 2, 1, 12, 48, 0)
    for p in json.load(sys.stdin)["predicted"]:
        kind, data = (4, bytes(4)) if p["what"] == "separator" else (0x80000003, p["what"].encode())
        out += struct.pack("<IIIH", int(p["claim"][-1]) + 1, kind, 1, 12) + bytes.fromhex(p["sha384"])
        out += struct.pack("<I", len(data)) + data
    return out + b"\xff" * 100


with open(sys.argv[2], "wb") as f:
    f.write({"firmware": firmware, "log": log}[sys.argv[1]]())
