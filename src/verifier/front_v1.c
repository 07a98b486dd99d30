/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifier's own front (docs/verifier.md):
 *
 *   GET  /v1/nonce    a nonce for one verification
 *   POST /v1/verify   evidence → token, or the verdict
 *
 * Evidence comes as it is (vendor's bytes, CMW) with what is expected in the query, or
 * in a JSON object with everything as members.
 */
#include "verifier/front.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* ---- nonces ---- */

static void
serve_nonce(struct call *c)
{
    uint8_t nonce[NONCE_SIZE];
    char text[BASE64_SIZE(NONCE_SIZE)];
    struct selfsame_err e = { 0 };

    if (c->tenant == NULL || (c->key == NULL && !c->tenant->public)) {
        (void)err_set(&e, SELFSAME_DENIED, __FILE__, __LINE__,
            "nonces of this tenant need an API key");
        err_remedy(&e, "Send an API key: Authorization: Bearer ssk_…");
        call_problem(c, c->key == NULL ? 401 : 403, &e);
        return;
    }
    if (!nonce_make(service_nonces(c->s), c->tenant->name, c->now_ms, nonce)) {
        (void)err_set(&e, SELFSAME_NOMEM, __FILE__, __LINE__, "cannot make a nonce");
        call_problem(c, 503, &e);
        return;
    }
    (void)base64_encode(BYTES_ARR(nonce), true, text);
    call_json(c, 200,
        json_pack("{s:s,s:I,s:I}", "nonce", text, "exp",
            (json_int_t)((c->now_ms + NONCE_LIFE_MS) / 1000), "expires_in",
            (json_int_t)(NONCE_LIFE_MS / 1000)));
}

/* ---- what is asked ---- */

struct form {
    struct call *c;
    json_t *body;            /* or NULL: the query has the members */
    const char *const *more; /* another front's members; NULL: those of /v1/verify */
    struct selfsame_err *e;
};

static enum selfsame_code
member(const struct form *f, const char *name, const char **ret)
{
    const json_t *v = f->body != NULL ? json_object_get(f->body, name) : NULL;

    *ret = f->body == NULL ? httpd_query(f->c->r, name) : json_string_value(v);
    if (v != NULL && !json_is_string(v) && !json_is_null(v))
        FAIL(f->e, SELFSAME_MALFORMED, "\"%s\": expected a text", name);
    return SELFSAME_OK;
}

enum selfsame_code
front_bytes(const char *text, const char *name, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const size_t len = text != NULL ? strlen(text) : 0;
    uint8_t *out;
    size_t got;

    *ret = BYTES_NONE;
    if (text == NULL)
        return SELFSAME_OK;
    out = arena_alloc(arena, 1, len + 1);
    if (out == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for \"%s\"", name);
    if (!base64_decode(text, len, true, out, len + 1, &got) &&
        !base64_decode(text, len, false, out, len + 1, &got))
        FAIL(e, SELFSAME_MALFORMED, "\"%s\": expected base64url or base64", name);
    if (got == 0)
        FAIL(e, SELFSAME_MALFORMED, "\"%s\": expected bytes, got none", name);
    *ret = BYTES(out, got);
    return SELFSAME_OK;
}

static enum selfsame_code
bytes_member(const struct form *f, const char *name, struct selfsame_bytes *ret)
{
    const char *text;

    TRY(member(f, name, &text));
    return front_bytes(text, name, &f->c->arena, ret, f->e);
}

/* A CMW in JSON may stand in the body as it is; everything else is base64. */
static enum selfsame_code
take_evidence(const struct form *f, struct ask *a)
{
    const json_t *v = json_object_get(f->body, "evidence");

    if (json_is_string(v))
        return bytes_member(f, "evidence", &a->evidence);
    if (!json_is_array(v) && !json_is_object(v))
        FAIL(f->e, SELFSAME_MALFORMED,
            "\"evidence\": expected base64, or a CMW in JSON");
    char *text = json_compact(v);
    const bool kept = text != NULL &&
                      arena_dup(&f->c->arena, bytes_str(text), &a->evidence);
    free(text);
    if (!kept)
        FAIL(f->e, SELFSAME_NOMEM, "no memory for the evidence");
    return SELFSAME_OK;
}

static enum selfsame_code
take_collateral(const struct form *f, struct ask *a)
{
    const json_t *list = json_object_get(f->body, "collateral");
    const size_t count = json_array_size(list);
    struct selfsame_bytes *out = ARENA_NEW(
        &f->c->arena, struct selfsame_bytes, count + 1);

    if (list != NULL && (!json_is_array(list) || count > 32))
        FAIL(f->e, SELFSAME_MALFORMED,
            "\"collateral\": expected a list of at most 32 pieces in base64");
    if (out == NULL)
        FAIL(f->e, SELFSAME_NOMEM, "no memory for collateral");
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));

        TRY(front_bytes(
            text != NULL ? text : "", "collateral", &f->c->arena, &out[i], f->e));
    }
    a->collateral = out;
    a->collateral_count = count;
    return SELFSAME_OK;
}

static const char *const of_evidence[] = { "evidence", "nonce", "policy", "report_data",
    "collateral", NULL };
static const char *const of_verify[] = { "key", "attest_request", "exporter",
    "audience", "alg", "format", "dialect", NULL };

static bool
is_among(const char *name, const char *const *list)
{
    for (size_t i = 0; list[i] != NULL; i++)
        if (strcmp(name, list[i]) == 0)
            return true;
    return false;
}

static enum selfsame_code
check_members(const struct form *f)
{
    const char *const *more = f->more != NULL ? f->more : of_verify;
    const char *name;
    json_t *v;

    json_object_foreach(
        f->body, name, v) if (!is_among(name, of_evidence) && !is_among(name, more))
        FAIL(f->e, SELFSAME_MALFORMED, "\"%.60s\": no such member", name);
    return SELFSAME_OK;
}

static enum selfsame_code
read_ask(const struct form *f, struct ask *a)
{
    if (f->body != NULL) {
        TRY(check_members(f));
        TRY(take_evidence(f, a));
        TRY(take_collateral(f, a));
    } else {
        a->evidence = httpd_body(f->c->r);
        a->media_type = httpd_header(f->c->r, "content-type");
    }
    TRY(member(f, "policy", &a->policy));
    TRY(bytes_member(f, "nonce", &a->nonce));
    TRY(bytes_member(f, "key", &a->key));
    TRY(bytes_member(f, "report_data", &a->report_data));
    TRY(bytes_member(f, "attest_request", &a->attest_request));
    TRY(bytes_member(f, "exporter", &a->exporter));
    if ((a->exporter.len > 0) != (a->attest_request.len > 0) ||
        (a->exporter.len > 0 && (a->exporter.len != 32 || a->key.len == 0)))
        FAIL(f->e, SELFSAME_MALFORMED,
            "evidence of a session needs \"exporter\" of 32 bytes, \"attest_request\" "
            "and \"key\" together");
    return SELFSAME_OK;
}

enum selfsame_code
front_ask(struct call *c, json_t *body, const char *const *more, struct ask *ret,
    struct selfsame_err *e)
{
    const struct form f = { c, body, more, e };
    struct ask a = { 0 };

    TRY(check_members(&f));
    TRY(take_evidence(&f, &a));
    TRY(take_collateral(&f, &a));
    TRY(member(&f, "policy", &a.policy));
    TRY(bytes_member(&f, "nonce", &a.nonce));
    TRY(bytes_member(&f, "report_data", &a.report_data));
    *ret = a;
    return SELFSAME_OK;
}

/* ---- what is answered ---- */

enum format { FORMAT_JWT, FORMAT_CWT, FORMAT_VERDICT };

static bool
accepts(const struct call *c, const char *type)
{
    const char *accept = httpd_header(c->r, "accept");

    return accept != NULL && strcasestr(accept, type) != NULL;
}

static enum selfsame_code
read_token_ask(const struct form *f, struct token_ask *t, enum format *ret)
{
    const char *format, *alg, *dialect;

    TRY(member(f, "audience", &t->audience));
    TRY(member(f, "format", &format));
    TRY(member(f, "alg", &alg));
    TRY(member(f, "dialect", &dialect));
    t->dialect = -1;
    if (dialect != NULL) {
        t->dialect = strcmp(dialect, "draft") == 0 ? EAR_DRAFT : EAR_DEPLOYED;
        if (t->dialect == EAR_DEPLOYED && strcmp(dialect, "deployed") != 0)
            FAIL(f->e, SELFSAME_MALFORMED,
                "\"dialect\": expected deployed or draft, got %.40s", dialect);
    }
    if (alg != NULL) {
        t->alg = jose_alg_of(bytes_str(alg));
        if (t->alg == JOSE_NONE)
            FAIL(f->e, SELFSAME_MALFORMED,
                "\"alg\": expected ES256, RS256, ES384, PS256 or EdDSA, got %.40s",
                alg);
    }
    *ret = accepts(f->c, "application/eat+cwt") ? FORMAT_CWT : FORMAT_JWT;
    if (format == NULL)
        return SELFSAME_OK;
    if (strcmp(format, "jwt") == 0)
        *ret = FORMAT_JWT;
    else if (strcmp(format, "cwt") == 0)
        *ret = FORMAT_CWT;
    else if (strcmp(format, "verdict") == 0)
        *ret = FORMAT_VERDICT;
    else
        FAIL(f->e, SELFSAME_MALFORMED,
            "\"format\": expected jwt, cwt or verdict, got %.40s", format);
    return SELFSAME_OK;
}

/* {"status","class","token","verdict"}: everything in one look. */
static enum selfsame_code
whole(struct call *c, const struct judged *j, struct selfsame_bytes token,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    char *verdict = NULL;
    enum selfsame_code code = selfsame_result_json(j->result, &verdict, e);

    if (code != SELFSAME_OK)
        return code;
    const char *text = arena_printf(&c->arena,
        "{\"status\":\"%s\",\"class\":\"%s\",\"token\":%s%.*s%s,\"verdict\":%s}\n",
        selfsame_result_status(j->result),
        selfsame_code_name(selfsame_result_code(j->result)),
        token.len > 0 ? "\"" : "null", (int)token.len,
        token.len > 0 ? (const char *)token.ptr : "", token.len > 0 ? "\"" : "",
        verdict);
    selfsame_free(verdict);
    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for the verdict");
    *ret = bytes_str(text);
    return SELFSAME_OK;
}

static enum selfsame_code
answer(struct call *c, const struct judged *j, struct token_ask *t, enum format format,
    struct selfsame_err *e)
{
    struct call_reply a = { .status = 200, .type = "application/eat+jwt" };
    struct selfsame_bytes token = BYTES_NONE;

    t->cwt = format == FORMAT_CWT;
    if (format != FORMAT_VERDICT)
        TRY(judged_token(c, j, t, &token, e));
    a.body = token;
    if (format == FORMAT_CWT)
        a.type = "application/eat+cwt";
    else if (format == FORMAT_VERDICT || accepts(c, "application/json")) {
        a.type = "application/json";
        TRY(whole(c, j, token, &a.body, e));
    } else if (accepts(c, "application/jwt"))
        a.type = "application/jwt";
    judged_reply(c, j, &a);
    return SELFSAME_OK;
}

/*
 * 200 whatever the verdict says: the token says it. Only what is no evidence, or no
 * request, is refused.
 */
static enum selfsame_code
verify(struct call *c, json_t *body, struct selfsame_err *e)
{
    const struct form f = { c, body, NULL, e };
    struct ask a = { 0 };
    struct token_ask t = { 0 };
    auto_judged j = { 0 };
    enum format format = FORMAT_JWT;

    TRY(read_ask(&f, &a));
    TRY(read_token_ask(&f, &t, &format));
    TRY(judge(c, &a, &j, e));
    return answer(c, &j, &t, format, e);
}

static bool
is_json(const struct call *c)
{
    const char *type = httpd_header(c->r, "content-type");

    return type != NULL && strncasecmp(type, "application/json", 16) == 0 &&
           (type[16] == '\0' || type[16] == ';' || type[16] == ' ');
}

int
front_status_of(const struct call *c, const struct selfsame_err *e)
{
    if (e->code == SELFSAME_DENIED && c->key == NULL)
        return 401;
    return call_status_of(e->code);
}

static void
serve_verify(struct call *c)
{
    struct selfsame_err e = { 0 };
    auto_json *body = NULL;

    if (is_json(c) && !call_body_json(c, &body))
        return;
    if (verify(c, body, &e) != SELFSAME_OK)
        call_problem(c, front_status_of(c, &e), &e);
}

static const struct route routes[] = {
    { "GET", "/v1/nonce", IN_LOOP, ROLE_NONE, serve_nonce, "getNonce" },
    { "POST", "/v1/nonce", IN_LOOP, ROLE_NONE, serve_nonce, "makeNonce" },
    { "POST", "/v1/verify", VERIFIES, ROLE_NONE, serve_verify, "verify" },
};
const struct route_list v1_routes = { routes, COUNT(routes) };
