#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Opens what the verifier gives, with another program's cryptography (pyca): HPKE after RFC
9180, JWE after RFC 7516 and 7518, and speaks the Trustee KBS protocol as its clients do.

    envelope_peer.py hpke KEY.pem BODY.json NONCE EVIDENCE   the secret on standard output
    envelope_peer.py jwe KEY.pem JWE.json
    envelope_peer.py report-data KEY.pem NONCE               what KBS evidence must be about
    envelope_peer.py attest KEY.pem NONCE TEE EVIDENCE [CERT.der…]  the body of POST /attest
"""
import base64
import hashlib
import hmac
import json
import struct
import sys

try:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x25519
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.keywrap import aes_key_unwrap
except ImportError:
    sys.exit(77)


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def private_key(path):
    with open(path, "rb") as f:
        return serialization.load_pem_private_key(f.read(), None)


# ---- HPKE: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, base mode ----

def extract(salt, ikm):
    return hmac.new(salt or bytes(32), ikm, hashlib.sha256).digest()


def expand(prk, info, length):
    out, block, i = b"", b"", 1
    while len(out) < length:
        block = hmac.new(prk, block + info + bytes([i]), hashlib.sha256).digest()
        out, i = out + block, i + 1
    return out[:length]


def hpke_open(key, enc, info, aad, sealed):
    own = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)

    def labeled(suite):
        return (lambda salt, label, ikm: extract(salt, b"HPKE-v1" + suite + label + ikm),
                lambda prk, label, about, n: expand(prk, struct.pack(">H", n) + b"HPKE-v1" + suite + label + about, n))

    ext, exp = labeled(b"KEM\x00\x20")
    dh = key.exchange(x25519.X25519PublicKey.from_public_bytes(enc))
    shared = exp(ext(b"", b"eae_prk", dh), b"shared_secret", enc + own, 32)
    ext, exp = labeled(b"HPKE\x00\x20\x00\x01\x00\x02")
    context = b"\x00" + ext(b"", b"psk_id_hash", b"") + ext(b"", b"info_hash", info)
    secret = ext(shared, b"secret", b"")
    return AESGCM(exp(secret, b"key", context, 32)).decrypt(exp(secret, b"base_nonce", context, 12), sealed, aad)


# ---- JWE: the header is written again before it is compared, as kbs_protocol does ----

def concat_kdf(z, alg):
    alg = alg.encode()
    return hashlib.sha256(struct.pack(">I", 1) + z + struct.pack(">I", len(alg)) + alg + bytes(8)
                          + struct.pack(">I", 256)).digest()


def jwe_open(key, jwe):
    header = json.loads(unb64(jwe["protected"]))
    rest = {k: header[k] for k in sorted(header) if k not in ("alg", "enc")}
    if "epk" in rest:
        rest["epk"] = {k: rest["epk"][k] for k in sorted(rest["epk"])}
    again = json.dumps({"alg": header["alg"], "enc": header["enc"], **rest}, separators=(",", ":"))
    if header["alg"] == "ECDH-ES+A256KW":
        curve = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}[header["epk"]["crv"]]
        x, y = (int.from_bytes(unb64(header["epk"][n]), "big") for n in ("x", "y"))
        z = key.exchange(ec.ECDH(), ec.EllipticCurvePublicNumbers(x, y, curve).public_key())
        cek = aes_key_unwrap(concat_kdf(z, header["alg"]), unb64(jwe["encrypted_key"]))
    else:
        assert header["alg"] == "RSA-OAEP-256"
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
        cek = key.decrypt(unb64(jwe["encrypted_key"]), oaep)
    assert header["enc"] == "A256GCM" and set(jwe) == {"protected", "encrypted_key", "iv", "ciphertext", "tag"}
    return AESGCM(cek).decrypt(unb64(jwe["iv"]), unb64(jwe["ciphertext"]) + unb64(jwe["tag"]), b64(again.encode()).encode())


# ---- KBS ----

def tee_pubkey(key):
    public = key.public_key()
    n = public.public_numbers()
    if isinstance(public, rsa.RSAPublicKey):
        return {"kty": "RSA", "alg": "RSA-OAEP-256", "n": b64(n.n.to_bytes((n.n.bit_length() + 7) // 8, "big")),
                "e": b64(n.e.to_bytes(3, "big"))}
    size = (public.curve.key_size + 7) // 8
    name = {256: "P-256", 384: "P-384", 521: "P-521"}[public.curve.key_size]
    return {"kty": "EC", "crv": name, "alg": "ECDH-ES+A256KW",
            "x": b64(n.x.to_bytes(size, "big")), "y": b64(n.y.to_bytes(size, "big"))}


def report_data(key, nonce):
    runtime = {"tee-pubkey": tee_pubkey(key), "nonce": nonce, "additional-evidence": ""}
    canonical = json.dumps(runtime, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return hashlib.sha384(canonical.encode()).digest().ljust(64, b"\0")


def tcb(raw, turin):
    at = [0, 1, 2, 3, 7] if turin else [None, 0, 1, 6, 7]
    return dict(zip(("fmc", "bootloader", "tee", "snp", "microcode"), (None if i is None else raw[i] for i in at)))


# virtee/sev's AttestationReport, as serde writes it.
def snp_json(raw):
    def u32(at):
        return struct.unpack_from("<I", raw, at)[0]

    def u64(at):
        return struct.unpack_from("<Q", raw, at)[0]

    def octets(at, n):
        return list(raw[at:at + n])

    def version(at):
        return {"major": raw[at + 2], "minor": raw[at + 1], "build": raw[at]}

    v = u32(0)
    turin = v >= 3 and raw[0x188] == 0x1a
    return {
        "version": v, "guest_svn": u32(4), "policy": u64(8), "family_id": octets(0x10, 16),
        "image_id": octets(0x20, 16), "vmpl": u32(0x30), "sig_algo": u32(0x34), "current_tcb": tcb(raw[0x38:0x40], turin),
        "plat_info": u64(0x40), "key_info": u32(0x48), "report_data": octets(0x50, 64), "measurement": octets(0x90, 48),
        "host_data": octets(0xc0, 32), "id_key_digest": octets(0xe0, 48), "author_key_digest": octets(0x110, 48),
        "report_id": octets(0x140, 32), "report_id_ma": octets(0x160, 32), "reported_tcb": tcb(raw[0x180:0x188], turin),
        "cpuid_fam_id": raw[0x188] if v >= 3 else None, "cpuid_mod_id": raw[0x189] if v >= 3 else None,
        "cpuid_step": raw[0x18a] if v >= 3 else None, "chip_id": octets(0x1a0, 64),
        "committed_tcb": tcb(raw[0x1e0:0x1e8], turin), "current": version(0x1e8), "committed": version(0x1ec),
        "launch_tcb": tcb(raw[0x1f0:0x1f8], turin), "launch_mit_vector": u64(0x1f8) if v >= 5 else None,
        "current_mit_vector": u64(0x200) if v >= 5 else None,
        "signature": {"r": octets(0x2a0, 72), "s": octets(0x2e8, 72)},
    }


def primary(tee, raw, certs):
    if tee == "snp":
        table = [{"cert_type": "VCEK", "data": list(open(c, "rb").read())} for c in certs]
        return {"attestation_report": snp_json(raw), "cert_chain": table or None}
    quote = {"quote": base64.b64encode(raw).decode()}
    return {"cc_eventlog": None, **quote} if tee == "tdx" else quote


def main(argv):
    verb = argv[1]
    key = private_key(argv[2])
    if verb == "hpke":
        body = json.load(open(argv[3]))
        evidence = open(argv[5], "rb").read()
        info = b"selfsame secret v1" + unb64(argv[4]) + hashlib.sha256(evidence).digest()
        sys.stdout.buffer.write(hpke_open(key, unb64(body["enc"]), info, body["name"].encode(), unb64(body["ct"])))
    elif verb == "jwe":
        jwe = json.load(open(argv[3]))
        sys.stdout.buffer.write(jwe_open(key, jwe.get("jwe", jwe)))
    elif verb == "report-data":
        print(report_data(key, argv[3]).hex())
    elif verb == "attest":
        raw = open(argv[5], "rb").read()
        print(json.dumps({
            "init-data": None,
            "runtime-data": {"nonce": argv[3], "tee-pubkey": tee_pubkey(key)},
            "tee-evidence": {"primary_evidence": primary(argv[4], raw, argv[6:]), "additional_evidence": ""}}))


main(sys.argv)
