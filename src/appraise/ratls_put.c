/* SPDX-License-Identifier: Apache-2.0 */
/* Extensions of our own certificates: docs/formats/ratls.md is their specification. */
#include "appraise/appraise.h"
#include "appraise/ratls.h"
#include "codec/cbor.h"
#include "codec/cmw.h"
#include "codec/der.h"
#include "crypto/crypto.h"

enum {
    CLAIMS = 51, /* { "pubkey-hash": h'[1, SHA-256]' } */
    OCTETS = 5,  /* head of an OCTET STRING under 64 KiB */
    REPORT_DATA = 64,
};

/* What CBOR tag 60000 is registered for: quotes of SGX and TDX, and nothing else. */
static bool
is_quote(struct selfsame_bytes type)
{
    return bytes_eq(type, BYTES_LIT("application/vnd.attest.sgx")) ||
           bytes_eq(type, BYTES_LIT("application/vnd.attest.tdx"));
}

static bool
make_claims(struct selfsame_bytes spki, uint8_t ret[static CLAIMS])
{
    uint8_t digest[HASH_MAX], entry[36];
    struct writer in = writer_of(entry, sizeof(entry)), w = writer_of(ret, CLAIMS);

    if (!hash_bytes(HASH_SHA256, spki, digest))
        return false;
    cbor_put_array(&in, 2);
    cbor_put_uint(&in, RATLS_SHA256);
    cbor_put_bytes(&in, BYTES(digest, hash_size(HASH_SHA256)));
    cbor_put_map(&w, 1);
    cbor_put_str(&w, "pubkey-hash");
    cbor_put_bytes(&w, writer_bytes(&in));
    return !in.bad && !w.bad && w.len == CLAIMS;
}

bool
ratls_report_data(
    const char *media_type, struct selfsame_bytes spki, uint8_t ret[static 64])
{
    uint8_t claims[CLAIMS], digest[HASH_MAX];
    struct binder b;

    if (!is_quote(bytes_str(media_type)))
        return binder_certificate(&b, spki) && binder64(&b, ret);
    if (!make_claims(spki, claims) ||
        !hash_bytes(HASH_SHA256, BYTES_ARR(claims), digest))
        return false;
    memset(ret, 0, REPORT_DATA);
    memcpy(ret, digest, hash_size(HASH_SHA256));
    return true;
}

static bool
put_dice(struct selfsame_bytes quote, struct selfsame_bytes spki, struct arena *arena,
    struct selfsame_bytes *ret)
{
    enum { HEADS = 16 };
    const size_t room = quote.len + CLAIMS + HEADS;
    uint8_t claims[CLAIMS], *buf = arena_alloc(arena, 1, room);

    if (buf == NULL || !make_claims(spki, claims))
        return false;
    struct writer w = writer_of(buf, room);
    cbor_put_tag(&w, RATLS_TAG_QUOTE);
    cbor_put_array(&w, 2);
    cbor_put_bytes(&w, quote);
    cbor_put_bytes(&w, BYTES_ARR(claims));
    *ret = writer_bytes(&w);
    return !w.bad;
}

/* An OCTET STRING of DER around the CMW. */
static bool
put_cmw(struct selfsame_bytes cmw, struct arena *arena, struct selfsame_bytes *ret)
{
    uint8_t *buf = arena_alloc(arena, 1, cmw.len + OCTETS);

    if (buf == NULL || cmw.len > 0xffffff)
        return false;
    struct writer w = writer_of(buf, cmw.len + OCTETS);
    put_u8(&w, DER_OCTET_STRING);
    if (cmw.len > 0xff) {
        const unsigned n = cmw.len > 0xffff ? 3 : 2;

        put_u8(&w, (uint8_t)(0x80 | n));
        if (n == 3)
            put_u8(&w, (uint8_t)(cmw.len >> 16));
        put_be16(&w, (uint16_t)(cmw.len & 0xffff));
    } else {
        if (cmw.len > 0x7f)
            put_u8(&w, 0x81);
        put_u8(&w, (uint8_t)cmw.len);
    }
    put_bytes(&w, cmw);
    *ret = writer_bytes(&w);
    return !w.bad;
}

enum selfsame_code
ratls_extensions(struct selfsame_bytes cmw, struct selfsame_bytes spki,
    struct arena *arena, struct cert_extension ret[static RATLS_EXTENSIONS],
    size_t *ret_count, struct selfsame_err *e)
{
    struct cmw parsed;
    size_t count = 0;
    bool good = true;

    TRY_WHILE(e, cmw_parse(cmw, arena, &parsed, e), "evidence for a certificate");
    for (size_t i = 0; i < parsed.count && count == 0; i++)
        if (is_quote(parsed.entries[i].type)) {
            ret[count].oid = RATLS_OID_DICE;
            good = put_dice(parsed.entries[i].value, spki, arena, &ret[count].value);
            ret[count++].critical = false;
        }
    ret[count].oid = RATLS_OID_CMW;
    good = good && put_cmw(cmw, arena, &ret[count].value);
    ret[count++].critical = false;
    if (!good)
        FAIL(e, SELFSAME_NOMEM, "no room for the extensions of a certificate");
    *ret_count = count;
    return SELFSAME_OK;
}
