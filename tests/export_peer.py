#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The other side of tests/export.sh: makes logs and releases, reads receipts and CoRIM.

usage: export_peer.py log DIR SIZE                                  a log's directory with its key
       export_peer.py receipt FILE ENTRY INDEX SIZE DIR             is it a receipt of that log?
       export_peer.py statement FILE                                a release for every TEE
       export_peer.py corim FILE STATEMENT [PUBLIC-KEY]             is it that release?

Signing and verifying is openssl's; trees and CBOR are written down here once more.
"""
import base64, calendar, hashlib, json, os, subprocess, sys, tempfile, time


# ---- CBOR (RFC 8949 §4.2.1: deterministic, or it is refused) ----
class Tag:
    def __init__(self, number, value):
        self.number, self.value = number, value


def decode(data):
    value, end = item(data, 0)
    assert end == len(data), "something behind it"
    return value


def head(data, at):
    major, small = data[at] >> 5, data[at] & 31
    if small < 24:
        return major, small, at + 1
    size = 1 << small - 24
    assert small < 28 and at + 1 + size <= len(data), "a length that is none"
    value = int.from_bytes(data[at + 1:at + 1 + size], "big")
    assert value >= (24 if size == 1 else 1 << 4 * size), "a length that could be shorter"
    return major, value, at + 1 + size


def item(data, at):
    start = at
    major, n, at = head(data, at)
    if major == 0:
        return n, at
    if major == 1:
        return -1 - n, at
    if major in (2, 3):
        assert at + n <= len(data), "a string that is cut"
        return (data[at:at + n] if major == 2 else data[at:at + n].decode()), at + n
    if major == 4:
        out = []
        for _ in range(n):
            value, at = item(data, at)
            out.append(value)
        return out, at
    if major == 5:
        out, before = {}, b""
        for _ in range(n):
            key, end = item(data, at)
            assert data[at:end] > before, "keys that do not rise"
            before = data[at:end]
            out[key], at = item(data, end)
        return out, at
    if major == 6:
        value, at = item(data, at)
        return Tag(n, value), at
    assert data[start] in (0xf4, 0xf5, 0xf6), "no simple value of ours"
    return {0xf4: False, 0xf5: True, 0xf6: None}[data[start]], at


def bstr(data):
    n = len(data)
    return (bytes([0x40 + n]) if n < 24 else b"\x58" + bytes([n]) if n < 256 else b"\x59" + n.to_bytes(2, "big")) + data


def untag(value, number):
    assert isinstance(value, Tag) and value.number == number, f"no tag {number}"
    return value.value


# ---- signatures ----
def openssl(*argv):
    return subprocess.run(("openssl",) + argv, check=True, capture_output=True).stdout


def with_files(contents, run):
    with tempfile.TemporaryDirectory() as d:
        names = []
        for i, data in enumerate(contents):
            names.append(f"{d}/{i}")
            store(names[-1], data)
        return run(*names)


def cose_check(protected, payload, signature, public):
    message = b"\x84\x6aSignature1" + bstr(protected) + b"\x40" + bstr(payload)
    with_files((message, signature), lambda m, s: openssl(
        "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", public, "-in", m, "-sigfile", s))


def store(path, data):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def load(path):
    with open(path, "rb") as f:
        return f.read()


# ---- trees (RFC 9162 §2.1) ----
def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def root_of(hashes):
    while len(hashes) > 1:
        pairs = [sha256(b"\1", hashes[i], hashes[i + 1]) for i in range(0, len(hashes) - 1, 2)]
        hashes = pairs + (hashes[-1:] if len(hashes) % 2 else [])
    return hashes[0]


def root_by_path(index, size, leaf, path):
    """§2.1.3.2, told recursively: the left subtree is the largest power of two below size."""
    if size == 1:
        assert not path, "a path too long"
        return leaf
    k = 1
    while 2 * k < size:
        k *= 2
    if index < k:
        return sha256(b"\1", root_by_path(index, k, leaf, path[:-1]), path[-1])
    return sha256(b"\1", path[-1], root_by_path(index - k, size - k, leaf, path[:-1]))


def entry(i):
    return b"entry %d" % i + b"." * (i % 7)


def name_of(n):
    text = "%03d" % (n % 1000)
    while n >= 1000:
        n //= 1000
        text = "x%03d/" % (n % 1000) + text
    return text


def tiles(out, kind, rows):
    for i in range(0, len(rows), 256):
        part = rows[i:i + 256]
        store(f"{out}/public/tile/{kind}/{name_of(i // 256)}" + (f".p/{len(part)}" if len(part) < 256 else ""), b"".join(part))


def log(out, size):
    size = int(size)
    store(f"{out}/log.key", openssl("genpkey", "-algorithm", "ed25519"))
    os.chmod(f"{out}/log.key", 0o600)
    store(f"{out}/log.pub", openssl("pkey", "-in", f"{out}/log.key", "-pubout"))
    public = openssl("pkey", "-in", f"{out}/log.key", "-pubout", "-outform", "DER")[-32:]
    name = "log.example/receipts"
    key_id = sha256(name.encode(), b"\n\1", public)[:4]
    store(f"{out}/log.vkey", f"{name}+{key_id.hex()}+{base64.b64encode(bytes([1]) + public).decode()}\n".encode())
    entries = [entry(i) for i in range(size)]
    tiles(out, "entries", [len(e).to_bytes(2, "big") + e for e in entries])
    level, hashes = 0, [sha256(b"\0", e) for e in entries]
    root = root_of(hashes)
    while hashes:
        tiles(out, str(level), hashes)
        hashes = [root_of(hashes[i:i + 256]) for i in range(0, len(hashes) - 255, 256)]
        level += 1
    text = f"{name}\n{size}\n{base64.b64encode(root).decode()}\n".encode()
    signature = with_files((text,), lambda m: openssl("pkeyutl", "-sign", "-rawin", "-inkey", f"{out}/log.key", "-in", m))
    store(f"{out}/public/checkpoint", text + f"\n\u2014 {name} {base64.b64encode(key_id + signature).decode()}\n".encode())


def receipt(path, entry_path, index, size, out):
    index, size = int(index), int(size)
    protected, unprotected, payload, signature = untag(decode(load(path)), 18)
    assert decode(protected) == {1: -8, 395: 1} and payload is None
    assert list(unprotected) == [396] and list(unprotected[396]) == [-1]
    (one,) = unprotected[396][-1]
    its_size, its_index, hashes = decode(one)
    assert (its_size, its_index) == (size, index), "another entry"
    data = load(entry_path)
    assert data == entry(index), "another entry"
    root = root_by_path(index, size, sha256(b"\0", data), hashes)
    assert root == base64.b64decode(load(f"{out}/public/checkpoint").split(b"\n")[2]), "another root"
    cose_check(protected, root, signature, f"{out}/log.pub")


# ---- releases ----
def statement(path):
    def h(what, n=48):
        return hashlib.sha512(what.encode()).hexdigest()[:2 * n]

    items = [
        {"alg": "sha384", "artifact": "image.eif", "tee": "aws-nitro", "require": {"debug": False},
         "pcr": {"0": [h("n0"), h("n0b")], "1": [h("n1")], "2": [h("n2"), h("n2b")], "15": [h("n15")]}},
        {"artifact": "image.initrd", "tee": "amd-sev-snp", "require": {"debug": False, "minTcb": {
            "milan": {"bootloader": 4, "microcode": 219, "snp": 24, "tee": 0}, "turin": {"fmc": 1, "snp": 3}}},
         "launch": [{"digest": h("s%d" % n), "guestFeatures": "0x21" if n == 4 else 1, "vcpuType": "EPYC-v4", "vcpus": n, "vmm": "qemu"} for n in (1, 2, 4)]},
        {"artifact": "image.eif", "tee": "intel-tdx", "mrtd": [h("t")], "rtmr": {"0": [h("r0")], "1": [h("r1"), h("r1b")]}},
        {"artifact": "image.eif", "tee": "intel-sgx", "mrenclave": [h("e", 32)], "mrsigner": h("m", 32), "isvProdId": 258, "isvSvnMin": 3},
        {"artifact": "image.eif", "tee": "tpm2", "bank": "sha256", "pcr": {"11": [h("p", 32)]}},
        {"artifact": "image.eif", "tee": "zseries", "anything": [1]},
    ]
    j = {"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://selfsame.dev/predicate/tee-release/v1",
         "subject": [{"name": n, "digest": {"sha256": h(n, 32)}} for n in ("image.eif", "image.initrd")],
         "predicate": {"release": {"name": "example.com/hello", "version": "1.0.0", "sequence": 3},
                       "source": {"uri": "git+https://git.example/hello", "digest": {"gitCommit": h("c", 20)}},
                       "build": {"recipe": {"name": "selfsame.json", "digest": {"sha256": h("r", 32)}},
                                 "tool": {"name": "selfsame", "version": "0.1.0"}, "sourceDateEpoch": 0},
                       "measurements": items, "supersedes": [h("old", 32)],
                       "validity": {"notBefore": "2026-01-01T00:00:00Z", "notAfter": "2026-12-31T00:00:00Z"}}}
    store(path, json.dumps(j, sort_keys=True, separators=(",", ":")).encode())


ALGORITHM = {32: 1, 48: 7, 64: 8}


def digests(values):
    return [[ALGORITHM[len(bytes.fromhex(v))], bytes.fromhex(v)] for v in values]


def combinations(axes):
    out = [[]]
    for values in axes:
        out = [o + [v] for o in out for v in values]
    return out


def plain(value):
    """Tags as tuples, so that things compare."""
    if isinstance(value, Tag):
        return (value.number, plain(value.value))
    if isinstance(value, list):
        return [plain(v) for v in value]
    return {k: plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def expected(one):
    """[(vendor, model, [measurement])], in no order."""
    def features(value):
        return value if isinstance(value, str) else hex(value)

    flags = {3: {3: False}} if one.get("require", {}).get("debug") is False else {}
    tee = one["tee"]
    if tee == "amd-sev-snp":
        out = [("AMD", "SEV-SNP", [{0: "measurement", 1: {2: digests([l["digest"]]), 11:
                f"{l['vmm']}, {l['vcpus']} x {l['vcpuType']}, features {features(l['guestFeatures'])}", **flags}}]) for l in one["launch"]]
        return out + [("AMD", line, [{0: part, 1: {1: (553, level)}} for part, level in sorted(levels.items())])
                      for line, levels in one["require"]["minTcb"].items()]
    if tee == "intel-sgx":
        return [("Intel", "SGX", [{0: "mrenclave", 1: {2: digests(one["mrenclave"])}}, {0: "mrsigner", 1: {2: digests([one["mrsigner"]])}},
                                  {0: "isvprodid", 1: {4: (560, one["isvProdId"].to_bytes(2, "little"))}},
                                  {0: "isvsvn", 1: {1: (553, one["isvSvnMin"])}}])]
    vendor, model, registers = {"aws-nitro": ("Amazon", "Nitro Enclaves", "pcr"), "tpm2": ("TCG", "TPM 2.0", "pcr"),
                                "intel-tdx": ("Intel", "TDX", "rtmr")}[tee]
    names = sorted(one[registers], key=int)
    out = []
    for values in combinations([one[registers][n] for n in names] + ([one["mrtd"]] if tee == "intel-tdx" else [])):
        m = [{1: {14: {int(n): digests([v]) for n, v in zip(names, values)}, **flags}}]
        out.append((vendor, model, m + ([{0: "mrtd", 1: {2: digests(values[-1:])}}] if tee == "intel-tdx" else [])))
    return out


def corim(path, statement_path, public=None):
    payload = load(statement_path)
    release = json.loads(payload)["predicate"]
    own = "sha256:" + hashlib.sha256(payload).hexdigest()
    validity = {i: (1, calendar.timegm(time.strptime(release["validity"][n], "%Y-%m-%dT%H:%M:%SZ")))
                for i, n in enumerate(("notBefore", "notAfter"))}
    data = load(path)
    if public:
        protected, unprotected, data, signature = untag(decode(data), 18)
        cose_check(protected, data, signature, public)
        spki = openssl("pkey", "-pubin", "-in", public, "-outform", "DER")
        headers = decode(protected)
        meta = plain(decode(headers.pop(8)))
        assert unprotected == {} and headers == {1: -8, 3: "application/rim+cbor", 4: hashlib.sha256(spki).digest()}
        assert meta == {0: {0: "publisher of " + release["release"]["name"]}, 1: validity}
    top = untag(decode(data), 501)
    tags = [decode(untag(t, 506)) for t in top.pop(1)]
    assert plain(top) == {0: own, 3: (32, "https://selfsame.dev/corim/tee-release/v1"), 4: validity}
    known = sorted(m["tee"] for m in release["measurements"] if m["tee"] != "zseries")
    assert [t[1] for t in tags] == [{0: f"{own}/{tee}"} for tee in known], "other tags"
    for tag, tee in zip(tags, known):
        links = [{0: f"sha256:{old}/{tee}", 1: 1} for old in release.get("supersedes", [])]
        assert list(tag) == ([1, 3, 4] if links else [1, 4]) and list(tag[4]) == [0]
        assert tag.get(3, []) == links, "other links"
        got = [(e[0][1], e[0][2], plain(m)) for e, m in tag[4][0]]
        (one,) = [m for m in release["measurements"] if m["tee"] == tee]
        assert sorted(map(repr, got)) == sorted(map(repr, map(resort, expected(one)))), f"other triples for {tee}"


def resort(triple):
    """Maps in the order in which CBOR has them, for repr."""
    def walk(v):
        if isinstance(v, list):
            return [walk(x) for x in v]
        return {k: walk(v[k]) for k in sorted(v)} if isinstance(v, dict) else v

    return (triple[0], triple[1], walk(triple[2]))


{f.__name__: f for f in (log, receipt, statement, corim)}[sys.argv[1]](*sys.argv[2:])
