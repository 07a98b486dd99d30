/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_X509_H
#define SELFSAME_X509_H

#include "crypto/crypto.h"

/*
 * X.509 for evidence chains: an own strict walk of what vendors issue (RFC 5280
 * profile: v3, ECDSA P-256/P-384/P-521 or RSA, known critical extensions only), and the path
 * rules. All views into the DER of the certificate.
 */
enum {
    KU_DIGITAL_SIGNATURE = 1u << 0,
    KU_NON_REPUDIATION = 1u << 1,
    KU_KEY_CERT_SIGN = 1u << 5,
    KU_CRL_SIGN = 1u << 6,
};

struct cert {
    struct selfsame_bytes der, tbs;
    struct selfsame_bytes serial, issuer, subject,
        spki;                      /* issuer, subject, spki: whole elements */
    int64_t not_before, not_after; /* seconds */
    enum sig_alg key_alg;          /* SIG_P384, … SIG_RSA_PKCS1 for any RSA key */
    struct selfsame_bytes key;     /* as sig_check wants it */
    enum sig_alg
        sig_alg; /* how the issuer signed; any EC: ECDSA, the issuer's key tells the curve */
    enum hash_alg sig_hash;
    struct selfsame_bytes signature; /* content of the BIT STRING */
    bool has_basic, is_ca, has_path_len;
    uint32_t path_len;
    bool has_usage;
    uint32_t usage;                 /* KU_x */
    struct selfsame_bytes ski, aki; /* key identifiers, absent when not there */
    struct selfsame_bytes
        extensions; /* content of the Extensions SEQUENCE, for cert_extension */
};

MUST enum selfsame_code cert_parse(
    struct selfsame_bytes der, struct cert *ret, struct selfsame_err *e);
/*
 * For other worlds than evidence: critical extensions that the caller reads itself (content
 * of their OIDs), and Ed25519 keys and signatures (RFC 8410). The zero value is cert_parse's.
 */
struct cert_profile {
    const struct selfsame_bytes *handled;
    size_t handled_count;
    bool ed25519;
    /*
     * As others make certificates that carry evidence: any version, any names, serial
     * and times, extensions unread and critical ones of any kind, keys and signatures
     * of any algorithm (SIG_NONE where it is none of ours). What is left is what a
     * reader of one extension and the key needs; such a certificate proves nothing.
     */
    bool foreign;
};
MUST enum selfsame_code cert_parse_as(struct selfsame_bytes der,
    const struct cert_profile *profile, struct cert *ret, struct selfsame_err *e);
/* A SubjectPublicKeyInfo apart from certificates, Ed25519 too; the key as sig_check wants it. */
MUST enum selfsame_code spki_parse(struct selfsame_bytes spki, enum sig_alg *ret_alg,
    struct selfsame_bytes *ret_key, struct selfsame_err *e);
/* The last CN of a Name, "" when none. */
struct selfsame_bytes name_cn(struct selfsame_bytes name);
/* "C=US, O=Amazon, OU=AWS, CN=aws.nitro-enclaves", for people; in the arena, NULL when full. */
MUST char *name_text(struct selfsame_bytes name, struct arena *arena);
/* extnValue content by OID content bytes; absent when not there. */
struct selfsame_bytes cert_extension(const struct cert *c, struct selfsame_bytes oid);
bool cert_extension_critical(const struct cert *c, struct selfsame_bytes oid);
/* How often it is there: more than once only in a foreign certificate. */
size_t cert_extension_count(const struct cert *c, struct selfsame_bytes oid);

/* ---- cert_use.c: what a certificate is for, of whom it speaks, and its precertificate ---- */

/* extendedKeyUsage (RFC 5280 §4.2.1.12) against one purpose; anyExtendedKeyUsage is another. */
enum cert_purpose { PURPOSE_NONE, PURPOSE_OTHER, PURPOSE_AMONG, PURPOSE_ONLY };
enum cert_purpose cert_purpose_of(const struct cert *c, struct selfsame_bytes oid);
#define OID_PURPOSE_CODE BYTES_LIT("\x2b\x06\x01\x05\x05\x07\x03\x03")
#define OID_PURPOSE_TIME BYTES_LIT("\x2b\x06\x01\x05\x05\x07\x03\x08")
#define OID_EXT_PURPOSE BYTES_LIT("\x55\x1d\x25")
#define OID_EXT_ALT_NAME BYTES_LIT("\x55\x1d\x11")

/*
 * The one subjectAltName: a URI, an e-mail address, or an otherName of type `other` that is
 * a UTF8String. MALFORMED: none, several, or one of another kind.
 */
MUST enum selfsame_code cert_alt_name(const struct cert *c, struct selfsame_bytes other,
    struct selfsame_bytes *ret, struct selfsame_err *e);
/* The TBSCertificate without one extension (RFC 6962 §3.2), in the arena. */
MUST enum selfsame_code cert_tbs_without(const struct cert *c,
    struct selfsame_bytes oid, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e);
/* The signature of `child` as something sig_verify can check with issuer's key. `store` ≥ 64 + 132 bytes. */
MUST enum selfsame_code cert_sig_check(const struct cert *child,
    const struct cert *issuer, uint8_t store[static 256], struct sig_check *ret,
    struct selfsame_err *e);

/*
 * Path: anchor → chain[0] → … → chain[count-1], the last being the leaf. Checks
 * names, validity at `now` of every certificate (anchor included), CA flag,
 * pathLen, keyUsage, algorithms and signatures; leaf: not a CA, digitalSignature.
 * BAD_CHAIN says which certificate and why. The cache (or NULL) saves
 * signatures already verified under the same issuer key and anchor set; names,
 * time, constraints are checked again on every call. A leaf is cached as well.
 */
struct cert_cache;
struct chain {
    struct cert anchor;
    struct cert cert[8];
    size_t count;
    bool leaf_may_lack_usage; /* AMD's VCEK and VLEK have no keyUsage; zero: required */
};
enum { CHAIN_MAX = 8 };
MUST enum selfsame_code chain_verify(const struct chain *c, int64_t now,
    struct cert_cache *cache, struct selfsame_err *e);

/* Bounded LRU, thread-safe; key = SHA-384(cert), SHA-256 below P-256 || SHA-256 of issuer key || anchor. Only full successes enter. */
struct cert_cache *cert_cache_new(size_t entries);
void cert_cache_free(struct cert_cache *c);
void cert_cache_flush(struct cert_cache *c);
struct cert_cache_stats {
    uint64_t hits, misses, entries;
};
struct cert_cache_stats cert_cache_stats(struct cert_cache *c);

/*
 * Bytes that are no certificate, signed by the key of one whose chain the caller has
 * verified; `signature` is r || s. BAD_SIGNATURE. The cache is the one above.
 */
MUST enum selfsame_code cert_signed_verify(struct selfsame_bytes message,
    enum hash_alg hash, struct selfsame_bytes signature, const struct cert *signer,
    struct cert_cache *cache, struct selfsame_err *e);

#endif
