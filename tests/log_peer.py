# SPDX-License-Identifier: Apache-2.0
# An independent side of a log: signs envelopes with the openssl command and believes
# proofs by its own code alone (RFC 9162, C2SP tlog-proof and signed-note).
#   envelope KEY.pem NUMBER        prints a DSSE envelope, canonical
#   prove PROOF ENVELOPE VKEY [WITNESS-VKEY...]   prints index and size, or fails
#   tiles DIR                      prints the root that the entries below DIR have
import base64, hashlib, json, os, subprocess, sys, tempfile

TYPE = "application/vnd.in-toto+json"
sha = lambda *parts: hashlib.sha256(b"".join(parts)).digest()
canonical = lambda o: json.dumps(o, sort_keys=True, separators=(",", ":")).encode()

def openssl(*args, data=b""):
    return subprocess.run(("openssl",) + args, input=data, capture_output=True, check=True).stdout

def with_file(data, use):
    with tempfile.NamedTemporaryFile() as f:
        f.write(data); f.flush()
        return use(f.name)

def envelope(key, number):
    payload = canonical({"number": int(number)})
    pae = b"DSSEv1 %d %s %d %s" % (len(TYPE), TYPE.encode(), len(payload), payload)
    spki = openssl("pkey", "-in", key, "-pubout", "-outform", "DER")
    sign = lambda f: openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", f)
    if b"ED25519" not in openssl("pkey", "-in", key, "-noout", "-text").upper():
        bits = b"384" if b"384" in openssl("pkey", "-in", key, "-noout", "-text") else b"256"
        sign = lambda f: openssl("dgst", "-sha" + bits.decode(), "-sign", key, f)
    return canonical({"payload": base64.b64encode(payload).decode(), "payloadType": TYPE,
        "signatures": [{"keyid": hashlib.sha256(spki).hexdigest(),
            "sig": base64.b64encode(with_file(pae, sign)).decode()}]})

def ed25519(key, message, signature):
    der = bytes.fromhex("302a300506032b6570032100") + key
    pem = b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der) + b"\n-----END PUBLIC KEY-----\n"
    with_file(pem, lambda k: with_file(message, lambda m: with_file(signature, lambda s:
        openssl("pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", k, "-in", m, "-sigfile", s))))

def signed(text, lines, vkey):
    name, ident, key = vkey.split("+", 2)
    raw = base64.b64decode(key)
    assert sha(name.encode(), b"\n", raw)[:4].hex() == ident
    for line in lines:
        _, who, sig = line.split(" ")
        sig = base64.b64decode(sig)
        if who != name or sig[:4].hex() != ident:
            continue
        message, sig = text, sig[4:]
        if raw[0] == 4:
            message = b"cosignature/v1\ntime %d\n" % int.from_bytes(sig[:8], "big") + text
            sig = sig[8:]
        ed25519(raw[1:], message, sig)
        return
    sys.exit("no signature of " + name)

def climb(index, size, leaf, path):
    fn, sn, r = index, size - 1, leaf
    for p in path:
        assert sn > 0
        if fn & 1 or fn == sn:
            r = sha(b"\1", p, r)
            while not fn & 1 and fn:
                fn >>= 1; sn >>= 1
        else:
            r = sha(b"\1", r, p)
        fn >>= 1; sn >>= 1
    assert sn == 0
    return r

def prove(proof, env, *vkeys):
    head, note = open(proof, "rb").read().split(b"\n\n", 1)
    magic, index, *path = head.split(b"\n")
    assert magic == b"c2sp.org/tlog-proof@v1" and index.startswith(b"index ")
    text, lines = note.rsplit(b"\n\n", 1)
    text += b"\n"
    for vkey in vkeys:
        signed(text, lines.decode().splitlines(), vkey)
    origin, size, root = text.decode().splitlines()
    assert origin == vkeys[0].split("+")[0]
    leaf = sha(b"\0", open(env, "rb").read())
    got = climb(int(index[6:]), int(size), leaf, [base64.b64decode(p) for p in path])
    assert got == base64.b64decode(root), "root"
    print(int(index[6:]), size)

def subtree(hashes):
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while 2 * k < len(hashes):
        k *= 2
    return sha(b"\1", subtree(hashes[:k]), subtree(hashes[k:]))

def tiles(where):
    size = int(open(where + "/checkpoint").read().splitlines()[1])
    leaves = []
    for i in range((size + 255) // 256):
        width = min(256, size - 256 * i)
        name = "%s/tile/entries/%03d%s" % (where, i, "" if width == 256 else ".p/%d" % width)
        data = open(name, "rb").read()
        while data:
            n = int.from_bytes(data[:2], "big")
            leaves.append(sha(b"\0", data[2:2 + n]))
            data = data[2 + n:]
    print(base64.b64encode(subtree(leaves)).decode())

if sys.argv[1] == "envelope":
    sys.stdout.buffer.write(envelope(*sys.argv[2:]))
else:
    {"prove": prove, "tiles": tiles}[sys.argv[1]](*sys.argv[2:])
