/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CRYPTO_H
#define SELFSAME_CRYPTO_H

#include "base/base.h"

/*
 * The only door to a crypto library. Verification takes public inputs and is
 * pure; signing, keys and randomness are for attesters, servers, the simulator.
 */

/* ---- hash.c ---- */
enum hash_alg { HASH_SHA256 = 1, HASH_SHA384, HASH_SHA512 };
enum { HASH_MAX = 64 };
size_t hash_size(enum hash_alg alg);

struct hash {
    void *ctx; /* EVP_MD_CTX */
    enum hash_alg alg;
};
MUST bool hash_init(struct hash *h, enum hash_alg alg); /* false: out of memory */
MUST bool hash_clone(
    struct hash *ret, const struct hash *h); /* same prefix, hashed once */
void hash_update(struct hash *h, struct selfsame_bytes b);
void hash_final(
    struct hash *h, uint8_t ret[static HASH_MAX]); /* then re-init or free */
void hash_free(struct hash *h);
#define auto_hash __attribute__((cleanup(hash_free))) struct hash
/* One shot over pieces in this thread's own context; libcrypto 3.0 allocates once per digest. */
MUST bool hash_parts(enum hash_alg alg, const struct selfsame_bytes *part, size_t count,
    uint8_t ret[static HASH_MAX]);
MUST bool hash_bytes(
    enum hash_alg alg, struct selfsame_bytes b, uint8_t ret[static HASH_MAX]);
/*
 * HMAC (RFC 2104, hmac.c) with SHA-256 over at most 8 pieces; keys of at most 64 bytes.
 * False: out of memory, or not that.
 */
MUST bool hmac_parts(enum hash_alg alg, struct selfsame_bytes key,
    const struct selfsame_bytes *part, size_t count, uint8_t ret[static HASH_MAX]);

/* ---- sig.c: the one signature seam; backends sig_openssl.c, sig_nettle.c, sig_sodium.c ---- */
enum sig_alg {
    SIG_NONE = 0, /* the zero value verifies nothing */
    SIG_P256,
    SIG_P384,
    SIG_P521,
    SIG_ED25519, /* `digest` is the message itself */
    SIG_RSA_PSS,
    SIG_RSA_PKCS1,
};
struct sig_check {
    enum sig_alg alg;
    enum hash_alg hash; /* of digest; RSA needs it */
    struct selfsame_bytes
        key; /* EC: X||Y, exact length; Ed25519: 32; RSA: DER RSAPublicKey */
    struct selfsame_bytes digest;
    struct selfsame_bytes signature; /* EC: r||s, exact length; others as they are */
};
/* BAD_SIGNATURE, MALFORMED (key not on the curve, wrong lengths), UNSUPPORTED. */
MUST enum selfsame_code sig_verify(
    const struct sig_check *check, struct selfsame_err *e);
/* All of them, ret_code[i] each; returns the first that is not OK (its error in e). */
MUST enum selfsame_code sig_verify_batch(const struct sig_check *checks, size_t count,
    enum selfsame_code *ret_code, struct selfsame_err *e);

struct sig_backend {
    const char *name; /* "nettle" */
    bool (*supports)(const struct sig_check *check);
    enum selfsame_code (*verify)(const struct sig_check *check, struct selfsame_err *e);
};
extern const struct sig_backend sig_openssl, sig_nettle, sig_sodium;
/* DER ECDSA-Sig-Value (from certificates) to fixed-size r||s; false when not strict DER or too long. */
MUST bool sig_ecdsa_from_der(
    struct selfsame_bytes der, size_t half, uint8_t *ret /* 2 * half */);

/* ---- key.c: private keys and certificates we make ---- */
enum key_type {
    KEY_P256 = 1,
    KEY_P384,
    KEY_ED25519,
    KEY_RSA4096,
    KEY_RSA3072_E3, /* signs enclaves of SGX: exponent 3 */
    KEY_RSA2048,    /* tokens for those who take RS256 alone */
    KEY_RSA3072,    /* the same, brought along */
};
struct key;
MUST enum selfsame_code key_generate(
    enum key_type t, struct key **ret, struct selfsame_err *e);
MUST enum selfsame_code key_from_pem(
    struct selfsame_bytes pem, struct key **ret, struct selfsame_err *e);
/* The same of a file that was read for it alone: `pem`, writable memory, is wiped. */
MUST enum selfsame_code key_take_pem(
    struct selfsame_bytes pem, struct key **ret, struct selfsame_err *e);
/* An Ed25519 key from its 32 bytes (RFC 8032 §5.1.5), as Go's note keys are kept. */
MUST enum selfsame_code key_from_seed(
    struct selfsame_bytes seed, struct key **ret, struct selfsame_err *e);
MUST enum selfsame_code key_to_pem(
    const struct key *k, struct arena *arena, char **ret, struct selfsame_err *e);
void key_free(struct key **k);
#define auto_key __attribute__((cleanup(key_free))) struct key
enum key_type key_type_of(const struct key *k);
MUST enum selfsame_code key_spki(const struct key *k, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e);
/*
 * EC: r||s over a digest; Ed25519: over the message; RSA: PKCS #1 v1.5 over a SHA-256. A
 * key may be used by several threads at once.
 */
MUST enum selfsame_code key_sign(const struct key *k, enum hash_alg hash,
    struct selfsame_bytes digest, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e);
/* RSA-2048, -3072 and -4096: PSS with SHA-256, MGF1 of it, and a salt of 32 bytes. */
MUST enum selfsame_code key_sign_pss(const struct key *k, struct selfsame_bytes sha256,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e);
/* ---- rsa_sgx.c: the RSA of SGX's SIGSTRUCT; numbers big-endian ---- */
enum { RSA_SGX_SIZE = 384 };
/* UNSUPPORTED for a key of another type. */
MUST enum selfsame_code rsa_sgx_modulus(
    const struct key *k, uint8_t ret[static RSA_SGX_SIZE], struct selfsame_err *e);
/* What spares the processor two divisions: q1 = s²/m, q2 = (s² mod m)·s/m. MALFORMED: s is not below m. */
MUST enum selfsame_code rsa_sgx_quotients(const uint8_t modulus[static RSA_SGX_SIZE],
    const uint8_t signature[static RSA_SGX_SIZE], uint8_t ret_q1[static RSA_SGX_SIZE],
    uint8_t ret_q2[static RSA_SGX_SIZE], struct selfsame_err *e);

void *key_native(const struct key *k); /* EVP_PKEY, borrowed; for src/tls only */

struct cert_extension {
    struct selfsame_bytes oid, value; /* content of the OID; DER of the value */
    bool critical;
};
struct cert_request {
    const char *common_name;  /* NULL: none */
    const char *organization; /* NULL: none */
    const char *unit;
    const char *country;
    bool no_subject; /* as Sigstore's leaves, which have a subjectAltName alone */
    const char *
        dns_name; /* subjectAltName, NULL: none (an IP address is written as iPAddress) */
    const char *uri;        /* subjectAltName, NULL: none; critical without a subject */
    bool server_and_client; /* extendedKeyUsage for both ends of TLS */
    struct selfsame_bytes
        spki; /* the subject's key instead of `subject`; absent: not */
    int64_t not_before, not_after;
    bool ca;
    int path_len; /* -1: none */
    bool
        ca_cert_sign_only; /* keyUsage keyCertSign alone, as Nitro's instance certificate */
    bool leaf_usage_noncritical;  /* as Nitro's leaf */
    bool no_key_ids;              /* neither SKI nor AKI, as Nitro's leaf */
    bool bare;                    /* `extensions` alone, as AMD's VCEK */
    struct selfsame_bytes serial; /* 1..20 bytes, not negative; absent: random */
    const struct cert_extension *extensions;
    size_t extension_count;
};
/*
 * X.509 v3 for subject key (NULL where r->spki says it), signed by issuer (absent
 * issuer_cert: self-signed). DER in the arena.
 */
MUST enum selfsame_code cert_make(const struct cert_request *r,
    const struct key *subject, struct selfsame_bytes issuer_cert,
    const struct key *issuer, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e);

struct crl_request {
    int64_t this_update, next_update;     /* next_update 0: none */
    const struct selfsame_bytes *serials; /* revoked, content bytes of the INTEGERs */
    size_t serial_count;
};
/* X.509 CRL v2 of this issuer. DER in the arena. */
MUST enum selfsame_code crl_make(const struct crl_request *r,
    struct selfsame_bytes issuer_cert, const struct key *issuer, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e);

MUST bool rng_bytes(uint8_t *ret, size_t len);
void secret_wipe(void *p, size_t len);

#endif
