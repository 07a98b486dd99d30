#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""MRTD and RTMRs of a direct boot, by another route than src/tee/tdx: slices of bytes
instead of readers and writers. Also makes firmware and kernels to measure.

  tdx_peer.py measure DIR MEMORY_MIB PAGES KERNEL SEPARATOR [LOADER RSDP TABLES]
  tdx_peer.py authenticode FILE
  tdx_peer.py firmware FILE SEED | kernel FILE SEED
"""
import hashlib
import random
import struct
import sys
import uuid

PAGE = 4096


def sha(b):
    return hashlib.sha384(b).digest()


# ---- firmware
def sections(fw):
    end = len(fw) - 32
    assert fw[end - 16:end] == uuid.UUID("96b582de-1fb2-45f7-baea-a366c55a082d").bytes_le
    total = int.from_bytes(fw[end - 18:end - 16], "little")
    table = fw[end - total:end - 18]
    while table:
        size = int.from_bytes(table[-18:-16], "little")
        if table[-16:] == uuid.UUID("e47a6535-984a-4798-865e-4685a7bf8ec2").bytes_le:
            at = len(fw) - int.from_bytes(table[-size:-18], "little")
        table = table[:-size]
    assert fw[at - 16:at] == uuid.UUID("e9eaf9f3-168e-44d5-a8eb-7f4d8738f6ae").bytes_le
    magic, _, version, count = struct.unpack("<4sIII", fw[at:at + 16])
    assert (magic, version) == (b"TDVF", 1)
    return [struct.unpack("<IIQQII", fw[at + 16 + 32 * i:at + 48 + 32 * i]) for i in range(count)]


def record(name, gpa):
    return name.ljust(16, b"\0") + gpa.to_bytes(8, "little") + bytes(104)


def mrtd(fw, order):
    out = b""
    for offset, raw, gpa, size, _, attributes in sections(fw):
        data = fw[offset:offset + raw].ljust(size, b"\0")
        adds = [b"" if attributes & 2 else record(b"MEM.PAGE.ADD", gpa + i) for i in range(0, size, PAGE)]
        extends = [b"".join(record(b"MR.EXTEND", gpa + p + c) + data[p + c:p + c + 256] for c in range(0, PAGE, 256))
                   if attributes & 1 else b"" for p in range(0, size, PAGE)]
        if order == "one-pass":
            out += b"".join(a + e for a, e in zip(adds, extends))
        else:
            out += b"".join(adds) + b"".join(extends)
    return sha(out)


def td_hob(fw, memory):
    low = 0x80000000 if memory >= 0xb0000000 else memory
    accepted = sorted((s[2], s[2] + s[3]) for s in sections(fw) if s[4] in (2, 3))
    ranges, at = [], 0
    for begin, end in accepted:
        ranges += [(7, at, begin), (0, begin, end)]
        at = end
    ranges += [(7, at, low), (7, 1 << 32, (1 << 32) + memory - low)]
    body = b"".join(struct.pack("<HHI16xIIQQ", 3, 48, 0, kind, 7, a, b - a) for kind, a, b in ranges if a < b)
    base, = (s[2] for s in sections(fw) if s[4] == 2)
    return struct.pack("<HHIII32xQ", 1, 56, 0, 9, 0, base + 56 + len(body) + 8) + body


# ---- kernel
def authenticode(b):
    at = int.from_bytes(b[0x3c:0x40], "little")
    assert b[:2] == b"MZ" and b[at:at + 4] == b"PE\0\0"
    count, optional = struct.unpack("<H", b[at + 6:at + 8])[0], struct.unpack("<H", b[at + 20:at + 22])[0]
    o = at + 24
    directory = o + (112 if b[o:o + 2] == b"\x0b\x02" else 96) + 4 * 8
    _, certificates = struct.unpack("<II", b[directory:directory + 8])
    headers = int.from_bytes(b[o + 60:o + 64], "little")
    h = b[:o + 64] + b[o + 68:directory] + b[directory + 8:headers]
    done = headers
    spans = []
    for i in range(count):
        s = o + optional + 40 * i
        size, start = struct.unpack("<II", b[s + 16:s + 24])
        if size:
            spans.append((start, size))
    for start, size in sorted(spans):
        h += b[start:start + size]
        done += size
    rest = len(b) - certificates - done
    return sha(h + b[len(b) - certificates - rest:len(b) - certificates])


def patched(b, initrd, memory):
    b = bytearray(b)
    low = 0x80000000 if memory >= 0xb0000000 else memory
    b[0x210] = 0xb0
    b[0x211] |= 0x80
    b[0x224:0x22c] = struct.pack("<II", 0xfe00, 0x20000)
    if initrd:
        most = 0xffffffff if struct.unpack("<H", b[0x236:0x238])[0] & 2 else struct.unpack("<I", b[0x22c:0x230])[0]
        most = min(most, low - 0x28000 - 1)
        b[0x218:0x220] = struct.pack("<II", (most - initrd) // PAGE * PAGE, initrd)
    return bytes(b)


# ---- registers
def replay(events):
    value = bytes(48)
    for e in events:
        value = sha(value + e)
    return value.hex()


def variable(guid, name):
    return uuid.UUID(guid).bytes_le + struct.pack("<QQ", len(name), 0) + name.encode("utf-16-le")


def measure(where, memory, pages, kernel_as, separator, acpi):
    def read(part):
        with open("%s/tdx.%s" % (where, part), "rb") as f:
            return f.read()
    fw, kernel, initrd, line = read("firmware"), read("kernel"), read("initrd"), read("cmdline")
    memory <<= 20
    if kernel_as == "patched":
        kernel = patched(kernel, len(initrd), memory)
    glob, sec = "8be4df61-93ca-11d2-aa0d-00e098032b8c", "d719b2cb-3d3a-4596-a3bc-dad00e67656f"
    cfv, = (s for s in sections(fw) if s[4] == 1)
    boot = struct.pack("<IH", 0x109, 44) + "UiApp\0".encode("utf-16-le") + b"\4\7\x14\0" + \
        uuid.UUID("7cb8bdc9-f8eb-4f34-aaea-3ee4af6516a1").bytes_le + b"\4\6\x14\0" + \
        uuid.UUID("462caa21-7614-4503-836e-8ab6f4662331").bytes_le + b"\x7f\xff\4\0"
    zero = [sha(bytes(4))]
    rtmr0 = [sha(x) for x in [td_hob(fw, memory), fw[cfv[0]:cfv[0] + cfv[1]], variable(glob, "SecureBoot"),
                              variable(glob, "PK"), variable(glob, "KEK"), variable(sec, "db"), variable(sec, "dbx")]]
    rtmr0 += zero + [sha(x) for x in acpi] + [sha(bytes(2)), sha(boot)] + (zero if separator == "rtmr0" else [])
    rtmr1 = [authenticode(kernel), sha(b"Calling EFI Application from Boot Option")] + \
        (zero if separator == "rtmr1" else []) + \
        [sha(b"Exit Boot Services Invocation"), sha(b"Exit Boot Services Returned with Success")]
    rtmr2 = [sha((line.decode("ascii") + (" initrd=initrd" if initrd else "") + "\0").encode("utf-16-le"))]
    rtmr2 += [sha(initrd)] if initrd else []
    print("mrtd", mrtd(fw, pages).hex())
    if acpi:
        print("rtmr.0", replay(rtmr0))
    print("rtmr.1", replay(rtmr1))
    print("rtmr.2", replay(rtmr2))


# ---- things to measure
def make_firmware(seed):
    r = random.Random(seed)
    rows = [(0x3000, 0x4000, 0xffffc000, 0x4000, 0, 1), (0, 0x3000, 0xffff9000, 0x3000, 1, 0),
            (0, 0, 0x810000, 0x10000, 3, 0), (0, 0, 0x80b000, 0x2000, 3, 0), (0, 0, 0x809000, 0x2000, 2, 0),
            (0, 0, 0x900000, 0x1000, 4, 2)]
    fw = bytearray(r.randbytes(0x7000))
    meta = uuid.UUID("e9eaf9f3-168e-44d5-a8eb-7f4d8738f6ae").bytes_le + \
        struct.pack("<4sIII", b"TDVF", 16 + 32 * len(rows), 1, len(rows)) + \
        b"".join(struct.pack("<IIQQII", *row) for row in rows)
    fw[0x6000:0x6000 + len(meta)] = meta
    entry = struct.pack("<IH", 0x1000 - 16, 22) + uuid.UUID("e47a6535-984a-4798-865e-4685a7bf8ec2").bytes_le
    other = bytes(6) + struct.pack("<H", 24) + uuid.UUID(int=seed + 1).bytes_le
    table = other + entry
    table += struct.pack("<H", len(table) + 18) + uuid.UUID("96b582de-1fb2-45f7-baea-a366c55a082d").bytes_le
    fw[-32 - len(table):-32] = table
    return bytes(fw)


def make_kernel(seed):
    """Two sections that the table lists in another order, and one without bytes."""
    r = random.Random(seed)
    b = bytearray(0x1000)
    b[:2] = b"MZ"
    b[0x3c:0x40] = struct.pack("<I", 0x40)
    b[0x40:0x58] = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 3, 0, 0, 0, 160, 0x206)
    o = 0x58
    b[o:o + 2] = b"\x0b\x02"
    b[o + 16:o + 20] = struct.pack("<I", 0x1000)
    b[o + 32:o + 40] = struct.pack("<II", 0x1000, 0x200)
    b[o + 56:o + 64] = struct.pack("<II", 0x8000, 0x1000)
    b[o + 68:o + 70] = struct.pack("<H", 10)
    b[o + 108:o + 112] = struct.pack("<I", 6)
    for i, (size, start) in enumerate([(0x1200, 0x1800), (0x800, 0x1000), (0, 0)]):
        s = o + 160 + 40 * i
        b[s:s + 40] = struct.pack("<8sIIIIIIHHI", b".s%d" % i, size or 0x100, 0x1000 * (i + 2), size, start, 0, 0, 0, 0,
                                  0x60000020)
    b[0x1fe:0x208] = b"\x55\xaa\0\0HdrS" + struct.pack("<H", 0x20f)
    b[0x211] = 1
    b[0x22c:0x230] = struct.pack("<I", 0x7fffffff)
    b[0x236:0x238] = struct.pack("<H", 2 if seed % 2 else 0)
    return bytes(b) + r.randbytes(0x1a00)


def main(argv):
    if argv[1] == "authenticode":
        with open(argv[2], "rb") as f:
            print(authenticode(f.read()).hex())
    elif argv[1] == "measure":
        measure(argv[2], int(argv[3]), argv[4], argv[5], argv[6], [open(x, "rb").read() for x in argv[7:]])
    else:
        with open(argv[2], "wb") as f:
            f.write({"firmware": make_firmware, "kernel": make_kernel}[argv[1]](int(argv[3])))


main(sys.argv)
