#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The other side of tests/ratls.sh: certificates with evidence, written and read once more.

usage: ratls_peer.py data FORM KEY [NONCE]            report data that evidence needs, hex
       ratls_peer.py make FORM KEY EVIDENCE OUT [NONCE] [signer=KEY] [claims=KEY] [twice] [default]
       ratls_peer.py read CERT                        what it carries, and whether that names its key

Signing is openssl's; DER and CBOR are written down here once more.
"""
import base64, hashlib, struct, subprocess, sys


def openssl(*args, data=b""):
    return subprocess.run(["openssl", *args], input=data, stdout=subprocess.PIPE, check=True).stdout


def spki_of(key):
    return openssl("pkey", "-in", key, "-pubout", "-outform", "DER")


# ---- DER (X.690) and CBOR (RFC 8949) ----
def der(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    size = bytes([n]) if n < 128 else bytes([0x81, n]) if n < 256 else b"\x82" + struct.pack(">H", n)
    return bytes([tag]) + size + body


def oid(text):
    first, second, *rest = (int(x) for x in text.split("."))
    out = b""
    for n in [40 * first + second, *rest]:
        part = bytes([n & 127])
        while n > 127:
            n >>= 7
            part = bytes([n & 127 | 128]) + part
        out += part
    return der(6, out)


def elements(data):
    at = 0
    while at < len(data):
        tag, size, start = data[at], data[at + 1], at + 2
        if size & 128:
            start += size & 127
            size = int.from_bytes(data[at + 2:start], "big")
        yield tag, data[start:start + size], data[at:start + size]
        at = start + size
    assert at == len(data)


def head(major, n):
    if n < 24:
        return bytes([major << 5 | n])
    for code, fmt in ((24, ">B"), (25, ">H"), (26, ">I")):
        if n < 1 << 8 * struct.calcsize(fmt):
            return bytes([major << 5 | code]) + struct.pack(fmt, n)


def encode(v):
    if isinstance(v, int):
        return head(0, v)
    if isinstance(v, bytes):
        return head(2, len(v)) + v
    if isinstance(v, str):
        return head(3, len(v)) + v.encode()
    if isinstance(v, list):
        return head(4, len(v)) + b"".join(encode(x) for x in v)
    return head(5, len(v)) + b"".join(encode(k) + encode(x) for k, x in v.items())


def decode(data, at=0):
    major, small = data[at] >> 5, data[at] & 31
    at += 1
    if small >= 24:
        n = 1 << small - 24
        small, at = int.from_bytes(data[at:at + n], "big"), at + n
    if major in (2, 3):
        return data[at:at + small] if major == 2 else data[at:at + small].decode(), at + small
    if major == 4:
        out = []
        for _ in range(small):
            item, at = decode(data, at)
            out.append(item)
        return out, at
    if major == 5:
        out = {}
        for _ in range(small):
            k, at = decode(data, at)
            out[k], at = decode(data, at)
        return out, at
    if major == 6:
        item, at = decode(data, at)
        return (small, item), at
    assert major == 0
    return small, at


# ---- forms: what report data must be, and the extension around the evidence ----
HASHES = {"dice": (1, "sha256"), "dice-sha384": (7, "sha384"), "dice-sha512": (8, "sha512")}
# The identifier that Gramine wrote has its own head inside: 0.6.9.42.840.113741.1337.6.
OIDS = {"dice": "2.23.133.5.4.9", "cmw": "1.3.6.1.5.5.7.1.35", "oe-report": "1.2.840.113556.10.1.1",
        "oe-evidence": "1.3.6.1.4.1.311.105.2", "gramine": "0.6.9.42.840.113741.1337.6", "intel": "1.2.840.113741.1.13.1",
        "dstack": "1.3.6.1.4.1.62397.1.1"}


def claims(form, spki, nonce):
    alg, name = HASHES[form]
    out = {"pubkey-hash": encode([alg, hashlib.new(name, spki).digest()])}
    if nonce:
        out["nonce"] = bytes.fromhex(nonce)
    return encode({**out, "from": "another program"})


def pem(spki):
    text = base64.b64encode(spki).decode()
    lines = "\n".join(text[i:i + 64] for i in range(0, len(text), 64))
    return f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n\0".encode()


def binder(spki):
    sha = lambda b: hashlib.sha256(b).digest()
    return hashlib.sha512(b"attest-tls/v1\0\4" + bytes(32) + sha(spki) + bytes(32) + sha(b"")).digest()


def report_data(form, spki, nonce):
    if form == "cmw":
        return binder(spki)
    if form == "dstack":
        return hashlib.sha512(b"ratls-cert:" + spki).digest()
    hashed = claims(form, spki, nonce) if form in HASHES else spki if form == "gramine" else pem(spki)
    return hashlib.sha256(hashed).digest() + bytes(32)


def extension(form, spki, evidence, nonce):
    if form in HASHES:
        return b"\xd9\xea\x60" + encode([evidence, claims(form, spki, nonce)])
    if form == "oe-report":
        return struct.pack("<IIQ", 1, 2, len(evidence)) + evidence
    if form == "oe-evidence":
        uuid = bytes.fromhex("a3a21e871b4d4014b70aa125d2fbcd8c")
        return struct.pack("<I", 3) + uuid + struct.pack("<Q", len(evidence + pem(spki))) + evidence + pem(spki)
    return der(4, evidence) if form in ("cmw", "dstack") else evidence


def make(form, key, evidence, out, *more):
    options = dict(x.split("=", 1) for x in more if "=" in x)
    nonce = next((x for x in more if "=" not in x and x not in ("twice", "default")), None)
    spki = spki_of(key)
    value = extension(form, spki_of(options.get("claims", key)), open(evidence, "rb").read(), nonce)
    # "not critical" written out, which DER leaves to the default
    critical = der(1, b"\0") if "default" in more else b""
    one = der(0x30, oid(OIDS[form.split("-sha")[0]]), critical, der(4, value))
    algorithm = der(0x30, oid("1.2.840.10045.4.3.2"), der(5))  # with the NULL that mbed TLS writes
    name = der(0x30, der(0x31, der(0x30, oid("2.5.4.3"), der(12, b"RATLS"))))
    dates = der(0x30, der(0x17, b"010101000000Z"), der(0x17, b"301231235959Z"))
    extensions = der(0xa3, der(0x30, one, *([one] if "twice" in more else [])))
    tbs = der(0x30, der(0xa0, der(2, b"\2")), der(2, b"\1"), algorithm, name, dates, name, spki, extensions)
    signature = openssl("dgst", "-sha256", "-sign", options.get("signer", key), data=tbs)
    with open(out, "wb") as f:
        f.write(openssl("x509", "-inform", "DER", "-outform", "PEM", data=der(0x30, tbs, algorithm, der(3, b"\0" + signature))))


# ---- reading ----
def read(path):
    whole = openssl("x509", "-in", path, "-outform", "DER")
    [(_, certificate, _)] = elements(whole)
    (_, tbs, _), *_ = elements(certificate)
    members = list(elements(tbs))
    spki = members[6][2]
    [(_, extensions, _)] = elements(members[7][1])
    found = {}
    for _, x, _ in elements(extensions):
        (_, name, _), *middle, (_, value, _) = elements(x)
        assert der(6, name) not in found, "twice"
        found[der(6, name)] = value
        if der(6, name) in [oid(o) for o in OIDS.values()]:
            assert not middle, "critical"
    dice, cmw = found.get(oid(OIDS["dice"])), found.get(oid(OIDS["cmw"]))
    inner = None
    if cmw:
        [(tag, content, _)] = elements(cmw)
        assert tag == 4
        entries, end = decode(content)
        assert end == len(content)
        entries = [entries] if isinstance(entries, list) else [v for v in entries.values() if isinstance(v, list)]
        inner = next(e[1] for e in entries if len(e) < 3 or e[2] & 4)
    if dice:
        (tag, (quote, claimed)), end = decode(dice)
        assert (tag, end) == (60000, len(dice))
        entry, end = decode(decode(claimed)[0]["pubkey-hash"])
        assert entry == [1, hashlib.sha256(spki).digest()]
        at = 48 + (520 if struct.unpack("<I", quote[4:8])[0] == 0x81 else 320)
        assert quote[at:at + 64] == hashlib.sha256(claimed).digest() + bytes(32), "report data"
        assert inner == quote, "the CMW is of other evidence"
        print("dice and cmw, bound to the key")
    else:
        assert binder(spki) in inner, "report data"
        print("cmw, bound to the key")


if sys.argv[1] == "data":
    print(report_data(sys.argv[2], spki_of(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else None).hex())
elif sys.argv[1] == "make":
    make(*sys.argv[2:])
else:
    read(sys.argv[2])
