#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second reader of vectors/sgx and vectors/tdx, written from Intel's formats alone.

usage: vectors_peer_dcap.py VECTORS

It shares no code with src/, and needs neither OpenSSL nor a library: DER, P-256 and all. What it says of a quote with its
collateral (the checks parse, chain, revocation, signature and tcb) must be what the vector expects; where the vector expects a
verdict on nonce, key, code or attributes, everything before that must hold.
"""
import base64, calendar, glob, hashlib, json, os, re, sys, time


class Refused(Exception):
    pass


def need(good, code):
    if not good:
        raise Refused(code)


def when(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


# ---- P-256: SEC 2, FIPS 186-5 ----
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)


def double(p):
    x, y, z = p
    d, s = pow(z, 2, P), pow(y, 2, P)
    b, a = x * s % P, 3 * (x - d) * (x + d) % P
    x3 = (a * a - 8 * b) % P
    return x3, (a * (4 * b - x3) - 8 * s * s) % P, (pow(y + z, 2, P) - s - d) % P


def add(p, q):
    if p[2] == 0:
        return q
    if q[2] == 0:
        return p
    z1, z2 = pow(p[2], 2, P), pow(q[2], 2, P)
    u1, u2, s1, s2 = p[0] * z2 % P, q[0] * z1 % P, p[1] * q[2] * z2 % P, q[1] * p[2] * z1 % P
    if u1 == u2:
        return double(p) if s1 == s2 else (1, 1, 0)
    h, r = u2 - u1, s2 - s1
    h2 = h * h % P
    h3, v = h * h2 % P, u1 * h2 % P
    x = (r * r - h3 - 2 * v) % P
    return x, (r * (v - x) - s1 * h3) % P, h * p[2] * q[2] % P


known = {}


def verify(key, rs, message):
    if (key, rs, message) not in known:
        known[key, rs, message] = verify_anew(key, rs, message)
    return known[key, rs, message]


def verify_anew(key, rs, message):
    x, y = int.from_bytes(key[:32], "big"), int.from_bytes(key[32:], "big")
    r, s = int.from_bytes(rs[:32], "big"), int.from_bytes(rs[32:], "big")
    if not (x < P and y < P and (y * y - x**3 + 3 * x - B) % P == 0 and 0 < r < N and 0 < s < N):
        return False
    e, w = int.from_bytes(hashlib.sha256(message).digest(), "big"), pow(s, -1, N)
    g, q = (*G, 1), (x, y, 1)
    table, u, v, at = [(1, 1, 0), g, q, add(g, q)], e * w % N, r * w % N, (1, 1, 0)
    for i in range(255, -1, -1):
        at = add(double(at), table[(u >> i & 1) | (v >> i & 1) << 1])
    return at[2] != 0 and at[0] * pow(at[2], -2, P) % P % N == r


# ---- DER and X.509 ----
def elements(b):
    out = []
    while b:
        tag, n, at = b[0], b[1], 2
        if n >= 0x80:
            at += n & 0x7F
            n = int.from_bytes(b[2:at], "big")
        out.append((tag, b[at:at + n], b[:at + n]))
        b = b[at + n:]
    return out


def raw_signature(bits):
    r, s = elements(elements(bits[1:])[0][1])
    return b"".join(int.from_bytes(x[1], "big").to_bytes(32, "big") for x in (r, s))


def moment(e):
    return calendar.timegm(time.strptime(e[1].decode(), "%y%m%d%H%M%SZ" if e[0] == 0x17 else "%Y%m%d%H%M%SZ"))


class Cert:
    def __init__(self, der):
        body, _, bits = elements(elements(der)[0][1])
        self.der, self.tbs, self.signature = der, body[2], raw_signature(bits[1])
        f = elements(body[1])
        self.serial, self.issuer, self.subject, self.key = f[1][1], f[3][2], f[5][2], elements(f[6][1])[1][1][2:]
        self.begin, self.end = map(moment, elements(f[4][1]))
        self.extensions = {}
        for _, one, _ in elements(elements(f[7][1])[0][1]):
            parts = elements(one)
            self.extensions[parts[0][1]] = parts[-1][1]
        for _, rdn, _ in elements(f[5][1]):
            oid, text = elements(elements(rdn)[0][1])
            if oid[1] == b"\x55\x04\x03":
                self.cn = text[1].decode()
        self.is_ca = any(e[1] == b"\xff" for e in elements(elements(self.extensions[b"\x55\x1d\x13"])[0][1]) if e[0] == 1)

    def by(self, issuer, now):
        return (self.issuer == issuer.subject and verify(issuer.key, self.signature, self.tbs) and
                self.begin <= now <= self.end and issuer.is_ca)


class Crl:
    def __init__(self, der):
        body, _, bits = elements(elements(der)[0][1])
        self.tbs, self.signature, f = body[2], raw_signature(bits[1]), elements(body[1])
        self.issuer, times, self.serials = f[2][2], [e for e in f[3:5] if e[0] in (0x17, 0x18)], []
        self.begin, self.end = moment(times[0]), moment(times[1]) if len(times) == 2 else None
        rest = f[3 + len(times):]
        if rest and rest[0][0] == 0x30:
            self.serials = [elements(e[1])[0][1] for e in elements(rest[0][1])]

    def clears(self, cert, issuer, now):
        return (self.issuer == issuer.subject and verify(issuer.key, self.signature, self.tbs) and self.end is not None and
                self.begin <= now <= self.end and cert.serial not in self.serials)


def certificates(text):
    return [Cert(base64.b64decode(b)) for b in re.findall(b"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", text, re.S)]


SGX_OID = bytes.fromhex("2a864886f84d010d01")


def members(b):
    return {elements(e[1])[0][1][len(SGX_OID):]: elements(e[1])[1][1] for e in elements(b)}


class Platform:
    def __init__(self, cert):
        top = members(elements(cert.extensions[SGX_OID])[0][1])
        tcb = members(top[b"\2"])
        self.fmspc, self.pceid = top[b"\4"], top[b"\3"]
        self.components = [int.from_bytes(tcb[bytes([2, i])], "big") for i in range(1, 17)]
        self.pce_svn = int.from_bytes(tcb[b"\2\x11"], "big")


# ---- quotes ----
def unwrap(b):
    """The value of a CMW record in CBOR: an array of a text and bytes."""
    if b[:1] not in (b"\x82", b"\x83"):
        return b
    at = 2 + b[1] - 0x60 if b[1] < 0x78 else 3 + b[2]
    size = {0x59: 2, 0x5A: 4}[b[at]]
    n = int.from_bytes(b[at + 1:at + 1 + size], "big")
    return b[at + 1 + size:at + 1 + size + n]


class Bytes:
    def __init__(self, b):
        self.b = b

    def take(self, n):
        need(len(self.b) >= n, "malformed")
        out, self.b = self.b[:n], self.b[n:]
        return out

    def number(self, n):
        return int.from_bytes(self.take(n), "little")


SIZES = {1: 384, 2: 584, 3: 648}
VENDOR = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")


class Quote:
    def __init__(self, b, tee):
        r = Bytes(b)
        header = r.take(48)
        version, kind = int.from_bytes(header[:2], "little"), int.from_bytes(header[2:4], "little")
        need(version in (3, 4, 5) and kind == 2 and header[12:28] == VENDOR, "unsupported")
        need(int.from_bytes(header[4:8], "little") == {"sgx": 0, "tdx": 0x81}[tee], "malformed")
        body_type = {"sgx": 1, "tdx": 2}[tee]
        if version == 5:
            body_type = r.number(2)
            need(body_type in SIZES, "unsupported")
            need(r.number(4) == SIZES[body_type], "malformed")
        self.body, self.body_type = r.take(SIZES[body_type]), body_type
        self.signed = b[:len(b) - len(r.b)]
        r = Bytes(r.take(r.number(4)))
        self.signature, self.key = r.take(64), r.take(64)
        if version > 3:
            need(r.number(2) == 6, "unsupported")
            need(r.number(4) == len(r.b), "malformed")
        self.qe, self.qe_signature = r.take(384), r.take(64)
        self.auth, self.cert_type = r.take(r.number(2)), r.number(2)
        self.certs = r.take(r.number(4))
        need(not r.b, "malformed")
        need(self.cert_type in (1, 2, 3, 4, 5), "unsupported")
        self.check_reserved(tee)

    def check_reserved(self, tee):
        b = self.body
        if tee == "tdx":
            known_bits = {0, 4, 5, 6, 16, 27, 28, 29, 30, 31, 62, 63}
            attributes = int.from_bytes(b[120:128], "little")
            need(all(i in known_bits for i in range(64) if attributes >> i & 1), "malformed")
            return
        flags = int.from_bytes(b[48:56], "little")
        zeros = b[21:32] + b[96:128] + b[160:192] + b[262:304]
        if not flags & 0x80:
            zeros += b[32:48] + b[192:256] + b[260:262] + b[304:320]
        need(not any(zeros) and not flags & ~0x4F7, "malformed")


# ---- collateral ----
def no_twice(pairs):
    need(len({k for k, _ in pairs}) == len(pairs), "tcb")
    return dict(pairs)


class Collateral:
    def __init__(self, pieces):
        self.certs, self.crls, self.json = [], [], []
        for p in pieces:
            if p.startswith(b"{"):
                self.json.append(p.decode())
            elif p.startswith(b"-----"):
                self.certs += certificates(p)
            else:
                self.crls.append(Crl(p))

    def signed(self, name, root, now):
        """The object of that name that a current TCB Signing certificate signed, and who that is."""
        for text in self.json:
            m = re.fullmatch(r'\{"%s":(\{.*\}),"signature":"([0-9a-f]{128})"\}' % name, text)
            for c in self.certs if m else []:
                if c.cn == "Intel SGX TCB Signing" and c.by(root, now) and verify(c.key, bytes.fromhex(m[2]), m[1].encode()):
                    o = json.loads(m[1], object_pairs_hook=no_twice)
                    if when(o["issueDate"]) <= now < when(o["nextUpdate"]):
                        return o, c
        raise Refused("tcb")


def chain_of(q, given, root, now):
    own = certificates(q.certs) if q.cert_type == 5 else []
    own += [Cert(q.certs)] if q.cert_type == 4 else []
    need(len(own) == 3 or q.cert_type != 5, "bad-chain")
    own += given.certs if q.cert_type != 5 else []

    def one(*names):
        found = [c for c in own if c.cn in names]
        need(found, "bad-chain")
        return found[0]

    leaf, ca = one("Intel SGX PCK Certificate"), one("Intel SGX PCK Processor CA", "Intel SGX PCK Platform CA")
    need(leaf.by(ca, now) and not leaf.is_ca and ca.by(root, now), "bad-chain")
    return leaf, ca


WORST = ["UpToDate", "SWHardeningNeeded", "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded", "OutOfDate",
         "OutOfDateConfigurationNeeded", "Revoked"]


def merge(platform, other):
    if other not in WORST or platform not in WORST or "Revoked" in (platform, other):
        return "Revoked"
    if other == "UpToDate":
        return platform
    return "OutOfDateConfigurationNeeded" if "Configuration" in platform else "OutOfDate"


def components(level, name):
    t = level["tcb"]
    return [c["svn"] for c in t[name]] if name in t else [t["sgxtcbcomp%02dsvn" % i] for i in range(1, 17)]


def svn_level(levels, svn):
    for level in sorted(levels, key=lambda l: -l["tcb"]["isvsvn"]):
        if level["tcb"]["isvsvn"] <= svn:
            return level
    raise Refused("tcb")


def at_least(have, want):
    return all(a >= b for a, b in zip(have, want))


def module_level(q, info):
    svn, signer, attributes = q.body[:16], q.body[64:112], q.body[112:120]
    module, level = info["tdxModule"], None
    if svn[1]:
        module = [m for m in info["tdxModuleIdentities"] if int(m["id"][4:], 16) == svn[1]]
        need(module, "tcb")
        module = module[0]
        level = svn_level(module["tcbLevels"], svn[0])
    need(signer == bytes.fromhex(module["mrsigner"]), "tcb")
    need(attributes == bytes.fromhex(module["attributes"]), "tcb")
    return level


def levels_of(q, tee, leaf, info, identity):
    p, tdx = Platform(leaf), tee == "tdx"
    need(info.get("id", "SGX") == tee.upper() and identity["id"] == ("TD_QE" if tdx else "QE"), "tcb")
    need(bytes.fromhex(info["fmspc"]) == p.fmspc and bytes.fromhex(info["pceId"]) == p.pceid, "tcb")
    found = [svn_level(identity["tcbLevels"], int.from_bytes(q.qe[258:260], "little"))]
    skip = 2 if tdx and q.body[1] else 0
    module = module_level(q, info) if tdx else None
    for level in sorted(info["tcbLevels"], key=lambda l: (components(l, "sgxtcbcomponents"), l["tcb"]["pcesvn"]), reverse=True):
        if at_least(p.components, components(level, "sgxtcbcomponents")) and p.pce_svn >= level["tcb"]["pcesvn"] and \
                (not tdx or at_least(q.body[skip:16], components(level, "tdxtcbcomponents")[skip:])):
            return [level] + found + ([module] if module else [])
    raise Refused("tcb")


def check_qe(q, identity):
    def masked(b, value, mask):
        return bytes(x & y for x, y in zip(b, bytes.fromhex(mask))) == bytes.fromhex(value)

    need(masked(q.qe[16:20], identity["miscselect"], identity["miscselectMask"]) and
         masked(q.qe[48:64], identity["attributes"], identity["attributesMask"]) and not q.qe[48] & 2 and
         q.qe[128:160] == bytes.fromhex(identity["mrsigner"]) and
         int.from_bytes(q.qe[256:258], "little") == identity["isvprodid"], "bad-signature")


def attempt(f, *args):
    try:
        return f(*args), None
    except Refused as e:
        return None, str(e)


def judge(quote, pieces, tee, root, now, without_crl):
    """Levels of the platform; Refused with the class of the first check that fails."""
    q, given = Quote(quote, tee), Collateral(pieces)
    leaf, ca = chain_of(q, given, root, now)
    info, bad_info = attempt(given.signed, "tcbInfo", root, now)
    identity, bad_identity = attempt(given.signed, "enclaveIdentity", root, now)
    subjects = [(leaf, ca), (ca, root)] + [(s[1], root) for s in (info, identity) if s]
    for cert, issuer in subjects if not without_crl else []:
        need(any(c.clears(cert, issuer, now) for c in given.crls), "revoked")
    need(verify(leaf.key, q.qe_signature, q.qe), "bad-signature")
    need(q.qe[320:] == hashlib.sha256(q.key + q.auth).digest() + bytes(32), "bad-signature")
    need(verify(q.key, q.signature, q.signed), "bad-signature")
    need(not q.qe[48] & 2, "bad-signature")
    if identity and identity[0]["id"] == {"sgx": "QE", "tdx": "TD_QE"}[tee]:
        check_qe(q, identity[0])
    need(not bad_info and not bad_identity, "tcb")
    return levels_of(q, tee, leaf, info[0], identity[0]), info[0], identity[0]


# ---- the few rules of policies about levels ----
def appraise(levels, info, identity, options, now):
    status = levels[0]["tcbStatus"] if levels[0]["tcbStatus"] in WORST else "Revoked"
    for level in levels[1:]:
        status = merge(status, level["tcbStatus"])
    need(status != "Revoked", "revoked")
    advisories = {a for level in levels for a in level.get("advisoryIDs", [])}
    date = min(when(level["tcbDate"]) for level in levels)
    grace = "OutOfDate" in status and now - date <= 86400 * options.get("grace_days", -1)
    need(status in options.get("tcb_status", ["UpToDate"]) or grace, "tcb")
    need("allowed_advisories" not in options or advisories <= set(options["allowed_advisories"]), "tcb")
    need(not advisories & set(options.get("denied_advisories", [])), "tcb")
    need(min(info["tcbEvaluationDataNumber"], identity["tcbEvaluationDataNumber"]) >= options.get("min_tcb_evaluation", 0), "tcb")
    need(date >= when(options.get("min_tcb_date", "1970-01-01T00:00:00Z")), "tcb")


def read(path):
    parts = open(path, encoding="utf-8").read().split("\n\n")
    fields = dict(line.split(": ", 1) for line in parts[0].split("\n"))
    return fields, [base64.b64decode(p.replace("\n", "")) for p in parts[1:]]


def simulated_root():
    here = os.path.dirname(os.path.abspath(__file__))
    source = open(os.path.join(here, "../src/tee/shared/roots/simulated.c"), encoding="utf-8").read()
    return Cert(bytes(int(x, 16) for x in re.findall(r"0x([0-9a-f]{2})\b", source[source.index("= {"):])))


def main():
    vectors, wrong, count = sys.argv[1], 0, 0
    root = simulated_root()
    for path in sorted(glob.glob(f"{vectors}/sgx/*.vec") + glob.glob(f"{vectors}/tdx/*.vec")):
        fields, payloads = read(path)
        now, policy = when(fields["now"]), json.loads(fields["policy"])
        got = "ok"
        try:
            found = judge(unwrap(payloads[0]), payloads[1:], fields["tee"], root, now, "no-revocation" in policy["insecure"])
            if fields["expect"] in ("ok", "tcb", "revoked"):
                appraise(*found, policy["tee"][fields["tee"]], now)
        except Refused as e:
            got = str(e)
        want = fields["expect"]
        if want in ("stale", "unbound", "debug", "mismatch", "denied", "usage"):
            want = "ok"
        count += 1
        if got != want:
            wrong += 1
            print(f"{path}: expected {want}, got {got}")
    print(f"{count} vectors, {wrong} judged otherwise")
    return 1 if wrong or count == 0 else 0


sys.exit(main())
