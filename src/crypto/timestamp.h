/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TIMESTAMP_H
#define SELFSAME_TIMESTAMP_H

#include "crypto/x509.h"

/*
 * Time-stamp responses (RFC 3161): an own strict walk of the profile that time-stamping
 * authorities use (DER throughout, one signer, ESSCertIDv2 of RFC 5816). Views into the
 * response.
 */
struct timestamp {
    struct selfsame_bytes imprint; /* the digest that is stamped */
    enum hash_alg imprint_hash;
    int64_t time_s;
    bool fraction; /* a part of a second later */
    struct selfsame_bytes content, attributes, signature, certificates;
    struct selfsame_bytes issuer, serial,
        key_id; /* of the signer: two or one of them */
    enum hash_alg digest, cert_hash;
    enum sig_alg alg;
    struct selfsame_bytes cert_digest, content_digest;
};
/* MALFORMED, also when it was not granted; UNSUPPORTED: another algorithm. */
MUST enum selfsame_code timestamp_parse(
    struct selfsame_bytes der, struct timestamp *ret, struct selfsame_err *e);
/* Does it name a signer of this authority? Then it is worth verifying. */
bool timestamp_names(
    const struct timestamp *t, const struct cert *authority, size_t count);
/*
 * Is it a stamp on `message` by this authority? `authority`: its certificates from the one
 * next to the signer (or the signer) up to the anchor, which comes last. MISMATCH: of
 * another message; BAD_CHAIN; BAD_SIGNATURE.
 */
MUST enum selfsame_code timestamp_verify(const struct timestamp *t,
    struct selfsame_bytes message, const struct cert *authority, size_t count,
    struct arena *arena, struct selfsame_err *e);
/* How certificates of such authorities are parsed. */
extern const struct cert_profile timestamp_profile;

#endif
