/* SPDX-License-Identifier: Apache-2.0 */
#include "image/eif.h"

#include "codec/cbor.h"

/*
 * Each byte is an item here: 16 KiB of certificate in PEM, which is an RSA one with
 * a long list of names or some of its chain, and 4 KiB of signature.
 */
enum { SIGNATURE_ITEMS = (16 + 4) * 1024 };

/* serde writes a Vec<u8> as an array of integers, 0..23 in one byte, others in two. */
static struct selfsame_bytes
get_numbers(struct cbor *c, struct arena *arena)
{
    struct cbor_seq seq = cbor_get_array(c);
    uint64_t count = seq.left;
    uint8_t *out = NULL;
    size_t n = 0;

    if (c->why == NULL && count > c->r.rest.len)
        cbor_fail(c, "an array is longer than the section");
    if (c->why == NULL) {
        out = arena_alloc(arena, 1, (size_t)count);
        if (out == NULL)
            return BYTES_NONE;
    }
    while (cbor_more(c, &seq)) {
        uint64_t v = cbor_get_uint(c);
        if (v > 0xff)
            cbor_fail(c, "an element of a byte array is over 255");
        else if (out != NULL && n < count)
            out[n++] = (uint8_t)v;
    }
    return BYTES(out, n);
}

static enum selfsame_code
get_member(struct cbor *c, struct arena *arena, struct eif_signature *s,
    struct selfsame_err *e)
{
    struct selfsame_bytes key = cbor_get_text(c), *into = NULL;

    if (bytes_eq(key, BYTES_LIT("signing_certificate")))
        into = &s->certificate_pem;
    else if (bytes_eq(key, BYTES_LIT("signature")))
        into = &s->cose;
    if (into == NULL) {
        cbor_fail(c, "expected the members signing_certificate and signature only");
        return SELFSAME_OK;
    }
    *into = get_numbers(c, arena);
    if (c->why == NULL && into->ptr == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for the EIF signature");
    return SELFSAME_OK;
}

enum selfsame_code
eif_signature_parse(struct selfsame_bytes section, struct arena *arena,
    struct eif_signature *ret, struct selfsame_err *e)
{
    struct cbor c = cbor_of(section, CBOR_STRICT);
    struct eif_signature s = { 0 };
    c.item_limit = SIGNATURE_ITEMS;
    struct cbor_seq list = cbor_get_array(&c);
    size_t maps = 0;

    while (cbor_more(&c, &list)) {
        struct cbor_seq map = cbor_get_map(&c);
        if (++maps > 1)
            cbor_fail(&c, "expected one signature");
        while (cbor_more(&c, &map))
            TRY(get_member(&c, arena, &s, e));
    }
    TRY(cbor_end(&c, section, "EIF signature section", e));
    if (s.certificate_pem.len == 0 || s.cose.len == 0)
        FAIL(e, SELFSAME_MALFORMED,
            "EIF signature section: expected a certificate and "
            "a signature, got %zu and %zu bytes",
            s.certificate_pem.len, s.cose.len);
    *ret = s;
    return SELFSAME_OK;
}
