/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SVID_H
#define SELFSAME_SVID_H

#include "codec/json.h"
#include "crypto/x509.h"

/*
 * SPIFFE identities (SPIFFE-ID.md, X509-SVID.md, JWT-SVID.md,
 * SPIFFE_Trust_Domain_and_Bundle.md): what they may look like, what they claim, and the
 * document from which others learn who signs them. Pure.
 */
enum {
    SPIFFE_ID_MAX = 2048,
    SPIFFE_DOMAIN_MAX = 255,
    SVID_LIFE_MAX_S = 3600, /* short lives are what replaces revocation here */
};
struct spiffe_id {
    struct selfsame_bytes domain,
        path; /* path with its slash, empty for a trust domain */
};
/* MALFORMED: with the rule that is broken. Views into the text. */
MUST enum selfsame_code spiffe_id_parse(
    struct selfsame_bytes text, struct spiffe_id *ret, struct selfsame_err *e);
/* "example.org": [a-z0-9._-], at most 255 bytes. */
bool spiffe_domain_valid(struct selfsame_bytes domain);

/* ---- X.509-SVID: what goes into cert_make ---- */

/* MALFORMED when the certificate is no leaf as X509-SVID.md §4 and §5 want it. */
MUST enum selfsame_code svid_x509_read(
    const struct cert *c, struct spiffe_id *ret, struct selfsame_err *e);

/* ---- JWT-SVID ---- */

/* Members of the header besides "alg": "kid" and "typ" and nothing else. */
MUST json_t *svid_jwt_header(const char *kid);
/* sub, aud (one or more), exp, iat; NULL: no memory. */
MUST json_t *svid_jwt_claims(const char *spiffe_id, const char *const *audiences,
    size_t count, int64_t now_s, int64_t life_s);
struct svid_jwt {
    struct spiffe_id id;
    int64_t expires_s;
};
/*
 * Header and claims of a token whose signature is verified (JWT-SVID.md §3, §5): header
 * members, subject, `audience` among its audiences, not expired (60 s of leeway). Views
 * into the JSON. MALFORMED, UNSUPPORTED (algorithm), STALE, MISMATCH (audience).
 */
MUST enum selfsame_code svid_jwt_read(const json_t *header, const json_t *claims,
    const char *audience, int64_t now_s, struct svid_jwt *ret, struct selfsame_err *e);

/* ---- the bundle ---- */

struct spiffe_bundle {
    uint64_t sequence;
    int64_t refresh_s;
    const struct selfsame_bytes *authorities; /* DER of CA certificates: x509-svid */
    size_t authority_count;
    json_t *const *jwt_keys; /* public JWKs with kid: jwt-svid; borrowed */
    size_t jwt_key_count;
};
MUST enum selfsame_code spiffe_bundle_json(
    const struct spiffe_bundle *b, json_t **ret, struct selfsame_err *e);

#endif
