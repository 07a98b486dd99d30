#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A log that asks a witness, written from C2SP tlog-witness, tlog-cosignature and RFC 9162 alone.

usage: witness_peer.py URL VKEY LOGKEY.pem ORIGIN

It shares no code with what it tests: trees by their recursive definition, signatures by openssl(1).
Prints one line for each thing that it saw, and exits with 1 when one was not as it should be.
"""
import base64, hashlib, subprocess, sys, tempfile, time, urllib.error, urllib.request

url, vkey, log_key, origin = sys.argv[1:5]
bad = 0


def check(what, good, got=""):
    global bad
    print(f"{'ok' if good else 'not ok'} - {what}" + ("" if good else f": got {got}"))
    bad += not good


# ---- trees: RFC 9162 2.1 ----
def sha(b):
    return hashlib.sha256(b).digest()


def split(n):
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def root(leaves):
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return sha(b"\0" + leaves[0])
    k = split(len(leaves))
    return sha(b"\1" + root(leaves[:k]) + root(leaves[k:]))


def consistency(m, leaves, whole=True):
    n = len(leaves)
    if m == n:
        return [] if whole else [root(leaves)]
    k = split(n)
    if m <= k:
        return consistency(m, leaves[:k], whole) + [root(leaves[k:])]
    return consistency(m - k, leaves[k:], False) + [root(leaves[:k])]


def proof(old, leaves):
    return consistency(old, leaves) if old > 0 else []


# ---- notes ----
def openssl(*args):
    return subprocess.run(["openssl", *args], capture_output=True)


def write(data):
    f = tempfile.NamedTemporaryFile()
    f.write(data)
    f.flush()
    return f


def key_id(name, kind, public):
    return sha(name.encode() + b"\n" + bytes([kind]) + public)[:4]


log_public = openssl("pkey", "-in", log_key, "-pubout", "-outform", "DER").stdout[-32:]


def checkpoint(leaves):
    text = f"{origin}\n{len(leaves)}\n{base64.b64encode(root(leaves)).decode()}\n"
    with write(text.encode()) as message:
        signature = openssl("pkeyutl", "-sign", "-rawin", "-inkey", log_key, "-in", message.name).stdout
    assert len(signature) == 64
    line = base64.b64encode(key_id(origin, 1, log_public) + signature).decode()
    return text, f"{text}\n\u2014 {origin} {line}\n"


def cosigned(text, lines, began):
    """Is there exactly one line, by the witness, over this text, of now?"""
    name, hexid, key = vkey.split("+", 2)
    raw = base64.b64decode(key)
    rows = lines.split("\n")
    if raw[0] != 4 or key_id(name, 4, raw[1:]).hex() != hexid or len(rows) != 2 or rows[1] != "":
        return False
    dash, who, payload = rows[0].split(" ")
    payload = base64.b64decode(payload)
    when = int.from_bytes(payload[4:12], "big")
    message = f"cosignature/v1\ntime {when}\n{text}".encode()
    spki = bytes.fromhex("302a300506032b6570032100") + raw[1:]
    with write(spki) as k, write(message) as m, write(payload[12:]) as s:
        verified = openssl("pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", k.name,
                           "-in", m.name, "-sigfile", s.name)
    return (dash == "\u2014" and who == name and payload[:4].hex() == hexid and len(payload) == 76 and
            int(began) <= when <= time.time() + 1 and verified.returncode == 0)


# ---- HTTP ----
def http(path, body=None):
    try:
        with urllib.request.urlopen(urllib.request.Request(url + path, data=body), timeout=20) as r:
            return r.status, r.headers["content-type"], r.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.headers["content-type"], e.read().decode()


def add(old, leaves, hashes):
    text, note = checkpoint(leaves)
    lines = "".join(base64.b64encode(h).decode() + "\n" for h in hashes)
    began = time.time()
    status, kind, body = http("/add-checkpoint", f"old {old}\n{lines}\n{note}".encode())
    return status, kind, body, status == 200 and cosigned(text, body, began)


honest = [f"entry {i}".encode() for i in range(40)]
other = [b"another beginning"] + honest[1:]

where = f"/{sha(origin.encode()).hex()}/checkpoint"
check("nothing is shown of a log that was never cosigned", http(where)[0] == 404)
old = 0
for size in 0, 1, 2, 5, 5, 8, 21:
    status, _, body, good = add(old, honest[:size], proof(old, honest[:size]))
    check(f"from {old} to {size} is cosigned", good, (status, body))
    old = size

# A log that has forgotten, is told, and proves from there.
status, kind, body, _ = add(5, honest[:30], proof(5, honest[:30]))
check("another old size is a conflict", status == 409, status)
check("of this type", kind == "text/x.tlog.size", kind)
check("that says the size", body == "21\n", body)
status, _, body, good = add(int(body), honest[:30], proof(21, honest[:30]))
check("from which it is cosigned", good, (status, body))

# Forks.
check("another tree of this size is refused", add(30, other[:30], [])[0] == 422)
check("one that grows from another beginning too", add(30, other[:35], proof(30, other[:35]))[0] == 422)
check("and the honest proof does not help it", add(30, other[:35], proof(30, honest[:35]))[0] == 422)
check("nor is a smaller one cosigned again", add(21, honest[:25], proof(21, honest[:25]))[0] == 409)
check("an old size above the checkpoint's is malformed", add(31, honest[:30], [])[0] == 400)
status, _, body, good = add(30, honest[:40], proof(30, honest[:40]))
check("the honest tree goes on", good, (status, body))

status, _, body = http(where)
text, note = checkpoint(honest[:40])
check("the last checkpoint is shown", status == 200 and body.startswith(note), body)
check("with its cosignature", cosigned(text, body[len(note):], time.time() - 60), body)
sys.exit(bad > 0)
