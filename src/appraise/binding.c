/* SPDX-License-Identifier: Apache-2.0 */
/* The binder of attest-tls v1: docs/formats/binder.md is its specification. */
#include "appraise/appraise.h"
#include "crypto/crypto.h"

static const char prefix[] = "attest-tls/v1"; /* its NUL is part of the message */

bool
binder_session(struct binder *ret, enum binder_role role,
    struct selfsame_bytes attest_request, struct selfsame_bytes exporter32,
    struct selfsame_bytes spki)
{
    struct binder b = { .role = role };
    uint8_t ctx[HASH_MAX], key[HASH_MAX], extra[HASH_MAX];

    if (attest_request.len == 0 || exporter32.len != sizeof(b.ekm))
        return false;
    if (!hash_bytes(HASH_SHA256, attest_request, ctx) ||
        !hash_bytes(HASH_SHA256, spki, key) ||
        !hash_bytes(HASH_SHA256, BYTES_NONE, extra))
        return false;
    memcpy(b.ctx, ctx, sizeof(b.ctx));
    if (spki.len > 0)
        memcpy(b.spki, key, sizeof(b.spki));
    memcpy(b.ekm, exporter32.ptr, sizeof(b.ekm));
    memcpy(b.extra, extra, sizeof(b.extra));
    *ret = b;
    return true;
}

bool
binder_http(struct binder *ret, struct selfsame_bytes nonce, struct selfsame_bytes spki)
{
    static const uint8_t no_exporter[32];

    return binder_session(ret, BINDER_HTTP, nonce, BYTES_ARR(no_exporter), spki);
}

bool
binder_certificate(struct binder *ret, struct selfsame_bytes spki)
{
    struct binder b = { .role = BINDER_CERTIFICATE };
    uint8_t key[HASH_MAX], extra[HASH_MAX];

    if (spki.len == 0 || !hash_bytes(HASH_SHA256, spki, key) ||
        !hash_bytes(HASH_SHA256, BYTES_NONE, extra))
        return false;
    memcpy(b.spki, key, sizeof(b.spki));
    memcpy(b.extra, extra, sizeof(b.extra));
    *ret = b;
    return true;
}

/* M = prefix || role || ctx || spki || ekm || extra, in pieces */
static bool
digest(const struct binder *b, enum hash_alg alg, uint8_t ret[static HASH_MAX])
{
    const uint8_t role = (uint8_t)b->role;
    const struct selfsame_bytes part[] = {
        { (const uint8_t *)prefix, sizeof(prefix) },
        { &role, 1 },
        BYTES_ARR(b->ctx),
        BYTES_ARR(b->spki),
        BYTES_ARR(b->ekm),
        BYTES_ARR(b->extra),
    };

    if (b->role < BINDER_SERVER || b->role > BINDER_HTTP)
        return false;
    return hash_parts(alg, part, COUNT(part), ret);
}

bool
binder64(const struct binder *b, uint8_t ret[static 64])
{
    return digest(b, HASH_SHA512, ret);
}

bool
binder32(const struct binder *b, uint8_t ret[static 32])
{
    uint8_t full[HASH_MAX];

    if (!digest(b, HASH_SHA256, full))
        return false;
    memcpy(ret, full, 32);
    return true;
}
