/* SPDX-License-Identifier: Apache-2.0 */
#include "show/show.h"

#include "appraise/ratls.h"
#include "codec/cmw.h"
#include "codec/pem.h"
#include "codec/text_input.h"
#include "crypto/x509.h"
#include "tee/shared/dcap.h"
#include "tee/tee.h"

#include <stdio.h>

enum { SHOWN_HEX = 256 };

enum selfsame_code
show_put(json_t *into, const char *name, json_t *value, struct selfsame_err *e)
{
    if (value == NULL || json_object_set_new(into, name, value) != 0)
        FAIL(e, SELFSAME_NOMEM, "the output");
    return SELFSAME_OK;
}

json_t *
show_hex(struct selfsame_bytes b, struct arena *arena)
{
    bool cut = b.len > SHOWN_HEX;
    char *hex = hex_dup(arena, cut ? BYTES(b.ptr, SHOWN_HEX) : b);

    if (hex == NULL)
        return NULL;
    return cut ? json_sprintf("%s... (%zu bytes)", hex, b.len) : json_string(hex);
}

json_t *
show_text(struct selfsame_bytes b, struct arena *arena)
{
    json_t *j = json_stringn((const char *)b.ptr, b.len);

    return j != NULL ? j : show_hex(b, arena); /* not UTF-8 */
}

static json_t *
time_json(int64_t s)
{
    char text[TIME_TEXT];

    time_format(s, text);
    return json_string(text);
}

void
show_unwrap(struct selfsame_bytes *in, struct arena *arena)
{
    (void)text_input_decode(in, arena);
}

bool
show_is_json(struct selfsame_bytes in)
{
    return in.len > 0 && (in.ptr[0] == '{' || in.ptr[0] == '[');
}

enum selfsame_code
show_json(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    json_t *j;

    (void)arena;
    TRY(json_parse(in, "JSON", &j, e));
    const char *kind = json_object_get(j, "selfsame_policy") != NULL ? "policy"
                       : json_object_get(j, "selfsame_measurements") != NULL
                           ? "measurements"
                       : json_object_get(j, "selfsame_recipe") != NULL ? "recipe"
                       : json_object_get(j, "_type") != NULL           ? "statement"
                       : json_object_get(j, "verificationMaterial") != NULL
                           ? "Sigstore bundle"
                           : "JSON";
    enum selfsame_code code = show_put(into, "kind", json_string(kind), e);
    if (code != SELFSAME_OK) {
        json_decref(j);
        return code;
    }
    return show_put(into, "content", j, e);
}

bool
show_is_cmw(struct selfsame_bytes in)
{
    return cmw_looks_like(in) && !(show_is_json(in) && in.ptr[0] == '{');
}

static enum selfsame_code
put_cmw_entry(json_t *into, const struct cmw_entry *x, struct arena *arena,
    struct selfsame_err *e)
{
    TRY(show_put(into, "label", show_text(x->label, arena), e));
    if (x->type.len > 0)
        TRY(show_put(into, "type", show_text(x->type, arena), e));
    else
        TRY(show_put(into, "content_format", json_integer(x->content_format), e));
    TRY(show_put(into, "ind", json_integer(x->ind), e));
    TRY(show_put(into, "bytes", json_integer((json_int_t)x->value.len), e));
    if (!show_is_evidence(x->value))
        return show_put(into, "value", show_hex(x->value, arena), e);
    json_t *inner = json_object();
    TRY(show_put(into, "value", inner, e));
    return show_evidence(x->value, arena, inner, e);
}

enum selfsame_code
show_cmw(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    struct cmw c;

    TRY(cmw_parse(in, arena, &c, e));
    json_t *list = json_array(); /* not before: show_put takes it over */
    TRY(show_put(into, "collection", json_boolean(c.collection), e));
    TRY(show_put(into, "entries", list, e));
    for (size_t i = 0; i < c.count; i++) {
        json_t *one = json_object();

        if (json_array_append_new(list, one) != 0)
            FAIL(e, SELFSAME_NOMEM, "the output");
        TRY(put_cmw_entry(one, &c.entries[i], arena, e));
    }
    return SELFSAME_OK;
}

static const struct tee_verifier *
verifier_of(struct selfsame_bytes in)
{
    for (size_t i = 0; tee_verifier_at(i) != NULL; i++)
        if (tee_verifier_at(i)->recognise(in))
            return tee_verifier_at(i);
    return NULL;
}

bool
show_is_evidence(struct selfsame_bytes in)
{
    return verifier_of(in) != NULL;
}

static json_t *
claim_json(const struct claim *c, struct arena *arena)
{
    switch (c->kind) {
    case CLAIM_TEXT: return show_text(c->bytes, arena);
    case CLAIM_BYTES: return show_hex(c->bytes, arena);
    case CLAIM_UINT: return json_integer((json_int_t)c->number);
    case CLAIM_BOOL: return json_boolean(c->number != 0);
    case CLAIM_NULL: break;
    }
    return json_null();
}

/* The member of this name; made where it is not there. */
static enum selfsame_code
member_of(
    json_t *into, const char *name, bool list, json_t **ret, struct selfsame_err *e)
{
    *ret = json_object_get(into, name);
    if (*ret != NULL)
        return SELFSAME_OK;
    *ret = list ? json_array() : json_object();
    return show_put(into, name, *ret, e);
}

/* "pcr.0" as into.pcr.0, and what is of a list into it. */
static enum selfsame_code
put_claim(json_t *into, const char *path, const struct claim *c, struct arena *arena,
    struct selfsame_err *e)
{
    const char *dot = strchr(path, '.');
    const bool ends = dot == NULL || strchr(dot + 1, '.') == NULL;
    const bool listed = dot == NULL ? c->shape == CLAIM_EACH
                                    : ends && c->shape == CLAIM_INDEXED;
    char head[64];
    json_t *inner;

    if (dot != NULL && (size_t)(dot - path) >= sizeof(head))
        return show_put(into, path, claim_json(c, arena), e);
    (void)snprintf(head, sizeof(head), "%.*s",
        (int)(dot != NULL ? (size_t)(dot - path) : strlen(path)), path);
    if (dot == NULL && !listed)
        return show_put(into, path, claim_json(c, arena), e);
    TRY(member_of(into, head, listed, &inner, e));
    if (!listed)
        return put_claim(inner, dot + 1, c, arena, e);
    if (c->kind != CLAIM_NULL &&
        json_array_append_new(inner, claim_json(c, arena)) != 0)
        FAIL(e, SELFSAME_NOMEM, "the output");
    return SELFSAME_OK;
}

static enum selfsame_code
put_chain(json_t *into, const struct selfsame_claims *claims, struct arena *arena,
    struct selfsame_err *e)
{
    json_t *list = json_array();

    TRY(show_put(into, "chain", list, e));
    for (size_t i = 0; i < claims->chain_count; i++) {
        struct selfsame_err why;
        json_t *one = json_object();

        if (json_array_append_new(list, one) != 0)
            FAIL(e, SELFSAME_NOMEM, "the output");
        /* A root need not parse: verification only compares it with the pinned ones. */
        if (show_certificate(claims->chain[i], arena, one, &why) != SELFSAME_OK)
            TRY(show_put(one, "unreadable", json_string(err_text(&why)), e));
    }
    return SELFSAME_OK;
}

/* What a verifier wants besides, and where its vendor has it. */
static enum selfsame_code
put_needs(json_t *into, const struct tee_verifier *v, struct selfsame_bytes in,
    struct arena *arena, struct selfsame_err *e)
{
    struct tee_need *needs = NULL;
    size_t count = 0;

    TRY(v->needs(in, arena, &needs, &count, e));
    if (count == 0)
        return SELFSAME_OK;
    json_t *list = json_array();
    TRY(show_put(into, "collateral", list, e));
    for (size_t i = 0; i < count; i++) {
        json_t *one = json_object();

        if (json_array_append_new(list, one) != 0)
            FAIL(e, SELFSAME_NOMEM, "the output");
        TRY(show_put(one, "name", json_string(needs[i].name), e));
        TRY(show_put(one, "url",
            needs[i].url != NULL ? json_string(needs[i].url) : json_null(), e));
    }
    return SELFSAME_OK;
}

bool
show_is_quote(struct selfsame_bytes in)
{
    return dcap_quote_recognise(in, DCAP_SGX) || dcap_quote_recognise(in, DCAP_TDX);
}

enum selfsame_code
show_evidence(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    const struct tee_verifier *v = verifier_of(in);
    const struct tee_trust nobody = { .any_anchor = true };
    struct checks checks = { 0 };
    struct selfsame_claims claims = { 0 };

    /* Trusting nobody, only the parse can pass: the claims are shown, not believed. */
    enum selfsame_code code = v->verify(in, &nobody, arena, &checks, &claims, e);
    if (checks.at[CHECK_PARSE].outcome != CHECK_PASS)
        return code;
    TRY(show_put(into, "tee", json_string(v->name), e));
    TRY(show_put(into, "believed", json_false(), e));
    TRY(show_put(into, "debug", json_boolean(claims.debug), e));
    if (claims.has_time)
        TRY(show_put(into, "time", time_json(claims.time_ms / 1000), e));
    json_t *list = json_object();
    TRY(show_put(into, "claims", list, e));
    for (size_t i = 0; i < claims.count; i++)
        TRY(put_claim(list, claims.list[i].path, &claims.list[i], arena, e));
    TRY(put_chain(into, &claims, arena, e));
    return put_needs(into, v, in, arena, e);
}

bool
show_is_certificate(struct selfsame_bytes in)
{
    return in.len > 4 && in.ptr[0] == 0x30 && in.ptr[1] == 0x82;
}

static const char *
key_word(enum sig_alg a)
{
    static const char *const words[] = { [SIG_NONE] = "none",
        [SIG_P256] = "P-256",
        [SIG_P384] = "P-384",
        [SIG_P521] = "P-521",
        [SIG_ED25519] = "Ed25519",
        [SIG_RSA_PSS] = "RSA",
        [SIG_RSA_PKCS1] = "RSA" };

    return (size_t)a < COUNT(words) ? words[a] : "unknown";
}

enum selfsame_code
show_certificate(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    static const struct cert_profile foreign = { .foreign = true };
    struct selfsame_err why = { 0 };
    struct cert c;
    uint8_t digest[HASH_MAX];

    const bool strict = cert_parse(in, &c, &why) == SELFSAME_OK;
    if (!strict && cert_parse_as(in, &foreign, &c, e) != SELFSAME_OK) {
        *e = why;
        return e->code;
    }
    if (!hash_bytes(HASH_SHA256, in, digest))
        FAIL(e, SELFSAME_NOMEM, "a digest");
    const char *subject = name_text(c.subject, arena),
               *issuer = name_text(c.issuer, arena);
    if (subject == NULL || issuer == NULL)
        FAIL(e, SELFSAME_NOMEM, "a name");
    TRY(show_put(into, "subject", json_string(subject), e));
    TRY(show_put(into, "issuer", json_string(issuer), e));
    TRY(show_put(into, "serial", show_hex(c.serial, arena), e));
    TRY(show_put(into, "not_before", time_json(c.not_before), e));
    TRY(show_put(into, "not_after", time_json(c.not_after), e));
    TRY(show_put(into, "key", json_string(key_word(c.key_alg)), e));
    TRY(show_put(into, "ca", json_boolean(c.is_ca), e));
    if (c.has_path_len)
        TRY(show_put(into, "path_len", json_integer(c.path_len), e));
    TRY(show_put(into, "sha256", show_hex(BYTES(digest, 32), arena), e));
    if (!strict) /* readable, and no certificate of a chain that would be believed */
        TRY(show_put(into, "refused_in_chains", json_string(err_text(&why)), e));
    TRY(show_pck_claims(&c, arena, into, e));
    if (ratls_recognise(in))
        return show_ratls(in, arena, into, e);
    return show_snp_claims(&c, arena, into, e);
}

enum selfsame_code
show_pem(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    struct selfsame_bytes rest = in, der;
    json_t *list = json_array();

    TRY(show_put(into, "certificates", list, e));
    for (;;) {
        TRY(pem_next(&rest, "CERTIFICATE", arena, &der, e));
        if (der.ptr == NULL)
            break;
        json_t *one = json_object();
        if (json_array_append_new(list, one) != 0)
            FAIL(e, SELFSAME_NOMEM, "the output");
        TRY(show_certificate(der, arena, one, e));
    }
    if (json_array_size(list) > 0)
        return SELFSAME_OK;
    (void)err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
        "expected a CERTIFICATE block, got PEM without one");
    err_remedy(e,
        "Give a certificate; of a key, `openssl pkey -in FILE -noout -text_pub` "
        "shows the public part.");
    return SELFSAME_UNSUPPORTED;
}
