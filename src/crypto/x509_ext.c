/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/x509_internal.h"

/* Extensions (RFC 5280 §4.2). More than this in one certificate is refused. */
enum { EXTENSIONS_MAX = 40 };

#define OID(s)                              \
    {                                       \
        (const uint8_t *)(s), sizeof(s) - 1 \
    }

struct extension
extension_next(struct der *list)
{
    struct der in = der_enter(list, DER_SEQUENCE);
    struct extension x = { .oid = der_get(&in, DER_OID) };

    if (der_is(&in, DER_BOOLEAN)) {
        x.critical = der_get_bool(&in);
        x.default_written = !x.critical;
    }
    if (!in.r.bad && x.oid.len == 0)
        der_fail(&in, "an empty object identifier");
    x.value = der_get(&in, DER_OCTET_STRING);
    der_absorb(list, &in);
    return x;
}

struct extension
extension_next_strict(struct der *list)
{
    struct extension x = extension_next(list);

    if (x.default_written)
        der_fail(list, "an extension writes out that it is not critical");
    return x;
}

/* §4.2.1.9; the default FALSE is not written, and only a CA has a pathLen. */
static void
read_basic(struct der *d, struct cert *c)
{
    struct der in = der_enter(d, DER_SEQUENCE);

    c->has_basic = true;
    if (der_is(&in, DER_BOOLEAN)) {
        c->is_ca = der_get_bool(&in);
        if (!c->is_ca)
            der_fail(&in, "basicConstraints writes out that it is not a CA");
    }
    if (c->is_ca && der_is(&in, DER_INTEGER)) {
        uint64_t n = der_get_small_uint(&in);
        c->has_path_len = true;
        c->path_len = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
    }
    der_absorb(d, &in);
}

/*
 * §4.2.1.3: nine named bits, one of them set at least. AMD's ASKs write a zero
 * behind the last one that is set, which X.690 §11.2.2 forbids, so that one rule
 * is not applied here; the unused bits must still be zero.
 */
static void
read_usage(struct der *d, struct cert *c)
{
    struct selfsame_bytes b = der_get(d, DER_BIT_STRING);

    if (d->r.bad)
        return;
    unsigned unused = b.len > 0 ? b.ptr[0] : 8;
    if (b.len < 2 || b.len > 3 || unused > 7 || (b.len == 3 && unused != 7) ||
        (b.ptr[b.len - 1] & ((1u << unused) - 1)) != 0) {
        der_fail(d, "keyUsage is not one to nine named bits");
        return;
    }
    c->has_usage = true;
    for (unsigned i = 0; i < 8 * (unsigned)(b.len - 1); i++)
        c->usage |= ((uint32_t)b.ptr[1 + i / 8] >> (7 - i % 8) & 1u) << i;
    if (c->usage == 0)
        der_fail(d, "keyUsage allows nothing");
}

/* §4.2.1.2 */
static void
read_ski(struct der *d, struct cert *c)
{
    c->ski = der_get(d, DER_OCTET_STRING);
    if (c->ski.len == 0)
        der_fail(d, "an empty subjectKeyIdentifier");
}

/* §4.2.1.1; issuer name and serial may stand beside the identifier, unread. */
struct selfsame_bytes
aki_read(struct der *d)
{
    struct der in = der_enter(d, DER_SEQUENCE);
    struct selfsame_bytes id = BYTES_NONE;

    if (der_is(&in, DER_CONTEXT_PRIMITIVE(0))) {
        id = der_get(&in, DER_CONTEXT_PRIMITIVE(0));
        if (id.len == 0)
            der_fail(&in, "an empty authorityKeyIdentifier");
    }
    if (der_is(&in, DER_CONTEXT(1)))
        (void)der_get(&in, DER_CONTEXT(1));
    if (der_is(&in, DER_CONTEXT_PRIMITIVE(2)))
        (void)der_get(&in, DER_CONTEXT_PRIMITIVE(2));
    der_absorb(d, &in);
    return id;
}

static void
read_aki(struct der *d, struct cert *c)
{
    c->aki = aki_read(d);
}

static const struct {
    struct selfsame_bytes oid;
    void (*read)(struct der *d, struct cert *c);
} known[] = {
    { OID("\x55\x1d\x13"), read_basic },
    { OID("\x55\x1d\x0f"), read_usage },
    { OID("\x55\x1d\x0e"), read_ski },
    { OID("\x55\x1d\x23"), read_aki },
};

static bool
seen(const struct selfsame_bytes *oids, size_t count, struct selfsame_bytes oid)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_eq(oids[i], oid))
            return true;
    return false;
}

static enum selfsame_code
read_one(const struct extension *x, struct cert *c, const struct cert_profile *profile,
    struct selfsame_err *e)
{
    char oid[2 * 16 + 1];

    for (size_t i = 0; i < COUNT(known); i++) {
        if (!bytes_eq(known[i].oid, x->oid))
            continue;
        struct der d = der_of(x->value);
        known[i].read(&d, c);
        if (!der_done(&d))
            FAIL(e, SELFSAME_MALFORMED, "certificate extension: %s",
                d.why != NULL ? d.why : "bytes follow its value");
        return SELFSAME_OK;
    }
    /* §4.2: a system must refuse a critical extension that it does not know. */
    hex_encode(BYTES(x->oid.ptr, x->oid.len < 16 ? x->oid.len : 16), oid);
    if (x->critical && !seen(profile->handled, profile->handled_count, x->oid))
        FAIL(e, SELFSAME_UNSUPPORTED,
            "certificate: critical extension with the OID bytes %s is unknown", oid);
    return SELFSAME_OK;
}

enum selfsame_code
cert_parse_extensions(
    struct cert *c, const struct cert_profile *profile, struct selfsame_err *e)
{
    struct selfsame_bytes oids[EXTENSIONS_MAX];
    struct der list = der_of(c->extensions);
    size_t count = 0;

    while (!list.r.bad && !der_done(&list)) {
        struct extension x = profile->foreign ? extension_next(&list)
                                              : extension_next_strict(&list);

        if (list.r.bad)
            break;
        if (count == EXTENSIONS_MAX)
            FAIL(e, SELFSAME_UNSUPPORTED,
                "certificate: expected at most %d extensions, got more",
                EXTENSIONS_MAX);
        oids[count++] = x.oid;
        if (profile->foreign)
            continue; /* who reads one looks how often it is there */
        if (seen(oids, count - 1, x.oid))
            FAIL(e, SELFSAME_MALFORMED, "certificate: an extension is there twice");
        TRY(read_one(&x, c, profile, e));
    }
    if (list.r.bad)
        FAIL(e, SELFSAME_MALFORMED, "certificate extensions: %s",
            list.why != NULL ? list.why : "they end early");
    return SELFSAME_OK;
}

static struct extension
find(const struct cert *c, struct selfsame_bytes oid)
{
    struct der list = der_of(c->extensions);

    while (!list.r.bad && !der_done(&list)) {
        struct extension x = extension_next(&list);
        if (!list.r.bad && bytes_eq(x.oid, oid))
            return x;
    }
    return (struct extension){ .critical = false };
}

struct selfsame_bytes
cert_extension(const struct cert *c, struct selfsame_bytes oid)
{
    return find(c, oid).value;
}

bool
cert_extension_critical(const struct cert *c, struct selfsame_bytes oid)
{
    return find(c, oid).critical;
}

size_t
cert_extension_count(const struct cert *c, struct selfsame_bytes oid)
{
    struct der list = der_of(c->extensions);
    size_t count = 0;

    while (!list.r.bad && !der_done(&list)) {
        struct extension x = extension_next(&list);
        if (!list.r.bad && bytes_eq(x.oid, oid))
            count++;
    }
    return count;
}
