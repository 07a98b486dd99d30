/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/x509_internal.h"

/* Extensions that only some chains need: RFC 5280 §4.2.1.6 and §4.2.1.12, RFC 6962 §3.2. */

enum cert_purpose
cert_purpose_of(const struct cert *c, struct selfsame_bytes oid)
{
    struct selfsame_bytes value = cert_extension(c, OID_EXT_PURPOSE);
    struct der d = der_of(value);
    struct der list = der_enter(&d, DER_SEQUENCE);
    size_t count = 0, found = 0;

    if (value.ptr == NULL)
        return PURPOSE_NONE;
    for (; !list.r.bad && !der_done(&list); count++)
        found += bytes_eq(der_get(&list, DER_OID), oid);
    der_absorb(&d, &list);
    if (!der_done(&d) || found == 0)
        return PURPOSE_OTHER;
    return count == 1 ? PURPOSE_ONLY : PURPOSE_AMONG;
}

/* otherName ::= [0] { type-id, [0] EXPLICIT value } */
static struct selfsame_bytes
read_other(struct der *names, struct selfsame_bytes type)
{
    struct der in = der_enter(names, DER_CONTEXT(0));
    bool known = bytes_eq(der_get(&in, DER_OID), type);
    struct der wrap = der_enter(&in, DER_CONTEXT(0));
    struct selfsame_bytes text = der_get(&wrap, DER_UTF8);

    der_absorb(&in, &wrap);
    der_absorb(names, &in);
    if (!known)
        der_fail(names, "an otherName of another type");
    return text;
}

enum selfsame_code
cert_alt_name(const struct cert *c, struct selfsame_bytes other,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct der d = der_of(cert_extension(c, OID_EXT_ALT_NAME));
    struct der names = der_enter(&d, DER_SEQUENCE);
    struct selfsame_bytes name;
    enum { EMAIL = DER_CONTEXT_PRIMITIVE(1), URI = DER_CONTEXT_PRIMITIVE(6) };

    if (der_is(&names, DER_CONTEXT(0)))
        name = read_other(&names, other);
    else
        name = der_get(&names, der_is(&names, EMAIL) ? EMAIL : URI);
    der_absorb(&d, &names);
    if (!der_done(&d) || name.len == 0)
        FAIL(e, SELFSAME_MALFORMED,
            "certificate: expected one subjectAltName, a URI or an e-mail address, got "
            "others or none");
    *ret = name;
    return SELFSAME_OK;
}

/* ---- a TBSCertificate written again ---- */

static void
put_head(struct writer *w, unsigned tag, size_t len)
{
    put_u8(w, (uint8_t)tag);
    if (len >= 0x80) {
        unsigned n = len > 0xffffff ? 4 : len > 0xffff ? 3 : len > 0xff ? 2 : 1;

        put_u8(w, (uint8_t)(0x80 | n));
        while (n-- > 1)
            put_u8(w, (uint8_t)(len >> (8 * n)));
    }
    put_u8(w, (uint8_t)len);
}

static size_t
head_size(size_t len)
{
    struct writer w = writer_of(NULL, 0);

    put_head(&w, 0, len);
    return w.need;
}

enum selfsame_code
cert_tbs_without(const struct cert *c, struct selfsame_bytes oid, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct selfsame_bytes x = c->extensions;
    struct der d = der_of(c->tbs), list = der_of(x);
    struct selfsame_bytes body = der_get(&d, DER_SEQUENCE), gone = BYTES_NONE;

    while (!list.r.bad && !der_done(&list)) {
        struct der at = list;
        struct selfsame_bytes element = der_get_element(&list);

        if (bytes_eq(extension_next(&at).oid, oid))
            gone = element;
    }
    if (gone.ptr == NULL || list.r.bad || d.r.bad || x.len <= gone.len)
        FAIL(e, SELFSAME_MALFORMED,
            "certificate: expected an extension to leave out among others, got none");
    size_t less = x.len - gone.len, inner = head_size(less) + less;
    size_t outer = head_size(inner) + inner;
    /* Extensions come last, in [3] { SEQUENCE }: cert_parse has seen to it. */
    size_t old_inner = head_size(x.len) + x.len;
    size_t before = body.len - head_size(old_inner) - old_inner;
    size_t size = head_size(before + outer) + before + outer;
    uint8_t *buf = arena_alloc(arena, 1, size);
    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "certificate: out of memory");
    struct writer w = writer_of(buf, size);
    put_head(&w, DER_SEQUENCE, before + outer);
    put_bytes(&w, BYTES(body.ptr, before));
    put_head(&w, DER_CONTEXT(3), inner);
    put_head(&w, DER_SEQUENCE, less);
    size_t first = (size_t)(gone.ptr - x.ptr);
    put_bytes(&w, BYTES(x.ptr, first));
    put_bytes(&w, BYTES(gone.ptr + gone.len, less - first));
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}
