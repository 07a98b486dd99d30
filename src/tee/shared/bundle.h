/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TEE_BUNDLE_H
#define SELFSAME_TEE_BUNDLE_H

#include "crypto/crl.h"

/*
 * Certificates and CRLs that came along with evidence. Untrusted until a verifier has
 * built a chain of them. Anything else, and more than the limits, is put aside: it must
 * not refuse a chain that holds without it, and is told where the chain lacks something.
 */
enum { TEE_BUNDLE_CERTS = 1024, TEE_BUNDLE_CRLS = 64 };
struct tee_bundle { /* each piece once, in the arena */
    struct cert *cert;
    size_t cert_count, cert_room;
    struct crl *crl;
    size_t crl_count, crl_room;
    size_t aside;    /* pieces that cannot be used */
    const char *why; /* the first of them; may be NULL */
};

/* DER or PEM of one or many. NOMEM alone: what cannot be used is put aside. */
MUST enum selfsame_code tee_bundle_add(struct tee_bundle *b, struct selfsame_bytes in,
    struct arena *arena, struct selfsame_err *e);
/* `code` and `e` of a piece that could not be used; OK then, NOMEM stays. */
MUST enum selfsame_code tee_bundle_put_aside(struct tee_bundle *b,
    enum selfsame_code code, struct arena *arena, struct selfsame_err *e);
/* A list that has room for one more; NULL without memory. What the old one held is in it. */
MUST void *tee_bundle_room(
    void *list, size_t size, size_t count, size_t *room, struct arena *arena);

#endif
