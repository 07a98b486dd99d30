/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_COSE_H
#define SELFSAME_COSE_H

#include "base/base.h"

/* COSE algorithms (IANA "COSE Algorithms"). */
enum cose_alg {
    COSE_ES256 = -7,
    COSE_EDDSA = -8,
    COSE_ES384 = -35,
    COSE_ES512 = -36,
    COSE_PS256 = -37,
    COSE_PS384 = -38,
    COSE_PS512 = -39,
};

/* COSE_Sign1 (RFC 9052 §4.2); all views into the input. */
struct cose_sign1 {
    bool tagged;
    bool has_alg; /* an integer alg in the *protected* header */
    int64_t alg;
    struct selfsame_bytes protected_;  /* content of the bstr, as received */
    struct selfsame_bytes unprotected; /* the whole map, encoded */
    struct selfsame_bytes payload;
    struct selfsame_bytes signature;
};

/*
 * Accepts `84…` and `D2 84…` and nothing else; definite outer array, no trailing
 * bytes, payload present (bstr, not null), protected header empty or a map.
 */
MUST enum selfsame_code cose_sign1_parse(
    struct selfsame_bytes in, struct cose_sign1 *ret, struct selfsame_err *e);
/* The same with null in the payload's place: whoever verifies it knows the payload. */
MUST enum selfsame_code cose_sign1_parse_detached(
    struct selfsame_bytes in, struct cose_sign1 *ret, struct selfsame_err *e);

/*
 * The bytes to hash (Sig_structure, RFC 9052 §4.4) as pieces, so that the payload
 * is not copied. `store` holds the small heads; parts point into it and into s.
 */
struct cose_tbs {
    uint8_t store[48];
    struct selfsame_bytes part[6];
    size_t count;
};
void cose_sign1_tbs(const struct cose_sign1 *s, struct selfsame_bytes external_aad,
    struct cose_tbs *ret);

/* Encodes protected {1: alg}, unprotected {}, payload, signature. */
void cose_sign1_put(struct writer *w, bool tagged, struct selfsame_bytes protected_,
    struct selfsame_bytes payload, struct selfsame_bytes signature);

#endif
