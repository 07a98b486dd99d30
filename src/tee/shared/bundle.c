/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/bundle.h"

#include "codec/pem.h"

void *
tee_bundle_room(
    void *list, size_t size, size_t count, size_t *room, struct arena *arena)
{
    if (count < *room)
        return list;
    const size_t twice = *room > 0 ? 2 * *room : 8;
    uint8_t *p = arena_alloc(arena, size, twice);
    if (p != NULL && count > 0)
        memcpy(p, list, size * count);
    *room = p != NULL ? twice : *room;
    return p;
}

static enum selfsame_code
add_cert(struct tee_bundle *b, const struct cert *c, struct arena *arena,
    struct selfsame_err *e)
{
    if (b->cert_count == TEE_BUNDLE_CERTS)
        FAIL(e, SELFSAME_MALFORMED, "expected at most %d certificates",
            (int)TEE_BUNDLE_CERTS);
    struct cert *list = tee_bundle_room(
        b->cert, sizeof(*c), b->cert_count, &b->cert_room, arena);
    if (list == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory for certificates");
    b->cert = list;
    b->cert[b->cert_count++] = *c;
    return SELFSAME_OK;
}

static enum selfsame_code
add_crl(struct tee_bundle *b, const struct crl *c, struct arena *arena,
    struct selfsame_err *e)
{
    for (size_t i = 0; i < b->crl_count; i++)
        if (bytes_cmp(b->crl[i].der, c->der) == 0)
            return SELFSAME_OK;
    if (b->crl_count == TEE_BUNDLE_CRLS)
        FAIL(e, SELFSAME_MALFORMED, "expected at most %d CRLs", (int)TEE_BUNDLE_CRLS);
    struct crl *list = tee_bundle_room(
        b->crl, sizeof(*c), b->crl_count, &b->crl_room, arena);
    if (list == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory for CRLs");
    b->crl = list;
    b->crl[b->crl_count++] = *c;
    return SELFSAME_OK;
}

/* A certificate, or else a CRL: both are SEQUENCEs, and only parsing tells. */
static enum selfsame_code
add_der(struct tee_bundle *b, struct selfsame_bytes der, struct arena *arena,
    struct selfsame_err *e)
{
    struct selfsame_err not_crl;
    struct cert cert;
    struct crl crl;

    for (size_t i = 0; i < b->cert_count; i++) /* every chain brings its root */
        if (bytes_cmp(b->cert[i].der, der) == 0)
            return SELFSAME_OK;
    enum selfsame_code code = cert_parse(der, &cert, e);
    if (code == SELFSAME_OK)
        return add_cert(b, &cert, arena, e);
    if (code == SELFSAME_NOMEM)
        return code;
    if (crl_parse(der, &crl, &not_crl) == SELFSAME_OK) {
        *e = (struct selfsame_err){ 0 };
        return add_crl(b, &crl, arena, e);
    }
    return code;
}

/* What cannot be used counts, and what is beside it is used all the same. */
enum selfsame_code
tee_bundle_put_aside(struct tee_bundle *b, enum selfsame_code code, struct arena *arena,
    struct selfsame_err *e)
{
    if (code == SELFSAME_OK || code == SELFSAME_NOMEM)
        return code;
    if (b->aside++ == 0)
        b->why = arena_str(arena, bytes_str(err_text(e)));
    *e = (struct selfsame_err){ 0 };
    return SELFSAME_OK;
}

static enum selfsame_code
add_label(struct tee_bundle *b, struct selfsame_bytes in, const char *label,
    struct arena *arena, size_t *found, struct selfsame_err *e)
{
    struct selfsame_bytes der;

    for (;; ++*found) {
        TRY(pem_next(&in, label, arena, &der, e));
        if (der.ptr == NULL)
            return SELFSAME_OK;
        TRY(tee_bundle_put_aside(b, add_der(b, der, arena, e), arena, e));
    }
}

static enum selfsame_code
add_pem(struct tee_bundle *b, struct selfsame_bytes in, struct arena *arena,
    struct selfsame_err *e)
{
    size_t found = 0;

    TRY(tee_bundle_put_aside(
        b, add_label(b, in, "CERTIFICATE", arena, &found, e), arena, e));
    TRY(add_label(b, in, "X509 CRL", arena, &found, e));
    if (found == 0)
        FAIL(e, SELFSAME_MALFORMED,
            "expected CERTIFICATE or X509 CRL blocks, got PEM without");
    return SELFSAME_OK;
}

enum selfsame_code
tee_bundle_add(struct tee_bundle *b, struct selfsame_bytes in, struct arena *arena,
    struct selfsame_err *e)
{
    return tee_bundle_put_aside(b,
        pem_looks_like(in) ? add_pem(b, in, arena, e) : add_der(b, in, arena, e), arena,
        e);
}
