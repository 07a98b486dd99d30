#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# usage: proof_peer.py PROOF TRUST PUBLISHER.pem [WITNESSES-NEEDED]
# Another reader of proof files, of no code of ours: trees by RFC 9162, notes by C2SP,
# signatures by openssl. Prints the statement's release, or says what does not hold.
import base64, hashlib, json, subprocess, sys, tempfile


def verify(spki, message, signature):
    with tempfile.NamedTemporaryFile() as k, tempfile.NamedTemporaryFile() as m, tempfile.NamedTemporaryFile() as s:
        for f, data in (k, spki), (m, message), (s, signature):
            f.write(data)
            f.flush()
        return subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", k.name, "-rawin",
                               "-in", m.name, "-sigfile", s.name], capture_output=True).returncode == 0


def spki(raw):
    return bytes.fromhex("302a300506032b6570032100") + raw


def keys_of(trust):
    """{(name, id): (type, raw key)} of the logs and witnesses of a trust policy."""
    found = {}
    for line in trust.splitlines():
        words = line.split()
        if words[:1] == ["log"] or words[:1] == ["witness"]:
            name, id_, text = words[1 if words[0] == "log" else 2].split("+", 2)
            raw = base64.b64decode(text)
            assert hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4].hex() == id_, "key id"
            found[name, id_] = raw[0], raw[1:]
    return found


def signers(note, keys):
    text, _, lines = note.rpartition("\n\n")
    text += "\n"
    good = set()
    for line in lines.splitlines():
        dash, name, blob = line.split(" ")
        assert dash == "\u2014", "dash"
        blob = base64.b64decode(blob, validate=True)
        kind, raw = keys.get((name, blob[:4].hex()), (None, None))
        if kind == 1:
            assert verify(spki(raw), text.encode(), blob[4:]), f"signature of {name}"
        elif kind == 4:
            time = int.from_bytes(blob[4:12], "big")
            said = f"cosignature/v1\ntime {time}\n{text}"
            assert verify(spki(raw), said.encode(), blob[12:]), f"cosignature of {name}"
        else:
            continue
        good.add((kind, name))
    return text, good


def climb(index, size, leaf, path):
    at, last, node = index, size - 1, leaf
    for p in path:
        assert last > 0, "path too long"
        if at & 1 or at == last:
            node = hashlib.sha256(b"\1" + p + node).digest()
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\1" + node + p).digest()
        at, last = at >> 1, last >> 1
    assert last == 0, "path too short"
    return node


def main():
    proof, trust = (open(p, encoding="utf-8").read() for p in sys.argv[1:3])
    needed = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    head, _, note = proof.partition("\n\n")
    lines = head.split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1", "first line"
    assert lines[1].startswith("extra ") and lines[2].startswith("index "), "extra and index"
    envelope, index = base64.b64decode(lines[1][6:], validate=True), int(lines[2][6:])
    text, good = signers(note, keys_of(trust))
    assert any(kind == 1 for kind, _ in good), "no log signed"
    assert sum(kind == 4 for kind, _ in good) >= needed, "too few witnesses"
    _, size, root = text.split("\n")[:3]
    leaf = hashlib.sha256(b"\0" + envelope).digest()
    path = [base64.b64decode(l, validate=True) for l in lines[3:]]
    assert climb(index, int(size), leaf, path) == base64.b64decode(root), "not in the tree"
    e = json.loads(envelope)
    payload, kind = base64.b64decode(e["payload"]), e["payloadType"].encode()
    pae = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    der = subprocess.run(["openssl", "pkey", "-pubin", "-in", sys.argv[3], "-outform", "DER"], capture_output=True).stdout
    assert e["signatures"][0]["keyid"] == hashlib.sha256(der).hexdigest(), "key id of the publisher"
    assert verify(der, pae, base64.b64decode(e["signatures"][0]["sig"])), "signature of the publisher"
    s = json.loads(payload)
    again = json.dumps(s, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert again == payload, "not canonical"
    print(s["predicateType"].split("/")[-2], index, size, hashlib.sha256(payload).hexdigest())


try:
    main()
except AssertionError as e:
    sys.exit(f"refused: {e}")
