#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Releases for tests/rebuild.sh, and a second reader of what `selfsame rebuild` signs.

usage: rebuild_peer.py release STATEMENT DIR KEY    DIR/released.{statement.json,envelope.json,tlog-proof}
       rebuild_peer.py verify ENVELOPE STATEMENT PUBLIC-KEY
       rebuild_peer.py extra|commit|tar|garbage …   variants, see below

Signing and verifying is openssl's; nothing of selfsame is used.
"""
import base64, hashlib, json, os, subprocess, sys, tempfile


def canonical(j):
    return json.dumps(j, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def openssl(*argv):
    return subprocess.run(("openssl",) + argv, check=True, capture_output=True).stdout


def pae(kind, body):
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(body), body)


def load(path):
    with open(path, "rb") as f:
        return json.load(f)


def store(path, data):
    with open(path, "wb") as f:
        f.write(data)


def published(statement):
    """What `publish` adds: sequence, source, validity."""
    p = statement["predicate"]
    p["release"]["sequence"] = 7
    p["source"] = {"digest": {"gitCommit": "4b825dc642cb6eb9a060e54bf8d69288fbee4904"}, "uri": "git+https://git.example/hello"}
    p["validity"] = {"notBefore": "2026-01-01T00:00:00Z", "notAfter": "2026-12-31T00:00:00Z"}
    return canonical(statement)


def sign(payload, key):
    kind = "application/vnd.in-toto+json"
    with tempfile.NamedTemporaryFile() as f:
        f.write(pae(kind, payload))
        f.flush()
        sig = openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", f.name)
    spki = openssl("pkey", "-in", key, "-pubout", "-outform", "DER")
    return canonical({"payload": base64.b64encode(payload).decode(), "payloadType": kind,
                      "signatures": [{"keyid": hashlib.sha256(spki).hexdigest(), "sig": base64.b64encode(sig).decode()}]})


def proof(envelope, extra=True):
    """A log of this entry alone; nobody signed its checkpoint, which `rebuild` does not ask."""
    root = base64.b64encode(hashlib.sha256(b"\0" + envelope).digest()).decode()
    head = "c2sp.org/tlog-proof@v1\n" + (f"extra {base64.b64encode(envelope).decode()}\n" if extra else "") + "index 0\n\n"
    return (head + f"log.example/x\n1\n{root}\n\n\u2014 log.example/x {base64.b64encode(bytes(68)).decode()}\n").encode()


def release(path, out, key):
    payload = published(load(path))
    envelope = sign(payload, key)
    store(f"{out}/released.statement.json", payload)
    store(f"{out}/released.envelope.json", envelope)
    store(f"{out}/released.tlog-proof", proof(envelope))


def verify(envelope, statement, public):
    raw = open(envelope, "rb").read()
    j = json.loads(raw)
    payload = base64.b64decode(j["payload"], validate=True)
    assert raw == canonical(j) and payload == open(statement, "rb").read() == canonical(json.loads(payload))
    spki = openssl("pkey", "-pubin", "-in", public, "-outform", "DER")
    (one,) = j["signatures"]
    assert one["keyid"] == hashlib.sha256(spki).hexdigest()
    with tempfile.NamedTemporaryFile() as m, tempfile.NamedTemporaryFile() as s:
        m.write(pae(j["payloadType"], payload)), m.flush()
        s.write(base64.b64decode(one["sig"])), s.flush()
        openssl("pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", public, "-in", m.name, "-sigfile", s.name)
    p = json.loads(payload)
    assert p["_type"] == "https://in-toto.io/Statement/v1"
    assert p["predicateType"] == "https://selfsame.dev/predicate/tee-rebuild/v1"
    assert set(p["predicate"]) == {"statement", "result", "rebuilt", "environment"} and p["subject"]


def extra(path, out):
    j = load(path)
    items = j["predicate"]["measurements"]
    items[0]["pcr"]["0"].append("ab" * 48)
    items.append({"artifact": "image.eif", "mrtd": ["cd" * 48], "rtmr": {}, "tee": "intel-tdx"})
    store(out, canonical(j))


def commit(path, which, out):
    j = load(path)
    j["predicate"]["source"]["digest"]["gitCommit"] = which
    store(out, canonical(j))


def tar(path, source, out):
    j = load(path)
    sha256 = hashlib.sha256(open(source, "rb").read()).hexdigest()
    j["predicate"]["source"] = {"digest": {"sha256": sha256}, "uri": "https://example.com/x.tar"}
    store(out, canonical(j))


def garbage(prefix, out):
    """DIR/<what is wrong>.<exit status>"""
    statement, envelope = load(prefix + ".statement.json"), load(prefix + ".envelope.json")
    os.makedirs(out)

    def put(name, status, data):
        store(f"{out}/{name}.{status}", data if isinstance(data, bytes) else canonical(data))

    def changed(path, value):
        j = json.loads(canonical(statement))
        at = j
        for k in path[:-1]:
            at = at[k]
        if value is None:
            del at[path[-1]]
        else:
            at[path[-1]] = value
        return j

    raw = canonical(envelope)
    put("an empty file", 10, b"")
    put("text", 10, b"hello\n")
    put("bytes", 10, bytes(range(256)))
    put("half an object", 10, canonical(statement)[:400])
    put("a list", 10, b"[]")
    put("an empty object", 10, b"{}")
    put("a statement with white space", 10, json.dumps(statement).encode())
    put("a statement with a newline", 10, canonical(statement) + b"\n")
    put("another predicate", 11, changed(["predicateType"], "https://slsa.dev/provenance/v1"))
    put("another type", 11, changed(["_type"], "https://in-toto.io/Statement/v0.1"))
    put("no files", 10, changed(["subject"], []))
    put("files without digests", 10, changed(["subject"], [{"name": "image.eif"}]))
    put("files whose digest is a number", 10, changed(["subject"], [{"name": "image.eif", "digest": {"sha256": 7}}]))
    put("a measurement of no TEE beside a good one", 10,
        changed(["predicate", "measurements"], statement["predicate"]["measurements"] + [{"pcr": {}}]))
    put("one file twice, with two digests", 10, changed(["subject"], statement["subject"] + [
        {"name": "image.eif", "digest": {"sha256": "ab" * 32}}]))
    put("an envelope of what is not published yet", 10,
        dict(envelope, payload=base64.b64encode(canonical(changed(["predicate", "validity"], None))).decode()))
    put("too many files", 10, changed(["subject"], [
        {"name": "f%d" % i, "digest": {"sha256": "ab" * 32}} for i in range(1025)]))
    put("no measurements", 10, changed(["predicate", "measurements"], []))
    put("measurements without a TEE", 10, changed(["predicate", "measurements"], [{"pcr": {}}]))
    put("measurements of TEEs that cannot be built", 11, changed(["predicate", "measurements"], [{"tee": "tpm2", "pcr": {"4": "00"}}]))
    put("no predicate", 10, changed(["predicate"], None))
    put("an envelope with white space", 10, json.dumps(envelope).encode())
    put("an envelope of something else", 11, canonical(dict(envelope, payloadType="text/plain")))
    put("an envelope with two signatures", 10, dict(envelope, signatures=envelope["signatures"] * 2))
    put("an envelope of no base64", 10, dict(envelope, payload="*"))
    put("an envelope whose statement is not canonical", 10,
        dict(envelope, payload=base64.b64encode(json.dumps(statement).encode()).decode()))
    put("a proof without a release", 10, proof(raw, extra=False))
    put("a proof of text", 10, proof(b"hello"))
    put("a proof cut short", 10, proof(raw)[:300])
    put("a proof of another version", 10, proof(raw).replace(b"proof@v1", b"proof@v2"))
    put("a file too large", 10, b"{" * ((1 << 20) + 1))


{f.__name__: f for f in (release, verify, extra, commit, tar, garbage)}[sys.argv[1]](*sys.argv[2:])
