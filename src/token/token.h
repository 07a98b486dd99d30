/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TOKEN_INTERNAL_H
#define SELFSAME_TOKEN_INTERNAL_H

#include "appraise/appraise.h"
#include "codec/json.h"
#include "crypto/crypto.h"

/*
 * Attestation results as tokens that others read: EAR (draft-ietf-rats-ear) as JWT and
 * CWT, the JOSE they need (RFC 7515-7518, 7638, 8037), and flat claims for those who
 * match strings only. Pure: times, keys and rules are arguments. Signing is for
 * verifiers; reading is for relying parties (selfsame/token.h).
 *
 *   jwk.c      public keys as JWK and JWKS, thumbprints
 *   jws.c      compact signatures; the algorithm is the key's, never the header's
 *   ear.c      a verdict as claims, both dialects
 *   ear_read.c claims of both dialects, of ours and of others
 *   cwt.c      CWTs made and read
 *   cwt_json.c claims as CBOR from JSON and back
 *   check.c    what a relying party demands of a token
 */

/* ---- jwk.c ---- */
enum jose_alg {
    JOSE_NONE =
        0, /* the zero value signs and verifies nothing; "none" is not an algorithm */
    JOSE_ES256,
    JOSE_ES384,
    JOSE_RS256,
    JOSE_PS256,
    JOSE_EDDSA, /* Ed25519 */
};
const char *jose_alg_word(enum jose_alg a);            /* "ES256" */
enum jose_alg jose_alg_of(struct selfsame_bytes word); /* JOSE_NONE: another */
enum sig_alg jose_sig_alg(enum jose_alg a);
/* Modulus and exponent of an RSAPublicKey, without signs. */
MUST enum selfsame_code rsa_members(struct selfsame_bytes der,
    struct selfsame_bytes *ret_n, struct selfsame_bytes *ret_e, struct selfsame_err *e);

enum { JWK_THUMBPRINT = 44, JWKS_MAX = 64 };
/* A public key and the one algorithm it is used with. Views as the parser says. */
struct jwk {
    enum jose_alg alg;
    struct selfsame_bytes key;       /* as sig_check wants it */
    const char *kid;                 /* NULL: none */
    char thumbprint[JWK_THUMBPRINT]; /* RFC 7638, SHA-256, base64url */
    const char *use;                 /* "sig" …, NULL */
    struct selfsame_bytes x5c;       /* DER of the first certificate, or absent */
};
struct jwks {
    struct jwk *keys;
    size_t count;
};
/*
 * A key with private members, of an unknown type, too short (RSA below 2048) or whose
 * "alg" does not fit is MALFORMED or UNSUPPORTED; without "alg" it is the type's own (EC
 * by curve, OKP EdDSA, RSA RS256). Off its curve it verifies nothing. Views into the
 * arena.
 */
MUST enum selfsame_code jwk_parse(struct selfsame_bytes json, struct arena *arena,
    struct jwk *ret, struct selfsame_err *e);
MUST enum selfsame_code jwk_read(
    json_t *j, struct arena *arena, struct jwk *ret, struct selfsame_err *e);
/* A set; keys that are not for signatures or of other types are left out. A lone JWK is a set. */
MUST enum selfsame_code jwks_parse(struct selfsame_bytes json, struct arena *arena,
    struct jwks *ret, struct selfsame_err *e);
/* The public half, its kid the thumbprint. RSA keys: RS256 or PS256. USAGE: alg does not fit. */
MUST enum selfsame_code jwk_of_key(const struct key *k, enum jose_alg alg,
    struct arena *arena, struct jwk *ret, struct selfsame_err *e);
/* The same of DER SubjectPublicKeyInfo (alg JOSE_NONE: the type's own). */
MUST enum selfsame_code jwk_of_spki(struct selfsame_bytes spki, enum jose_alg alg,
    struct arena *arena, struct jwk *ret, struct selfsame_err *e);
/* {"kty":…,"use":"sig","alg":…,"kid":…}; a new reference; NULL: no memory. */
MUST json_t *jwk_json(const struct jwk *k);

/* ---- jws.c ---- */
/* Signatures over pieces (EdDSA: over one), as JOSE and COSE have them. */
MUST enum selfsame_code jose_sign(const struct key *k, enum jose_alg alg,
    const struct selfsame_bytes *part, size_t count, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e);
MUST enum selfsame_code jose_verify(enum jose_alg alg, struct selfsame_bytes key,
    const struct selfsame_bytes *part, size_t count, struct selfsame_bytes signature,
    struct selfsame_err *e);
enum { JWS_MAX = 64 << 10, JWS_HEADER_MAX = 16 << 10 };
/*
 * Compact form. `header` has the members besides "alg" ("kid", "typ", …), in order.
 * ES256 and others are random; RS256 and Ed25519 are not.
 */
MUST enum selfsame_code jws_sign(const struct key *k, enum jose_alg alg, json_t *header,
    struct selfsame_bytes payload, struct arena *arena, char **ret,
    struct selfsame_err *e);
struct jws {
    struct selfsame_bytes signed_; /* ASCII of header.payload, in the text */
    struct selfsame_bytes header, payload, signature; /* decoded, in the arena */
    enum jose_alg alg;                                /* as the header says */
    const char *kid, *typ, *cty;                      /* or NULL */
    json_t *header_json; /* freed by jws_free; kid, typ, cty point into it */
};
/* MALFORMED; UNSUPPORTED: "crit", "b64", "none", an unknown algorithm. */
MUST enum selfsame_code jws_parse(struct selfsame_bytes text, struct arena *arena,
    struct jws *ret, struct selfsame_err *e);
void jws_free(struct jws *s);
#define auto_jws __attribute__((cleanup(jws_free))) struct jws
/*
 * By the key of the set that the kid names (without a kid: the one key of this
 * algorithm, and where several fit each is tried, at most 4). BAD_CHAIN: nobody's key;
 * BAD_SIGNATURE. Keys inside the token ("jwk", "x5c", "jku") are never used.
 */
MUST enum selfsame_code jws_verify(const struct jws *s, const struct jwks *keys,
    const struct jwk **ret_key, struct selfsame_err *e);

enum ear_status {
    EAR_NONE = 0,
    EAR_AFFIRMING = 2,
    EAR_WARNING = 32,
    EAR_CONTRAINDICATED = 96
};
/* The tier of one value; positive ones and vendors' negative ones. */
enum ear_status ear_tier(int value);
const char *ear_status_word(enum ear_status s);
enum ear_status ear_status_of(const char *word); /* EAR_NONE also for another word */

/* ---- ear.c ---- */
enum ear_dialect { EAR_DEPLOYED = 0, EAR_DRAFT };
/* Who says what about which request; texts are copied. */
struct ear_subject {
    enum ear_dialect dialect;
    const char *issuer;          /* exact */
    const char *audience;        /* NULL: none was asked for, "aud" is left out */
    struct selfsame_bytes nonce; /* eat_nonce; absent: none */
    bool caller_nonce;           /* it was the caller's own, not the verifier's */
    int64_t now_s, life_s;
    const char *token_id;          /* jti, NULL: none */
    const char *developer, *build; /* ear.verifier-id */
    const char *policy_id;         /* "tenant/name@sha256:…" */
    const char *spiffe_id;         /* or NULL */
    const char *kid; /* thumbprint of the key that signs; NULL: computed */
    struct selfsame_bytes
        key; /* SPKI of the request, or absent; told where the binding held */
    struct selfsame_bytes evidence_sha256; /* 32 bytes */
    const char *submod;                    /* NULL: the TEE's name */
    json_t *extra; /* further top level claims (KBS: tee-pubkey …), or NULL; borrowed */
};
/*
 * All claims as a JSON object, or as CBOR (cwt.c). Size at most 8 KiB: claims of the
 * evidence are left out before that, never the status.
 */
MUST enum selfsame_code ear_claims(const struct verdict *v, const struct ear_subject *s,
    json_t **ret, struct selfsame_err *e);
/* The JWT: header {"alg","kid","typ":"JWT"}, kid the thumbprint of the key. */
MUST enum selfsame_code ear_jwt(const struct verdict *v, const struct ear_subject *s,
    const struct key *k, enum jose_alg alg, struct arena *arena, char **ret,
    struct selfsame_err *e);
/* COSE_Sign1 with tag 61 and 18, the draft's integer keys. */
MUST enum selfsame_code ear_cwt(const struct verdict *v, const struct ear_subject *s,
    const struct key *k, enum jose_alg alg, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e);

/* ---- ear_read.c ---- */
enum { EAR_SUBMODS = 64 };
enum ear_profile { EAR_OF_DRAFT = 1, EAR_OF_VERAISON, EAR_OF_TRUSTEE };
struct ear_submod {
    const char *name;
    enum ear_status status;  /* the worse of what it says and what its vector says */
    int vector[TRUST_COUNT]; /* 0: no statement */
    const char *key;         /* "akpub" of a key attestation, base64url; or NULL */
    json_t *claims;          /* all of it, borrowed */
};
/* An attestation result as it was read; texts point into `claims`. */
struct ear {
    enum ear_profile profile;
    const char *issuer, *subject, *token_id; /* or NULL */
    int64_t issued_s, not_before_s, expires_s;
    bool has_not_before, has_expiry;
    enum ear_status status; /* the worst of all */
    struct ear_submod *submods;
    size_t submod_count;
    json_t *claims; /* freed by ear_free */
};
/*
 * MALFORMED; UNSUPPORTED: another eat_profile. Times may be floats, statuses words or
 * numbers; unknown members are passed over.
 */
MUST enum selfsame_code ear_read(
    json_t *claims, struct arena *arena, struct ear *ret, struct selfsame_err *e);
void ear_free(struct ear *r);
#define auto_ear __attribute__((cleanup(ear_free))) struct ear
/* "kind" as the profile is told in sentences: "Veraison", … */
const char *ear_profile_word(enum ear_profile p);
/* Whoever relies on both relies on the worse: contraindicated, none, warning, affirming. */
enum ear_status ear_worse(enum ear_status a, enum ear_status b);

/* ---- cwt_json.c ---- */
/* Claims by their names in JSON as a CBOR map with the registered keys (§2, RFC 8392, RFC 9711). */
MUST enum selfsame_code cwt_claims_put(const json_t *claims, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e);
/*
 * The other way: bytes become base64url, keys without a name their number. What this
 * decoder refuses is MALFORMED.
 */
MUST enum selfsame_code cwt_claims_read(
    struct selfsame_bytes cbor, json_t **ret, struct selfsame_err *e);

/* ---- cwt.c ---- */
bool cwt_recognise(struct selfsame_bytes in); /* tag 61, or COSE_Sign1 */
/* As jws_parse; the payload stays CBOR. EdDSA and others over the Sig_structure. */
MUST enum selfsame_code cwt_parse(struct selfsame_bytes in, struct arena *arena,
    struct jws *ret, struct selfsame_err *e);

/* ---- check.c ---- */
enum { TOKEN_MAX = 2 * JWS_MAX, TOKEN_CLAIM_RULES = 32 };
/* A JWT or a CWT, its signature and what it says. */
struct token {
    bool cwt;
    struct jws jws;
    const struct jwk *key; /* whose signature held; NULL: nobody looked */
    struct ear ear;
};
void token_free(struct token *t);
#define auto_token __attribute__((cleanup(token_free))) struct token
/* BAD_CHAIN, BAD_SIGNATURE, MALFORMED, UNSUPPORTED. Views into text, keys and arena. */
MUST enum selfsame_code token_open(struct selfsame_bytes text, const struct jwks *keys,
    struct arena *arena, struct token *ret, struct selfsame_err *e);
/* Claims of any JWT or CWT, and header, decoded and not believed. */
MUST enum selfsame_code token_decode(struct selfsame_bytes text, struct arena *arena,
    json_t **ret, struct selfsame_err *e);

struct token_claim_rule {
    const char *pointer;     /* RFC 6901: "/release_name" */
    const char *value;       /* its text; of numbers and booleans as JSON has them */
    enum selfsame_code code; /* of a breach */
};
/* The zero value refuses everything. */
struct token_rules {
    const char *issuer, *audience;
    bool any_issuer, any_audience, any_age;
    bool has_time;
    int64_t now_s, leeway_s;
    struct selfsame_bytes nonce; /* as bytes; eat_nonce is these or their base64url */
    int64_t max_age_s;           /* 0: not demanded */
    bool warning, simulated, debug; /* taken, too */
    struct selfsame_bytes key;      /* SPKI that the token must be about; or absent */
    struct token_claim_rule claims[TOKEN_CLAIM_RULES];
    size_t claim_count;
};
/* USAGE: rules that demand too little. */
MUST enum selfsame_code token_rules_check(
    const struct token_rules *r, struct selfsame_err *e);
/* USAGE (as above), DENIED, UNBOUND, STALE, DEBUG, MISMATCH. */
MUST enum selfsame_code token_check(
    const struct ear *r, const struct token_rules *rules, struct selfsame_err *e);
/* NULL: nothing there. */
const json_t *token_claim(const json_t *claims, const char *pointer);

#endif
