/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_X509_INTERNAL_H
#define SELFSAME_X509_INTERNAL_H

#include "codec/der.h"
#include "crypto/x509.h"

/* Between name.c, x509.c, x509_ext.c, chain.c and cert_cache.c. */

bool name_valid(struct selfsame_bytes name);
bool name_empty(struct selfsame_bytes name); /* of a valid one */
/* The CN for a sentence: cut, and only printable ASCII. */
enum { NAME_BRIEF = 56 };
void name_brief(struct selfsame_bytes name, char ret[static NAME_BRIEF]);

/* One Extension of a certificate or CRL (RFC 5280 §4.2), read from its list. */
struct extension {
    struct selfsame_bytes oid, value;
    bool critical;
    bool default_written; /* "not critical", which DER leaves out */
};
struct extension extension_next(struct der *list);
/* The same; an error where DER's rule about defaults is broken. */
struct extension extension_next_strict(struct der *list);
/* Content of the key identifier in an authorityKeyIdentifier; absent when it has none. */
struct selfsame_bytes aki_read(struct der *d);

/* AlgorithmIdentifier of a hash, parameters NULL or absent; 0 for another. */
enum hash_alg hash_alg_read(struct der *d);
/* RFC 8410 §3: the one AlgorithmIdentifier of Ed25519. */
bool alg_is_ed25519(struct selfsame_bytes der);
/* An AlgorithmIdentifier of a signature, compared whole. UNSUPPORTED. */
MUST enum selfsame_code sig_alg_parse(struct selfsame_bytes der, enum sig_alg *ret_alg,
    enum hash_alg *ret_hash, struct selfsame_err *e);
/* What is signed with what: the common part of certificates and CRLs. */
struct signed_by {
    struct selfsame_bytes tbs, signature;
    enum sig_alg alg;
    enum hash_alg hash;
};
MUST enum selfsame_code signed_check(const struct signed_by *s,
    const struct cert *issuer, uint8_t store[static 256], struct sig_check *ret,
    struct selfsame_err *e);

/* Fills the fields of c that come from c->extensions. */
MUST enum selfsame_code cert_parse_extensions(
    struct cert *c, const struct cert_profile *profile, struct selfsame_err *e);

/* What a cache entry stands for: this certificate, this issuer key, this anchor. */
enum { CERT_CACHE_KEY = 48 + 32 + 32 };
struct cert_cache_key {
    uint8_t bytes[CERT_CACHE_KEY];
};
/*
 * `signed_der` is what the issuer signed: a certificate or a CRL; `anchor` is the
 * SHA-256 of the anchor's DER. False: out of memory.
 */
MUST bool cert_cache_key(struct selfsame_bytes signed_der, const struct cert *issuer,
    const uint8_t anchor[static HASH_MAX], struct cert_cache_key *ret);
bool cert_cache_has(struct cert_cache *c, const struct cert_cache_key *key);
/* Forgets the entry not used for the longest time when there is no room. */
void cert_cache_put(struct cert_cache *c, const struct cert_cache_key *key);

#endif
