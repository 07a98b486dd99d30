#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""MRENCLAVE of an enclave of Gramine, computed apart from src/tee/sgx/gramine.c.

gramine_peer.py MANIFEST LIBPAL    prints it
gramine_peer.py --pal FILE         writes a shared object with segments of all kinds

Every page is a (address, flags, contents or None) of one list, hashed at the end;
the numbers are those of Gramine's loader (pal/src/host/linux-sgx).
"""
import hashlib
import re
import struct
import sys

PAGE = 4096
R, W, X, TCS, REG = 1, 2, 4, 0x100, 0x200
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def setting(text, name, default):
    found = re.search(r"^(?:sgx\.)?%s\s*=\s*(.+)$" % name, text, re.M)
    return found.group(1).strip().strip('"') if found else default


def size_of(word):
    return int(word[:-1], 0) * UNITS[word[-1]] if word[-1] in UNITS else int(word, 0)


def loads(elf):
    entry, phoff = struct.unpack_from("<QQ", elf, 24)
    count = struct.unpack_from("<H", elf, 56)[0]
    for i in range(count):
        kind, flags, offset, vaddr, _, filesz, memsz, _ = struct.unpack_from("<IIQQQQQQ", elf, phoff + 56 * i)
        if kind == 1:
            yield flags, offset, vaddr, filesz, memsz


def measure(manifest, elf):
    text = manifest.decode()
    size, threads = size_of(setting(text, "enclave_size", "256M")), int(setting(text, "max_threads", "4"))
    edmm = setting(text, "edmm_enable", "false") == "true"
    entry = struct.unpack_from("<Q", elf, 24)[0]
    top = size

    def reserve(length):
        nonlocal top
        top -= (length + PAGE - 1) // PAGE * PAGE
        return top

    manifest += b"\0"
    at_manifest = reserve(len(manifest))
    at_ssa = reserve(threads * 2 * 4 * PAGE)
    at_tcs = reserve(threads * PAGE)
    at_tls = reserve(threads * PAGE)
    stacks = [reserve(64 * PAGE) for _ in range(threads)]
    signals = [reserve(16 * PAGE) for _ in range(threads)]
    segments = list(loads(elf))
    pal = reserve(max(v + m for _, _, v, _, m in segments))

    pages = []

    def area(address, flags, contents):
        contents += bytes(-len(contents) % PAGE)
        for i in range(0, len(contents), PAGE):
            pages.append((address + i, flags, contents[i : i + PAGE]))

    area(at_manifest, R | REG, manifest)
    area(at_ssa, R | W | REG, bytes(threads * 8 * PAGE))
    for t in range(threads):
        ssa = at_ssa + t * 8 * PAGE
        tcs = struct.pack("<QQQIIQQQQII", 0, 0, ssa, 0, 2, pal + entry, 0, 0, at_tls + t * PAGE, 0xFFF, 0xFFF)
        area(at_tcs + t * PAGE, TCS, tcs)
    for t in range(threads):
        ssa = at_ssa + t * 8 * PAGE
        common = struct.pack("<QQ", at_tls + t * PAGE, 0xBADBADBADBAD) + bytes(256)
        own = struct.pack("<9Q", size, at_tcs + t * PAGE, stacks[t] + 64 * PAGE, 0, signals[t], signals[t] + 16 * PAGE,
                          0, ssa, ssa + 4 * PAGE - 184)
        rest = bytes(9 * 8) + struct.pack("<QQQ", len(manifest), 0x10000, pal)
        area(at_tls + t * PAGE, R | W | REG, common + own + rest)
    for address in stacks:
        area(address, R | W | REG, bytes(64 * PAGE))
    for address in signals:
        area(address, R | W | REG, bytes(16 * PAGE))
    for flags, offset, vaddr, filesz, memsz in segments:
        low = vaddr // PAGE * PAGE
        rights = (R if flags & 4 else 0) | (W if flags & 2 else 0) | (X if flags & 1 else 0)
        image = bytes(vaddr - low) + elf[offset : offset + filesz] + bytes(memsz - filesz)
        area(pal + low, rights | REG, image)
    if not edmm:
        pages += [(address, R | W | X | REG, None) for address in range(0x10000, pal, PAGE)]

    digest = hashlib.sha256(struct.pack("<8sIQ44x", b"ECREATE", 4, size))
    for address, flags, contents in pages:
        digest.update(struct.pack("<8sQQ40x", b"EADD", address, flags))
        for i in range(0, PAGE if contents is not None else 0, 256):
            digest.update(struct.pack("<8sQ48x", b"EEXTEND", address + i) + contents[i : i + 256])
    return digest.hexdigest()


def made_pal():
    """Three segments: to read from within a page, to execute, to write with zeros behind."""
    parts = [(4, 0x120, 0x120, 0x900, 0x900), (5, 0x1000, 0x2000, 0x1500, 0x1500), (6, 0x2a10, 0x5a10, 0x345, 0x3200)]
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0x2040, 64, 0, 0, 64, 56, len(parts), 0, 0, 0)
    for flags, offset, vaddr, filesz, memsz in parts:
        head += struct.pack("<IIQQQQQQ", 1, flags, offset, vaddr, vaddr, filesz, memsz, PAGE)
    body = bytearray((i * 131 + (i >> 8)) & 0xFF for i in range(0x3000))
    body[: len(head)] = head
    return bytes(body)


if sys.argv[1] == "--pal":
    open(sys.argv[2], "wb").write(made_pal())
else:
    print(measure(open(sys.argv[1], "rb").read(), open(sys.argv[2], "rb").read()))
