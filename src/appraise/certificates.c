/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates of evidence in words, decoded only when a verdict is printed. */
#include "appraise/internal.h"
#include "crypto/x509.h"

static enum selfsame_code
describe(struct selfsame_bytes der, struct arena *arena, struct certificate *ret,
    struct selfsame_err *e)
{
    struct certificate k = { .subject = NULL };
    uint8_t digest[HASH_MAX];
    struct selfsame_err ignored;
    struct cert cert;

    if (!hash_bytes(HASH_SHA256, der, digest))
        FAIL(e, SELFSAME_NOMEM, "no room for a digest");
    hex_encode(BYTES(digest, 32), k.sha256);
    /* A root that is not ours need not parse: nobody looked into it. */
    if (cert_parse(der, &cert, &ignored) == SELFSAME_OK) {
        k.subject = name_text(cert.subject, arena);
        k.issuer = name_text(cert.issuer, arena);
        if (k.subject == NULL || k.issuer == NULL)
            FAIL(e, SELFSAME_NOMEM, "no room for the name of a certificate");
        time_format(cert.not_before, k.not_before);
        time_format(cert.not_after, k.not_after);
    }
    *ret = k;
    return SELFSAME_OK;
}

enum selfsame_code
certificates_describe(const struct selfsame_claims *c, struct arena *arena,
    struct certificate **ret, struct selfsame_err *e)
{
    struct certificate *list = ARENA_NEW(arena, struct certificate, c->chain_count + 1);

    if (list == NULL)
        FAIL(e, SELFSAME_NOMEM, "no room for %zu certificates", c->chain_count);
    for (size_t i = 0; i < c->chain_count; i++)
        TRY(describe(c->chain[i], arena, &list[i], e));
    *ret = list;
    return SELFSAME_OK;
}
