/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets for what was verified (docs/secrets.md):
 *
 *   POST /v1/secret/NAME   evidence about a key → the secret, encrypted to that key
 *
 * X25519: HPKE; P-256, P-384, P-521: JWE; RSA: JWE, or CMS for those who speak to AWS
 * KMS otherwise. The nonce in the evidence is used up by it, whatever comes of it.
 */
#include "verifier/front.h"
#include "verifier/identity.h"
#include "verifier/release_secret.h"

#include "token/jwe.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- whether it is given ---- */

static bool
is_listed(const char *const *list, const char *name, const char *version)
{
    for (size_t i = 0; list[i] != NULL; i++) {
        const char *at = strrchr(list[i], '@');
        const size_t len = at != NULL ? (size_t)(at - list[i]) : 0;

        if (strcmp(list[i], name) == 0)
            return true;
        if (at != NULL && version != NULL && strcmp(at + 1, version) == 0 &&
            strlen(name) == len && strncmp(list[i], name, len) == 0)
            return true;
    }
    return false;
}

const struct snap_secret *
tenant_secret(const struct snap_tenant *t, const char *name)
{
    for (size_t i = 0; t != NULL && i < t->secret_count; i++)
        if (strcmp(t->secrets[i].name, name) == 0)
            return &t->secrets[i];
    return NULL;
}

enum selfsame_code
secret_allows(
    const struct snap_secret *s, const struct secret_claim *k, struct selfsame_err *e)
{
    if (!is_listed(s->policies, k->policy, NULL))
        FAIL(e, SELFSAME_DENIED, "the secret is not given under the policy \"%.80s\"",
            k->policy);
    if (s->releases == NULL)
        return SELFSAME_OK;
    if (k->release == NULL)
        FAIL(e, SELFSAME_DENIED,
            "the secret is given to releases, and the evidence is of none that is "
            "known");
    if (!is_listed(s->releases, k->release, k->version))
        FAIL(e, SELFSAME_DENIED, "the secret is not given to the release %.80s %.40s",
            k->release, k->version);
    return SELFSAME_OK;
}

enum selfsame_code
secret_text(struct call *c, const struct snap_secret *s, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    const struct seal_keys keys = { service_secrets_key(c->s),
        service_secrets_old_key(c->s) };
    const struct seal_name n = { c->tenant->name, s->name, s->version };
    enum selfsame_code code = secret_open(&keys, &n, s->sealed, &c->arena, ret, e);

    c->given = arena_printf(&c->arena, "secret %s@%" PRIu64, s->name, s->version);
    if (c->given == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a secret");
    if (code == SELFSAME_OK || code == SELFSAME_NOMEM)
        return code;
    service_tell(c->s, "secret", err_text(e)); /* names no secret's text */
    FAIL(e, SELFSAME_INTERNAL, "the secret cannot be opened: ask the operator");
}

/* ---- what is asked ---- */

enum form { FORM_HPKE, FORM_JWE, FORM_CMS, FORM_CMS_CBC };
static const char *const forms[] = { "hpke", "jwe", "cms", "cms-cbc" };
struct wish {
    struct envelope_to to;
    enum form form;
};

static bool
fits(enum form form, enum envelope_key kind)
{
    switch (form) {
    case FORM_HPKE: return kind == ENVELOPE_X25519;
    case FORM_JWE: return kind == ENVELOPE_EC || kind == ENVELOPE_RSA;
    case FORM_CMS:
    case FORM_CMS_CBC: return kind == ENVELOPE_RSA;
    }
    return false;
}

static enum selfsame_code
read_form(const json_t *said, struct wish *w, struct selfsame_err *e)
{
    const char *text = json_string_value(said);

    w->form = w->to.kind == ENVELOPE_X25519 ? FORM_HPKE : FORM_JWE;
    if (said == NULL)
        return SELFSAME_OK;
    for (size_t i = 0; text != NULL && i < COUNT(forms); i++)
        if (strcmp(text, forms[i]) == 0 && fits((enum form)i, w->to.kind)) {
            w->form = (enum form)i;
            return SELFSAME_OK;
        }
    FAIL(e, SELFSAME_MALFORMED,
        "\"form\": expected hpke for an X25519 key, jwe for EC, jwe, cms or cms-cbc "
        "for "
        "RSA");
}

/* A SubjectPublicKeyInfo; X25519 also as its 32 bytes. */
static enum selfsame_code
read_wish(struct call *c, const json_t *body, struct wish *w, struct selfsame_err *e)
{
    static const uint8_t head[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65,
        0x6e, 0x03, 0x21, 0x00 };
    const char *text = json_string_value(json_object_get(body, "key"));
    struct selfsame_bytes key = BYTES_NONE;
    uint8_t *spki;

    if (text == NULL)
        FAIL(e, SELFSAME_MALFORMED,
            "\"key\": expected a public key in base64, got none");
    TRY(front_bytes(text, "key", &c->arena, &key, e));
    if (key.len == 32) {
        spki = arena_alloc(&c->arena, 1, sizeof(head) + 32);
        if (spki == NULL)
            FAIL(e, SELFSAME_NOMEM, "no memory for a key");
        memcpy(spki, head, sizeof(head));
        memcpy(spki + sizeof(head), key.ptr, 32);
        key = BYTES(spki, sizeof(head) + 32);
    }
    TRY_WHILE(e, envelope_to_spki(key, &w->to, e), "\"key\"");
    return read_form(json_object_get(body, "form"), w, e);
}

/*
 * "binding": "report-data" is for attesters of others, who put a SHA-256 of the key there:
 * of the 32 bytes of an X25519 key, of the SubjectPublicKeyInfo of others.
 */
static enum selfsame_code
read_binding(struct call *c, const json_t *body, const struct wish *w, struct ask *a,
    struct selfsame_err *e)
{
    const json_t *said = json_object_get(body, "binding");
    const char *text = json_string_value(said);
    uint8_t digest[HASH_MAX];

    if (said == NULL || (text != NULL && strcmp(text, "key") == 0)) {
        a->key = w->to.spki;
        return SELFSAME_OK;
    }
    if (text == NULL || strcmp(text, "report-data") != 0)
        FAIL(e, SELFSAME_MALFORMED, "\"binding\": expected key or report-data");
    const struct selfsame_bytes what = w->to.kind == ENVELOPE_X25519 ? w->to.key
                                                                     : w->to.spki;
    if (!hash_bytes(HASH_SHA256, what, digest) ||
        !arena_dup(&c->arena, BYTES(digest, 32), &a->report_data))
        FAIL(e, SELFSAME_NOMEM, "no memory for a digest");
    return SELFSAME_OK;
}

/* ---- envelopes ---- */

static json_t *
base64_text(struct call *c, struct selfsame_bytes b, bool url)
{
    char *text = arena_alloc(&c->arena, 1, BASE64_SIZE(b.len));

    if (text == NULL)
        return NULL;
    (void)base64_encode(b, url, text);
    return json_string(text);
}

/* info = "selfsame secret v1" || nonce || SHA-256(evidence), aad = name. */
static enum selfsame_code
put_hpke(struct call *c, const struct wish *w, const struct judged *j, const char *name,
    struct selfsame_bytes plain, json_t *body, struct selfsame_err *e)
{
    static const char label[] = "selfsame secret v1";
    uint8_t info[sizeof(label) - 1 + NONCE_SIZE + 32], enc[HPKE_ENC];
    struct writer i = writer_of(info, sizeof(info));
    uint8_t *sealed = arena_alloc(&c->arena, 1, plain.len + AEAD_TAG);
    auto_hpke h = { .next = 0 };

    put_bytes(&i, BYTES_LIT(label));
    put_bytes(&i, j->ask->nonce);
    put_bytes(&i, BYTES_ARR(j->evidence_sha256));
    if (sealed == NULL || i.bad)
        FAIL(e, SELFSAME_NOMEM, "no memory for a secret");
    TRY(hpke_send(HPKE_AES256_GCM, w->to.key, writer_bytes(&i), NULL, enc, &h, e));
    TRY(hpke_seal(&h, bytes_str(name), plain, sealed, e));
    if (json_object_set_new(body, "enc", base64_text(c, BYTES_ARR(enc), true)) != 0 ||
        json_object_set_new(
            body, "ct", base64_text(c, BYTES(sealed, plain.len + AEAD_TAG), true)) != 0)
        FAIL(e, SELFSAME_NOMEM, "no memory for a secret");
    return SELFSAME_OK;
}

static enum selfsame_code
put_envelope(struct call *c, const struct wish *w, const struct judged *j,
    const char *name, struct selfsame_bytes plain, json_t *body, struct selfsame_err *e)
{
    struct selfsame_bytes der = BYTES_NONE;
    json_t *jwe = NULL;
    char *text;

    switch (w->form) {
    case FORM_HPKE: return put_hpke(c, w, j, name, plain, body, e);
    case FORM_JWE:
        TRY(jwe_seal(&w->to, plain, &c->arena, &text, e));
        TRY(json_parse(bytes_str(text), "JWE", &jwe, e));
        if (json_object_set_new(body, "jwe", jwe) == 0)
            return SELFSAME_OK;
        break;
    case FORM_CMS:
    case FORM_CMS_CBC:
        TRY(cms_seal(w->form == FORM_CMS ? CMS_AES256_GCM : CMS_AES256_CBC, &w->to,
            plain, &c->arena, &der, e));
        if (json_object_set_new(body, "cms", base64_text(c, der, false)) == 0)
            return SELFSAME_OK;
        break;
    }
    FAIL(e, SELFSAME_NOMEM, "no memory for a secret");
}

/* ---- the call ---- */

static enum selfsame_code
release(struct call *c, const struct wish *w, const struct judged *j, json_t **ret,
    struct selfsame_err *e)
{
    const struct snap_secret *s = tenant_secret(c->tenant, c->rest);
    const struct selfsame_release *r = selfsame_result_release(j->result);
    const struct secret_claim k = { j->policy->name, r != NULL ? r->name : NULL,
        r != NULL ? r->version : NULL };
    struct selfsame_bytes plain = BYTES_NONE;
    struct selfsame_err untold = { 0 };
    const bool may = s != NULL && secret_allows(s, &k, &untold) == SELFSAME_OK;

    /* Evidence that only warns learns of no secret but those that it may have. */
    TRY(judged_earns(j, may && s->warning, e));
    if (s == NULL)
        FAIL(e, SELFSAME_DENIED, "the tenant has no such secret for this evidence");
    TRY(secret_allows(s, &k, e));
    auto_json *body = json_pack("{s:s,s:I,s:s,s:s}", "name", s->name, "version",
        (json_int_t)s->version, "type",
        s->type != NULL ? s->type : "application/octet-stream", "form", forms[w->form]);
    if (body == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a secret");
    TRY(secret_text(c, s, &plain, e));
    enum selfsame_code code = put_envelope(c, w, j, s->name, plain, body, e);
    secret_wipe((void *)(uintptr_t)plain.ptr, plain.len);
    TRY(code);
    *ret = body;
    body = NULL;
    return SELFSAME_OK;
}

static enum selfsame_code
secret(struct call *c, json_t *body, struct selfsame_err *e)
{
    static const char *const more[] = { "key", "form", "binding", NULL };
    struct selfsame_err why = { 0 };
    auto_json *answer = NULL;
    struct wish w = { .form = FORM_HPKE };
    struct ask a = { 0 };
    auto_judged j = { 0 };

    TRY(front_ask(c, body, more, &a, e));
    TRY(read_wish(c, body, &w, e));
    TRY(read_binding(c, body, &w, &a, e));
    TRY(judge(c, &a, &j, e));
    enum selfsame_code code = release(c, &w, &j, &answer, &why);
    if (code == SELFSAME_NOMEM || code == SELFSAME_INTERNAL) {
        *e = why;
        return code;
    }
    if (code != SELFSAME_OK) {
        c->given = NULL;
        judged_refuse(c, &j, &why);
        return SELFSAME_OK;
    }
    char *text = json_compact(answer);
    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to answer");
    const struct call_reply reply = { .status = 200, .body = bytes_str(text) };
    judged_reply(c, &j, &reply);
    free(text);
    return SELFSAME_OK;
}

static void
serve_secret(struct call *c)
{
    struct selfsame_err e = { 0 };
    auto_json *body = NULL;

    if (!call_body_json(c, &body))
        return;
    if (secret(c, body, &e) != SELFSAME_OK)
        call_problem(c, front_status_of(c, &e), &e);
}

static const struct route routes[] = {
    { "POST", "/v1/secret/*", VERIFIES, ROLE_NONE, serve_secret, "releaseSecret" },
};
const struct route_list secret_routes = { routes, COUNT(routes) };
