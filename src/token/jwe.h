/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_JWE_H
#define SELFSAME_JWE_H

#include "codec/json.h"
#include "crypto/envelope.h"

/*
 * JWE (RFC 7516) with A256GCM for one recipient: ECDH-ES+A256KW on P-256, P-384 or P-521,
 * or RSA-OAEP-256. PKCS #1 v1.5 is not offered. Written as flattened JSON in the one byte
 * form that clients of the Trustee KBS protocol read: they write the protected header
 * anew before they compare, so it is compact and its members stand in this order:
 *
 *     {"alg":…,"enc":"A256GCM"[,"epk":{"crv":…,"kty":"EC","x":…,"y":…}]}
 */
enum { JWE_MAX = 4 << 20, JWE_PLAIN_MAX = 2 << 20 };

/*
 * Who may open it, from a public JWK whose "alg", when it has one, is the right one.
 * What `ret` points to is in the arena. MALFORMED: private members, lengths, points off
 * the curve are told when it is used; UNSUPPORTED: other types and algorithms.
 */
MUST enum selfsame_code jwe_to_jwk(const json_t *jwk, struct arena *arena,
    struct envelope_to *ret, struct selfsame_err *e);
/* The flattened JSON. UNSUPPORTED: an X25519 key, which HPKE is for. */
MUST enum selfsame_code jwe_seal(const struct envelope_to *to,
    struct selfsame_bytes plain, struct arena *arena, char **ret,
    struct selfsame_err *e);

struct jwe_key { /* one of them */
    const struct agree_key *agree;
    struct selfsame_bytes rsa_pem;
};
/*
 * Flattened JSON or compact form; the text goes into the arena, for the caller to wipe.
 * The key picks the algorithm, never the header. BAD_SIGNATURE: not for this key.
 */
MUST enum selfsame_code jwe_open(const struct jwe_key *k, struct selfsame_bytes in,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e);

#endif
