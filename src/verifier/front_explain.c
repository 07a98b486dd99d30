/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /v1/explain (docs/explorer.md): what a document says, and how each check would go.
 * As shown only: no token, no row of the audit log, no nonce used up, nothing fetched. So
 * everybody may ask, and strangers take turns.
 */
#include "verifier/service.h"

#include "appraise/ratls.h"
#include "codec/cmw.h"
#include "codec/pem.h"
#include "codec/text_input.h"
#include "crypto/x509.h"
#include "show/show.h"

#include <stdlib.h>

enum {
    DOCUMENT_MAX = 512 << 10,
    DECODED_MAX = 2 << 20, /* of the tree, as text */
    COLLATERAL_MAX = 32,
    STRANGERS = 1, /* explanations at once for callers without a key */
};
#define NOTE "as shown only: no token, no row of the audit log, no nonce used up"

struct explain {
    struct call *c;
    const json_t *body;
    struct selfsame_err *e;
    struct ask ask;
    struct selfsame_bytes certificate; /* with evidence in it; or absent */
    bool evidence;                     /* there is something to judge */
    bool has_at;
    int64_t at_s;
    const struct snap_policy *named;
    struct selfsame_policy *own; /* one-off, or none */
};

static void
explain_free(struct explain *x)
{
    selfsame_policy_free(x->own);
}
#define auto_explain __attribute__((cleanup(explain_free))) struct explain

/* ---- what is asked ---- */

static enum selfsame_code
text_of(const struct explain *x, const char *name, const char **ret)
{
    const json_t *v = json_object_get(x->body, name);

    *ret = json_string_value(v);
    if (v != NULL && !json_is_string(v) && !json_is_null(v))
        FAIL(x->e, SELFSAME_MALFORMED, "\"%s\": expected a text", name);
    return SELFSAME_OK;
}

/* Hex, base64 or base64url, as people have them; absent for "" as well. */
static enum selfsame_code
loose_bytes(const struct explain *x, const char *name, struct selfsame_bytes *ret)
{
    struct selfsame_bytes in;
    const char *text;

    TRY(text_of(x, name, &text));
    *ret = BYTES_NONE;
    if (text == NULL || text[0] == '\0')
        return SELFSAME_OK;
    if (!arena_dup(&x->c->arena, bytes_str(text), &in))
        FAIL(x->e, SELFSAME_NOMEM, "no memory for \"%s\"", name);
    if (!text_input_decode(&in, &x->c->arena))
        FAIL(x->e, SELFSAME_MALFORMED,
            "\"%s\": expected hex, base64 or base64url of at least 8 characters", name);
    *ret = in;
    return SELFSAME_OK;
}

/* A key is found in PEM mostly. */
static enum selfsame_code
take_key(struct explain *x)
{
    struct selfsame_bytes rest;
    const char *text;

    TRY(text_of(x, "key", &text));
    rest = text != NULL ? bytes_str(text) : BYTES_NONE;
    if (!pem_looks_like(rest))
        return loose_bytes(x, "key", &x->ask.key);
    TRY_WHILE(x->e, pem_next(&rest, "PUBLIC KEY", &x->c->arena, &x->ask.key, x->e),
        "\"key\"");
    if (x->ask.key.ptr == NULL)
        FAIL(x->e, SELFSAME_MALFORMED,
            "\"key\": expected a PUBLIC KEY block, got PEM without one");
    return SELFSAME_OK;
}

/* A document as text or its base64, or a CMW in JSON as it is. */
static enum selfsame_code
document_of(const struct explain *x, const json_t *v, const char *name,
    struct selfsame_bytes *ret)
{
    char *text = NULL;

    if (json_is_array(v) || json_is_object(v))
        text = json_compact(v);
    else if (!json_is_string(v) || json_string_length(v) == 0)
        FAIL(x->e, SELFSAME_MALFORMED,
            "\"%s\": expected a document: text, hex, base64, or a CMW in JSON", name);
    const bool kept = arena_dup(&x->c->arena,
        json_is_string(v)
            ? BYTES((const uint8_t *)json_string_value(v), json_string_length(v))
            : bytes_str(text != NULL ? text : ""),
        ret);
    free(text);
    if (!kept || ret->len == 0)
        FAIL(x->e, SELFSAME_NOMEM, "no memory for \"%s\"", name);
    if (!show_is_vkey(*ret)) /* which may be made of the letters of base64 alone */
        show_unwrap(ret, &x->c->arena);
    if (ret->len > DOCUMENT_MAX)
        FAIL(x->e, SELFSAME_MALFORMED, "\"%s\": expected at most %d bytes, got %zu",
            name, (int)DOCUMENT_MAX, ret->len);
    return SELFSAME_OK;
}

static enum selfsame_code
take_collateral(struct explain *x)
{
    const json_t *list = json_object_get(x->body, "collateral");
    const size_t count = json_array_size(list);
    struct selfsame_bytes *out = ARENA_NEW(
        &x->c->arena, struct selfsame_bytes, count + 1);

    if (list != NULL && (!json_is_array(list) || count > COLLATERAL_MAX))
        FAIL(x->e, SELFSAME_MALFORMED,
            "\"collateral\": expected a list of at most %d documents",
            (int)COLLATERAL_MAX);
    if (out == NULL)
        FAIL(x->e, SELFSAME_NOMEM, "no memory for collateral");
    for (size_t i = 0; i < count; i++)
        TRY(document_of(x, json_array_get(list, i), "collateral", &out[i]));
    x->ask.collateral = out;
    x->ask.collateral_count = count;
    return SELFSAME_OK;
}

static enum selfsame_code
take_time(struct explain *x)
{
    const char *text;

    TRY(text_of(x, "at", &text));
    if (text == NULL || text[0] == '\0')
        return SELFSAME_OK;
    x->has_at = true;
    if (!time_parse(text, &x->at_s))
        FAIL(x->e, SELFSAME_MALFORMED,
            "\"at\": expected a time like 2026-01-02T03:04:05Z, got %.40s", text);
    return SELFSAME_OK;
}

static enum selfsame_code
check_members(const struct explain *x)
{
    static const char *const known[] = { "evidence", "collateral", "policy",
        "policy_text", "nonce", "key", "report_data", "at" };
    const char *name;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)x->body, name, v)
    {
        bool found = false;

        for (size_t i = 0; i < COUNT(known); i++)
            found = found || strcmp(name, known[i]) == 0;
        if (!found)
            FAIL(x->e, SELFSAME_MALFORMED, "\"%.60s\": no such member", name);
    }
    return SELFSAME_OK;
}

static enum selfsame_code
read_ask(struct explain *x)
{
    TRY(check_members(x));
    TRY(document_of(
        x, json_object_get(x->body, "evidence"), "evidence", &x->ask.evidence));
    TRY(take_collateral(x));
    TRY(take_key(x));
    TRY(loose_bytes(x, "nonce", &x->ask.nonce));
    TRY(loose_bytes(x, "report_data", &x->ask.report_data));
    return take_time(x);
}

/* ---- which policy ---- */

static enum selfsame_code
named_policy(struct explain *x, const char *name)
{
    const struct call *c = x->c;

    if (c->tenant == NULL || (c->key == NULL && !c->tenant->public))
        FAIL(x->e, SELFSAME_DENIED, "the policies of this tenant need an API key");
    x->named = tenant_policy(c->tenant, name);
    if (x->named == NULL)
        FAIL(x->e, SELFSAME_USAGE, "the tenant has no policy of the name \"%.80s\"",
            name);
    return SELFSAME_OK;
}

/* Every kind of this build is looked at, and as nothing is demanded nothing is accepted. */
static enum selfsame_code
no_policy(struct explain *x)
{
    TRY(selfsame_policy_new(&x->own, x->e));
    for (size_t i = 0; tee_verifier_at(i) != NULL; i++)
        TRY(selfsame_policy_accept_tee(x->own, tee_verifier_at(i)->name, x->e));
    return SELFSAME_OK;
}

static enum selfsame_code
take_policy(struct explain *x)
{
    const json_t *own = json_object_get(x->body, "policy_text");
    const char *name;

    TRY(text_of(x, "policy", &name));
    if (name != NULL && own != NULL)
        FAIL(x->e, SELFSAME_MALFORMED,
            "expected \"policy\" or \"policy_text\", and not both");
    if (name != NULL)
        return named_policy(x, name);
    if (own == NULL)
        return no_policy(x);
    if (!json_is_string(own))
        FAIL(
            x->e, SELFSAME_MALFORMED, "\"policy_text\": expected the policy as a text");
    TRY_WHILE(x->e,
        selfsame_policy_parse(
            BYTES((const uint8_t *)json_string_value(own), json_string_length(own)),
            &x->own, x->e),
        "\"policy_text\"");
    return SELFSAME_OK;
}

/* ---- what it says ---- */

static enum selfsame_code
decode(struct explain *x, json_t *tree, struct selfsame_err *e)
{
    const struct selfsame_bytes in = x->ask.evidence;
    struct selfsame_err ignored;
    struct cmw cmw;

    /* A collection in JSON is JSON to `show`, and evidence to verification. */
    if (show_is_json(in) && cmw_looks_like(in) &&
        cmw_parse(in, &x->c->arena, &cmw, &ignored) == SELFSAME_OK) {
        TRY(show_put(tree, "kind", json_string("conceptual message wrapper"), e));
        return show_cmw(in, &x->c->arena, tree, e);
    }
    return show_any(in, &x->c->arena, tree, e);
}

/* The first certificate of PEM, or the DER that it is, when evidence is in it. */
static enum selfsame_code
find_evidence(struct explain *x)
{
    struct selfsame_bytes rest = x->ask.evidence, der = rest;
    struct selfsame_err ignored;

    if (!ratls_recognise(der) && pem_looks_like(rest) &&
        pem_next(&rest, "CERTIFICATE", &x->c->arena, &der, &ignored) != SELFSAME_OK)
        return SELFSAME_OK; /* decoding says what is wrong with it */
    if (der.ptr != NULL && ratls_recognise(der))
        x->certificate = der;
    x->evidence = x->certificate.len > 0 || show_is_evidence(x->ask.evidence) ||
                  cmw_looks_like(x->ask.evidence);
    return SELFSAME_OK;
}

/* ---- how it would be judged ---- */

static bool
may_verify(const struct call *c)
{
    return c->key != NULL ? c->role != ROLE_AUDITOR
                          : c->tenant != NULL && c->tenant->public;
}

/* With what the caller brought: nothing of it stays, and nothing is fetched. */
static enum selfsame_code
verify_alone(struct explain *x, const struct selfsame_policy *p,
    const struct selfsame_request *q, struct selfsame_verifier *v,
    struct selfsame_result **ret)
{
    struct selfsame_err refused = { 0 };
    enum selfsame_code code;

    for (size_t i = 0; i < x->ask.collateral_count; i++)
        TRY_WHILE(x->e, selfsame_verifier_add_collateral(v, x->ask.collateral[i], x->e),
            "\"collateral\", piece %zu", i + 1);
    code = x->certificate.len > 0
               ? selfsame_verify_certificate(
                     v, p, q, x->certificate, false, ret, &refused)
               : selfsame_verify(v, p, q, x->ask.evidence, ret, &refused);
    if (*ret == NULL)
        *x->e = refused;
    return *ret != NULL ? SELFSAME_OK : code;
}

static enum selfsame_code
verify_with(struct explain *x, const struct selfsame_policy *p,
    const struct selfsame_request *q, struct selfsame_result **ret)
{
    struct selfsame_verifier *v = NULL;

    if (x->certificate.len == 0 && x->ask.collateral_count == 0 && may_verify(x->c))
        return judge_verify(x->c, &x->ask, p, q, ret, x->e);
    if (x->ask.collateral_count == 0)
        return verify_alone(x, p, q, x->c->snap->verifier, ret);
    TRY(service_verifier(x->c->s, &v, x->e));
    enum selfsame_code code = verify_alone(x, p, q, v, ret);
    selfsame_verifier_free(v);
    return code;
}

static enum selfsame_code
judge_shown(struct explain *x, struct selfsame_result **ret)
{
    const struct selfsame_policy *p = x->named != NULL ? x->named->policy : x->own;
    struct selfsame_request *q = NULL;
    enum selfsame_code code;

    TRY(selfsame_request_new(&q, x->e));
    selfsame_request_set_time(q, x->c->now_ms);
    if (x->has_at)
        selfsame_request_set_as_of(q, x->at_s * 1000);
    if (x->ask.nonce.len > 0)
        selfsame_request_set_nonce(q, x->ask.nonce);
    if (x->ask.key.len > 0)
        selfsame_request_expect_key(q, x->ask.key);
    if (x->ask.report_data.len > 0)
        selfsame_request_expect_report_data(q, x->ask.report_data);
    code = verify_with(x, p, q, ret);
    selfsame_request_free(q);
    return code;
}

/* ---- the answer ---- */

static enum selfsame_code
put_policy(json_t *into, const struct explain *x)
{
    const bool none = json_object_get(x->body, "policy_text") == NULL;

    return show_put(into, "policy",
        x->named != NULL ? json_pack("{s:s,s:s,s:s}", "kind", "tenant", "name",
                               x->named->name, "id", x->named->id)
                         : json_pack("{s:s,s:n,s:n}", "kind", none ? "none" : "one-off",
                               "name", "id"),
        x->e);
}

static enum selfsame_code
put_verdict(json_t *into, struct explain *x, const struct selfsame_result *r)
{
    json_t *verdict = NULL;
    char *text = NULL;

    if (r == NULL)
        return show_put(into, "verdict", json_null(), x->e);
    TRY(selfsame_result_json(r, &text, x->e));
    enum selfsame_code code = json_parse(
        bytes_str(text), "the verdict", &verdict, x->e);
    selfsame_free(text);
    TRY(code);
    return show_put(into, "verdict", verdict, x->e);
}

static enum selfsame_code
put_decoded(
    json_t *into, const struct explain *x, json_t *tree, const struct selfsame_err *why)
{
    json_t *kind = json_object_get(tree, "kind");
    const bool small = json_dumpb(tree, NULL, 0, JSON_COMPACT) <= DECODED_MAX;

    TRY(show_put(into, "kind", kind != NULL ? json_incref(kind) : json_null(), x->e));
    TRY(show_put(into, "decoded",
        why->depth == 0 && small ? json_incref(tree) : json_null(), x->e));
    if (why->depth > 0)
        return show_put(into, "unreadable", problem_json(422, why, x->c->id), x->e);
    return show_put(into, "unreadable",
        small ? json_null()
              : json_pack("{s:s}", "detail", "it says too much to be drawn here"),
        x->e);
}

static enum selfsame_code
put_document(json_t *into, const struct explain *x)
{
    const struct selfsame_bytes in = x->ask.evidence;
    uint8_t digest[HASH_MAX];
    char at[TIME_TEXT];

    if (!hash_bytes(HASH_SHA256, in, digest))
        FAIL(x->e, SELFSAME_NOMEM, "no memory to hash");
    time_format(x->has_at ? x->at_s : x->c->now_ms / 1000, at);
    TRY(show_put(into, "note", json_string(NOTE), x->e));
    TRY(show_put(into, "size", json_integer((json_int_t)in.len), x->e));
    TRY(show_put(
        into, "sha256", json_string(hex_dup(&x->c->arena, BYTES(digest, 32))), x->e));
    return show_put(into, "judged_at", json_string(at), x->e);
}

static enum selfsame_code
answer(struct explain *x, const struct selfsame_result *r, json_t *tree,
    const struct selfsame_err *why, json_t **ret)
{
    auto_json *into = json_object();

    TRY(put_document(into, x));
    TRY(put_decoded(into, x, tree, why));
    TRY(put_policy(into, x));
    TRY(put_verdict(into, x, r));
    *ret = into;
    into = NULL;
    return SELFSAME_OK;
}

/*
 * What can be read or judged is answered, however bad it is; what can be neither is the
 * caller's mistake, and decoding says best what is wrong.
 */
static enum selfsame_code
explain(struct explain *x, json_t **ret)
{
    auto_json *tree = json_object();
    struct selfsame_err why = { 0 };
    struct selfsame_result *r = NULL;

    if (tree == NULL)
        FAIL(x->e, SELFSAME_NOMEM, "no memory to answer");
    TRY(read_ask(x));
    TRY(take_policy(x));
    TRY(find_evidence(x));
    enum selfsame_code shown = decode(x, tree, &why);
    if (shown == SELFSAME_OK)
        why = (struct selfsame_err){ 0 }; /* it tried to verify, trusting nobody */
    if (shown == SELFSAME_NOMEM && !x->c->arena.full) {
        *x->e = why;
        return shown;
    }
    /* Who has a policy means evidence: then its own reader knows best what is broken. */
    if (x->evidence ||
        (shown == SELFSAME_UNSUPPORTED &&
            (x->named != NULL || json_object_get(x->body, "policy_text"))))
        TRY(judge_shown(x, &r));
    if (shown != SELFSAME_OK && (r == NULL || r->verdict.claims.tee == NULL)) {
        *x->e = x->evidence || r == NULL ? why : r->verdict.err;
        selfsame_result_free(r);
        return SELFSAME_MALFORMED;
    }
    enum selfsame_code code = answer(x, r, tree, &why, ret);
    selfsame_result_free(r);
    return code;
}

/* A document that is of no known kind, or broken, is unprocessable, whatever its class. */
static int
status_of(const struct explain *x)
{
    switch (x->e->code) {
    case SELFSAME_DENIED: return x->c->key == NULL ? 401 : 403;
    case SELFSAME_IO:
    case SELFSAME_INTERNAL: return 503;
    case SELFSAME_NOMEM: return x->c->arena.full ? 422 : 503;
    case SELFSAME_USAGE: return 400;
    default: return 422;
    }
}

static void
respond(struct call *c)
{
    struct selfsame_err e = { 0 };
    auto_json *body = NULL;
    json_t *a = NULL;

    if (!call_body_json(c, &body))
        return;
    auto_explain x = { .c = c, .body = body, .e = &e };
    if (explain(&x, &a) == SELFSAME_OK)
        call_json(c, 200, a);
    else
        call_problem(c, status_of(&x), &e);
}

static void
serve_explain(struct call *c)
{
    struct verifier_service *s = c->s;
    struct selfsame_err e = { 0 };
    const bool stranger = c->key == NULL;

    if (json_is_false(service_setting(s, "explorer"))) {
        (void)err_set(
            &e, SELFSAME_USAGE, __FILE__, __LINE__, "there is nothing at this path");
        call_problem(c, 404, &e);
        return;
    }
    if (stranger && atomic_fetch_add(&s->strangers, 1) >= STRANGERS) {
        (void)atomic_fetch_sub(&s->strangers, 1);
        (void)err_set(&e, SELFSAME_IO, __FILE__, __LINE__,
            "another document is being explained: ask again in a second");
        call_problem(c, 429, &e);
        return;
    }
    respond(c);
    if (stranger)
        (void)atomic_fetch_sub(&s->strangers, 1);
}

static const struct route routes[] = {
    { "POST", "/v1/explain", IN_WORKER, ROLE_NONE, serve_explain, "explain" },
};
const struct route_list explain_routes = { routes, COUNT(routes) };
