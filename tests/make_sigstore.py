#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the vectors of vectors/sigstore/ anew, with new keys. Needs python3-cryptography.

usage: make_sigstore.py FOLDER

An own certificate authority, certificate log, transparency logs of both kinds and
time-stamping authority sign everything, so that each bundle has one fault alone. They are
committed and not made during a build: what stands there must go on meaning the same.
"""
import base64, datetime, hashlib, json, os, struct, sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.x509.oid import ExtendedKeyUsageOID as EKU, NameOID

folder = sys.argv[1]
NOW = 1780003600
SIGNED = 1780000060
IDENTITY = "https://github.com/example/hello/.github/workflows/release.yml@refs/tags/v1.0.0"
ISSUER = "https://token.actions.githubusercontent.com"
ARTIFACT = hashlib.sha256(b"hello\n").digest()
PREDICATE = "https://selfsame.dev/predicate/tee-release/v1"
INTOTO = "application/vnd.in-toto+json"
MEDIA = {1: "application/vnd.dev.sigstore.bundle+json;version=0.1",
         2: "application/vnd.dev.sigstore.bundle+json;version=0.2",
         3: "application/vnd.dev.sigstore.bundle.v0.3+json"}

# ---- small things ----


def b64(b):
    return base64.b64encode(b).decode()


def sha(b):
    return hashlib.sha256(b).digest()


def compact(j):
    return json.dumps(j, separators=(",", ":"), ensure_ascii=False).encode()


def utc(s):
    return datetime.datetime.fromtimestamp(s, datetime.timezone.utc)


def rfc3339(s):
    return utc(s).strftime("%Y-%m-%dT%H:%M:%SZ")


def der(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    size = bytes([n]) if n < 128 else bytes([0x81, n]) if n < 256 else struct.pack(">BH", 0x82, n)
    return bytes([tag]) + size + body


def oid(text):
    a, b, *rest = map(int, text.split("."))
    out = bytes([40 * a + b])
    for n in rest:
        septets = [n & 127]
        while n > 127:
            n >>= 7
            septets.append(n & 127 | 128)
        out += bytes(reversed(septets))
    return der(6, out)


def p256():
    return ec.generate_private_key(ec.SECP256R1())


def spki(key):
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def sign(key, message):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(message, ec.ECDSA({384: hashes.SHA384(), 521: hashes.SHA512()}.get(key.curve.key_size, hashes.SHA256())))


def pae(kind, body):
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(body), body)


def pem(label, data):
    text = b64(data)
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return f"-----BEGIN {label}-----\n".encode() + "\n".join(lines).encode() + f"\n-----END {label}-----\n".encode()


# ---- certificates ----


def name(cn):
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "example.com"), x509.NameAttribute(NameOID.COMMON_NAME, cn)])


def certificate(subject, key, issuer, issuer_key, start, end, extensions, ca=None, serial=None, named=None):
    b = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    b = b.serial_number(serial or x509.random_serial_number()).not_valid_before(utc(start)).not_valid_after(utc(end))
    if ca is not None:
        b = b.add_extension(x509.BasicConstraints(True, ca), True)
    bits = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False)
    is_ca = ca is not None
    b = b.add_extension(x509.KeyUsage(digital_signature=not is_ca, key_cert_sign=is_ca, crl_sign=is_ca, **bits), True)
    b = b.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    b = b.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key((named or issuer_key).public_key()), False)
    for value, critical in extensions:
        b = b.add_extension(value, critical)
    hash_for = None if isinstance(issuer_key, ed25519.Ed25519PrivateKey) else hashes.SHA384() if isinstance(issuer_key, ec.EllipticCurvePrivateKey) and issuer_key.curve.key_size == 384 else hashes.SHA256()
    return b.sign(issuer_key, hash_for)


def raw(c):
    return c.public_bytes(serialization.Encoding.DER)


FROM, UNTIL = 1767225600, 2082758400  # 2026 to 2036


class Authority:
    """A root and what it issues with; `purpose` of the intermediate."""

    def __init__(self, prefix, purpose, root_key=None, key=None):
        self.root_key, self.key = root_key or p256(), key or p256()
        self.name, root = name(prefix + "-intermediate"), name(prefix)
        self.root = certificate(root, self.root_key, root, self.root_key, FROM, UNTIL, [], ca=1)
        more = [(x509.ExtendedKeyUsage(purpose), False)] if purpose else []
        self.cert = certificate(self.name, self.key, root, self.root_key, FROM, UNTIL, more, ca=0)
        self.chain = [self.cert, self.root]


fulcio = Authority("ca", [EKU.CODE_SIGNING])
fulcio_same_name = Authority("ca", [EKU.CODE_SIGNING])
fulcio_other = Authority("other-ca", [EKU.CODE_SIGNING])
fulcio_web = Authority("web-ca", [EKU.SERVER_AUTH])
fulcio_ed25519 = Authority("ed25519-ca", [EKU.CODE_SIGNING], ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate())
ct_key, ct_other, ct_early = p256(), p256(), p256()
ct_rsa, ct_p384 = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())

FULCIO = "1.3.6.1.4.1.57264.1."
SCT = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")


def text_ext(number, text):
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(FULCIO + str(number)), der(12, text.encode())), False


def few_texts(issuer):
    return [text_ext(8, issuer), text_ext(12, "https://github.com/example/hello")]


def all_texts(issuer):
    return [text_ext(8, issuer), text_ext(9, IDENTITY), text_ext(10, "aa" * 20), text_ext(11, "github-hosted"),
            text_ext(12, "https://github.com/example/hello"), text_ext(13, "bb" * 20), text_ext(14, "refs/tags/v1.0.0"),
            text_ext(18, IDENTITY), text_ext(20, "push"), text_ext(21, "https://github.com/example/hello/actions/runs/1"),
            text_ext(22, "public")]


def scts(precert, issuer, signers, time_ms, extensions=b"", issuer_hash=None, algorithm=None):
    tbs = precert.tbs_certificate_bytes
    out = b""
    for logged, by in signers:
        ikh = issuer_hash or sha(spki(issuer))
        message = b"\0\0" + struct.pack(">QH", time_ms, 1) + ikh + len(tbs).to_bytes(3, "big") + tbs
        message += struct.pack(">H", len(extensions)) + extensions
        s = sign(by, message)
        kind = b"\4\1" if isinstance(by, rsa.RSAPrivateKey) else b"\5\3" if by.curve.key_size == 384 else b"\4\3"
        one = b"\0" + sha(spki(logged)) + struct.pack(">QH", time_ms, len(extensions)) + extensions + (algorithm or kind) + struct.pack(">H", len(s)) + s
        out += struct.pack(">H", len(one)) + one
    return der(4, struct.pack(">H", len(out)) + out)


def leaf(key, ca=fulcio, san=None, issuer=ISSUER, eku=(EKU.CODE_SIGNING,), start=SIGNED - 60, end=SIGNED + 540, is_ca=None,
         sct=((ct_key, ct_key),), sct_extensions=b"", issuer_hash=None, texts=None, subject=None, named=None,
         sct_time_ms=(SIGNED - 60) * 1000 + 123, sct_algorithm=None):
    san = [x509.UniformResourceIdentifier(IDENTITY)] if san is None else san
    extensions = [(x509.ExtendedKeyUsage(eku), False)] if eku else []
    if san:
        extensions.append((x509.SubjectAlternativeName(san), True))
    extensions += few_texts(issuer) if texts is None else texts
    args = dict(ca=is_ca, serial=x509.random_serial_number(), named=named)
    subject = subject or x509.Name([])
    precert = certificate(subject, key, ca.name, ca.key, start, end, extensions, **args)
    if sct is not None:
        value = scts(precert, ca.key, sct, sct_time_ms, sct_extensions, issuer_hash, sct_algorithm)
        extensions.append((x509.UnrecognizedExtension(SCT, value), False))
    return raw(certificate(subject, key, ca.name, ca.key, start, end, extensions, **args))


# ---- time stamps ----

tsa = Authority("tsa", [EKU.TIME_STAMPING])
tsa_same_name = Authority("tsa", [EKU.TIME_STAMPING])
tsa_other = Authority("other-tsa", None)
tsa_web = Authority("web-tsa", [EKU.SERVER_AUTH])


def tsa_leaf(ca, purpose=(EKU.TIME_STAMPING,), critical=True, start=FROM, end=UNTIL, key=None, named=None):
    key = key or p256()
    more = [(x509.ExtendedKeyUsage(list(purpose)), critical)] if purpose else []
    return key, certificate(name("tsa-leaf"), key, ca.name, ca.key, start, end, more, named=named)


tsa_signer = tsa_leaf(tsa)
SHA256_ALG = der(0x30, oid("2.16.840.1.101.3.4.2.1"))
TST = oid("1.2.840.113549.1.9.16.1.4")
PKCS9 = "1.2.840.113549.1.9."


def attribute(kind, value):
    return der(0x30, oid(PKCS9 + kind), der(0x31, value))


def serial_der(n):
    return der(2, n.to_bytes(n.bit_length() // 8 + 1, "big"))


def stamp(signature, signer=None, time=SIGNED + 1, fraction="", status=0, embed=(), imprint=None, digest=None, certificate_hash=None,
          attributes=None, by=None, key_id=False, info_extra=b"", old_id=False, issuer_serial=False, unsigned=b"", crls=b""):
    key, cert = signer or tsa_signer
    when = utc(time).strftime("%Y%m%d%H%M%S") + fraction + "Z"
    info = der(0x30, der(2, b"\1"), oid("1.3.6.1.4.1.57264.2"), der(0x30, SHA256_ALG, der(4, imprint or sha(signature))),
               serial_der(0x1234567890), der(0x18, when.encode()), der(0x30, der(2, b"\1")), info_extra)
    names = der(0x30, der(0x30, der(0xa4, cert.issuer.public_bytes())), serial_der(cert.serial_number)) if issuer_serial else b""
    ess = der(0x30, der(0x30, der(0x30, der(4, certificate_hash or sha(raw(cert))), names)))
    if attributes is None:
        attributes = [attribute("3", TST), attribute("4", der(4, digest or sha(info)))]
        attributes.append(attribute("16.2.12", der(0x30, der(0x30, der(0x30, der(4, bytes(20)))))) if old_id else attribute("16.2.47", ess))
    body = b"".join(sorted(attributes))
    sig = sign(by or key, der(0x31, body))
    alg = der(0x30, oid("1.3.101.112")) if isinstance(key, ed25519.Ed25519PrivateKey) else \
        der(0x30, oid("1.2.840.113549.1.1.1"), b"\5\0") if isinstance(key, rsa.RSAPrivateKey) else der(0x30, oid("1.2.840.10045.4.3.2"))
    sid = der(0x30, cert.issuer.public_bytes(), serial_der(cert.serial_number))
    version = b"\1"
    if key_id:
        sid = der(0x80, cert.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest)
        version = b"\3"
    one = der(0x30, der(2, version), sid, SHA256_ALG, der(0xa0, body), alg, der(4, sig), unsigned)
    content = der(0x30, TST, der(0xa0, der(4, info)))
    certs = der(0xa0, *(raw(c) for c in embed)) if embed else b""
    data = der(0x30, der(2, b"\3"), der(0x31, SHA256_ALG), content, certs, crls, der(0x31, one))
    return der(0x30, der(0x30, der(2, bytes([status]))), der(0x30, oid("1.2.840.113549.1.7.2"), der(0xa0, data)))


# ---- logs ----

log1, log1_other, log2 = p256(), p256(), ed25519.Ed25519PrivateKey.generate()
log_unknown = p256()
HOST1, HOST2, HOST1_OTHER = "rekor.example.com", "log2026-1.rekor.example.com", "old.rekor.example.com"


def note_id(key, host):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        bare = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return sha(host.encode() + b"\n\1" + bare)
    return sha(spki(key))


def tree(leaves):
    level = [sha(b"\0" + x) for x in leaves]
    return level


def root_of(hashes_):
    if len(hashes_) == 1:
        return hashes_[0]
    k = 1
    while 2 * k < len(hashes_):
        k *= 2
    return sha(b"\1" + root_of(hashes_[:k]) + root_of(hashes_[k:]))


def path_of(m, hashes_):
    if len(hashes_) == 1:
        return []
    k = 1
    while 2 * k < len(hashes_):
        k *= 2
    if m < k:
        return path_of(m, hashes_[:k]) + [root_of(hashes_[k:])]
    return path_of(m - k, hashes_[k:]) + [root_of(hashes_[:k])]


def checkpoint(key, host, size, root, origin=None, signer_name=None, key_id=None, more="", extension="", signature=None):
    text = f"{origin or host}\n{size}\n{b64(root)}\n{extension}"
    line = (key_id or note_id(key, host)[:4]) + (signature or sign(key, text.encode()))
    return f"{text}\n\u2014 {signer_name or host} {b64(line)}\n{more}"


def entry(body, v2, key, host, promise=True, index=None, time=SIGNED + 2, set_key=None, set_edit=None, leaf_body=None, point=None):
    """The entry of a tree of 7 leaves, ours being 4; v1 counts 1000 entries of an older shard before it."""
    at, size = 4, 7
    leaves = [b"entry %d" % i for i in range(size)]
    leaves[at] = leaf_body or body
    hashed = tree(leaves)
    root = root_of(hashed)
    global_index = at if v2 else 1000 + at
    e = {"logIndex": str(global_index), "logId": {"keyId": b64(note_id(key, host))}}
    if not v2 and promise:
        signed = {"body": b64(body), "integratedTime": time, "logID": note_id(key, host).hex(), "logIndex": global_index}
        signed.update(set_edit or {})
        e["integratedTime"] = str(time)
        e["inclusionPromise"] = {"signedEntryTimestamp": b64(sign(set_key or key, json.dumps(signed, sort_keys=True, separators=(",", ":")).encode()))}
    args = {"origin": None if v2 else host + " - 4711", "extension": "" if v2 else f"Timestamp: {time}000000000\n"}
    args.update(point or {})
    e["inclusionProof"] = {"logIndex": str(at), "rootHash": b64(root), "treeSize": str(size), "hashes": [b64(h) for h in path_of(at, hashed)],
                           "checkpoint": {"envelope": checkpoint(args.pop("key", key), args.pop("host", host), size, root, **args)}}
    e["canonicalizedBody"] = b64(body)
    return e


KINDS = {"hashedrekord-v1": ("hashedrekord", "0.0.1", False), "hashedrekord-v2": ("hashedrekord", "0.0.2", True),
         "dsse-v1": ("dsse", "0.0.1", False), "dsse-v2": ("dsse", "0.0.2", True), "intoto-v1": ("intoto", "0.0.2", False)}


def body_of(kind, by_key, digest, payload_hash, signature, signer, count=1, alg=None, apart=None):
    label = "PUBLIC KEY" if by_key else "CERTIFICATE"
    member = "publicKey" if by_key else "x509Certificate"
    verifier = {member: {"rawBytes": b64(signer)}, "keyDetails": "PKIX_ECDSA_P256_SHA_256"}
    old = b64(pem(label, signer))
    k, version, _ = KINDS[kind]
    if kind == "hashedrekord-v1":
        spec = {"data": {"hash": {"algorithm": alg or "sha256", "value": digest.hex()}}, "signature": {"content": b64(signature), "publicKey": {"content": old}}}
    elif kind == "hashedrekord-v2":
        spec = {"hashedRekordV002": {"data": {"algorithm": alg or "SHA2_256", "digest": b64(digest)}, "signature": {"content": b64(signature), "verifier": verifier}}}
    elif kind == "dsse-v1":
        spec = {"envelopeHash": {"algorithm": "sha256", "value": "00" * 32}, "payloadHash": {"algorithm": "sha256", "value": payload_hash.hex()},
                "signatures": [{"signature": b64(signature), "verifier": old}] * count}
    elif kind == "dsse-v2":
        spec = {"dsseV002": {"payloadHash": {"algorithm": "SHA2_256", "digest": b64(payload_hash)}, "signatures": [{"content": b64(signature), "verifier": verifier}] * count}}
    else:
        spec = {"content": {"envelope": {"payloadType": INTOTO, "signatures": [{"publicKey": old, "sig": b64(b64(signature).encode())}] * count},
                            "hash": {"algorithm": "sha256", "value": "00" * 32}, "payloadHash": {"algorithm": "sha256", "value": payload_hash.hex()}}}
    whole = {"apiVersion": version, "kind": k, "spec": spec}
    whole.update(apart or {})
    return json.dumps(whole, separators=(",", ":"), sort_keys=True).encode()


# ---- bundles ----


def statement(subject=ARTIFACT, predicate=PREDICATE, kind="https://in-toto.io/Statement/v1"):
    return compact({"_type": kind, "predicate": {"sequence": 1}, "predicateType": predicate,
                    "subject": [{"digest": {"sha256": sha(b"other").hex()}, "name": "other"}, {"digest": {"sha256": subject.hex()}, "name": "hello"}]})


def release():
    """All that a release has to say: tests/api_release_test.c has evidence of it."""
    digest = {"sha256": sha(b"image").hex()}
    return compact({
        "_type": "https://in-toto.io/Statement/v1", "predicateType": PREDICATE,
        "predicate": {
            "build": {"recipe": {"digest": digest, "name": "selfsame.json"}, "sourceDateEpoch": 0,
                      "tool": {"name": "selfsame", "version": "0.1.0"}},
            "measurements": [{"alg": "sha384", "artifact": "image.eif", "pcr": {str(i): [f"a{i}" * 48] for i in range(3)},
                              "require": {"debug": False}, "tee": "aws-nitro"}],
            "release": {"name": "hello", "sequence": 17, "version": "1.4.2"},
            "source": {"digest": {"gitCommit": "4b825dc642cb6eb9a060e54bf8d69288fbee4904"}, "uri": "git+https://github.com/example/hello"},
            "validity": {"notAfter": "2026-12-01T00:00:00Z", "notBefore": "2026-05-01T00:00:00Z"}},
        "subject": [{"digest": digest, "name": "image.eif"}]})


def make(kind="hashedrekord-v1", dsse=None, minor=3, key=None, by=None, managed=False, cert=None, cert_args=None, payload=None, payload_type=INTOTO,
         body=None, log=None, entry_args=None, stamps=None, edit=None, signature=None, logged=None):
    k, version, v2 = KINDS[kind]
    dsse = not kind.startswith("hashedrekord") if dsse is None else dsse
    key = key or p256()
    payload = statement() if payload is None else payload
    message = pae(payload_type, payload)
    if signature is None:
        signature = sign(by or key, message) if dsse else (by or key).sign(ARTIFACT, ec.ECDSA(Prehashed(hashes.SHA256())))
    if cert is None and not managed:
        cert = leaf(key, **(cert_args or {}))
    signer = spki(key) if managed else cert
    values = dict(digest=sha(message) if dsse else ARTIFACT, payload_hash=sha(payload), signature=signature, signer=signer)
    values.update(body or {})
    text = body_of(kind, managed, **values)
    lkey, host = log or ((log2, HOST2) if v2 else (log1, HOST1))
    e = entry(text, v2, lkey, host, **(entry_args or {}))
    e["kindVersion"] = {"kind": k, "version": version}
    material = {"tlogEntries": [e]}
    if managed:
        material["publicKey"] = {"hint": b64(sha(spki(key)))}
    elif minor == 3:
        material["certificate"] = {"rawBytes": b64(cert)}
    else:
        material["x509CertificateChain"] = {"certificates": [{"rawBytes": b64(cert)}, {"rawBytes": b64(raw(fulcio.cert))}]}
    stamps = ([{}] if v2 else []) if stamps is None else stamps
    if stamps:
        material["timestampVerificationData"] = {"rfc3161Timestamps": [{"signedTimestamp": b64(stamp(signature, **s))} for s in stamps]}
    b = {"mediaType": MEDIA[minor], "verificationMaterial": material}
    if dsse:
        b["dsseEnvelope"] = {"payload": b64(payload), "payloadType": payload_type, "signatures": [{"sig": b64(signature)}]}
    else:
        b["messageSignature"] = {"messageDigest": {"algorithm": "SHA2_256", "digest": b64(ARTIFACT)}, "signature": b64(signature)}
    if edit:
        edit(b)
    return b, key


def material(b):
    return b["verificationMaterial"]


def first(b):
    return material(b)["tlogEntries"][0]


# ---- trusted roots ----


def log_of(key, host, start=FROM, end=None, details=None):
    kind = "PKIX_ED25519" if isinstance(key, ed25519.Ed25519PrivateKey) else "PKIX_ECDSA_P256_SHA_256"
    valid = {}
    if start is not None:
        valid["start"] = rfc3339(start)
    if end is not None:
        valid["end"] = rfc3339(end) if isinstance(end, int) else end
    return {"baseUrl": "https://" + host, "hashAlgorithm": "SHA2_256",
            "publicKey": {"rawBytes": b64(spki(key)), "keyDetails": details or kind, "validFor": valid}, "logId": {"keyId": b64(note_id(key, host))}}


def authority_of(chain, start=FROM, end=None):
    valid = {} if start is None else {"start": rfc3339(start)}
    if end is not None:
        valid["end"] = rfc3339(end)
    return {"subject": {"organization": "example.com"}, "uri": "https://example.com",
            "certChain": {"certificates": [{"rawBytes": b64(raw(c))} for c in chain]}, "validFor": valid}


def trusted_root():
    return {"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log_of(log1, HOST1), log_of(log2, HOST2), log_of(log1_other, HOST1_OTHER)],
            "certificateAuthorities": [authority_of(fulcio.chain)],
            "ctlogs": [log_of(ct_key, "ct.example.com"), log_of(ct_early, "ct.example.com/old", FROM, SIGNED - 86400)],
            "timestampAuthorities": [authority_of([tsa_signer[1]] + tsa.chain)]}


roots = {"usual": trusted_root()}


def root(title, change):
    r = trusted_root()
    change(r)
    roots[title] = r


def put(title, expect, note, made, trusted="usual", text=None, **fields):
    bundle, key = made
    if "certificate" not in bundle.get("verificationMaterial", {}) and "publicKey" in bundle.get("verificationMaterial", {}):
        fields.setdefault("key", spki(key).hex())
    if "key" not in fields:
        fields.setdefault("identity", IDENTITY)
        fields.setdefault("issuer", ISSUER)
    if "identity-pattern" in fields:
        fields.pop("identity", None)
    fields.setdefault("artifact", ARTIFACT.hex())
    lines = [f"expect: {expect}", f"note: {note}", f"now: {rfc3339(fields.pop('now', NOW))}", f"root: {trusted}"]
    lines += [f"{k}: {v}" for k, v in fields.items() if v]
    body = text or compact(bundle).decode()
    with open(f"{folder}/{title}.vec", "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n\n" + body + "\n")


# ---- 1xx accepted ----

for n, kind in enumerate(KINDS):
    put(f"10{n}-{kind}", "ok", "the kind alone, with all that belongs to it", make(kind))
put("105-envelope-as-hashedrekord-v2", "ok", "as clients log envelopes in Rekor v2", make("hashedrekord-v2", dsse=True))
put("106-envelope-without-artifact", "ok", "the caller compares the subjects", make("dsse-v1"), artifact=None)
put("107-all-of-the-build", "ok", "every extension that is handed out", make("dsse-v1", cert_args={"texts": all_texts(ISSUER)}))
put("108-release", "ok", "a release of ours, of a machine whose registers are a0.., a1.. and a2..", make("dsse-v1", payload=release()), artifact=None)
put("110-v0.2-chain", "ok", "a chain with the intermediate", make(minor=2))


def only_promise(b):
    del b["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]


put("111-v0.1-promise-alone", "ok", "v0.1 needs no inclusion proof", make(minor=1, edit=only_promise))
put("112-no-promise-but-stamp", "ok", "from v0.2 on the promise is optional", make(entry_args={"promise": False}, stamps=[{}]))
put("113-promise-and-stamp", "ok", "two times", make(stamps=[{}]))
put("120-managed-key", "ok", "a key in place of a certificate", make(managed=True))
put("121-managed-key-v2", "ok", "a key in place of a certificate, Rekor v2", make("hashedrekord-v2", managed=True))
put("122-managed-key-envelope", "ok", "a key in place of a certificate, DSSE", make("dsse-v1", managed=True))
put("123-managed-ed25519", "ok", "an Ed25519 key signs an envelope", make("dsse-v2", managed=True, key=ed25519.Ed25519PrivateKey.generate()))
put("124-managed-p384", "ok", "P-384 signs the SHA-384 of the PAE", make("dsse-v1", managed=True, key=ec.generate_private_key(ec.SECP384R1())))
put("125-managed-rsa", "ok", "RSA PKCS#1", make("dsse-v1", managed=True, key=rsa.generate_private_key(65537, 2048)))
pattern = {"identity-pattern": "https://github.com/example/hello/.github/workflows/release.yml@refs/tags/v*"}
put("130-pattern", "ok", "one star within a path's part", make(), **pattern)
mail = "release@example.com"
put("131-email", "ok", "a person's e-mail address", make(cert_args={"san": [x509.RFC822Name(mail)], "issuer": "https://accounts.example.com"}), identity=mail, issuer="https://accounts.example.com")
user = x509.OtherName(x509.ObjectIdentifier(FULCIO + "7"), der(12, b"user!example.com"))
put("132-user-name", "ok", "an otherName of Sigstore's", make(cert_args={"san": [user]}), identity="user!example.com")
old_issuer = [(x509.UnrecognizedExtension(x509.ObjectIdentifier(FULCIO + "1"), ISSUER.encode()), False)]
put("133-old-issuer-extension", "ok", "1.3.6.1.4.1.57264.1.1, raw bytes", make(cert_args={"texts": old_issuer}))
put("134-two-certificate-timestamps", "ok", "one of them by a log that the root does not have", make(cert_args={"sct": ((ct_other, ct_other), (ct_key, ct_key))}))
put("135-certificate-timestamp-extensions", "ok", "as of Static CT", make(cert_args={"sct_extensions": b"\0\0\5abcde"}))
root("two-authorities", lambda r: r["certificateAuthorities"].insert(0, authority_of(fulcio_same_name.chain)))
put("136-authority-changed-its-key", "ok", "another authority of the same name comes first", make(), "two-authorities")
root("ed25519-authority", lambda r: r.update(certificateAuthorities=[authority_of(fulcio_ed25519.chain)]))
put("137-ed25519-authority", "ok", "the authority signs with Ed25519", make(cert_args={"ca": fulcio_ed25519}), "ed25519-authority")
extra = f"\u2014 witness.example/w1 {b64(bytes(76))}\n\u2014 {HOST2} {b64(bytes(68))}\n"
put("140-checkpoint-with-other-signatures", "ok", "a witness's, and one of the log's by a key that we do not know", make("hashedrekord-v2", entry_args={"point": {"more": extra}}))
unknown_key = log_of(log_unknown, "new.example.com")
unknown_key["publicKey"].update(rawBytes=b64(der(0x30, der(0x30, oid("2.16.840.1.101.3.4.3.17")), der(3, b"\0" + bytes(64)))), keyDetails="PKIX_ML_DSA_44")
pkcs1 = log_of(ct_other, "ct.example.com/rsa", details="PKCS1_RSA_PKCS1V5")
pkcs1["publicKey"]["rawBytes"] = b64(der(0x30, der(2, b"\1"), der(2, b"\3")))


def strange(r):
    r["tlogs"].insert(0, unknown_key)
    r["ctlogs"].insert(0, pkcs1)
    r["tlogs"][1]["operator"] = "example.com"


root("strange-keys", strange)
put("141-root-with-strange-keys", "ok", "kinds of keys that nobody needs here", make(), "strange-keys")
root("log-ends", lambda r: r["tlogs"].__setitem__(0, log_of(log1, HOST1, end=SIGNED + 2)))
put("142-log-key-until-that-second", "ok", "validFor is inclusive", make(), "log-ends")
root("log-ends-fraction", lambda r: r["tlogs"].__setitem__(0, log_of(log1, HOST1, end=rfc3339(SIGNED + 2)[:-1] + ".999Z")))
put("143-log-key-until-a-fraction", "ok", "a fraction of a second is read", make(), "log-ends-fraction")
put("150-stamp-brings-certificate", "ok", "embedded signer's certificate", make("hashedrekord-v2", stamps=[{"embed": [tsa_signer[1]]}]))
root("tsa-without-leaf", lambda r: r.update(timestampAuthorities=[authority_of(tsa.chain)]))
put("151-stamp-brings-what-root-lacks", "ok", "the root has the authority alone", make("hashedrekord-v2", stamps=[{"embed": [tsa.cert, tsa_signer[1]]}]), "tsa-without-leaf")
put("152-stamp-with-fraction", "ok", "time to the millisecond", make("hashedrekord-v2", stamps=[{"fraction": ".125"}]))
put("153-stamp-by-key-identifier", "ok", "SignerInfo of version 3", make("hashedrekord-v2", stamps=[{"key_id": True}]))
crl = x509.CertificateRevocationListBuilder().issuer_name(tsa.name).last_update(utc(FROM)).next_update(utc(UNTIL)).sign(tsa.key, hashes.SHA256())
crl = crl.public_bytes(serialization.Encoding.DER)
put("154-stamp-with-all-options", "ok", "ordering, nonce, name of the authority, issuerSerial, CRLs, attributes that nobody signed", make("hashedrekord-v2", stamps=[{"status": 1, "info_extra": der(1, b"\xff") + der(2, b"\x2a") + der(0xa0, der(0xa4, tsa_signer[1].subject.public_bytes())),
    "issuer_serial": True, "unsigned": der(0xa1, attribute("5", der(0x17, b"260101000000Z"))), "crls": der(0xa1, crl)}]))
rsa_signer = tsa_leaf(tsa, key=rsa.generate_private_key(65537, 2048))
put("155-stamp-by-rsa", "ok", "rsaEncryption as signature algorithm", make("hashedrekord-v2", stamps=[{"signer": rsa_signer, "embed": [rsa_signer[1]]}]), "tsa-without-leaf")
ed_signer = tsa_leaf(tsa, key=ed25519.Ed25519PrivateKey.generate())
put("156-stamp-by-ed25519", "ok", "Ed25519 signs the attributes", make("hashedrekord-v2", stamps=[{"signer": ed_signer, "embed": [ed_signer[1]]}]), "tsa-without-leaf")
root("tsa-ends", lambda r: r["timestampAuthorities"].__setitem__(0, authority_of([tsa_signer[1]] + tsa.chain, end=SIGNED + 1)))
put("157-stamp-in-the-last-second", "ok", "validFor is inclusive", make("hashedrekord-v2"), "tsa-ends")
root("ct-of-other-kinds", lambda r: r["ctlogs"].extend([log_of(ct_rsa, "ct.example.com/rsa"), log_of(ct_p384, "ct.example.com/p384")]))
put("138-certificate-timestamps-by-rsa-and-p384", "ok", "the other algorithms of certificate logs", make(cert_args={"sct": ((ct_rsa, ct_rsa), (ct_p384, ct_p384))}), "ct-of-other-kinds")
put("126-managed-p521", "ok", "P-521 signs the SHA-512 of the PAE", make("dsse-v2", managed=True, key=ec.generate_private_key(ec.SECP521R1())))
root("log-starts-fraction", lambda r: r["tlogs"][0]["publicKey"]["validFor"].update(start=rfc3339(SIGNED + 1)[:-1] + ".5Z"))
put("144-log-key-from-a-fraction", "ok", "half a second before the promise", make(), "log-starts-fraction")
put("145-numbers-in-place-of-texts", "ok", "JSON of Protobuf may write small integers so", make(edit=lambda b: first(b).update(logIndex=1004, integratedTime=SIGNED + 2)))
put("146-promise-before-the-stamp", "ok", "the earliest time is the promise's", make(entry_args={"time": SIGNED}, stamps=[{}]))
put("147-null-members", "ok", "null is as good as absent", make(edit=lambda b: (material(b).update(timestampVerificationData=None, publicKey=None), b.update(dsseEnvelope=None))))

# ---- 2xx shape ----


def edited(change, **args):
    return make(edit=change, **args)




def setter(*path_and_value):
    *path, last, value = path_and_value

    def change(b):
        for p in path:
            b = b[p]
        if value is None:
            del b[last]
        else:
            b[last] = value
    return change


VM, TL = "verificationMaterial", "tlogEntries"
put("200-wrong-media-type", "unsupported", "v0.4", edited(setter("mediaType", "application/vnd.dev.sigstore.bundle.v0.4+json")))
put("201-two-signatures", "malformed", "an envelope signed twice", edited(lambda b: b["dsseEnvelope"]["signatures"].append({"sig": "AAAA"}), kind="dsse-v1"))
put("202-root-in-chain", "log", "a bundle must not bring its root", edited(lambda b: material(b)["x509CertificateChain"]["certificates"].append({"rawBytes": b64(raw(fulcio.root))}), minor=2))
put("203-empty-chain", "malformed", "no certificate", edited(setter(VM, "x509CertificateChain", "certificates", []), minor=2))
put("204-no-entry", "log", "not logged at all", edited(setter(VM, TL, [])))


def bent_base64(b):
    s = b["messageSignature"]["signature"]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    at = len(s.rstrip("=")) - 1
    b["messageSignature"]["signature"] = s[:at] + alphabet[alphabet.index(s[at]) ^ 1] + s[at + 1:]


def padded(**args):
    """A signature whose base64 ends in padding, so that there are bits to spare."""
    while True:
        b, k = make(**args)
        if b["messageSignature"]["signature"].endswith("="):
            return b, k


bent = padded()
bent_base64(bent[0])
put("205-non-canonical-base64", "malformed", "a bit in the padding of the signature", bent)
put("206-base64-of-urls", "malformed", "'-' and '_'", edited(setter(VM, TL, 0, "canonicalizedBody", "-_-_")))
put("207-unknown-member", "malformed", "what nobody reads, nobody verifies", edited(setter(VM, "extra", 1)))
put("208-negative-index", "malformed", "logIndex -1", edited(setter(VM, TL, 0, "logIndex", "-1")))
put("209-both-contents", "malformed", "an envelope beside a signature", edited(setter("dsseEnvelope", {"payload": "", "payloadType": "", "signatures": []})))
put("210-chain-in-v0.3", "malformed", "v0.3 has one certificate", edited(setter("mediaType", MEDIA[3]), minor=2))
put("211-certificate-in-v0.2", "malformed", "v0.2 has a chain", edited(setter("mediaType", MEDIA[2])))
put("212-v0.2-without-proof", "log", "needed from v0.2 on", edited(only_promise, minor=2))
put("213-v0.1-without-promise", "log", "needed in v0.1", make(minor=1, entry_args={"promise": False}, stamps=[{}]))
put("214-no-signature", "malformed", "an empty signature", edited(setter("messageSignature", "signature", "")))
put("215-duplicate-member", "malformed", "mediaType twice", make(), text='{"mediaType":"a",' + compact(make()[0]).decode()[1:])
put("216-text-behind", "malformed", "a second document behind the first", make(), text=compact(make()[0]).decode() + "{}")
put("217-no-material", "malformed", "verificationMaterial is missing", edited(setter(VM, None)))
put("218-short-hash", "malformed", "a hash of 31 bytes in the path", edited(lambda b: first(b)["inclusionProof"]["hashes"].__setitem__(0, b64(bytes(31)))))
put("219-too-many-entries", "malformed", "17 of them", edited(lambda b: material(b)[TL].extend([first(b)] * 16)))
put("220-key-and-certificate", "malformed", "two signers", edited(setter(VM, "publicKey", {"hint": "a"})))
put("221-digest-by-sha512", "unsupported", "messageDigest by another algorithm", edited(setter("messageSignature", "messageDigest", {"algorithm": "SHA2_512", "digest": b64(bytes(64))})))
put("222-proof-without-checkpoint", "log", "a root that nobody signed", edited(setter(VM, TL, 0, "inclusionProof", "checkpoint", None)))
root("wrong-media-type", lambda r: r.update(mediaType="application/vnd.dev.sigstore.trustedroot.v9+json"))
put("223-array", "malformed", "no object", make(), text='["application/vnd.dev.sigstore.bundle"]')
put("224-text-for-an-object", "malformed", "publicKey is a string", edited(setter(VM, "publicKey", "a")))
put("225-number-for-a-text", "malformed", "keyId is a number", edited(setter(VM, TL, 0, "logId", "keyId", 1)))
put("226-object-for-an-array", "malformed", "tlogEntries is an object", edited(setter(VM, TL, {})))
put("227-array-for-an-entry", "malformed", "an entry is an array", edited(setter(VM, TL, 0, [])))
put("228-leading-zero", "malformed", "logIndex 01004", edited(setter(VM, TL, 0, "logIndex", "01004")))
put("229-fraction", "malformed", "logIndex 1004.0", edited(setter(VM, TL, 0, "logIndex", 1004.0)))
put("237-member-of-two-names", "malformed", "two known names in one", edited(setter(VM, TL, 0, "kindVersion", "kind version", "a")))
put("238-part-of-a-name", "malformed", "a known name's end", edited(setter(VM, TL, 0, "kindVersion", "version ", "a")))
put("230-root-of-another-version", "unsupported", "trusted root v9", make(), "wrong-media-type")
root("broken-certificate", lambda r: r["certificateAuthorities"][0]["certChain"]["certificates"][0].update(rawBytes="MAA="))
put("231-root-with-a-broken-certificate", "malformed", "an empty SEQUENCE", make(), "broken-certificate")
root("broken-time", lambda r: r["tlogs"][0]["publicKey"]["validFor"].update(start="yesterday"))
put("232-root-with-a-broken-time", "malformed", "no RFC 3339", make(), "broken-time")
root("log-without-key", lambda r: r["tlogs"][0]["publicKey"].pop("rawBytes"))
put("233-root-with-a-log-without-key", "malformed", "no rawBytes", make(), "log-without-key")
root("broken-key", lambda r: r["tlogs"][0]["publicKey"].update(rawBytes="MAA="))
put("234-root-with-a-broken-key", "malformed", "an empty SEQUENCE", make(), "broken-key")
root("empty-authority", lambda r: r["certificateAuthorities"][0]["certChain"].update(certificates=[]))
put("235-root-with-an-empty-authority", "malformed", "no certificates", make(), "empty-authority")
root("long-authority", lambda r: r["certificateAuthorities"][0]["certChain"].update(certificates=[{"rawBytes": b64(raw(fulcio.cert))}] * 9))
put("236-root-with-a-long-authority", "malformed", "nine certificates", make(), "long-authority")

# ---- 3xx certificates ----


def by_cert(**args):
    return make(cert_args=args)


put("300-expired-at-signing", "log", "the certificate ended before the signature", by_cert(end=SIGNED - 1))
put("301-not-yet-valid", "log", "the certificate begins after the signature", by_cert(start=SIGNED + 100))
put("302-no-code-signing", "log", "extendedKeyUsage for servers", by_cert(eku=(EKU.SERVER_AUTH,)))
put("303-no-usage-at-all", "log", "without extendedKeyUsage", by_cert(eku=None))
put("304-leaf-is-a-ca", "log", "a CA's certificate signs", by_cert(is_ca=0))
put("305-authority-of-the-same-name", "log", "issued by another key", by_cert(ca=fulcio_same_name))
put("306-unknown-authority", "log", "an authority that the root does not have", by_cert(ca=fulcio_other))
root("web-authority", lambda r: r.update(certificateAuthorities=[authority_of(fulcio_web.chain)]))
put("307-authority-for-servers", "log", "the CA may not issue for code signing", by_cert(ca=fulcio_web), "web-authority")
root("authority-ends", lambda r: r["certificateAuthorities"].__setitem__(0, authority_of(fulcio.chain, end=SIGNED)))
put("308-authority-retired", "log", "validFor of the authority ended", make(), "authority-ends")
root("authority-without-start", lambda r: r["certificateAuthorities"].__setitem__(0, authority_of(fulcio.chain, start=None)))
put("309-authority-without-start", "log", "validFor.start is missing", make(), "authority-without-start")
put("310-no-certificate-timestamp", "log", "not in a certificate log", by_cert(sct=None))
put("311-certificate-timestamp-by-another-key", "log", "named as the known log's", by_cert(sct=((ct_key, ct_other),)))
put("312-certificate-timestamp-of-unknown-log", "log", "a log that the root does not have", by_cert(sct=((ct_other, ct_other),)))
put("313-certificate-log-retired", "log", "its key was not in use any more", by_cert(sct=((ct_early, ct_early),)))
put("314-certificate-timestamp-for-another-issuer", "log", "issuer_key_hash", by_cert(issuer_hash=sha(b"other")))
put("315-second-certificate-timestamp-bad", "log", "all that are known must hold", by_cert(sct=((ct_key, ct_key), (ct_key, ct_other))))
put("316-no-name", "malformed", "no subjectAltName", by_cert(san=[], subject=name("somebody")))
put("317-two-names", "malformed", "two subjectAltNames", by_cert(san=[x509.UniformResourceIdentifier(IDENTITY), x509.RFC822Name(mail)]))
put("318-dns-name", "malformed", "a subjectAltName of another kind", by_cert(san=[x509.DNSName("github.com")]))
put("319-self-signed", "log", "the certificate is its own root", make(cert=raw(certificate(name("me"), (k := p256()), name("me"), k, SIGNED - 60, SIGNED + 600, [])), key=k))
root("ct-without-start", lambda r: r["ctlogs"].__setitem__(0, log_of(ct_key, "ct.example.com", start=None)))
put("320-certificate-log-without-start", "log", "validFor.start is missing", make(), "ct-without-start")
put("321-forged-certificate", "log", "name and key identifier are the authority's, the signature is not", by_cert(ca=fulcio_same_name, named=fulcio.key))
put("322-certificate-timestamp-algorithm", "log", "says SHA-384 for a P-256 key", by_cert(sct_algorithm=b"\5\3"))
put("323-certificate-timestamp-of-the-far-future", "log", "beyond all periods", by_cert(sct_time_ms=2**64 - 1))
put("324-empty-list-of-certificate-timestamps", "log", "there but empty", by_cert(sct=[]))

# ---- 4xx logs and signatures ----

put("400-promise-by-another-key", "log", "signed entry timestamp", make(entry_args={"set_key": log1_other}))
put("401-promise-for-another-index", "log", "signed entry timestamp", make(entry_args={"set_edit": {"logIndex": 5}}))
put("402-promise-for-another-time", "log", "signed entry timestamp", make(entry_args={"set_edit": {"integratedTime": SIGNED}}))
put("403-promise-for-another-body", "log", "signed entry timestamp", make(entry_args={"set_edit": {"body": "AAAA"}}))
put("410-path-with-a-wrong-hash", "log", "inclusion", edited(lambda b: first(b)["inclusionProof"]["hashes"].__setitem__(1, b64(bytes(32)))))
put("411-path-too-short", "log", "inclusion", edited(lambda b: first(b)["inclusionProof"]["hashes"].pop()))
put("412-path-too-long", "log", "inclusion", edited(lambda b: first(b)["inclusionProof"]["hashes"].append(b64(bytes(32)))))
put("413-index-of-another-entry", "log", "inclusion", edited(setter(VM, TL, 0, "inclusionProof", "logIndex", "3")))
put("414-index-outside-the-tree", "log", "inclusion", edited(setter(VM, TL, 0, "inclusionProof", "logIndex", "7")))
put("415-root-hash-not-the-checkpoints", "log", "consistency of the proof", edited(setter(VM, TL, 0, "inclusionProof", "rootHash", b64(bytes(32)))))
put("416-size-not-the-checkpoints", "log", "consistency of the proof", edited(setter(VM, TL, 0, "inclusionProof", "treeSize", "8")))
put("417-another-entry-was-logged", "log", "inclusion of other bytes", make(entry_args={"leaf_body": b"other"}))
put("418-v2-indices-differ", "log", "logIndex beside and within the proof", make("hashedrekord-v2", edit=setter(VM, TL, 0, "logIndex", "5")))
put("420-checkpoint-signature", "log", "the log's line does not verify", make(entry_args={"point": {"signature": sign(log1, b"other")}}))
put("421-checkpoint-signature-v2", "log", "the log's line does not verify", make("hashedrekord-v2", entry_args={"point": {"signature": bytes(64)}}))
put("422-checkpoint-of-another-origin", "log", "signed by the log's key, for another log", make(entry_args={"point": {"origin": "other.example.com - 1"}}))
put("423-checkpoint-origin-goes-on", "log", "the host is but a prefix", make("hashedrekord-v2", entry_args={"point": {"origin": HOST2 + ".evil"}}))
put("424-checkpoint-of-another-log", "log", "a log of the root, not of the entry", make(entry_args={"point": {"key": log1_other, "host": HOST1_OTHER, "origin": None}}))
put("425-checkpoint-key-name", "log", "the line has another name", make(entry_args={"point": {"signer_name": "other.example.com"}}))
put("426-checkpoint-key-id", "log", "the line has another id", make(entry_args={"point": {"key_id": b"\1\2\3\4"}}))
put("427-checkpoint-without-size", "log", "two lines", edited(lambda b: first(b)["inclusionProof"]["checkpoint"].update(envelope=first(b)["inclusionProof"]["checkpoint"]["envelope"].replace("\n7\n", "\n", 1))))
put("428-unknown-log", "log", "a log that the root does not have", make(log=(log_unknown, "unknown.example.com")))
put("429-wrong-log-key", "log", "another log's key under this log's id", make(entry_args={"set_key": log_unknown, "point": {"key": log_unknown}}))
root("log-without-start", lambda r: r["tlogs"].__setitem__(1, log_of(log2, HOST2, start=None)))
put("430-log-key-without-start", "log", "validFor.start is missing", make("hashedrekord-v2"), "log-without-start")
root("log-retired", lambda r: r["tlogs"].__setitem__(1, log_of(log2, HOST2, end=SIGNED)))
put("431-log-key-retired", "log", "validFor of the log ended", make("hashedrekord-v2"), "log-retired")
root("log-later", lambda r: r["tlogs"].__setitem__(0, log_of(log1, HOST1, start=SIGNED + 3)))
put("432-log-key-not-yet", "log", "validFor of the log begins later", make(), "log-later")


def unknown_kind_root(r):
    r["tlogs"][0]["publicKey"].update(rawBytes=unknown_key["publicKey"]["rawBytes"], keyDetails="PKIX_ML_DSA_44")


root("log-of-unknown-kind", unknown_kind_root)
put("433-log-key-of-unknown-kind", "unsupported", "ML-DSA", make(), "log-of-unknown-kind")
put("440-signature-by-another-key", "log", "everything else is consistent", make(by=p256()))
put("441-envelope-by-another-key", "log", "everything else is consistent", make("dsse-v1", by=p256()))
put("442-managed-key-by-another", "log", "everything else is consistent", make(managed=True, by=p256()))
other_key = p256()
put("443-signature-of-the-payload-alone", "log", "not of the PAE", make("dsse-v1", key=other_key, signature=sign(other_key, statement())))
put("444-managed-p384-plain", "unsupported", "its SHA-384 is not known", make(managed=True, key=(k := ec.generate_private_key(ec.SECP384R1())), signature=k.sign(ARTIFACT, ec.ECDSA(Prehashed(hashes.SHA256())))))

# ---- 5xx time ----

v2 = "hashedrekord-v2"


def stamped(**args):
    return make(v2, stamps=[args])


put("500-no-time-source", "log", "Rekor v2 tells no time", make(v2, stamps=[]))
put("501-no-promise-no-stamp", "log", "integratedTime alone is nobody's word", make(entry_args={"promise": False}, edit=setter(VM, TL, 0, "integratedTime", str(SIGNED))))
put("502-promise-in-the-future", "log", "integratedTime after now", make(), now=SIGNED - 100)
put("503-promise-after-the-certificate", "log", "signed in time, logged too late", make(entry_args={"time": SIGNED + 600}, stamps=[{}]))
put("504-promise-in-the-farthest-future", "log", "2^63 - 1 seconds", make(entry_args={"time": 2**63 - 1}))
put("510-stamp-on-another-signature", "log", "messageImprint", stamped(imprint=sha(b"other")))
put("511-stamp-by-the-same-name", "log", "another key's authority", stamped(signer=(s := tsa_leaf(tsa_same_name)), embed=[s[1], tsa_same_name.cert]))
put("512-stamp-by-unknown-authority", "log", "with its certificates", stamped(signer=(s := tsa_leaf(tsa_other)), embed=[s[1], tsa_other.cert, tsa_other.root]))
put("513-stamp-without-certificate", "log", "by nobody that is known", stamped(signer=tsa_leaf(tsa_other)))
put("514-stamp-before-its-certificate", "log", "the signer's certificate begins later", stamped(time=FROM - 10))
root("tsa-later", lambda r: r["timestampAuthorities"].__setitem__(0, authority_of([tsa_signer[1]] + tsa.chain, start=SIGNED + 2)))
put("515-authority-begins-later", "log", "validFor of the authority", stamped(), "tsa-later")
put("516-fraction-after-the-authority", "log", "half a second after validFor ends", stamped(fraction=".5"), "tsa-ends")
root("tsa-without-start", lambda r: r["timestampAuthorities"].__setitem__(0, authority_of([tsa_signer[1]] + tsa.chain, start=None)))
put("517-authority-without-start", "log", "validFor.start is missing", stamped(), "tsa-without-start")
put("518-stamp-certificate-expired", "log", "the signer's certificate ended before", stamped(signer=(s := tsa_leaf(tsa, end=SIGNED)), embed=[s[1]]), "tsa-without-leaf")
put("520-stamp-purpose-missing", "log", "no extendedKeyUsage", stamped(signer=(s := tsa_leaf(tsa, purpose=None)), embed=[s[1]]), "tsa-without-leaf")
put("521-stamp-purpose-not-critical", "log", "RFC 3161 section 2.3", stamped(signer=(s := tsa_leaf(tsa, critical=False)), embed=[s[1]]), "tsa-without-leaf")
put("522-stamp-purpose-not-alone", "log", "time stamping among others", stamped(signer=(s := tsa_leaf(tsa, purpose=(EKU.TIME_STAMPING, EKU.CODE_SIGNING))), embed=[s[1]]), "tsa-without-leaf")
put("523-stamp-for-servers", "log", "another purpose", stamped(signer=(s := tsa_leaf(tsa, purpose=(EKU.SERVER_AUTH,))), embed=[s[1]]), "tsa-without-leaf")
root("tsa-for-servers", lambda r: r.update(timestampAuthorities=[authority_of(tsa_web.chain)]))
put("524-stamp-authority-for-servers", "log", "the CA may not issue for time stamping", stamped(signer=(s := tsa_leaf(tsa_web)), embed=[s[1]]), "tsa-for-servers")
put("530-stamp-signature", "log", "by another key than the certificate's", stamped(by=p256()))
put("531-stamp-digest", "log", "the signed attributes are of other content", stamped(digest=sha(b"other")))
put("532-stamp-names-another-certificate", "log", "ESSCertIDv2", stamped(certificate_hash=sha(b"other")))
put("533-stamp-names-a-certificate-by-sha1", "unsupported", "ESSCertID of RFC 2634 alone", stamped(old_id=True))
put("534-stamp-not-granted", "malformed", "status 2", stamped(status=2))
put("535-stamp-with-extensions", "malformed", "of which none is known", stamped(info_extra=der(0xa1, der(0x30, oid("1.2.3"), der(4, b"")))))
put("536-stamp-attribute-twice", "malformed", "two content types", stamped(attributes=[attribute("3", TST)] * 2))
put("537-stamp-in-the-future", "log", "genTime after now", stamped(), now=SIGNED - 100)
put("538-stamp-after-the-certificate", "log", "stamped too late", stamped(time=SIGNED + 600))
put("539-second-stamp-bad", "log", "all that are there must hold", make(v2, stamps=[{}, {"by": p256()}]))
put("540-stamp-is-no-der", "malformed", "other bytes", make(v2, edit=setter(VM, "timestampVerificationData", "rfc3161Timestamps", 0, "signedTimestamp", "AAAA")))
root("no-tsa", lambda r: r.update(timestampAuthorities=[]))
put("541-root-without-authority", "log", "nobody to believe", stamped(), "no-tsa")
put("542-forged-stamp-certificate", "log", "name and key identifier are the authority's, the signature is not", stamped(signer=(s := tsa_leaf(tsa_same_name, named=tsa.key)), embed=[s[1]]), "tsa-without-leaf")

# ---- 6xx what was logged ----

for n, kind in enumerate(KINDS):
    hashed = "digest" if kind.startswith("hashedrekord") else "payload_hash"
    put(f"6{n}0-{kind}-digest", "log", "another digest was logged", make(kind, body={hashed: sha(b"other")}))
    put(f"6{n}1-{kind}-signature", "log", "another signature was logged", make(kind, body={"signature": sign(p256(), b"other")}))
    put(f"6{n}2-{kind}-signer", "log", "another certificate was logged", make(kind, body={"signer": leaf(p256())}))
    if not kind.startswith("hashedrekord"):
        put(f"6{n}3-{kind}-two-signatures", "log", "two signatures were logged", make(kind, body={"count": 2}))
put("603-hashedrekord-v1-sha512", "unsupported", "another digest was logged", make(body={"alg": "sha512", "digest": bytes(64)}))
put("604-hashedrekord-v1-key", "log", "a key was logged in place of a certificate", make(body={"signer": b"\x30\x00"}))
put("650-unknown-kind", "unsupported", "rfc3161 0.0.1", edited(setter(VM, TL, 0, "kindVersion", {"kind": "rfc3161", "version": "0.0.1"})))
put("651-unknown-version", "unsupported", "hashedrekord 0.0.3", edited(setter(VM, TL, 0, "kindVersion", {"kind": "hashedrekord", "version": "0.0.3"})))
put("652-kind-is-not-the-bodys", "log", "kindVersion against the body", make(body={"apart": {"kind": "dsse"}}))
put("653-version-is-not-the-bodys", "log", "kindVersion against the body", make(body={"apart": {"apiVersion": "0.0.2"}}))
put("654-envelope-kind-for-a-message", "log", "dsse for a plain signature", make("dsse-v1", dsse=False))
put("655-body-is-no-json", "malformed", "other bytes", edited(setter(VM, TL, 0, "canonicalizedBody", "AAAA"), entry_args={"promise": False, "leaf_body": bytes(3)}, stamps=[{}]))

# ---- 7xx who and what ----

put("700-another-identity", "denied", "compared whole", make(), identity=IDENTITY[:-1])
put("701-another-issuer", "denied", "compared whole", make(), issuer=ISSUER + "/")
put("702-pattern-not-anchored", "denied", "the pattern is a prefix", make(), **{"identity-pattern": "https://github.com/example/hello/"})
put("703-star-does-not-cross-a-slash", "denied", "one star", make(), **{"identity-pattern": "https://github.com/*/release.yml@refs/tags/v1.0.0"})
put("704-issuer-missing", "denied", "a certificate without one", by_cert(texts=[]))
put("705-key-expected", "denied", "a certificate signed", make(), key=spki(p256()).hex())
put("706-certificate-expected", "denied", "a key signed", make(managed=True), key=None, identity=IDENTITY, issuer=ISSUER)
put("707-another-managed-key", "log", "the body names the other one", make(managed=True), key=spki(p256()).hex())
put("710-wrong-artifact", "mismatch", "messageDigest", make(), artifact=sha(b"other").hex())
put("711-wrong-artifact-without-digest", "log", "only the log's entry tells", edited(setter("messageSignature", "messageDigest", None)), artifact=sha(b"other").hex())
put("712-wrong-artifact-of-an-envelope", "mismatch", "no such subject", make("dsse-v1"), artifact=sha(b"another").hex())
put("713-message-without-artifact", "unsupported", "nothing to compare with", make(), artifact=None)
put("714-wrong-predicate-type", "denied", "another predicate is asked for", make("dsse-v1"), **{"predicate-type": "https://slsa.dev/provenance/v1"})
put("715-right-predicate-type", "ok", "as asked for", make("dsse-v1"), **{"predicate-type": PREDICATE})
put("716-another-payload-type", "unsupported", "no in-toto statement", make("dsse-v1", payload_type="text/plain"))
put("717-another-statement", "unsupported", "_type", make("dsse-v1", payload=statement(kind="https://in-toto.io/Statement/v9")))
put("718-payload-is-no-json", "malformed", "other bytes", make("dsse-v1", payload=b"hello"))
put("719-name-with-control-character", "malformed", "it would be printed", by_cert(texts=[text_ext(8, ISSUER), text_ext(12, "a\x1bb")]))
put("721-name-with-c1-control", "malformed", "some terminals obey it", by_cert(texts=[text_ext(8, ISSUER), text_ext(12, "a\u009bb")]))
put("722-name-beyond-ascii", "ok", "readable UTF-8", by_cert(texts=[text_ext(8, ISSUER), text_ext(12, "b\u00fccher")]))
put("720-issuer-not-utf8-string", "malformed", "the extension is no DER", by_cert(texts=[(x509.UnrecognizedExtension(x509.ObjectIdentifier(FULCIO + "8"), ISSUER.encode()), False)]))

for title, r in roots.items():
    with open(f"{folder}/{title}.root.json", "wb") as f:
        f.write(compact(r) + b"\n")
