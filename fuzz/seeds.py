#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds for the fuzz targets, made from nothing but this tree.

usage: seeds.py DIR     DIR/<target>/ gets a few well-formed inputs each

Without them a replay of a clean checkout would run most parsers on no input at all.
"""
import base64, glob, gzip, hashlib, io, json, os, re, struct, sys, tarfile, uuid, zlib

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
out = sys.argv[1]


def seed(target, name, data):
    os.makedirs(f"{out}/{target}", exist_ok=True)
    with open(f"{out}/{target}/seed-{name}", "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def read(path):
    with open(f"{root}/{path}", "rb") as f:
        return f.read()


def tar():
    plain = [("etc", tarfile.DIRTYPE, ""), ("etc/a", tarfile.REGTYPE, ""), ("etc/.wh.old", tarfile.REGTYPE, ""),
             ("etc/.wh..wh..opq", tarfile.REGTYPE, ""), ("l", tarfile.SYMTYPE, "../../etc/a"),
             ("h", tarfile.LNKTYPE, "etc/a"), ("a" * 90 + "/" + "b" * 90, tarfile.REGTYPE, "")]
    for name, form, entries in (
            ("pax", tarfile.PAX_FORMAT, plain), ("gnu", tarfile.GNU_FORMAT, plain), ("ustar", tarfile.USTAR_FORMAT, plain),
            ("upwards", tarfile.USTAR_FORMAT, [("up/../x", tarfile.REGTYPE, "")]),
            ("device", tarfile.USTAR_FORMAT, [("null", tarfile.CHRTYPE, "")])):
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w", format=form) as t:
            for path, kind, link in entries:
                info = tarfile.TarInfo(path)
                info.type, info.linkname, info.size = kind, link, 3 if kind == tarfile.REGTYPE else 0
                t.addfile(info, io.BytesIO(b"abc") if info.size else None)
        seed("tar", name, data.getvalue())


def init():
    seed("init_boot", "whole", "module /selfsame/modules/a.ko\nmodule /b.ko\nnet 10.0.2.15/24 10.0.2.2\n")
    seed("init_boot", "dhcp", "net dhcp\n")
    seed("init_config", "whole", "arg /app\narg a b\nenv A=1\nuser 1000\ngroup 1000\ngroups 4 5\ndir /srv\n"
         "agent /agent\nagent serve\nnsm all\nheartbeat vsock\n")
    seed("init_config", "escapes", "arg /app\\n\\\\x\n")
    fixed = bytes([2, 1, 6, 0]) + b"\x12\x34\x56\x78" + bytes(8) + bytes([10, 0, 2, 15]) + bytes(8) + b"\x52\x54\0\x12\x34\x56"
    fixed += bytes(236 - len(fixed)) + bytes([99, 130, 83, 99])
    options = [(53, b"\5"), (1, b"\xff\xff\xff\0"), (3, b"\x0a\0\2\2"), (54, b"\x0a\0\2\2")]
    seed("init_dhcp", "ack", fixed + b"".join(bytes([c, len(v)]) + v for c, v in options) + b"\xff")


def verifier_object():
    sha = "00112233445566778899aabbccddeeff" * 2
    pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAiojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb8EN9k/4nwlQ=\n-----END PUBLIC KEY-----\n"
    log = "log log.example/releases+fc403f36+AddNQSqCvPjBXXQ9ty8GHOWCdnnmsVFJeO7ElbNMElNY\nquorum none\n"
    for kind, name, body in (
            (1, "tenant", {"public": True, "policy": "web", "token_life_s": 3600, "dialect": "draft", "caller_nonces": True,
                           "stale_collateral_s": 60}),
            (2, "key", {"role": "admin", "sha256": sha}), (2, "certificate", {"role": "auditor", "certificate": sha, "expires": 1}),
            (3, "policy", {"selfsame_policy": 1, "tee": {"nitro": {}}, "freshness": {"nonce": True}, "binding": "key",
                           "measurements": [{"tee": "nitro", "pcr": {i: sha + sha[:32] for i in "012"}}]}),
            (5, "audience", {"alg": "RS256", "dialect": "deployed", "life_s": 60}),
            (6, "secret", {"policies": ["web"], "releases": ["a.example/b"], "type": "text/plain", "sealed": "AAEC", "warning": True}),
            (7, "identity", {"release": "a.example/b", "version": "1", "policy": "web", "spiffe_id": "spiffe://a.example/b"}),
            (8, "follow", {"log": "https://log.example", "trust": log, "release": "a.example/b", "publishers": [pem], "keep": 3})):
        seed("verifier_object", name, bytes([kind]) + json.dumps(body).encode())
    seed("verifier_follow", "state", json.dumps({"follow": sha, "note": "log.example/releases\n1\nAAAA\n\n\u2014 log.example AAAA\n",
                                               "next": 1, "highest": 7}))
    seed("verifier_audit", "head", json.dumps({"segment": 1, "first": 5, "prev": sha, "edge": [sha, sha]}))
    seed("verifier_audit", "row", json.dumps({
        "seq": 5, "prev": sha, "tenant": "default", "at": "2026-11-28T08:00:00Z", "request": "r\"1", "key": None, "policy": "default/web",
        "tee": "nitro", "status": "affirming", "class": "ok", "failed": None, "token": "j", "evidence_sha256": sha, "claims_sha256": sha}))
    seed("verifier_trial", "policy", json.dumps({"selfsame_policy": 1}))
    seed("verifier_trial", "evidence", json.dumps({"policy": {"selfsame_policy": 1}, "evidence": "AAEC", "nonce": "AAEC", "key": "AAEC",
                                                   "report_data": "AAEC", "collateral": ["AAEC", "AAEC"]}))
    seed("verifier_trial", "cmw", json.dumps({"policy": "{}", "evidence": ["application/x", "AAEC"]}))


def cpio(name, entries):
    data = b""
    for at, (path, mode, content) in enumerate(entries + [("TRAILER!!!", 0, b"")]):
        fields = (at + 1, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path) + 1, 0)
        data += b"070701" + b"".join(b"%08X" % f for f in fields) + path.encode() + b"\0"
        data += b"\0" * (-len(data) % 4) + content
        data += b"\0" * (-len(data) % 4)
    seed("cpio", name, data)
    return data


def eif(sections):
    """The layout of docs/formats/eif-layout.md; sections: [(type, payload)]."""
    body, offsets, sizes = b"", [], []
    for kind, payload in sections:
        offsets.append(548 + len(body))
        sizes.append(len(payload))
        body += struct.pack(">HHQ", kind, 0, len(payload)) + payload
    pad = [0] * (32 - len(sections))
    head = struct.pack(">4sHHQQHH32Q32QI", b".eif", 4, 0, 1 << 28, 2, 0, len(sections), *offsets, *pad, *sizes, *pad, 0)
    return head + struct.pack(">I", zlib.crc32(body, zlib.crc32(head))) + body


def images():
    ramdisk = cpio("files", [("init", 0o100755, b"#!"), ("dev", 0o40755, b""), ("l", 0o120777, b"init")])
    cpio("empty", [])
    sections = [(1, b"kernel"), (2, b"console=ttyS0"), (5, b'{"ImageName":"a"}'), (3, ramdisk), (3, ramdisk)]
    seed("eif", "two-ramdisks", eif(sections))
    seed("eif", "one-ramdisk", eif(sections[:4]))
    kinds = {1: 0, 2: 1, 3: 2, 4: 3, 5: 4}
    seed("measure", "two-ramdisks", b"".join(struct.pack(">BH", kinds[k], len(p)) + p for k, p in sections))


def oci():
    digest = "sha256:" + "0" * 64
    vnd = "application/vnd.oci.image."
    config = {"mediaType": vnd + "config.v1+json", "digest": digest, "size": 2}
    layer = {"mediaType": vnd + "layer.v1.tar+gzip", "digest": digest, "size": 3}
    manifest = dict(config, mediaType=vnd + "manifest.v1+json", platform={"os": "linux", "architecture": "amd64"})
    documents = (
        {"schemaVersion": 2, "manifests": [manifest]},
        {"schemaVersion": 2, "mediaType": vnd + "manifest.v1+json", "config": config, "layers": [layer]},
        {"architecture": "amd64", "os": "linux", "config": {"Entrypoint": ["/a"], "Cmd": ["b"], "Env": ["A=1"],
         "User": "web:www", "WorkingDir": "/srv"}, "rootfs": {"type": "layers", "diff_ids": [digest]}},
        [{"Config": "c.json", "RepoTags": ["a:1"], "Layers": ["l/layer.tar"]}])
    for kind, document in enumerate(documents):
        seed("oci", str(kind), bytes([kind]) + json.dumps(document).encode())
    seed("oci", "4", b"\x04root:x:0:0::/:/bin/sh\nweb:x:101:102::/:/bin/sh\nwww:x:103:\n")


def http():
    request = "POST /.well-known/attest HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=1\r\nabc\r\n0\r\nTrailer: t\r\n\r\n"
    seed("http", "request", b"\x05" + request.encode())
    seed("http", "response", b"\x04" + chunked.encode())
    seed("http", "head", b"\x06" + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")


def pem(label, data):
    return f"-----BEGIN {label}-----\n" + base64.encodebytes(data).decode() + f"-----END {label}-----\n"


def texts():
    seed("pem", "two", "text before\n" + pem("CERTIFICATE", bytes(range(100))) + pem("PUBLIC KEY", b"1") + pem("CERTIFICATE", b"22"))
    seed("pem", "crl", pem("X509 CRL", b"333"))
    for name, url in (("plain", "https://example.com/a?b=c"), ("port", "https://[::1]:8443"), ("unix", "unix:/run/x"), ("vsock", "vsock:3:5")):
        seed("net_url", name, url)
    digest = "ab" * 32
    snp = {"kernel": {"file": "k", "sha256": digest}, "firmware": {"file": "f", "sha256": digest}, "cmdline": "quiet",
           "modules": [{"file": "a.ko", "sha256": digest}], "net": "10.0.2.15/24 10.0.2.2",
           "shapes": [{"vmm": "qemu", "vcpus": [1, 2], "cpu": ["EPYC"], "features": ["0x1"]}]}
    seed("recipe", "whole", json.dumps({
        "selfsame_recipe": 1, "name": "a", "version": "1", "tee": ["nitro", "snp"], "build": [["sh", "-c", "x"]], "snp": snp,
        "files": {"/a": {"from": "b", "mode": "0755"}}, "entrypoint": ["/a"], "cmd": ["c"], "env": {"A": "1"}, "user": "1",
        "workdir": "/w", "serve": {"listen": "0.0.0.0:1", "upstream": "127.0.0.1:2", "cert": "/c", "key": "/k"}, "nsm": "all",
        "kernel": {"file": "k", "sha256": digest, "cmdline": "x", "nsm": "n", "nsm_sha256": digest}, "memory_mib": 64}))
    seed("recipe", "hello", read("examples/hello/selfsame.json"))
    policy = {"selfsame_policy": 1, "tee": {"nitro": {}}, "binding": "session", "insecure": ["simulated"],
              "freshness": {"nonce": True, "max_age": "5m"},
              "measurements": [{"tee": "nitro", "pcr": {"0": ["00" * 47 + "01"]}}]}
    seed("policy", "whole", json.dumps(policy))
    seed("policy", "empty", '{"selfsame_policy":1}')
    seed("json", "lines", '{"a":[1,\n{"b":[true,null,1.5e3,"\\u00e9"]}]}')
    for path in ("examples/hello/selfsame.json", "docs/policy.schema.json"):
        seed("json", os.path.basename(path), read(path))


def head(major, n):
    return bytes([major << 5 | n]) if n < 24 else bytes([major << 5 | 24, n]) if n < 256 else struct.pack(">BH", major << 5 | 25, n)


def text(s):
    return head(3, len(s)) + s.encode()


def nsm():
    """Requests behind a 0, answers behind the number of what was asked (enum nsm_op)."""
    seed("nsm", "random", b"\0" + text("GetRandom"))
    seed("nsm", "extend", b"\0" + head(5, 1) + text("ExtendPCR") + head(5, 2) + text("index") + head(0, 3) + text("data") + head(2, 2) + b"ab")
    ask = text("user_data") + b"\xf6" + text("nonce") + head(2, 3) + b"abc" + text("public_key") + b"\xf6"
    seed("nsm", "attestation", b"\0" + head(5, 1) + text("Attestation") + head(5, 3) + ask)
    seed("nsm", "gave-random", b"\2" + head(5, 1) + text("GetRandom") + head(5, 1) + text("random") + head(2, 4) + b"abcd")
    seed("nsm", "error", b"\7" + head(5, 1) + text("Error") + text("InvalidArgument"))


def documents():
    """What is signed comes from our vectors; a certificate from the pinned root."""
    for path in glob.glob(f"{root}/vectors/nitro/*.vec"):
        with open(path, encoding="utf-8") as f:
            data = base64.b64decode(f.read().split("\n\n", 1)[1])
        for target in "cbor", "cose", "evidence_nitro":
            seed(target, os.path.basename(path)[:-4], data)
        if "100-happy" in path:
            media = "application/vnd.attest.nitro+cbor"
            seed("cmw", "json", json.dumps([media, base64.urlsafe_b64encode(data).decode().rstrip("="), 4]))
            record = head(4, 3) + head(3, len(media)) + media.encode() + head(2, len(data)) + data + head(0, 4)
            seed("cmw", "cbor", record)
            seed("cmw", "collection", head(5, 1) + head(3, 1) + b"e" + record)
            for n, at in enumerate(m.start() for m in re.finditer(b"\x30\x82", data)):
                size = 4 + int.from_bytes(data[at + 2:at + 4], "big")
                if data[at + 4:at + 6] == b"\x30\x82" and at + size <= len(data):
                    seed("der", f"certificate-{n}", data[at:at + size])
                    seed("x509", f"certificate-{n}", data[at:at + size])
    spec = read("docs/formats/attest-messages.md").decode().split("## Test vector", 1)[1]
    for n, block in enumerate(re.findall(r"(?:^    [0-9a-f]+\n)+", spec, re.M)):
        digits = "".join(block.split())
        if len(digits) % 2 == 0:
            seed("attest_message", str(n), bytes.fromhex(digits))


def der(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    size = bytes([n]) if n < 128 else bytes([0x81, n]) if n < 256 else struct.pack(">BH", 0x82, n)
    return bytes([tag]) + size + body


def dcap():
    """TCB info and QE identity as Intel's PCS sends them, signed by nobody."""
    svns = [{"svn": n, "category": "BIOS", "type": "x"} for n in (5, 5, 2, 2, 3, 1, 0, 5, *[0] * 8)]
    module = {"mrsigner": "00" * 48, "attributes": "00" * 8, "attributesMask": "FF" * 8}
    levels = [{"tcb": {"isvsvn": 3}, "tcbDate": "2024-03-13T00:00:00Z", "tcbStatus": "UpToDate"},
              {"tcb": {"isvsvn": 2}, "tcbDate": "2023-08-09T00:00:00Z", "tcbStatus": "OutOfDate",
               "advisoryIDs": ["INTEL-SA-00837"]}]
    dates = {"issueDate": "2026-01-02T03:04:05Z", "nextUpdate": "2026-02-01T03:04:05Z"}
    about = {"fmspc": "50806F000000", "pceId": "0000", "tcbType": 0, "tcbEvaluationDataNumber": 17}
    rest = {"tcbDate": "2024-03-13T00:00:00Z", "tcbStatus": "ConfigurationAndSWHardeningNeeded"}
    v3 = {"id": "TDX", "version": 3, **dates, **about, "tdxModule": module,
          "tdxModuleIdentities": [{"id": "TDX_01", **module, "tcbLevels": levels}],
          "tcbLevels": [{"tcb": {"sgxtcbcomponents": svns, "pcesvn": 11, "tdxtcbcomponents": svns}, **rest}]}
    flat = {f"sgxtcbcomp{n:02d}svn": n for n in range(1, 17)}
    v2 = {"version": 2, **dates, **about, "tcbLevels": [{"tcb": {**flat, "pcesvn": 7}, **rest}]}
    qe = {"id": "QE", "version": 2, **dates, "tcbEvaluationDataNumber": 17, "miscselect": "00000000",
          "miscselectMask": "FFFFFFFF", "attributes": "11" + "00" * 15, "attributesMask": "FBFFFFFFFFFFFFFF" + "00" * 8,
          "mrsigner": "8C" * 32, "isvprodid": 1, "tcbLevels": levels}
    for target, name, member, inner in (("dcap_tcb_info", "v3", "tcbInfo", v3), ("dcap_tcb_info", "v2", "tcbInfo", v2),
                                        ("dcap_identity", "qe", "enclaveIdentity", qe)):
        text = json.dumps({member: inner, "signature": "ab" * 64}, separators=(",", ":"))
        for to in (target, "dcap_bundle", "json_read", "collateral_piece"):
            seed(to, name, text)
    seed("dcap_bundle", "strings", json.dumps({"tcb_info": json.dumps(v3), "tcb_info_signature": "ab" * 64, "pck_crl": "3003020101"}))
    seed("dcap_bundle", "percent", "-----BEGIN%20CERTIFICATE-----%0AMAMCAQE%3D%0A-----END%20CERTIFICATE-----%0A")
    seed("dcap_bundle", "hex", "3003020101")
    seed("collateral_piece", "hex", "3003020101")
    seed("collateral_piece", "percent", "-----BEGIN%20CERTIFICATE-----%0AMAMCAQE%3D%0A-----END%20CERTIFICATE-----%0A")
    vendor = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
    for version, tee, kind, size in ((3, 0, 1, 384), (4, 0, 1, 384), (4, 0x81, 2, 584), (5, 0, 1, 384), (5, 0x81, 3, 648)):
        body = bytearray(size)
        body[48:49], body[120:132] = (b"\5", bytes(12)) if tee == 0 else (b"\0", struct.pack("<QI", 1 << 28, 3))
        certs = bytes(384 + 64) + struct.pack("<H", 2) + b"ab" + struct.pack("<HI", 5, 3) + b"PEM"
        data = bytes(128) + (certs if version == 3 else struct.pack("<HI", 6, len(certs)) + certs)
        quote = struct.pack("<HHII", version, 2, tee, 0) + vendor + bytes(20) + \
            (struct.pack("<HI", kind, size) if version == 5 else b"") + bytes(body) + struct.pack("<I", len(data)) + data
        for to in ("dcap_quote", "evidence_tdx" if tee else "evidence_sgx"):
            seed(to, f"v{version}_{tee}", quote + b"trailer")
    seed("json_read", "escapes", '{"a":["\\ud83d\\ude00\\n",-1.5e3,true,null]}')


def dcap_vectors():
    """Sound quotes of every version with their collateral, from our vectors."""
    for tee in "sgx", "tdx":
        for path in sorted(glob.glob(f"{root}/vectors/{tee}/1*.vec")):
            name = os.path.basename(path)[:-4]
            payloads = [base64.b64decode(p.replace("\n", "")) for p in open(path, encoding="utf-8").read().split("\n\n")[1:]]
            seed("cmw", f"{tee}-{name}", payloads[0])
            at = re.search(rb"[\x03-\x05]\x00\x02\x00[\x00\x81]\x00\x00\x00", payloads[0]).start()
            seed(f"evidence_{tee}", name, payloads[0][at:])
            for i, piece in enumerate(payloads[1:] if name[:3] in ("100", "103", "109") else []):
                seed("dcap_bundle", f"{tee}-{name}-{i}", piece)
                if piece.startswith(b"{"):
                    seed("dcap_tcb_info" if b"tcbInfo" in piece else "dcap_identity", f"{tee}-{name}", piece)
                elif not piece.startswith(b"-----"):
                    seed("crl", f"{tee}-{name}-{i}", piece)


def ratls():
    """Certificates of nobody's key, one of each form of evidence."""
    none = der(0x30, der(6, bytes.fromhex("2a8648ce3d040302")), b"\5\0")
    dates = der(0x30, der(0x17, b"260101000000Z"), der(0x17, b"270101000000Z"))
    spki = der(0x30, der(0x30, der(6, bytes.fromhex("2b6570"))), der(3, bytes(33)))
    quote = b"\3\0" + bytes(430) + struct.pack("<I", 8) + bytes(8)
    claims = b"\xa2\x65nonce\x48" + bytes(8) + b"\x6bpubkey-hash\x58\x24\x82\x01\x58\x20" + bytes(32)
    dice = b"\xd9\xea\x60\x82\x59" + struct.pack(">H", len(quote)) + quote + b"\x58" + bytes([len(claims)]) + claims
    uuid_sgx = bytes.fromhex("a3a21e871b4d4014b70aa125d2fbcd8c")
    cmw = b"\x83\x78\x1aapplication/vnd.attest.snp\x41\0\x04"
    document = b"8444a101382200a0.11.example"
    forms = {"dice": ("678105050409", dice), "cmw": ("2b06010505070123", der(4, cmw)),
             "oe-report": ("2b0601040182376901", struct.pack("<IIQ", 1, 2, len(quote)) + quote),
             "oe-evidence": ("2b0601040182376902", struct.pack("<I", 3) + uuid_sgx + struct.pack("<Q", len(quote)) + quote),
             "dstack": ("2b0601040183e73d0101", der(4, quote)), "gramine": ("06092a864886f84d8a3906", quote),
             "intel": ("2a864886f84d010d01", quote), "name": ("551d11", der(0x30, der(0x82, document)))}
    for name, (oid, value) in forms.items():
        one = der(0x30, der(6, bytes.fromhex(oid)), der(4, value))
        more = der(0x30, der(6, bytes.fromhex("678105050402")), der(4, b"\xd9\xea\x60\x82\x01\x43crl"))
        head = der(0xa0, b"\2\1\2"), der(2, b"\1"), none, der(0x30), dates, der(0x30), spki
        tbs = der(0x30, *head, der(0xa3, der(0x30, one, more)))
        seed("ratls", name, der(0x30, tbs, none, der(3, b"\0" + der(0x30, b"\2\1\1\2\1\1"))))


def tdx():
    """The end of a firmware with TDX metadata; the headers of a kernel."""
    rows = [(0, 0x1000, 0xfffff000, 0x1000, 0, 1), (0, 0, 0x809000, 0x2000, 2, 0)]
    meta = uuid.UUID("e9eaf9f3-168e-44d5-a8eb-7f4d8738f6ae").bytes_le + \
        struct.pack("<4sIII", b"TDVF", 16 + 32 * len(rows), 1, len(rows)) + \
        b"".join(struct.pack("<IIQQII", *row) for row in rows)
    after = struct.pack("<H", 22) + uuid.UUID("e47a6535-984a-4798-865e-4685a7bf8ec2").bytes_le + \
        struct.pack("<H", 40) + uuid.UUID("96b582de-1fb2-45f7-baea-a366c55a082d").bytes_le + bytes(32)
    seed("tdvf", "end", meta + struct.pack("<I", len(meta) - 16 + 4 + len(after)) + after)
    pe = bytearray(0x200)
    pe[:2], pe[0x3c:0x40] = b"MZ", struct.pack("<I", 0x40)
    pe[0x40:0x58] = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 160, 0x206)
    pe[0x58:0x5a], pe[0x94:0x98], pe[0xc4:0xc8] = b"\x0b\x02", struct.pack("<I", 0x200), struct.pack("<I", 6)
    pe[0xf8 + 16:0xf8 + 24] = struct.pack("<II", 0x100, 0x200)
    seed("pe", "image", bytes(pe) + bytes(0x100))


def snp():
    """A report nobody signed, a root, a table with it, a CRL nobody signed, a firmware's end."""
    report = bytearray(1184)
    for at, value in ((0, 3), (8, 0x30000), (0x34, 1), (0x40, 5), (0x188, 0x0119)):
        report[at:at + 4] = struct.pack("<I", value)
    seed("evidence_snp", "unsigned", bytes(report))
    text = read("src/tee/snp/roots/ark_milan.c").decode().split("= {", 1)[1]
    ark = bytes(int(x, 16) for x in re.findall(r"0x[0-9a-f]{2}", text))
    guid = bytes.fromhex("c0b406a4a803495297433fb6014cd0ae")
    seed("snp_bundle", "root", ark)
    seed("snp_bundle", "table", guid + struct.pack("<II", 48, len(ark)) + bytes(24) + ark)
    alg = ark[-(512 + 5 + 4):]  # not a CRL's, but a signature of that size
    name = der(0x30, der(0x31, der(0x30, bytes.fromhex("0603550403"), der(0x0c, b"ARK-Milan"))))
    sha384 = der(0x30, bytes.fromhex("06092a864886f70d01010c"), b"\5\0")
    times = der(0x17, b"260101000000Z") + der(0x17, b"270101000000Z")
    entry = der(0x30, der(0x30, der(2, b"\7"), der(0x17, b"260101000000Z")))
    tbs = der(0x30, der(2, b"\1"), sha384, name, times, entry)
    seed("crl", "unsigned", der(0x30, tbs, sha384, der(3, b"\0" + alg[-512:])))
    block = bytes(range(48)) + bytes(32) + struct.pack("<IIQ", 1, 7, 0x30000)
    key = struct.pack("<I", 2).ljust(0x404, b"\1")[:4] + (bytes(range(48)) + bytes(24)) * 2 + bytes(0x404 - 148)
    auth = struct.pack("<II", 1, 1) + bytes(56 + 512) + key + bytes(60 + 512) + key
    seed("snp_id_block", "unsigned", block + auth.ljust(4096, b"\0"))
    body = b"anything"
    head = "selfsame-collateral 1\nurl https://kdsintf.amd.com/x\nfetched 1780000000\nstatus 200\nsha256 "
    seed("collateral_cache", "entry", head.encode() + hashlib.sha256(body).hexdigest().encode() + b"\n\n" + body)
    seed("collateral_cache", "chain", head.encode() + hashlib.sha256(body + b"pem").hexdigest().encode() + b"\nchain 3\n\n" + body + b"pem")
    le = lambda g: (lambda h: bytes.fromhex(h)[3::-1] + bytes.fromhex(h)[5:3:-1] + bytes.fromhex(h)[7:5:-1] + bytes.fromhex(h)[8:])(g.replace("-", ""))
    sections = struct.pack("<6I", 0x800000, 0x9000, 1, 0x810000, 0x1000, 0x10)
    meta = b"ASEV" + struct.pack("<III", 16 + len(sections), 1, 2) + sections
    make = lambda data, g: data + struct.pack("<H", len(data) + 18) + le(g)
    table = make(struct.pack("<I", 0x80b004), "00f771de-1a7e-4fcb-890e-68c77e2fb44e")
    table += make(struct.pack("<II", 0x810c00, 0x400), "7255371f-3a3b-4b04-927b-1da6efa8d454")
    entry = make(struct.pack("<I", len(meta) + len(table) + 22 + 18 + 32), "dc886566-984a-4798-a75e-5585a7bf67cc")
    footer = struct.pack("<H", len(table) + len(entry) + 18) + le("96b582de-1fb2-45f7-baea-a366c55a082d")
    seed("ovmf", "end", meta + table + entry + footer + bytes(32))


def logs():
    """The 15 leaves of the log that transparency-dev tests with, and keys anybody can make."""
    root = "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs="
    point = f"example.com/log/testdata\n15\n{root}\n"
    line = "\u2014 example.com/log/testdata M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+CKubMt53MvIt/uEWP6zdkdIQzd/fmwlM/dlPWF74ewI=\n"
    key = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
    witness = "witness.example/w1+df1c0a35+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU"
    seed("log_checkpoint", "plain", point)
    seed("log_checkpoint", "extended", point + "more\n")
    seed("log_note", "checkpoint", point + "\n" + line)
    seed("log_note", "key", key)
    seed("log_proof", "plain", f"c2sp.org/tlog-proof@v1\nextra aGk=\nindex 3\n{root}\n\n{point}\n{line}")
    seed("log_policy", "quorum", f"log {key} https://log.example/\nwitness a {witness}\ngroup g any a\nquorum g\n")
    seed("httpd_request", "get", "GET /lookup/a%41?name=x%2fy&sha256= HTTP/1.1\r\nHost: x\r\nX-A: b \r\n\r\n")
    seed("httpd_request", "post", "POST /add HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
    crlf = lambda *lines: "\r\n".join(lines) + "\r\n"
    host = "Host: x"
    get = crlf("GET /get/a?q=%41 HTTP/1.1", host, "")
    chunked = crlf("PUT /post HTTP/1.1", host, "Transfer-Encoding: chunked", "", "3;x", "abc", "a", "0123456789", "0", "X: y", "")
    seed("httpd", "pipeline", "\0" + get + chunked + crlf("HEAD /get/b HTTP/1.1", host, "") + get)
    seed("httpd", "length", "\6" + crlf("POST /post HTTP/1.1", host, "Content-Length: 4", "Expect: 100-continue", "") + "body" + get)
    seed("httpd", "large", "\x40" + crlf("POST /post HTTP/1.1", host, "Content-Length: 301", "") + "b" * 301 + get)
    seed("httpd", "refused", "\3" + crlf("OPTIONS /post HTTP/1.1", host, "") + crlf("PATCH /post HTTP/1.1", host, "") + crlf("GET /no HTTP/1.0", "Connection: keep-alive", "") + get)
    seed("httpd", "doubt", "\1" + crlf("POST /post HTTP/1.1", host, "Content-Length: 3", "Transfer-Encoding: chunked", "") + "0\r\n\r\n" + get)
    seed("log_witness", "first", f"old 0\n\n{point}\n{line}")
    seed("log_witness", "grown", f"old 7\n{root}\n{root}\n\n{point}\n{line}")
    seed("log_tile", "bundle", b"\0\2ab\0\0\0\1c")
    seed("log_tile", "name", "tile/entries/x001/x234/067.p/255")
    seed("log_receipt", "empty-path", bytes.fromhex("d28447a2012719018b01a119018ca120814483010080f65840" + "00" * 64))
    seed("log_receipt", "one-hash", bytes.fromhex("d28447a2012719018b01a119018ca12081582683020181" "5820" + "11" * 32 + "f65840" + "00" * 64))
    digest = "ab" * 48
    seed("log_corim", "nitro", f'[{{"pcr":{{"0":["{digest}"],"10":["{digest}"],"2":["{digest}"]}},"require":{{"debug":false}},"tee":"aws-nitro"}}]')
    seed("log_corim", "snp", f'[{{"launch":[{{"digest":"{digest}","guestFeatures":1,"vcpuType":"EPYC","vcpus":2,"vmm":"qemu"}}],'
         '"require":{"minTcb":{"milan":{"snp":4}}},"tee":"amd-sev-snp"}]')
    seed("log_corim", "sgx", f'[{{"isvProdId":1,"isvSvnMin":2,"mrenclave":["{digest[:64]}"],"tee":"intel-sgx"}},'
         f'{{"events":[{{"digest":"{digest[:64]}","pcr":11,"what":".linux"}}],"tee":"tpm2"}}]')
    seed("rebuild", "nitro", json.dumps({
        "_type": "https://in-toto.io/Statement/v1", "predicateType": "https://selfsame.dev/predicate/tee-release/v1",
        "predicate": {"build": {"recipe": {"digest": {"sha256": digest[:64]}, "name": "r"}, "sourceDateEpoch": 1,
                                "tool": {"name": "selfsame", "version": "0"}},
                      "measurements": [{"pcr": {"0": [digest]}, "tee": "aws-nitro"},
                                       {"launch": [{"digest": digest, "vcpus": 1}], "tee": "amd-sev-snp"}],
                      "release": {"name": "n", "version": "1"}, "source": {"digest": {"gitCommit": digest[:40]}}},
        "subject": [{"digest": {"sha256": digest[:64]}, "name": "image.eif"}]}))
    seed("log_canonical", "all", '{"a":[true,false,-5,"\\u001f\\"\\\\x"],"b":{"c":{}}}')
    seed("log_envelope", "one", '{"payload":"e30=","payloadType":"t","signatures":[{"keyid":"k","sig":"AAAA"}]}')


def event_logs():
    """Logs of a boot through GRUB and of one through systemd-stub, of two algorithms, and the table that names one."""
    def spec(*algs):
        data = b"Spec ID Event03\0" + struct.pack("<I4BI", 0, 0, 2, 0, 2, len(algs))
        data += b"".join(struct.pack("<HH", a, hashlib.new(name).digest_size) for a, name in algs) + b"\0"
        return struct.pack("<II20sI", 1, 3, bytes(20), len(data)) + data

    def event(algs, index, kind, data, hashed=None):
        hashed = data if hashed is None else hashed
        digests = b"".join(struct.pack("<H", a) + hashlib.new(name, hashed).digest() for a, name in algs)
        return struct.pack("<III", index, kind, len(algs)) + digests + struct.pack("<I", len(data)) + data

    def variable(guid, name, value):
        return bytes.fromhex(guid) + struct.pack("<QQ", len(name), len(value)) + name.encode("utf-16le") + value
    one, two = ((12, "sha384"),), ((12, "sha384"), (11, "sha256"))
    world = "61dfe48bca93d211aa0d00e098032b8c"
    path = b"\4\4\x0e\0" + "\\a/b\0".encode("utf-16le") + b"\x7f\xff\4\0"
    boot = [(1, 0x8000000b, b"\tTdxTable\0" + bytes(32), b"hob"), (1, 0x80000001, variable(world, "SecureBoot", b"\1")),
            (1, 0x80000001, variable(world, "PK", b"")), (1, 4, bytes(4)), (1, 0xa, b"ACPI DATA", b"tables"),
            (1, 0x80000002, variable(world, "BootOrder", b"\0\0"), b"\0\0"),
            (2, 0x80000007, b"Calling EFI Application from Boot Option"), (2, 4, bytes(4)),
            (2, 0x80000003, bytes(32) + path, b"image"), (1, 0x800000e0, variable(world, "SbatLevel", b"sbat,1\n"))]
    grub = [(3, 0xd, b"grub_cmd: linux /vmlinuz\0", b"linux /vmlinuz"), (3, 0xd, b"kernel_cmdline: /vmlinuz ro\0", b"/vmlinuz ro")]
    stub = [(3, 0xd, ".linux\0".encode("utf-16le"), b".linux\0"), (3, 6, struct.pack("<II", 0x8f3b22ed, 4) + b"opts", b"ro\0")]
    shim = [(1, 0xa, b"td_hob".ljust(16, b"\0") + struct.pack("<I", 3) + b"hob", b"hob"), (4, 6, b"LEAA\3\0\0\0a b")]
    for name, algs, events, pad in (("grub", one, boot + grub, b"\xff" * 64), ("stub", one, boot + stub, b""),
                                    ("shim", one, shim, bytes(64)), ("two-algorithms", two, boot, b"\xff")):
        seed("event_log", name, spec(*algs) + b"".join(event(algs, *e) for e in events) + pad)
    table = bytearray(struct.pack("<4sIBB6s8sI4sIBBHQQ", b"CCEL", 56, 1, 0, b"INTEL ", b"EDK2    ", 2, b"    ", 1, 2, 0, 0, 65536, 0))
    table[9] = -sum(table) & 0xff
    seed("event_log", "table", bytes(table))


def sigstore():
    """Each bundle behind its trusted root, and what is DER within."""
    for path in sorted(glob.glob(f"{root}/vectors/sigstore/*.vec")):
        with open(path, encoding="utf-8") as f:
            head, body = f.read().split("\n\n", 1)
        fields = dict(line.split(": ", 1) for line in head.splitlines())
        name = os.path.basename(path)[:-4]
        trusted = read(f"vectors/sigstore/{fields['root']}.root.json")
        seed("log_sigstore", name, trusted + b"\0" + body.encode() + b"\0" + bytes.fromhex(fields.get("key", "")))
        if fields["expect"] != "ok":
            continue
        material = json.loads(body)["verificationMaterial"]
        for n, stamp in enumerate((material.get("timestampVerificationData") or {}).get("rfc3161Timestamps", [])):
            seed("timestamp", f"{name}-{n}", base64.b64decode(stamp["signedTimestamp"]))
        if "certificate" in material:
            seed("x509", name, base64.b64decode(material["certificate"]["rawBytes"]))


def monitors():
    """Entries of each kind that nobody signed, and what a monitor remembers of them."""
    digest, kid = "ab" * 48, "cd" * 32
    valid = {"notAfter": "2026-09-07T00:00:00Z", "notBefore": "2026-09-01T00:00:00Z"}
    subject = [{"digest": {"sha256": digest[:64]}, "name": "image.eif"}]
    predicates = {
        "tee-release": {
            "build": {"recipe": {"digest": {"sha256": digest[:64]}, "name": "r"}, "sourceDateEpoch": 1,
                      "tool": {"name": "selfsame", "version": "0"}},
            "measurements": [{"alg": "sha384", "artifact": "image.eif", "tee": "aws-nitro",
                              "pcr": {"0": [digest], "1": [digest], "2": [digest]}}],
            "release": {"name": "n", "sequence": 1, "version": "1"}, "supersedes": [digest[:64]],
            "source": {"digest": {"gitCommit": digest[:40]}, "uri": "u"}, "validity": valid},
        "tee-rebuild": {"rebuilt": subject, "result": "different", "statement": {"sha256": digest[:64]}},
        "tee-index": {"current": [{"sequence": 1, "sha256": digest[:64]}], "name": "n", "sequence": 1, "validity": valid,
                      "revoked": [{"reason": "<r>", "sha256": digest[:64], "since": valid["notBefore"]}]}}

    def canonical(value):
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    for kind, predicate in predicates.items():
        payload = canonical({"_type": "https://in-toto.io/Statement/v1", "predicate": predicate, "subject": subject,
                             "predicateType": f"https://selfsame.dev/predicate/{kind}/v1"})
        seed("log_statement", kind, payload)
        seed("monitor_entry", kind, canonical({
            "payload": base64.b64encode(payload.encode()).decode(), "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"keyid": kid, "sig": base64.b64encode(bytes(64)).decode()}]}))
    # A release, an index that lists it, and a rebuild that got the same: what together is accepted.
    statements = {}
    for kind, predicate in predicates.items():
        if kind == "tee-index":
            predicate = dict(predicate, current=[{"sequence": 1, "sha256": of}])
        elif kind == "tee-rebuild":
            predicate = dict(predicate, result="identical", statement={"sha256": of})
        statements[kind] = canonical({"_type": "https://in-toto.io/Statement/v1", "predicate": predicate, "subject": subject,
                                      "predicateType": f"https://selfsame.dev/predicate/{kind}/v1"})
        if kind == "tee-release":
            of = hashlib.sha256(statements[kind].encode()).hexdigest()
    seed("log_accept", "release", statements["tee-release"] + "\n")
    seed("log_accept", "revoked", statements["tee-release"] + "\n" + statements["tee-index"].replace(digest[:64], of) + "\n")
    seed("log_accept", "all", "".join(s + "\n" for s in statements.values()))
    snp = {"alg": "sha384", "artifact": "image.eif", "launch": [{"digest": digest}], "tee": "amd-sev-snp", "require":
           {"debug": False, "migration": False, "minTcb": {"milan": {"snp": 8}}, "smt": True, "vmpl": 0}}
    release = dict(predicates["tee-release"], measurements=[snp, predicates["tee-release"]["measurements"][0]])
    seed("log_accept", "demands", canonical({
        "_type": "https://in-toto.io/Statement/v1", "predicate": release, "subject": subject,
        "predicateType": "https://selfsame.dev/predicate/tee-release/v1"}) + "\n")
    note = f"log\n1\n{base64.b64encode(bytes(32)).decode()}\n\n\u2014 log {base64.b64encode(bytes(68)).decode()}\n"
    lines = [{"selfsame_monitor": 1},
             {"name": "n", "ours": True, "sequence": 1, "index_sequence": 0, "indexes": "00" * 256},
             {"release": digest[:64], "key": kid, "of": "n", "version": "1", "sequence": 1, "entry": 0, "seen": 5,
              "checked": True, "current": False, "revoked": True, "since": 3, "reason": "r", "superseded_by": "",
              "more": 2},
             {"rebuild": digest[:64], "result": "identical", "key": kid, "checked": True, "label": "k", "entry": 0, "seen": 5},
             {"stranger": "m", "entry": 0, "count": 3},
             {"pending": note, "since": 4, "looks": 1, "absent": True},
             {"edge": "00" * 32},
             {"checkpoint": note, "time": 5, "first": 4, "next": 1, "stuck": 0, "stuck_at": 0, "stuck_since": 0,
              "dropped": 1}]
    seed("monitor_state", "whole", "".join(json.dumps(line) + "\n" for line in lines))
    seed("tiles", "bundle", b"\0\2ab\0\0\0\1c")
    seed("tiles", "packed", gzip.compress(b"\0\2ab\0\0\0\1c", mtime=0))


def log_vectors():
    """Each payload of vectors/log to the target that reads its kind."""
    targets = {"note": "log_note", "key": "log_note", "checkpoint": "log_checkpoint", "cosignature": "log_note",
               "tile-name": "log_tile", "bundle": "log_tile", "proof": "log_proof", "trust": "log_policy",
               "witness": "log_witness", "envelope": "log_envelope", "statement": "log_statement"}
    for path in sorted(glob.glob(f"{root}/vectors/log/*.vec")):
        with open(path, "rb") as f:
            head, body = f.read().split(b"\n\n", 1)
        fields = dict(line.split(": ", 1) for line in head.decode().split("\n"))
        if fields["payload"] != "text":
            body = base64.b64decode(body) if fields["payload"] == "base64" else body[:-1]
        if fields["kind"] in targets and len(body) < 8192:
            seed(targets[fields["kind"]], os.path.basename(path)[:-4], body)
        if fields["kind"] == "statement":
            seed("log_canonical", os.path.basename(path)[:-4], body)


def sgx():
    """An enclave of two pages, what would sign it, the same in a file of ELF, a manifest."""
    page = bytes(range(256)) * 16
    data = struct.pack("<8sIQ44x", b"ECREATE", 1, 0x4000)
    for offset, flags, name in ((0, 0x100, b"EEXTEND"), (0x1000, 0x203, b"EEXTEND"), (0x2000, 0x201, b"UNMEASRD")):
        data += struct.pack("<8sQQ40x", b"EADD", offset, flags)
        for at in range(0, 0x1000, 256):
            data += struct.pack("<8sQ48x", name, offset + at) + page[at : at + 256]
    seed("sgxs", "whole", data)
    sig = bytes.fromhex("06000000e10000000000010000000000") + struct.pack("<II", 0, 0x20260131)
    sig += bytes.fromhex("01010000600000006000000001000000") + bytes(88) + b"\xff" * 384 + struct.pack("<I", 3) + bytes(384)
    sig += bytes(28) + struct.pack("<QQQQ", 4, 3, 2**64 - 1, 0x1B) + bytes(80) + bytes(768)
    seed("sigstruct", "unsigned", sig.ljust(1808, b"\0")[:1808])
    entries = struct.pack("<HHIQIIQ", 1, 3, 2, 0x2000, 0, 0, 0x203) + struct.pack("<HHIQIIQ", 4, 3, 1, 0x4000, 72, 2000, 0x100)
    entries += struct.pack("<HHIQ16x", 0x1009, 2, 1, 0x3000)
    head = struct.pack("<QQIIIIIIQQQ", 0x86A80294635D0E4C, 3 << 32 | 3, 2200, 1, 1, 0, 0, 0, 0x10000, 4, 3)
    meta = head + sig.ljust(1808, b"\0")[:1808]
    meta += struct.pack("<8I", 0, 0, 2100, len(entries), 0, 0, 0, 0)
    meta = meta.ljust(2000, b"\0") + bytes(100) + entries
    meta = meta.ljust(2200, b"\0")
    note = struct.pack("<III", 13, len(meta), 1) + b"sgx_metadata\0" + meta
    names = b"\0.note.sgxmeta\0.shstrtab\0"
    at = 64 + 56
    elf = b"\x7fELF\2\1\1" + bytes(9)
    elf += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, at + len(note) + len(names), 0, 64, 56, 1, 64, 3, 2)
    elf += struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, at, at, 0x1000) + note + names + bytes(64)
    elf += struct.pack("<IIQQQQ16x", 1, 7, 0, 0, at, len(note)) + bytes(8)
    elf += struct.pack("<IIQQQQ16x", 15, 3, 0, 0, at + len(note), len(names)) + bytes(8)
    seed("sigstruct", "enclave", elf)
    seed("gramine_manifest", "dotted", "loader.entrypoint.sha256 = \"" + "ab" * 32 + "\"\nlibos.entrypoint = \"/init\"\n"
         "sgx.enclave_size = \"512M\"\nsgx.max_threads = 8\nsgx.trusted_files = [\n  { uri = \"file:a\", sha256 = \""
         + "00" * 32 + "\" },\n]\n")
    seed("gramine_manifest", "tables", "# x\n[sgx]\ndebug = true\nisvsvn = 0x1f\n[sgx.cpu_features]\navx = 'required'\n"
         "[[sgx.trusted_files]]\nuri = \"\"\"\\\n  file:\\u0061\"\"\"\nsha256 = '" + "11" * 32 + "'\n")


def identities():
    """SPIFFE ids, a CSR that nobody signed, a JWE for nobody, and what Trustee's clients send."""
    seed("spiffe", "id", "spiffe://example.org/tee/hello/1.4.2")
    seed("spiffe", "jwt", json.dumps({"header": {"alg": "ES256", "kid": "k", "typ": "JWT"}, "claims": {
        "sub": "spiffe://d/a", "aud": ["you", "me"], "exp": 1000}}))
    spki = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004") + bytes(range(64))
    name = der(0x30, der(0x31, der(0x30, bytes.fromhex("0603550403"), der(0x0C, b"x"))))
    attribute = der(0x30, bytes.fromhex("06092a864886f70d01090e"), der(0x31, der(0x30)))
    info = der(0x30, b"\x02\x01\x00", name, spki, der(0xA0, attribute))
    alg, sig = bytes.fromhex("300a06082a8648ce3d040302"), bytes.fromhex("3006020101020101")
    seed("csr", "p256", der(0x30, info, alg, der(0x03, b"\0", sig)))
    seed("csr", "spki", spki)
    seed("csr", "x25519", bytes.fromhex("302a300506032b656e032100") + bytes(32))

    def b64(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    x, y = "usWxHK2PmfnHKwXPS54m0kTcGJ90UiglWiGahtagnv8", "IBOL-C3BttVivg-lSreASjpkttcsz-1rb7btKLv8EX4"
    key = {"kty": "EC", "crv": "P-256", "alg": "ECDH-ES+A256KW", "x": x, "y": y}
    header = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "epk": {"crv": "P-256", "kty": "EC", "x": x, "y": y}}
    parts = [b64(json.dumps(header).encode()), b64(bytes(40)), b64(bytes(12)), b64(b"secret"), b64(bytes(16))]
    seed("jwe", "compact", ".".join(parts))
    seed("jwe", "flattened", json.dumps(dict(zip(("protected", "encrypted_key", "iv", "ciphertext", "tag"), parts))))
    seed("jwe", "jwk", json.dumps(key))
    seed("jwe", "rsa", json.dumps({"kty": "RSA", "n": b64(b"\xff" * 256), "e": "AQAB"}))
    seed("kbs", "auth", json.dumps({"version": "0.4.0", "tee": "snp", "extra-params": ""}))
    tcb = {"fmc": None, "bootloader": 1, "tee": 2, "snp": 3, "microcode": 4}
    report = {"version": 3, "guest_svn": 1, "policy": 196608, "vmpl": 0, "sig_algo": 1, "plat_info": 1, "key_info": 0,
              "cpuid_fam_id": 25, "cpuid_mod_id": 1, "cpuid_step": 1, "signature": {"r": [0] * 72, "s": [1] * 72}}
    for n, size in (("family_id", 16), ("image_id", 16), ("report_data", 64), ("measurement", 48), ("host_data", 32),
                    ("id_key_digest", 48), ("author_key_digest", 48), ("report_id", 32), ("report_id_ma", 32), ("chip_id", 64)):
        report[n] = [7] * size
    for n in ("current_tcb", "reported_tcb", "committed_tcb", "launch_tcb"):
        report[n] = tcb
    report["current"] = report["committed"] = {"major": 1, "minor": 55, "build": 3}
    for n, primary in (("snp", {"attestation_report": report, "cert_chain": [{"cert_type": "VCEK", "data": [48, 0]}]}),
                       ("tdx", {"cc_eventlog": "AAEC", "quote": "AAEC"})):
        seed("kbs", n, json.dumps({"init-data": None, "runtime-data": {"nonce": "AAECAw==", "tee-pubkey": key},
                                   "tee-evidence": {"primary_evidence": primary, "additional_evidence": ""}}))


def shown():
    """What is pasted into the verifier's page: a document of each TEE, as bytes and as base64."""
    for tee, name in (("nitro", "100-happy"), ("snp", "100-milan"), ("sgx", "100-version-3"), ("tdx", "100-version-4"), ("tdx", "105-raw")):
        text = open(f"{root}/vectors/{tee}/{name}.vec", encoding="utf-8").read().split("\n\n")[1]
        seed("show", f"{tee}-{name}", base64.b64decode(text.replace("\n", "")))
        seed("show", f"{tee}-{name}-text", text)
    seed("show", "policy", '{"selfsame_policy":1,"tee":{"nitro":{}}}')


def tokens():
    """Tokens that nobody signed, keys, and the claims of each dialect, as JSON and as CBOR."""
    def b64(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    def head(major, n):
        if n < 24:
            return bytes([major << 5 | n])
        size = 0 if n < 1 << 8 else 1 if n < 1 << 16 else 2
        return bytes([major << 5 | 24 + size]) + n.to_bytes(1 << size, "big")

    def cbor(x):
        if isinstance(x, int):
            return head(0, x) if x >= 0 else head(1, -1 - x)
        if isinstance(x, bytes):
            return head(2, len(x)) + x
        if isinstance(x, str):
            return head(3, len(x)) + x.encode()
        if isinstance(x, list):
            return head(4, len(x)) + b"".join(map(cbor, x))
        return head(5, len(x)) + b"".join(cbor(k) + cbor(v) for k, v in x.items())

    x, y = "usWxHK2PmfnHKwXPS54m0kTcGJ90UiglWiGahtagnv8", "IBOL-C3BttVivg-lSreASjpkttcsz-1rb7btKLv8EX4"
    ec = {"kty": "EC", "crv": "P-256", "x": x, "y": y, "alg": "ES256", "kid": "a", "use": "sig"}
    rsa = {"kty": "RSA", "n": b64(b"\xff" * 256), "e": "AQAB"}
    okp = {"kty": "OKP", "crv": "Ed25519", "x": x}
    seed("jwk", "set", json.dumps({"keys": [ec, rsa, okp]}))
    seed("jwk", "one", json.dumps(ec))
    for name, profile, prefix in (("draft", "tag:ietf.org,2026:rats/ear#03", "ear_"), ("veraison", "tag:github.com,2023:veraison/ear", "ear."),
                                  ("trustee", "tag:github.com,2024:confidential-containers/Trustee", "ear.")):
        vector = "trustworthiness_vector" if prefix == "ear_" else "trustworthiness-vector"
        claims = {"eat_profile": profile, "iat": 1.5e9, "exp": 1600000000, "eat_nonce": "AAAAAAAAAAA", "cnf": {"jwk": ec},
                  "submods": {"cpu0": {prefix + "status": "affirming", prefix + vector: {"hardware": 2, "executables": -33}}}}
        seed("ear_read", name, json.dumps(claims))
        for alg in "EdDSA", "ES256", "RS256", "none":
            parts = b64(json.dumps({"alg": alg, "typ": "JWT", "kid": "a"}).encode()), b64(json.dumps(claims).encode()), b64(bytes(64))
            seed("jws", f"{name}-{alg}", ".".join(parts))
    claims = cbor({1: "joe", 6: 1600000000, 8: {1: {1: 2, -1: 1, -2: bytes(32), -3: bytes(32)}}, 10: bytes(8), 265: "tag:ietf.org,2026:rats/ear#03",
                   266: {"a": {1000: 2, 1001: {4: 2, 2: -33}, 1003: ["p"], -70002: {"akpub": "AAAA"}}}, 1004: {0: "d", 1: "b"}, "tee": "snp"})
    seed("cwt", "claims", claims)
    token = b"\xd8\x3d\xd2" + cbor([cbor({1: -8, 4: b"a"}), {}, claims, bytes(64)])
    seed("cwt", "whole", token)
    seed("jws", "cwt", token)


for make in identities, sigstore, sgx, log_vectors, logs, monitors, dcap, dcap_vectors, ratls, tdx, snp, event_logs, tar, images, oci, http, init, texts, nsm, documents, verifier_object, shown, tokens:
    make()
