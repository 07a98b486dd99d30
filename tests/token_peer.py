#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tokens read by a second implementation: CBOR and COSE of its own, signatures by openssl.

  token_peer.py cwt FILE ALG PUBLIC.der       verifies, prints the claims as JSON
  token_peer.py diag FILE                     diagnostic notation to CBOR, as hex, wrapped as a CWT
  token_peer.py serve DIR PORTFILE            an issuer on loopback
"""
import base64, hashlib, http.server, json, os, re, subprocess, sys, tempfile

# ---- CBOR ----
def head(major, n):
    for size, code in ((0, None), (1, 24), (2, 25), (4, 26), (8, 27)):
        if size == 0 and n < 24:
            return bytes([major << 5 | n])
        if size and n < 1 << (8 * size):
            return bytes([major << 5 | code]) + n.to_bytes(size, "big")
    raise ValueError(n)

class Tag:
    def __init__(self, tag, value):
        self.tag, self.value = tag, value

def encode(x):
    if x is True or x is False:
        return b"\xf5" if x else b"\xf4"
    if x is None:
        return b"\xf6"
    if isinstance(x, int):
        return head(0, x) if x >= 0 else head(1, -1 - x)
    if isinstance(x, bytes):
        return head(2, len(x)) + x
    if isinstance(x, str):
        b = x.encode()
        return head(3, len(b)) + b
    if isinstance(x, list):
        return head(4, len(x)) + b"".join(map(encode, x))
    if isinstance(x, dict):
        pairs = sorted((encode(k), encode(v)) for k, v in x.items())
        return head(5, len(x)) + b"".join(k + v for k, v in pairs)
    if isinstance(x, Tag):
        return head(6, x.tag) + encode(x.value)
    raise TypeError(x)

strict = True  # deterministic, as ours must be

def decode(b, at=0):
    first = b[at]
    major, n = first >> 5, first & 31
    at += 1
    if n >= 24 and major != 7:
        size = 1 << (n - 24)
        n = int.from_bytes(b[at:at + size], "big")
        at += size
    if major == 0:
        return n, at
    if major == 1:
        return -1 - n, at
    if major in (2, 3):
        raw = b[at:at + n]
        if len(raw) != n:
            raise ValueError("cut")
        return (raw if major == 2 else raw.decode()), at + n
    if major == 4:
        out = []
        for _ in range(n):
            x, at = decode(b, at)
            out.append(x)
        return out, at
    if major == 5:
        out, last = {}, b""
        for _ in range(n):
            start = at
            k, at = decode(b, at)
            if strict and b[start:at] <= last:
                raise ValueError("keys out of order: not deterministic")
            last = b[start:at]
            out[k], at = decode(b, at)
        return out, at
    if major == 6:
        x, at = decode(b, at)
        return Tag(n, x), at
    return {20: False, 21: True, 22: None}[n], at

# ---- names (RFC 8392, RFC 9711, draft-ietf-rats-ear) ----
CLAIMS = {1: "iss", 2: "sub", 3: "aud", 4: "exp", 5: "nbf", 6: "iat", 7: "jti", 8: "cnf", 10: "eat_nonce",
    256: "ueid", 257: "sueids", 258: "oemid", 259: "hwmodel", 260: "hwversion", 261: "uptime", 262: "oemboot",
    263: "dbgstat", 264: "location", 265: "eat_profile", 266: "submods", 267: "bootcount", 268: "bootseed",
    269: "dloas", 270: "swname", 271: "swversion", 272: "manifests", 273: "measurements", 274: "measres",
    275: "intuse", 1000: "ear_status", 1001: "ear_trustworthiness_vector", 1002: "ear_raw_evidence",
    1003: "ear_appraisal_policy_ids", 1004: "ear_verifier_id", -70000: "ear_veraison_annotated_evidence",
    -70001: "ear_veraison_policy_claims", -70002: "ear_veraison_key_attestation"}
VECTOR = ["instance-identity", "configuration", "executables", "file-system", "hardware", "runtime-opaque",
    "storage-opaque", "sourced-data"]
STATUS = {0: "none", 2: "affirming", 32: "warning", 96: "contraindicated"}

def b64(b):
    return base64.urlsafe_b64encode(b).rstrip(b"=").decode()

def named(x, kind="any"):
    if isinstance(x, Tag):
        return named(x.value, kind)
    if isinstance(x, bytes):
        return x.decode() if kind == "jti" else b64(x)
    if isinstance(x, list):
        return [named(i) for i in x]
    if isinstance(x, int) and not isinstance(x, bool) and kind == "ear_status":
        return STATUS[x]
    if not isinstance(x, dict):
        return x
    if kind == "cnf" and 1 in x:
        k = x[1]
        crv = {1: ("EC", "P-256"), 2: ("EC", "P-384"), 6: ("OKP", "Ed25519")}
        if k[1] == 3:
            return {"jwk": {"kty": "RSA", "n": b64(k[-1]), "e": b64(k[-2])}}
        out = {"kty": crv[k[-1]][0], "crv": crv[k[-1]][1], "x": b64(k[-2])}
        if k[1] == 2:
            out["y"] = b64(k[-3])
        return {"jwk": out}
    tables = {"claims": CLAIMS, "ear_trustworthiness_vector": dict(enumerate(VECTOR)),
        "ear_verifier_id": {0: "developer", 1: "build"}}
    out = {}
    for k, v in x.items():
        name = tables.get(kind, {}).get(k, str(k))
        inner = "claims" if kind == "submods" else name if kind == "claims" else "any"
        out[name] = named(v, inner)
    return out

# ---- COSE ----
ALGS = {"ES256": -7, "ES384": -35, "RS256": -257, "PS256": -37, "EdDSA": -8}

def der_int(b):
    b = b.lstrip(b"\0") or b"\0"
    if b[0] & 0x80:
        b = b"\0" + b
    return b"\x02" + bytes([len(b)]) + b

def verify(alg, key, message, signature):
    with tempfile.TemporaryDirectory() as d:
        paths = {n: os.path.join(d, n) for n in ("m", "s", "k")}
        if alg.startswith("ES"):
            half = len(signature) // 2
            body = der_int(signature[:half]) + der_int(signature[half:])
            signature = b"\x30" + (bytes([len(body)]) if len(body) < 128 else b"\x81" + bytes([len(body)])) + body
        open(paths["m"], "wb").write(message)
        open(paths["s"], "wb").write(signature)
        subprocess.run(["openssl", "pkey", "-pubin", "-inform", "DER", "-in", key, "-out", paths["k"]], check=True)
        if alg == "EdDSA":
            argv = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", paths["k"], "-rawin", "-in", paths["m"],
                "-sigfile", paths["s"]]
        else:
            argv = ["openssl", "dgst", "-sha384" if alg == "ES384" else "-sha256", "-verify", paths["k"],
                "-signature", paths["s"]]
            if alg == "PS256":
                argv += ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"]
            argv += [paths["m"]]
        return subprocess.run(argv, stdout=subprocess.DEVNULL).returncode == 0

def read_cwt(path, alg, key):
    whole = open(path, "rb").read()
    x, end = decode(whole)
    assert end == len(whole), "trailing bytes"
    assert isinstance(x, Tag) and x.tag == 61 and x.value.tag == 18, "tags 61(18(…))"
    protected, unprotected, payload, signature = x.value.value
    header, _ = decode(protected)
    assert header[1] == ALGS[alg] and unprotected == {}, "header"
    assert len(header[4]) == 43, "kid"
    assert verify(alg, key, encode(["Signature1", protected, b"", payload]), signature), "signature"
    claims, end = decode(payload)
    assert end == len(payload)
    return named(claims, "claims")

# ---- diagnostic notation, as far as the vectors need it ----
class Diag:
    def __init__(self, text):
        self.t, self.at = text, 0

    def space(self):
        while True:
            m = re.compile(r"\s*(/[^/]*/)?").match(self.t, self.at)
            if m.end() == self.at:
                return
            self.at = m.end()

    def take(self, s):
        self.space()
        if self.t.startswith(s, self.at):
            self.at += len(s)
            return True
        return False

    def items(self, end, each):
        while not self.take(end):
            each()
            self.take(",")

    def value(self):
        self.space()
        if self.take("{"):
            out = {}
            def pair():
                k = self.value()
                assert self.take(":"), self.t[self.at:self.at + 40]
                out[k] = self.value()
            self.items("}", pair)
            return out
        if self.take("["):
            out = []
            self.items("]", lambda: out.append(self.value()))
            return out
        m = re.compile(r"h'([^']*)'").match(self.t, self.at)
        if m:
            self.at = m.end()
            return bytes.fromhex(re.sub(r"\s|/[^/]*/", "", m.group(1)))
        m = re.compile(r'"((?:[^"\\]|\\.)*)"').match(self.t, self.at)
        if m:
            self.at = m.end()
            return json.loads('"' + m.group(1) + '"')
        m = re.compile(r"<<").match(self.t, self.at)
        if m:
            self.at = m.end()
            parts = []
            self.items(">>", lambda: parts.append(self.value()))
            return b"".join(map(encode, parts))
        m = re.compile(r"-?\d+").match(self.t, self.at)
        if m:
            self.at = m.end()
            n = int(m.group())
            if self.take("("):
                x = self.value()
                assert self.take(")")
                return Tag(n, x)
            return n
        for word, x in (("true", True), ("false", False), ("null", None)):
            if self.take(word):
                return x
        raise ValueError("diagnostic notation: " + self.t[self.at:self.at + 40])

def diag(path):
    d = Diag(open(path, encoding="utf-8").read())
    x = d.value()
    d.space()
    assert d.at == len(d.t), d.t[d.at:d.at + 40]
    return x

def wrapped(x):
    """What is no token yet becomes one that nobody signed."""
    if isinstance(x, Tag):
        return encode(x)
    return encode(Tag(61, Tag(18, [encode({1: -7}), {}, encode(x), bytes(64)])))

# ---- an issuer ----
def serve(where, portfile):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            path = os.path.join(where, self.path.lstrip("/").replace("/", "_"))
            body = open(path, "rb").read() if os.path.exists(path) else b"none"
            self.send_response(200 if os.path.exists(path) else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    with open(portfile + ".new", "w") as f:
        f.write(str(server.server_port))
    os.rename(portfile + ".new", portfile)
    server.serve_forever()

def main(argv):
    global strict
    strict = argv[0] == "cwt"
    if argv[0] == "cwt":
        print(json.dumps(read_cwt(*argv[1:]), sort_keys=True))
    elif argv[0] == "diag":
        sys.stdout.buffer.write(wrapped(diag(argv[1])))
    elif argv[0] == "names":
        x = diag(argv[1])
        if isinstance(x, Tag):
            x = decode(x.value.value[2])[0]
        print(json.dumps(named(x, "claims"), sort_keys=True))
    elif argv[0] == "serve":
        serve(*argv[1:])

main(sys.argv[1:])
