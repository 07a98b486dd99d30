#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second reader of vectors/log, written from the specifications that README.md there names.

usage: vectors_peer.py VECTORS

It shares no code with src/log; signatures are verified by openssl(1). Whether a vector is accepted must be the same.
Of statements only the form is looked at: 2xx is not canonical, all others are.
"""
import base64, glob, hashlib, json, os, re, subprocess, sys, tempfile

tmp = tempfile.TemporaryDirectory()


class Refused(Exception):
    pass


def need(good):
    if not good:
        raise Refused


def sha(b):
    return hashlib.sha256(b).digest()


def b64(b):
    b = b if isinstance(b, bytes) else b.encode()
    need(re.fullmatch(rb"[A-Za-z0-9+/]*={0,2}", b) and len(b) % 4 == 0)
    raw = base64.b64decode(b)
    need(base64.b64encode(raw) == b)
    return raw


def number(text):
    need(re.fullmatch("0|[1-9][0-9]*", text))
    need(int(text) < 2**63)
    return int(text)


def verify(spki, signature, message):
    for name, data in ("key", spki), ("sig", signature), ("msg", message):
        with open(f"{tmp.name}/{name}", "wb") as f:
            f.write(data)
    need(subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", f"{tmp.name}/key", "-rawin",
                         "-in", f"{tmp.name}/msg", "-sigfile", f"{tmp.name}/sig"], capture_output=True).returncode == 0)


# ---- trees: RFC 9162 2.1 ----
def node(left, right):
    return sha(b"\1" + left + right)


def up(fn, sn):
    while not fn & 1 and fn:
        fn, sn = fn >> 1, sn >> 1
    return fn, sn


def inclusion(index, size, leaf, path, root):
    need(index < size)
    fn, sn, r = index, size - 1, leaf
    for p in path:
        need(sn)
        if fn & 1 or fn == sn:
            r = node(p, r)
            fn, sn = up(fn, sn)
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0 and r == root)


def consistency(old, old_root, size, root, path):
    need(old <= size)
    if old in (0, size):
        need(not path and old_root == (root if old == size else sha(b"")))
        return need(size or root == sha(b""))
    need(path)
    path = ([old_root] if old & (old - 1) == 0 else []) + path
    fn, sn = old - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for p in path[1:]:
        need(sn)
        if fn & 1 or fn == sn:
            fr, sr = node(p, fr), node(p, sr)
            fn, sn = up(fn, sn)
        else:
            sr = node(sr, p)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0 and fr == old_root and sr == root)


def hashes(lines):
    need(len(lines) <= 63 and all(len(l) == 44 and len(b64(l)) == 32 for l in lines))
    return [b64(l) for l in lines]


# ---- notes ----
def name(text):
    need(text and "+" not in text and not re.search(r"\s", text))
    return text


def key(text):
    need(text.count("+") >= 2)
    who, id, rest = text.split("+", 2)
    raw = b64(rest)
    need(len(raw) == 33 and raw[0] in (1, 4) and sha(name(who).encode() + b"\n" + raw)[:4].hex() == id)
    return who, bytes.fromhex(id), raw[0], raw[1:]


def note(b, keys):
    """Its text, and what each known key that signed says of the time."""
    b.decode()
    need(all(c >= 32 or c == 10 for c in b) and b.endswith(b"\n"))
    text, blank, rest = b.rpartition(b"\n\n")
    lines = rest.split(b"\n")[:-1]
    need(blank and 1 <= len(lines) <= 100)
    text, good = text + b"\n", {}
    for line in lines:
        need(line.startswith("\u2014 ".encode()) and line.count(b" ") == 2)
        who, raw = name(line.split(b" ")[1].decode()), b64(line.split(b" ")[2])
        need(len(raw) >= 5)
        for k in keys:
            if (who, raw[:4]) != k[:2]:
                continue
            message, signature, time = text, raw[4:], 0
            if k[2] == 4:
                time, signature = int.from_bytes(raw[4:12], "big"), raw[12:]
                need(0 < time < 2**63)
                message = b"cosignature/v1\ntime %d\n" % time + text
            verify(bytes.fromhex("302a300506032b6570032100") + k[3], signature, message)
            good[k] = time
    return text, good


def checkpoint(text):
    lines = text.decode().split("\n")[:-1]
    need(len(lines) >= 3 and all(lines[:1] + lines[3:]) and len(b64(lines[2])) == 32)
    return lines[0], number(lines[1]), b64(lines[2])


# ---- trust ----
def trust(text):
    logs, witnesses, groups, used, quorum = [], {}, {}, [], []
    for line in re.split("\n", text):
        word = [w for w in re.split("[ \t]", line) if w]
        if not word or word[0][0] == "#":
            continue
        if word[0] == "log":
            need(len(word) in (2, 3) and key(word[1])[2] == 1)
            logs.append(key(word[1]))
        elif word[0] == "witness":
            need(len(word) in (3, 4) and key(word[2])[2] == 4)
            need(word[1] not in {"none", *witnesses, *groups})
            witnesses[word[1]] = key(word[2])
        elif word[0] == "group":
            need(len(word) > 3 and word[1] not in {"none", *witnesses, *groups})
            k = {"all": len(word) - 3, "any": 1}.get(word[2]) or number(word[2])
            need(1 <= k <= len(word) - 3 and all(m in witnesses or m in groups for m in word[3:]))
            groups[word[1]] = k, word[3:]
            used += word[3:]
        else:
            need(word[0] == "quorum" and len(word) == 2 and word[1] in {"none", *witnesses, *groups})
            quorum.append(word[1])
    raw = [k[3] for k in logs + list(witnesses.values())]
    need(logs and len(quorum) == 1 and len(set(raw)) == len(raw) and len(set(used)) == len(used))
    need(len(logs) <= 32 and len(groups) <= 32 and len(witnesses) <= 60)
    return logs, witnesses, groups, quorum[0]


def met(policy, cosigned, what):
    if what in policy[2]:
        k, members = policy[2][what]
        return sum(met(policy, cosigned, m) for m in members) >= k
    return what == "none" or what in cosigned


# ---- each kind ----
def kind_proof(f, b):
    b.decode()
    need(b.endswith(b"\n") and not re.search(rb"[\0-\x09\x0b-\x1f]", b))
    policy = trust(json.loads(f["trust"]))
    head, blank, point = b.partition(b"\n\n")
    lines = head.decode().split("\n")
    need(blank and lines.pop(0) == "c2sp.org/tlog-proof@v1")
    entry = b64(lines.pop(0)[6:]) if lines and lines[0].startswith("extra ") else b64(f.get("entry", ""))
    need(lines and lines[0].startswith("index "))
    index, path = number(lines[0][6:]), hashes(lines[1:])
    text, good = note(point, policy[0] + list(policy[1].values()))
    origin, size, root = checkpoint(text)
    need(any(k[0] == origin and k in good for k in policy[0]))
    need(met(policy, [w for w in policy[1] if policy[1][w] in good], policy[3]))
    inclusion(index, size, sha(b"\0" + entry), path, root)


def kind_trust(f, b):
    policy = trust(b.decode())
    need("cosigned" not in f or met(policy, f["cosigned"].split(" "), policy[3]))


def kind_witness(f, b):
    head, blank, point = b.partition(b"\n\n")
    lines = head.decode().split("\n")
    keys = [key(k) for k in f["keys"].split(" ")]
    need(blank and lines[0].startswith("old "))
    old, path = number(lines[0][4:]), hashes(lines[1:])
    text, good = note(point, keys)
    origin, size, root = checkpoint(text)
    need(any(k[0] == origin for k in good) and old == int(f.get("old-size", 0)))
    consistency(old, b64(f["old-root"]) if "old-root" in f else sha(b""), size, root, path)


def kind_tile_name(f, b):
    m = re.fullmatch(r"tile/(entries|0|[1-9]\d?)/((?:x\d{3}/)*)(\d{3})(?:\.p/([1-9]\d{0,2}))?", b.decode(), re.ASCII)
    need(m and not m[2].startswith("x000"))
    n = int(m[2].replace("x", "").replace("/", "") + m[3])
    need((m[1] == "entries" or int(m[1]) < 64) and n < 2**64 and int(m[4] or 1) < 256)
    need(f["tile"] == f"{m[1]} {n} {m[4] or 256}")


def kind_bundle(f, b):
    n = 0
    while b:
        need(len(b) >= 2 and len(b) >= 2 + int.from_bytes(b[:2], "big"))
        b, n = b[2 + int.from_bytes(b[:2], "big"):], n + 1
    need(n == int(f["entries"]))


def pairs(p):
    need(len(dict(p)) == len(p) and all(k.isascii() for k, _ in p))
    return dict(p)


def plain(x):
    need(x is not None and not isinstance(x, float) and (not isinstance(x, int) or abs(x) < 2**53))
    need(not isinstance(x, str) or "\0" not in x)
    for y in x.values() if isinstance(x, dict) else x if isinstance(x, list) else ():
        plain(y)


def depth(x):
    return 1 + max(map(depth, x.values() if isinstance(x, dict) else x), default=0) if isinstance(x, (dict, list)) else 0


def canonical(b):
    j = json.loads(b.decode(), object_pairs_hook=pairs)
    need(isinstance(j, dict) and depth(j) <= 32)
    plain(j)
    need(json.dumps(j, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == b)
    return j


def kind_envelope(f, b):
    j = canonical(b)
    need(len(b) <= 65535 and set(j) == {"payload", "payloadType", "signatures"} and len(j["signatures"]) == 1)
    one = j["signatures"][0]
    need(set(one) == {"keyid", "sig"} and isinstance(one["keyid"], str) and isinstance(j["payload"], str))
    type, payload = j["payloadType"].encode(), b64(j["payload"])
    need(type == b"application/vnd.in-toto+json")
    canonical(payload)
    verify(b64(f["publisher"]), b64(one["sig"]), b"DSSEv1 %d %s %d %s" % (len(type), type, len(payload), payload))


def kind_path(f, b):
    path = hashes(b.decode().split("\n")[:-1])
    if f["kind"] == "inclusion":
        return inclusion(int(f["index"]), int(f["size"]), b64(f["leaf"]), path, b64(f["root"]))
    return consistency(int(f["old-size"]), b64(f["old-root"]), int(f["size"]), b64(f["root"]), path)


def kind_note(f, b):
    text, good = note(b, [key(k) for k in f["keys"].split(" ")])
    need(good)
    if f["kind"] != "note":
        origin = checkpoint(text)[0]
        need(f["kind"] != "checkpoint" or origin == list(good)[0][0])
        need("time" not in f or list(good.values()) == [int(f["time"])])


kinds = {"note": kind_note, "checkpoint": kind_note, "cosignature": kind_note, "key": lambda f, b: key(b.decode()),
         "inclusion": kind_path, "consistency": kind_path, "tile-name": kind_tile_name, "bundle": kind_bundle,
         "proof": kind_proof, "trust": kind_trust, "witness": kind_witness, "envelope": kind_envelope,
         "statement": lambda f, b: canonical(b)}
seen, bad = {}, 0
for path in sorted(glob.glob(f"{sys.argv[1]}/log/*.vec")):
    with open(path, "rb") as file:
        head, body = file.read().split(b"\n\n", 1)
    f = dict(line.split(": ", 1) for line in head.decode().split("\n"))
    body = base64.b64decode(body) if f["payload"] == "base64" else body[:-1] if f["payload"] == "line" else body
    form = f["kind"] == "statement" and os.path.basename(path)[0] != "2"
    try:
        kinds[f["kind"]](f, body)
        got = True
    except (Refused, UnicodeError, json.JSONDecodeError):
        got = False
    if got != (form or f["expect"] == "ok"):
        print(f"not ok - {path}: expected {f['expect']}, {'accepted' if got else 'refused'} by another reader")
        bad += 1
    seen[f["kind"]] = seen.get(f["kind"], 0) + 1
for kind in kinds:
    print(f"{'ok' if seen.get(kind) else 'not ok'} - {seen.get(kind, 0)} vectors of kind {kind}")
    bad += not seen.get(kind)
sys.exit(bad > 0)
