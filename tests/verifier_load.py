# SPDX-License-Identifier: Apache-2.0
"""verifier_load.py BASE KEY EVIDENCE QUERY SECONDS THREADS [--check]

Asks for tokens over kept connections until the time is over or the service is gone.
Prints the answers by status, and writes the jti of each token it got to standard
error. --check: each token must verify by the keys of /jwks.json as they were at most a
second ago, as a relying party that caches them would have them."""
import base64
import collections
import http.client
import json
import sys
import threading
import time
import urllib.request

base, key, evidence, query, seconds, threads = sys.argv[1:7]
check = "--check" in sys.argv
body = open(evidence, "rb").read()
host = base.split("://")[1]
end = time.time() + float(seconds)
counts, jtis, lock = collections.Counter(), [], threading.Lock()
keys, kids = {}, set()


def decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def fetch_keys():
    found = {}
    for k in json.load(urllib.request.urlopen(base + "/jwks.json", timeout=10))["keys"]:
        found[k["kid"]] = k
    keys.clear()
    keys.update(found)


def refresh():
    while time.time() < end:
        fetch_keys()
        time.sleep(1)


def verifies(token):
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    head, payload, sig = token.split(".")
    kid = json.loads(decode(head))["kid"]
    kids.add(kid)
    k = keys.get(kid)
    if k is None:
        return "unknown-key"
    x, y = (int.from_bytes(decode(k[n]), "big") for n in "xy")
    raw = decode(sig)
    der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    try:
        ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key().verify(
            der, (head + "." + payload).encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return "bad-signature"
    return "good"


def ask():
    conn = http.client.HTTPConnection(host, timeout=20)
    while time.time() < end:
        try:
            conn.request("POST", "/v1/verify?" + query, body,
                         {"Authorization": "Bearer " + key, "Content-Type": "application/octet-stream"})
            answer = conn.getresponse()
            text = answer.read().decode()
        except OSError:
            with lock:
                counts["gone"] += 1
            return
        except http.client.HTTPException:
            with lock:
                counts["gone"] += 1
            return
        word = str(answer.status)
        if answer.status == 200:
            jti = json.loads(decode(text.split(".")[1]))["jti"]
            if check:
                word = verifies(text)
        with lock:
            counts[word] += 1
            if answer.status == 200:
                jtis.append(jti)


if check:
    fetch_keys()
    threading.Thread(target=refresh, daemon=True).start()
running = [threading.Thread(target=ask) for _ in range(int(threads))]
for t in running:
    t.start()
for t in running:
    t.join()
for word in sorted(counts):
    print(word, counts[word])
print("keys", len(kids))
sys.stderr.write("".join(j + "\n" for j in jtis))
