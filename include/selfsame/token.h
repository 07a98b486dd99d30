/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TOKEN_H
#define SELFSAME_TOKEN_H

/*
 * Tokens of a verifier: check an attestation result that somebody else appraised.
 *
 * Whoever cannot or will not verify evidence trusts a verifier that does, and checks its
 * token: an EAR (draft-ietf-rats-ear) as JWT or CWT, of this project's service, of
 * Veraison or of Trustee. Keys are the verifier's (its JWKS), rules are yours; rules
 * that say nothing refuse everything. Nothing is fetched and no clock is read.
 *
 *     struct selfsame_err err = { 0 };
 *     struct selfsame_token_keys *keys;
 *     struct selfsame_token_rules *rules;
 *     struct selfsame_token *token;
 *
 *     if (selfsame_token_keys_new(&keys, &err) || selfsame_token_keys_add(keys, jwks, &err) ||
 *         selfsame_token_rules_new(&rules, &err))
 *         return err.code;
 *     selfsame_token_rules_require_issuer(rules, "https://verifier.example");
 *     selfsame_token_rules_require_audience(rules, "https://api.example");
 *     selfsame_token_rules_require_nonce(rules, nonce);
 *     selfsame_token_rules_require_claim(rules, "/release_name", "example.com/hello");
 *     selfsame_token_rules_set_time(rules, now_s, 60);
 *     if (selfsame_token_check(text, keys, rules, &token, &err) != SELFSAME_OK)
 *         return err.code;
 *     puts(selfsame_token_claim(token, "/release_version"));
 *     selfsame_token_free(token);
 *
 * Keys and rules may be shared by threads once nothing is added to them; a token belongs
 * to one. Setters copy. A setter that runs out of memory makes the rules refuse. Claims
 * and what they mean: docs/tokens.md.
 */
#include <selfsame/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct selfsame_token_keys;
struct selfsame_token_rules;
struct selfsame_token;

SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_token_keys_new(
    struct selfsame_token_keys **ret, struct selfsame_err *err);
/*
 * A JWKS, a JWK, or a public key (PEM or DER SubjectPublicKeyInfo; an RSA key then stands
 * for RS256): EC P-256 and P-384, RSA from 2048 bits, Ed25519. Of a set what does not
 * sign is passed over. MALFORMED (private members, too), UNSUPPORTED, USAGE (over 64), NOMEM.
 */
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_token_keys_add(
    struct selfsame_token_keys *k, struct selfsame_bytes key, struct selfsame_err *err);
SELFSAME_API_PLAIN void selfsame_token_keys_free(struct selfsame_token_keys *k);

SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_token_rules_new(
    struct selfsame_token_rules **ret, struct selfsame_err *err);
SELFSAME_API_PLAIN void selfsame_token_rules_free(struct selfsame_token_rules *r);

/* Four are needed: who speaks, to whom, when, and why it is no old story. */
/* "iss", byte for byte. */
SELFSAME_API void selfsame_token_rules_require_issuer(
    struct selfsame_token_rules *r, const char *issuer);
/* "aud" is this, or has it in its list. */
SELFSAME_API void selfsame_token_rules_require_audience(
    struct selfsame_token_rules *r, const char *audience);
/* Now, and by how much clocks may differ (seconds, up to a day; 60 is usual). */
SELFSAME_API void selfsame_token_rules_set_time(
    struct selfsame_token_rules *r, int64_t now_s, int64_t leeway_s);
/* "eat_nonce" is this (8 to 64 bytes), or its base64url. */
SELFSAME_API void selfsame_token_rules_require_nonce(
    struct selfsame_token_rules *r, struct selfsame_bytes nonce);
/* "iat" is at most so long ago; in place of a nonce, or beside it. */
SELFSAME_API void selfsame_token_rules_require_max_age(
    struct selfsame_token_rules *r, int64_t seconds);

/* What else must hold, up to 32. The claim at a JSON pointer (RFC 6901) is this text. */
SELFSAME_API void selfsame_token_rules_require_claim(
    struct selfsame_token_rules *r, const char *pointer, const char *value);
/* "release_name"; a breach is a MISMATCH. */
SELFSAME_API void selfsame_token_rules_require_release(
    struct selfsame_token_rules *r, const char *name);
/* "measurement", lower-case hex; a breach is a MISMATCH. */
SELFSAME_API void selfsame_token_rules_require_measurement(
    struct selfsame_token_rules *r, const char *hex);
/* The key that the evidence is bound to, as SubjectPublicKeyInfo: that of the TLS session. */
SELFSAME_API void selfsame_token_rules_require_key(
    struct selfsame_token_rules *r, struct selfsame_bytes spki);

/* Only "affirming" is taken; after this "warning" is, too. */
SELFSAME_API void selfsame_token_rules_accept_warning(struct selfsame_token_rules *r);
SELFSAME_API void selfsame_token_rules_insecure_any_issuer(
    struct selfsame_token_rules *r);
SELFSAME_API void selfsame_token_rules_insecure_any_audience(
    struct selfsame_token_rules *r);
SELFSAME_API void selfsame_token_rules_insecure_any_age(struct selfsame_token_rules *r);
/* Evidence of the simulator; it warns, so selfsame_token_rules_accept_warning as well. */
SELFSAME_API void selfsame_token_rules_insecure_simulated(
    struct selfsame_token_rules *r);
SELFSAME_API void selfsame_token_rules_insecure_debug(struct selfsame_token_rules *r);

/*
 * A JWT (compact JWS) or a CWT (tags 61, 18). The algorithm is the key's: ES256, ES384,
 * RS256, PS256 or EdDSA; keys and addresses inside the token are never used. MALFORMED,
 * UNSUPPORTED; BAD_CHAIN: none of the keys; BAD_SIGNATURE; USAGE: rules that demand too
 * little; DENIED: issuer, status, a claim; UNBOUND: audience, key; STALE: nonce, times;
 * DEBUG; MISMATCH; NOMEM. *ret only when all holds.
 */
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_token_check(
    struct selfsame_bytes text, const struct selfsame_token_keys *keys,
    const struct selfsame_token_rules *rules, struct selfsame_token **ret,
    struct selfsame_err *err);
SELFSAME_API_PLAIN void selfsame_token_free(struct selfsame_token *t);

/* "affirming", "warning": the worst of all submods. */
SELFSAME_API const char *selfsame_token_status(const struct selfsame_token *t);
/*
 * The claim at a JSON pointer ("/submods/nitro/ear.status") as text: strings as they
 * are, everything else as JSON. NULL: there is none. Good until the token is freed. Of
 * a CWT by the names of JSON, bytes as base64url.
 */
SELFSAME_API const char *selfsame_token_claim(
    struct selfsame_token *t, const char *pointer);
/* All claims, compact. NULL: out of memory. Good until the token is freed. */
SELFSAME_API const char *selfsame_token_json(struct selfsame_token *t);
/* RFC 7638 thumbprint of the key that signed. */
SELFSAME_API const char *selfsame_token_key(const struct selfsame_token *t);

#ifdef __cplusplus
}
#endif

#endif
