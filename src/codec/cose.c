/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cose.h"

#include "codec/cbor.h"

enum { TAG_SIGN1 = 18, LABEL_ALG = 1, LABEL_CRIT = 2, HEADERS = 64 };

/* The labels of one header map, as encoded, to compare the two maps. */
struct labels {
    struct selfsame_bytes at[HEADERS];
    size_t count;
};

/* The next label as its encoding; *ret_number is 0 (reserved) for text. */
static void
read_label(struct cbor *c, struct labels *labels, int64_t *ret_number)
{
    const uint8_t *start = c->r.rest.ptr;

    *ret_number = 0;
    if (cbor_peek(c) == CBOR_TEXT)
        (void)cbor_get_text(c);
    else
        *ret_number = cbor_get_int(c);
    if (labels->count == HEADERS)
        cbor_fail(c, "more than 64 header parameters");
    if (!c->r.bad)
        labels->at[labels->count++] = BYTES(start, (size_t)(c->r.rest.ptr - start));
}

/* crit is refused: none of the extensions it could demand is known here. */
static enum selfsame_code
parse_protected(struct cose_sign1 *s, struct labels *labels, struct selfsame_err *e)
{
    struct cbor c = cbor_of(s->protected_, CBOR_STRICT);

    if (s->protected_.len == 0)
        return SELFSAME_OK;
    struct cbor_seq map = cbor_get_map(&c);
    while (cbor_more(&c, &map)) {
        int64_t label;

        read_label(&c, labels, &label);
        if (label == LABEL_CRIT)
            FAIL(e, SELFSAME_UNSUPPORTED,
                "COSE header: expected no critical parameters, got a list of them");
        enum cbor_kind kind = cbor_peek(&c);
        if (label == LABEL_ALG && (kind == CBOR_UINT || kind == CBOR_NINT)) {
            s->alg = cbor_get_int(&c);
            s->has_alg = true;
        } else {
            (void)cbor_get_any(&c);
        }
    }
    return cbor_end(&c, s->protected_, "COSE protected header", e);
}

static enum selfsame_code
parse_unprotected(
    const struct cose_sign1 *s, const struct labels *protected_, struct selfsame_err *e)
{
    struct cbor c = cbor_of(s->unprotected, CBOR_STRICT);
    struct labels labels = { .count = 0 };
    struct cbor_seq map = cbor_get_map(&c);

    while (cbor_more(&c, &map)) {
        int64_t label;

        read_label(&c, &labels, &label);
        if (label == LABEL_CRIT)
            cbor_fail(&c, "crit stands in the unprotected header");
        for (size_t i = 0; i < protected_->count && !c.r.bad; i++)
            if (bytes_cmp(protected_->at[i], labels.at[labels.count - 1]) == 0)
                cbor_fail(&c, "a label is in the protected header too");
        (void)cbor_get_any(&c);
    }
    return cbor_end(&c, s->unprotected, "COSE unprotected header", e);
}

static void
read_payload(struct cbor *c, bool detached, struct cose_sign1 *s)
{
    if (detached && !cbor_get_null(c))
        cbor_fail(c, "expected null, for the payload is detached");
    if (detached)
        return;
    if (cbor_peek(c) == CBOR_NULL)
        cbor_fail(c, "expected a payload, got null (detached)");
    s->payload = cbor_get_bytes(c);
}

static enum selfsame_code
parse(struct selfsame_bytes in, bool detached, struct cose_sign1 *ret,
    struct selfsame_err *e)
{
    struct cbor c = cbor_of(in, CBOR_STRICT);
    struct cose_sign1 s = { .tagged = cbor_peek(&c) == CBOR_TAG };
    struct labels labels = { .count = 0 };

    if (s.tagged && cbor_get_tag(&c) != TAG_SIGN1)
        cbor_fail(&c, "expected tag 18 (COSE_Sign1) or none");
    struct cbor_seq outer = cbor_get_array(&c);
    if (outer.left != 4)
        cbor_fail(&c, "expected an array of 4");
    s.protected_ = cbor_get_bytes(&c);
    if (cbor_peek(&c) != CBOR_MAP)
        cbor_fail(&c, "expected a map as the unprotected header");
    s.unprotected = cbor_get_any(&c);
    read_payload(&c, detached, &s);
    s.signature = cbor_get_bytes(&c);
    TRY(cbor_end(&c, in, "COSE_Sign1", e));
    TRY(parse_protected(&s, &labels, e));
    TRY(parse_unprotected(&s, &labels, e));
    *ret = s;
    return SELFSAME_OK;
}

enum selfsame_code
cose_sign1_parse(
    struct selfsame_bytes in, struct cose_sign1 *ret, struct selfsame_err *e)
{
    return parse(in, false, ret, e);
}

enum selfsame_code
cose_sign1_parse_detached(
    struct selfsame_bytes in, struct cose_sign1 *ret, struct selfsame_err *e)
{
    return parse(in, true, ret, e);
}

static void
add_bstr(struct cose_tbs *t, struct writer *w, struct selfsame_bytes content)
{
    size_t start = t->count == 0 ? 0 : w->len;

    cbor_put_bytes_head(w, content.len);
    t->part[t->count++] = BYTES(t->store + start, w->len - start);
    t->part[t->count++] = content;
}

void
cose_sign1_tbs(const struct cose_sign1 *s, struct selfsame_bytes external_aad,
    struct cose_tbs *ret)
{
    struct writer w = writer_of(ret->store, sizeof(ret->store));
    struct selfsame_bytes protected_ = s->protected_;

    /* No protected attributes are signed as an empty string, even when they
     * came as an empty map (RFC 9052 §4.4 step 1). */
    if (protected_.len == 1 && protected_.ptr[0] == 0xa0)
        protected_ = BYTES(s->protected_.ptr, 0);
    ret->count = 0;
    cbor_put_array(&w, 4);
    cbor_put_str(&w, "Signature1");
    add_bstr(ret, &w, protected_);
    add_bstr(ret, &w, external_aad);
    add_bstr(ret, &w, s->payload);
}

void
cose_sign1_put(struct writer *w, bool tagged, struct selfsame_bytes protected_,
    struct selfsame_bytes payload, struct selfsame_bytes signature)
{
    if (tagged)
        cbor_put_tag(w, TAG_SIGN1);
    cbor_put_array(w, 4);
    cbor_put_bytes(w, protected_);
    cbor_put_map(w, 0);
    cbor_put_bytes(w, payload);
    cbor_put_bytes(w, signature);
}
