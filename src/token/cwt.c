/* SPDX-License-Identifier: Apache-2.0 */
/* Attestation results as CWTs: COSE_Sign1 (RFC 9052) with tags 61 and 18 (RFC 8392 §6). */
#include "token/token.h"

#include "codec/cbor.h"
#include "codec/cose.h"

enum {
    TAG_CWT = 61,
    TAG_SIGN1 = 18,
    COSE_RS256 = -257, /* RFC 8812 §2 */
    LABEL_ALG = 1,
    LABEL_KID = 4,
    LABEL_TYP = 16, /* RFC 9596 */
    KID_MAX = 256,
};

static const struct {
    enum jose_alg jose;
    int64_t cose;
} algs[] = {
    { JOSE_ES256, COSE_ES256 },
    { JOSE_ES384, COSE_ES384 },
    { JOSE_RS256, COSE_RS256 },
    { JOSE_PS256, COSE_PS256 },
    { JOSE_EDDSA, COSE_EDDSA },
};

/* ---- the bytes that are signed ---- */

static enum selfsame_code
signed_bytes(const struct cose_sign1 *s, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct cose_tbs tbs;
    size_t size = 0;

    cose_sign1_tbs(s, BYTES_NONE, &tbs);
    for (size_t i = 0; i < tbs.count; i++)
        size += tbs.part[i].len;
    uint8_t *out = arena_alloc(arena, 1, size);
    if (out == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a CWT");
    struct writer w = writer_of(out, size);
    for (size_t i = 0; i < tbs.count; i++)
        put_bytes(&w, tbs.part[i]);
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}

/* ---- making ---- */

static enum selfsame_code
protected_of(enum jose_alg alg, const char *kid, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const size_t room = 32 + strlen(kid);
    uint8_t *out = arena_alloc(arena, 1, room);
    struct writer w = writer_of(out, out != NULL ? room : 0);

    if (out == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a CWT");
    cbor_put_map(&w, 2);
    cbor_put_int(&w, LABEL_ALG);
    for (size_t i = 0; i < COUNT(algs); i++)
        if (algs[i].jose == alg)
            cbor_put_int(&w, algs[i].cose);
    cbor_put_int(&w, LABEL_KID);
    cbor_put_bytes(&w, bytes_str(kid));
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}

static enum selfsame_code
wrap(const struct cose_sign1 *s, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    const size_t room = 64 + s->protected_.len + s->payload.len + s->signature.len;
    uint8_t *out = arena_alloc(arena, 1, room);
    struct writer w = writer_of(out, out != NULL ? room : 0);

    if (out == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a CWT");
    cbor_put_tag(&w, TAG_CWT);
    cose_sign1_put(&w, true, s->protected_, s->payload, s->signature);
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}

enum selfsame_code
ear_cwt(const struct verdict *v, const struct ear_subject *s, const struct key *k,
    enum jose_alg alg, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    struct ear_subject draft = *s; /* only the draft has numbers for its claims */
    struct jwk jwk = { .kid = s->kid };
    struct cose_sign1 c = { .tagged = true };
    auto_json *claims = NULL;
    struct selfsame_bytes part;

    draft.dialect = EAR_DRAFT;
    TRY(ear_claims(v, &draft, &claims, e));
    if (jwk.kid == NULL)
        TRY(jwk_of_key(k, alg, arena, &jwk, e));
    TRY(cwt_claims_put(claims, arena, &c.payload, e));
    TRY(protected_of(alg, jwk.kid, arena, &c.protected_, e));
    TRY(signed_bytes(&c, arena, &part, e));
    TRY(jose_sign(k, alg, &part, 1, arena, &c.signature, e));
    return wrap(&c, arena, ret, e);
}

/* ---- reading ---- */

/* What stands before the array: nothing, tag 18, or tags 61 and 18. */
static struct selfsame_bytes
without_tag(struct selfsame_bytes in)
{
    static const uint8_t tag[] = { 0xd8, TAG_CWT };

    return bytes_has_prefix(in, BYTES_ARR(tag)) ? BYTES(in.ptr + 2, in.len - 2) : in;
}

bool
cwt_recognise(struct selfsame_bytes in)
{
    const struct selfsame_bytes rest = without_tag(in);

    return rest.len > 1 && (rest.ptr[0] == (0xc0 | TAG_SIGN1) || rest.ptr[0] == 0x84);
}

/* "kid" of a header, as text; of another kind it names none of our keys. */
static enum selfsame_code
read_labels(struct selfsame_bytes header, struct arena *arena, struct jws *s,
    struct selfsame_err *e)
{
    struct cbor c = cbor_of(header, CBOR_INDEFINITE_OK);

    if (header.len == 0)
        return SELFSAME_OK;
    struct cbor_seq map = cbor_get_map(&c);
    while (cbor_more(&c, &map)) {
        const bool text = cbor_peek(&c) == CBOR_TEXT;
        const int64_t label = text ? 0 : cbor_get_int(&c);

        if (text)
            (void)cbor_get_text(&c);
        if (label == LABEL_KID && cbor_peek(&c) == CBOR_BYTES) {
            const struct selfsame_bytes kid = cbor_get_bytes(&c);
            if (kid.len > KID_MAX || kid.len == 0 ||
                memchr(kid.ptr, 0, kid.len) != NULL)
                FAIL(e, SELFSAME_MALFORMED, "CWT: kid: expected 1 to %d bytes of text",
                    (int)KID_MAX);
            s->kid = arena_str(arena, kid);
            if (s->kid == NULL)
                FAIL(e, SELFSAME_NOMEM, "no memory for a CWT");
        } else if (label == LABEL_TYP && cbor_peek(&c) == CBOR_TEXT) {
            s->typ = arena_str(arena, cbor_get_text(&c));
            if (s->typ == NULL)
                FAIL(e, SELFSAME_NOMEM, "no memory for a CWT");
        } else
            (void)cbor_get_any(&c);
    }
    return cbor_end(&c, header, "CWT header", e);
}

enum selfsame_code
cwt_parse(struct selfsame_bytes in, struct arena *arena, struct jws *ret,
    struct selfsame_err *e)
{
    struct cose_sign1 c;
    struct jws s = { .alg = JOSE_NONE };

    if (in.len > JWS_MAX)
        FAIL(e, SELFSAME_MALFORMED, "CWT: expected at most %d bytes, got %zu",
            (int)JWS_MAX, in.len);
    TRY_WHILE(e, cose_sign1_parse(without_tag(in), &c, e), "CWT");
    for (size_t i = 0; i < COUNT(algs); i++)
        if (c.has_alg && algs[i].cose == c.alg)
            s.alg = algs[i].jose;
    if (s.alg == JOSE_NONE)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "CWT: expected ES256, ES384, RS256, PS256 or EdDSA, got %lld",
            c.has_alg ? (long long)c.alg : 0LL);
    TRY(read_labels(c.unprotected, arena, &s, e));
    TRY(read_labels(c.protected_, arena, &s, e));
    TRY(signed_bytes(&c, arena, &s.signed_, e));
    s.header = c.protected_;
    s.payload = c.payload;
    s.signature = c.signature;
    *ret = s;
    return SELFSAME_OK;
}
