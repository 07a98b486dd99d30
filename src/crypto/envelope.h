/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_ENVELOPE_H
#define SELFSAME_ENVELOPE_H

#include "crypto/crypto.h"

/*
 * Secrets put into envelopes that one key opens: for the release of secrets to
 * enclaves, and for keeping them. Not part of verification. Whatever was derived on the
 * way is wiped; what comes out is the caller's to wipe.
 *
 *   aead.c     AES-GCM, AES key wrap (RFC 3394)
 *   agree.c    one-time agreement keys: X25519, P-256, P-384, P-521
 *   hkdf.c     HKDF with SHA-256 (RFC 5869), Concat KDF (RFC 7518 §4.6)
 *   hpke.c     HPKE base mode (RFC 9180)
 *   oaep.c     RSA-OAEP with SHA-256 and MGF1-SHA-256 (RFC 8017 §7.1)
 *   cms.c      EnvelopedData and AuthEnvelopedData for an RSA key (RFC 5652, 5083)
 */

/* ---- aead.c ---- */
enum { AEAD_NONCE = 12, AEAD_TAG = 16, WRAP_EXTRA = 8, WRAP_MAX = 64 };
struct aead {
    struct selfsame_bytes key;   /* 16 or 32 bytes: AES-128-GCM, AES-256-GCM */
    struct selfsame_bytes nonce; /* AEAD_NONCE bytes, never twice with one key */
    struct selfsame_bytes aad;
};
/* plain.len + AEAD_TAG bytes. NOMEM, USAGE: sizes. */
MUST enum selfsame_code aead_seal(const struct aead *a, struct selfsame_bytes plain,
    uint8_t *ret, struct selfsame_err *e);
/* sealed.len - AEAD_TAG bytes, zero unless OK. BAD_SIGNATURE: another key, nonce, aad or text. */
MUST enum selfsame_code aead_open(const struct aead *a, struct selfsame_bytes sealed,
    uint8_t *ret, struct selfsame_err *e);
/* AES-256 key wrap of 16 to WRAP_MAX bytes, a multiple of 8; WRAP_EXTRA bytes more. */
MUST enum selfsame_code key_wrap(const uint8_t kek[static 32],
    struct selfsame_bytes key, uint8_t *ret, struct selfsame_err *e);
MUST enum selfsame_code key_unwrap(const uint8_t kek[static 32],
    struct selfsame_bytes wrapped, uint8_t *ret, struct selfsame_err *e);

/* ---- hkdf.c ---- */
enum { HKDF_PRK = 32, HKDF_OUT_MAX = 255 * 32 };
/* Of the parts, one after the other. False: no memory, a salt of more than 64 bytes. */
MUST bool hkdf_extract(struct selfsame_bytes salt, const struct selfsame_bytes *ikm,
    size_t count, uint8_t ret[static HKDF_PRK]);
MUST bool hkdf_expand(const uint8_t prk[static HKDF_PRK],
    const struct selfsame_bytes *info, size_t count, uint8_t *ret, size_t len);
/* 32 bytes for `alg`; PartyUInfo and PartyVInfo as they stand in the header, or absent. */
MUST bool concat_kdf(struct selfsame_bytes z, struct selfsame_bytes alg,
    struct selfsame_bytes apu, struct selfsame_bytes apv, uint8_t *ret, size_t len);

/* ---- agree.c ---- */
enum agree_alg { AGREE_X25519 = 1, AGREE_P256, AGREE_P384, AGREE_P521 };
enum { AGREE_PUBLIC = 132, AGREE_SECRET = 66 };
struct agree_key;                             /* private and public half */
size_t agree_public_size(enum agree_alg alg); /* 32; X||Y: 64, 96, 132 */
MUST enum selfsame_code agree_generate(
    enum agree_alg alg, struct agree_key **ret, struct selfsame_err *e);
/* From its number, big-endian (X25519: as RFC 7748 has it). MALFORMED. */
MUST enum selfsame_code agree_from_private(enum agree_alg alg,
    struct selfsame_bytes number, struct agree_key **ret, struct selfsame_err *e);
void agree_free(struct agree_key **k);
#define auto_agree_key __attribute__((cleanup(agree_free))) struct agree_key
enum agree_alg agree_alg_of(const struct agree_key *k);
struct selfsame_bytes agree_public(const struct agree_key *k); /* a view into it */
/*
 * The shared secret (X25519: 32 bytes; EC: the x coordinate, whole) with somebody's public
 * key. MALFORMED: that one is no point of the curve, or of small order.
 */
MUST enum selfsame_code agree_secret(const struct agree_key *k,
    struct selfsame_bytes peer, uint8_t ret[static AGREE_SECRET], size_t *ret_len,
    struct selfsame_err *e);
/*
 * The key of a DER SubjectPublicKeyInfo for agreement or encryption: X25519 (RFC 8410),
 * EC, RSA of at least 2048 bits. UNSUPPORTED: Ed25519 and others.
 */
enum envelope_key { ENVELOPE_NONE = 0, ENVELOPE_X25519, ENVELOPE_EC, ENVELOPE_RSA };
struct envelope_to {
    enum envelope_key kind;
    enum agree_alg alg;         /* X25519, EC */
    struct selfsame_bytes key;  /* 32 bytes; X||Y; DER RSAPublicKey */
    struct selfsame_bytes spki; /* as it was given */
};
MUST enum selfsame_code envelope_to_spki(
    struct selfsame_bytes spki, struct envelope_to *ret, struct selfsame_err *e);

/* ---- hpke.c: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-GCM; base mode ---- */
enum hpke_aead { HPKE_AES128_GCM = 1, HPKE_AES256_GCM = 2 };
enum { HPKE_ENC = 32, HPKE_EXPORT_MAX = HKDF_OUT_MAX };
struct hpke { /* one direction; wipe it */
    enum hpke_aead aead;
    uint8_t key[32], base_nonce[AEAD_NONCE], exporter[32];
    uint64_t next; /* number of the next message */
};
/* `ephemeral` NULL: a fresh one, as it should be but in tests. */
MUST enum selfsame_code hpke_send(enum hpke_aead aead, struct selfsame_bytes to,
    struct selfsame_bytes info, const struct agree_key *ephemeral,
    uint8_t ret_enc[static HPKE_ENC], struct hpke *ret, struct selfsame_err *e);
MUST enum selfsame_code hpke_receive(enum hpke_aead aead, const struct agree_key *own,
    struct selfsame_bytes enc, struct selfsame_bytes info, struct hpke *ret,
    struct selfsame_err *e);
/* As aead_seal and aead_open; the messages of one direction in their order. */
MUST enum selfsame_code hpke_seal(struct hpke *h, struct selfsame_bytes aad,
    struct selfsame_bytes plain, uint8_t *ret, struct selfsame_err *e);
MUST enum selfsame_code hpke_open(struct hpke *h, struct selfsame_bytes aad,
    struct selfsame_bytes sealed, uint8_t *ret, struct selfsame_err *e);
MUST enum selfsame_code hpke_export(const struct hpke *h, struct selfsame_bytes context,
    uint8_t *ret, size_t len, struct selfsame_err *e);
/* DeriveKeyPair (§7.1.3). */
MUST enum selfsame_code hpke_derive(
    struct selfsame_bytes ikm, struct agree_key **ret, struct selfsame_err *e);
void hpke_wipe(struct hpke *h);
#define auto_hpke __attribute__((cleanup(hpke_wipe))) struct hpke

/* ---- oaep.c ---- */
enum { OAEP_MAX = 1024 }; /* an RSA key of 8192 bits */
/* `rsa` is a DER RSAPublicKey, 2048 to 8192 bits; as many bytes as its modulus come out. */
MUST enum selfsame_code oaep_seal(struct selfsame_bytes rsa,
    struct selfsame_bytes plain, uint8_t ret[static OAEP_MAX], size_t *ret_len,
    struct selfsame_err *e);
/* BAD_SIGNATURE, whatever is wrong with it; `pem` is the private key. */
MUST enum selfsame_code oaep_open(struct selfsame_bytes pem,
    struct selfsame_bytes sealed, uint8_t ret[static OAEP_MAX], size_t *ret_len,
    struct selfsame_err *e);

/* ---- cms.c ---- */
enum cms_content { CMS_AES256_CBC = 1, CMS_AES256_GCM };
/*
 * A ContentInfo in DER with one recipient of an RSA key, named by a subjectKeyIdentifier
 * as our certificates have it (RFC 7093 §2 (1)). CBC is what AWS KMS answers enclaves
 * with (EnvelopedData), and not authenticated; GCM is (AuthEnvelopedData).
 */
MUST enum selfsame_code cms_seal(enum cms_content content, const struct envelope_to *to,
    struct selfsame_bytes plain, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e);

#endif
