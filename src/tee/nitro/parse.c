/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cbor.h"
#include "tee/nitro/nitro.h"

/* The keys of the payload, attestation_process.md §3.1; the bit says "was there". */
enum {
    MODULE_ID = 1u << 0,
    DIGEST = 1u << 1,
    TIMESTAMP = 1u << 2,
    PCRS = 1u << 3,
    CERTIFICATE = 1u << 4,
    CABUNDLE = 1u << 5,
    PUBLIC_KEY = 1u << 6,
    USER_DATA = 1u << 7,
    NONCE = 1u << 8,
    REQUIRED = MODULE_ID | DIGEST | TIMESTAMP | PCRS | CERTIFICATE | CABUNDLE,
};
static const struct {
    const char *name;
    unsigned bit;
} keys[] = {
    { "module_id", MODULE_ID },
    { "digest", DIGEST },
    { "timestamp", TIMESTAMP },
    { "pcrs", PCRS },
    { "certificate", CERTIFICATE },
    { "cabundle", CABUNDLE },
    { "public_key", PUBLIC_KEY },
    { "user_data", USER_DATA },
    { "nonce", NONCE },
};

/* 9999-12-31T23:59:59.999Z: later times have no text form. */
static const uint64_t last_ms = 253402300799999;

struct payload {
    unsigned seen;
    bool nitrotpm;
    struct selfsame_bytes digest, leaf;
    struct selfsame_bytes bundle[NITRO_BUNDLE_MAX];
    size_t bundle_count;
};

static bool
text_is(struct selfsame_bytes text, const char *word)
{
    return bytes_cmp(text, bytes_str(word)) == 0;
}

static unsigned
key_bit(struct selfsame_bytes key)
{
    for (size_t i = 0; i < COUNT(keys); i++)
        if (text_is(key, keys[i].name))
            return keys[i].bit;
    return 0;
}

static void
read_pcrs(struct cbor *c, struct nitro_doc *doc)
{
    struct cbor_seq map = cbor_get_map(c);

    while (cbor_more(c, &map)) {
        uint64_t index = cbor_get_uint(c);
        struct selfsame_bytes value = cbor_get_bytes(c);

        if (index >= NITRO_PCRS)
            cbor_fail(c, "a PCR index over 31");
        else if (value.len != NITRO_PCR_SIZE)
            cbor_fail(c, "a PCR is not 48 bytes, as digest SHA384 demands");
        else {
            doc->pcr[index] = value;
            doc->pcr_mask |= 1u << index;
        }
    }
    if (doc->pcr_mask == 0)
        cbor_fail(c, "no PCR at all");
}

static struct selfsame_bytes
read_certificate(struct cbor *c)
{
    struct selfsame_bytes der = cbor_get_bytes(c);

    if (der.len == 0 || der.len > NITRO_FIELD_MAX)
        cbor_fail(c, "a certificate is not 1 to 1024 bytes");
    return der;
}

static void
read_bundle(struct cbor *c, struct payload *p)
{
    struct cbor_seq list = cbor_get_array(c);

    while (cbor_more(c, &list)) {
        struct selfsame_bytes der = read_certificate(c);

        if (p->bundle_count == NITRO_BUNDLE_MAX)
            cbor_fail(c, "more than 8 certificates in cabundle");
        else
            p->bundle[p->bundle_count++] = der;
    }
    if (p->bundle_count == 0)
        cbor_fail(c, "cabundle is empty");
}

/* Null and absent are the same; empty is a value (attestation_process.md: 0..1024). */
static struct selfsame_bytes
read_optional(struct cbor *c, size_t least)
{
    if (cbor_get_null(c))
        return BYTES_NONE;
    struct selfsame_bytes b = cbor_get_bytes(c);
    if (b.len < least || b.len > NITRO_FIELD_MAX)
        cbor_fail(c, "public_key, user_data or nonce is too short or over 1024 bytes");
    return b;
}

static void
read_timestamp(struct cbor *c, struct nitro_doc *doc)
{
    doc->timestamp_ms = cbor_get_uint(c);
    if (doc->timestamp_ms == 0 || doc->timestamp_ms > last_ms)
        cbor_fail(c, "timestamp is not milliseconds since 1970 before the year 10000");
}

static void
read_module_id(struct cbor *c, struct nitro_doc *doc)
{
    doc->module_id = cbor_get_text(c);
    if (doc->module_id.len == 0 || doc->module_id.len > NITRO_MODULE_ID_MAX)
        cbor_fail(c, "module_id is not 1 to 128 bytes");
}

static void
read_value(struct cbor *c, unsigned bit, struct nitro_doc *doc, struct payload *p)
{
    switch (bit) {
    case MODULE_ID: read_module_id(c, doc); break;
    case DIGEST: p->digest = cbor_get_text(c); break;
    case TIMESTAMP: read_timestamp(c, doc); break;
    case PCRS: read_pcrs(c, doc); break;
    case CERTIFICATE: p->leaf = read_certificate(c); break;
    case CABUNDLE: read_bundle(c, p); break;
    case PUBLIC_KEY: doc->public_key = read_optional(c, 1); break;
    case USER_DATA: doc->user_data = read_optional(c, 0); break;
    case NONCE: doc->nonce = read_optional(c, 0); break;
    /* A key AWS may add one day: signed like the rest, so passing it is safe. */
    default: (void)cbor_get_any(c); break;
    }
}

const char *
nitro_quoted(struct selfsame_bytes text, char ret[static NITRO_QUOTED])
{
    size_t n = text.len < NITRO_QUOTED ? text.len : NITRO_QUOTED - 1;

    for (size_t i = 0; i < n; i++)
        ret[i] = text.ptr[i] >= ' ' && text.ptr[i] <= '~' ? (char)text.ptr[i] : '?';
    ret[n] = '\0';
    return ret;
}

static enum selfsame_code
check_keys(const struct payload *p, struct selfsame_err *e)
{
    char got[NITRO_QUOTED];

    if (p->nitrotpm)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "expected a document of a Nitro enclave (pcrs), got one of a NitroTPM "
            "(nitrotpm_pcrs)");
    for (size_t i = 0; i < COUNT(keys); i++)
        if (keys[i].bit & REQUIRED & ~p->seen)
            FAIL(e, SELFSAME_MALFORMED,
                "attestation document: expected the key %s, got none", keys[i].name);
    if (!text_is(p->digest, "SHA384"))
        FAIL(e, SELFSAME_UNSUPPORTED, "expected digest SHA384, got %s",
            nitro_quoted(p->digest, got));
    return SELFSAME_OK;
}

static enum selfsame_code
parse_payload(struct nitro_doc *doc, struct payload *p, struct selfsame_err *e)
{
    struct cbor c = cbor_of(doc->cose.payload, CBOR_INDEFINITE_OK);
    struct cbor_seq map = cbor_get_map(&c);

    while (cbor_more(&c, &map)) {
        struct selfsame_bytes key = cbor_get_text(&c);
        unsigned bit = key_bit(key);

        p->seen |= bit;
        p->nitrotpm |= text_is(key, "nitrotpm_pcrs");
        read_value(&c, bit, doc, p);
    }
    TRY(cbor_end(&c, doc->cose.payload, "attestation document", e));
    return check_keys(p, e);
}

/* Only the protected header is signed: nothing may stand in the other one. */
static enum selfsame_code
check_cose(const struct cose_sign1 *s, struct selfsame_err *e)
{
    if (!s->has_alg)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "COSE protected header: expected alg -35 (ES384), got no integer alg");
    if (s->alg != COSE_ES384)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "COSE protected header: expected alg -35 (ES384), got %lld",
            (long long)s->alg);
    if (bytes_cmp(s->unprotected, BYTES_LIT("\xa0")) != 0)
        FAIL(e, SELFSAME_MALFORMED,
            "COSE unprotected header: expected an empty map, got %zu bytes",
            s->unprotected.len);
    if (s->payload.len == 0 || s->payload.len > NITRO_PAYLOAD_MAX)
        FAIL(e, SELFSAME_MALFORMED, "payload: expected 1 to %d bytes, got %zu",
            NITRO_PAYLOAD_MAX, s->payload.len);
    if (s->signature.len != NITRO_SIG_SIZE)
        FAIL(e, SELFSAME_MALFORMED, "signature: expected %d bytes, got %zu",
            NITRO_SIG_SIZE, s->signature.len);
    return SELFSAME_OK;
}

/* cabundle[0] is never parsed: it is only compared with the pinned roots. */
static enum selfsame_code
parse_chain(struct nitro_doc *doc, const struct payload *p, struct selfsame_err *e)
{
    doc->root = p->bundle[0];
    for (size_t i = 1; i < p->bundle_count; i++)
        TRY_WHILE(e, cert_parse(p->bundle[i], &doc->chain[doc->chain_count++], e),
            "cabundle[%zu]", i);
    TRY_WHILE(e, cert_parse(p->leaf, &doc->chain[doc->chain_count++], e),
        "certificate (the leaf)");
    return SELFSAME_OK;
}

enum selfsame_code
nitro_parse(struct selfsame_bytes in, struct nitro_doc *ret, struct selfsame_err *e)
{
    struct nitro_doc doc = { .pcr_mask = 0 };
    struct payload p = { .seen = 0 };

    if (in.len > NITRO_DOC_MAX)
        FAIL(e, SELFSAME_MALFORMED,
            "Nitro document: expected at most %d bytes, got %zu", NITRO_DOC_MAX,
            in.len);
    TRY(cose_sign1_parse(in, &doc.cose, e));
    TRY(check_cose(&doc.cose, e));
    TRY(parse_payload(&doc, &p, e));
    TRY(parse_chain(&doc, &p, e));
    *ret = doc;
    return SELFSAME_OK;
}

bool
nitro_recognise(struct selfsame_bytes in)
{
    struct selfsame_err e = { .depth = 0 };
    struct cose_sign1 s;
    bool found = false;

    if (in.len > NITRO_DOC_MAX || cose_sign1_parse(in, &s, &e) != SELFSAME_OK)
        return false;
    struct cbor c = cbor_of(s.payload, CBOR_INDEFINITE_OK);
    struct cbor_seq map = cbor_get_map(&c);
    while (cbor_more(&c, &map)) {
        found |= cbor_peek(&c) == CBOR_TEXT && text_is(cbor_get_text(&c), "module_id");
        (void)cbor_get_any(&c);
    }
    return found && cbor_done(&c);
}
