/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SPIFFE identities for what was verified (docs/identity.md):
 *
 *   POST /v1/svid/x509   evidence about the key of a CSR → certificate
 *   POST /v1/svid/jwt    evidence about a key → JWT-SVID for an audience
 *   GET  /spiffe-bundle  who signs them
 */
#include "verifier/front.h"
#include "verifier/identity.h"

#include "codec/pem.h"
#include "crypto/csr.h"
#include "token/svid.h"

#include <stdlib.h>

enum { REFRESH_HINT_S = 300, JWT_LIFE_S = 300, AUDIENCE_MAX = 512 };

/* A life in "spiffe" of verifier.json, at most an hour (settings.c). */
static int64_t
life_of(const struct call *c, const char *name, int64_t otherwise)
{
    const json_t *v = json_object_get(service_setting(c->s, "spiffe"), name);

    return v != NULL ? (int64_t)json_integer_value(v) : otherwise;
}

/* Which id this verdict earns. */
static enum selfsame_code
identity_of(
    struct call *c, const struct judged *j, const char **ret, struct selfsame_err *e)
{
    TRY(judged_earns(j, j->identity != NULL && j->identity->warning, e));
    if (j->identity == NULL) {
        (void)err_set(e, SELFSAME_DENIED, __FILE__, __LINE__,
            "the tenant has no identity for this release under this policy");
        err_remedy(e, "Add one: selfsame verifier identity.");
        return SELFSAME_DENIED;
    }
    TRY(spiffe_id_allowed(c->snap, c->tenant->name, j->identity->spiffe_id, e));
    *ret = j->identity->spiffe_id;
    return SELFSAME_OK;
}

/* Every verdict stands in the audit log, also one that earns nothing. */
static void
reply_text(
    struct call *c, const struct judged *j, int status, const char *type, json_t *body)
{
    char *text = body != NULL ? json_compact(body) : NULL;
    struct selfsame_err e = { 0 };

    json_decref(body);
    if (text == NULL) {
        (void)err_set(&e, SELFSAME_NOMEM, __FILE__, __LINE__, "no memory to answer");
        call_problem(c, 503, &e);
        return;
    }
    const struct call_reply a = {
        .status = status, .type = type, .body = bytes_str(text)
    };
    judged_reply(c, j, &a);
    free(text);
}

void
judged_refuse(struct call *c, const struct judged *j, const struct selfsame_err *e)
{
    call_explain(c, j->result);
    reply_text(c, j, 403, "application/problem+json", call_problem_json(c, 403, e));
}

/* ---- X.509 ---- */

/* PEM, or DER in base64. */
static enum selfsame_code
read_csr(struct call *c, json_t *body, struct csr *ret, struct selfsame_err *e)
{
    const char *text = json_string_value(json_object_get(body, "csr"));
    struct selfsame_bytes der = BYTES_NONE, rest;

    if (text == NULL)
        FAIL(e, SELFSAME_MALFORMED, "\"csr\": expected a PKCS #10 request, got none");
    rest = bytes_str(text);
    if (pem_looks_like(rest)) {
        TRY_WHILE(
            e, pem_next(&rest, "CERTIFICATE REQUEST", &c->arena, &der, e), "\"csr\"");
        if (der.ptr == NULL)
            FAIL(e, SELFSAME_MALFORMED,
                "\"csr\": expected a CERTIFICATE REQUEST in PEM");
    } else {
        TRY(front_bytes(text, "csr", &c->arena, &der, e));
    }
    enum selfsame_code code = csr_read(der, ret, e);
    /* For the caller all of it is a request that is not right. */
    if (code == SELFSAME_BAD_SIGNATURE)
        return e->code = SELFSAME_MALFORMED;
    return code;
}

static json_t *
x509_json(struct call *c, const char *id, const struct svid *s)
{
    const char *leaf = pem_encode("CERTIFICATE", s->leaf, &c->arena);
    const char *issuer = pem_encode("CERTIFICATE", s->issuer, &c->arena);
    char until[TIME_TEXT];

    if (leaf == NULL || issuer == NULL)
        return NULL;
    time_format(s->expires_s, until);
    return json_pack("{s:s,s:s,s:s,s:s}", "spiffe_id", id, "certificate", leaf,
        "authority", issuer, "expires", until);
}

static enum selfsame_code
x509_svid(struct call *c, json_t *body, struct selfsame_err *e)
{
    static const char *const more[] = { "csr", NULL };
    struct selfsame_err why = { 0 };
    struct ask a = { 0 };
    auto_judged j = { 0 };
    struct csr csr;
    struct svid s;
    const char *id = NULL;

    TRY(front_ask(c, body, more, &a, e));
    TRY(read_csr(c, body, &csr, e));
    a.key = csr.spki;
    TRY(judge(c, &a, &j, e));
    if (identity_of(c, &j, &id, &why) != SELFSAME_OK) {
        judged_refuse(c, &j, &why);
        return SELFSAME_OK;
    }
    TRY(authority_issue(c->snap->authority, id, csr.spki, c->now_ms / 1000,
        life_of(c, "x509_life_s", SVID_LIFE_MAX_S), &c->arena, &s, e));
    c->given = id;
    reply_text(c, &j, 200, NULL, x509_json(c, id, &s));
    return SELFSAME_OK;
}

/* ---- JWT ---- */

/* Keys of tokens sign, by the audience's algorithm; EdDSA is none of JWT-SVID.md §2.1. */
static const struct signing_key *
jwt_signer(const struct call *c, const char *audience)
{
    const struct snap_audience *to = tenant_audience(c->tenant, audience);
    const enum jose_alg alg = to != NULL && to->alg != JOSE_EDDSA ? to->alg
                                                                  : JOSE_ES256;

    return signing_pick(c->snap->signing, alg, c->now_ms / 1000);
}

static enum selfsame_code
jwt_svid_text(struct call *c, const char *id, const char *audience, int64_t life_s,
    char **ret, struct selfsame_err *e)
{
    const struct signing_key *k = jwt_signer(c, audience);

    if (k == NULL)
        FAIL(e, SELFSAME_USAGE,
            "this verifier has no key for this audience's algorithm");
    auto_json *header = svid_jwt_header(k->kid);
    auto_json *claims = svid_jwt_claims(id, &audience, 1, c->now_ms / 1000, life_s);
    char *text = claims != NULL ? json_compact(claims) : NULL;
    enum selfsame_code code = SELFSAME_NOMEM;
    if (header != NULL && text != NULL)
        code = jws_sign(k->key, k->alg, header, bytes_str(text), &c->arena, ret, e);
    else
        (void)err_set(e, code, __FILE__, __LINE__, "no memory for a JWT-SVID");
    free(text);
    return code;
}

/*
 * As for tokens: where the tenant has a list, nobody else is served. What is on it is for
 * those who may verify: others are refused by judge() whatever they name.
 */
static enum selfsame_code
read_audience(
    const struct call *c, json_t *body, const char **ret, struct selfsame_err *e)
{
    const char *text = json_string_value(json_object_get(body, "audience"));

    if (text == NULL || text[0] == '\0' || strlen(text) > AUDIENCE_MAX)
        FAIL(e, SELFSAME_MALFORMED,
            "\"audience\": expected a text of 1 to %d bytes, for whom it is",
            (int)AUDIENCE_MAX);
    if (judge_may_verify(c) && c->tenant->audience_count > 0 &&
        tenant_audience(c->tenant, text) == NULL)
        FAIL(e, SELFSAME_DENIED, "the tenant has no audience \"%.100s\"", text);
    *ret = text;
    return SELFSAME_OK;
}

static enum selfsame_code
jwt_svid(struct call *c, json_t *body, struct selfsame_err *e)
{
    static const char *const more[] = { "key", "audience", NULL };
    const int64_t life_s = life_of(c, "jwt_life_s", JWT_LIFE_S);
    struct selfsame_err why = { 0 };
    struct ask a = { 0 };
    auto_judged j = { 0 };
    const char *id = NULL, *audience = NULL;
    char *text = NULL;

    TRY(front_ask(c, body, more, &a, e));
    TRY(read_audience(c, body, &audience, e));
    TRY(front_bytes(
        json_string_value(json_object_get(body, "key")), "key", &c->arena, &a.key, e));
    TRY(judge(c, &a, &j, e));
    if (identity_of(c, &j, &id, &why) != SELFSAME_OK) {
        judged_refuse(c, &j, &why);
        return SELFSAME_OK;
    }
    TRY(jwt_svid_text(c, id, audience, life_s, &text, e));
    c->given = id;
    reply_text(c, &j, 200, NULL,
        json_pack("{s:s,s:s,s:I}", "spiffe_id", id, "svid", text, "exp",
            (json_int_t)(c->now_ms / 1000 + life_s)));
    return SELFSAME_OK;
}

static void
serve(struct call *c,
    enum selfsame_code (*work)(struct call *, json_t *, struct selfsame_err *))
{
    struct selfsame_err e = { 0 };
    auto_json *body = NULL;

    if (!call_body_json(c, &body))
        return;
    if (work(c, body, &e) != SELFSAME_OK)
        call_problem(c, front_status_of(c, &e), &e);
}

static void
serve_x509(struct call *c)
{
    serve(c, x509_svid);
}

static void
serve_jwt(struct call *c)
{
    serve(c, jwt_svid);
}

/* ---- the bundle ---- */

/* Keys of the JWKS that may sign JWT-SVIDs, those that wait and those that ended too. */
static size_t
jwt_keys(json_t *jwks, json_t **ret)
{
    json_t *list = json_object_get(jwks, "keys"), *k;
    size_t i, n = 0;

    json_array_foreach(list, i, k)
    {
        const char *alg = json_string_value(json_object_get(k, "alg"));

        if (n < SIGN_KEYS && alg != NULL && strcmp(alg, "EdDSA") != 0)
            ret[n++] = k;
    }
    return n;
}

static enum selfsame_code
bundle(struct call *c, json_t **ret, struct selfsame_err *e)
{
    struct selfsame_bytes authorities[AUTHORITY_KEYS];
    json_t *keys[SIGN_KEYS];
    auto_json *jwks = NULL;
    struct spiffe_bundle b = {
        .refresh_s = REFRESH_HINT_S, .authorities = authorities, .jwt_keys = keys
    };

    if (c->snap == NULL || c->snap->authority == NULL)
        FAIL(e, SELFSAME_USAGE, "this verifier has no trust domain");
    TRY(json_parse(bytes_str(c->snap->signing->jwks), "JWKS", &jwks, e));
    b.authority_count = authority_certs(
        c->snap->authority, c->now_ms / 1000, authorities);
    b.jwt_key_count = jwt_keys(jwks, keys);
    b.sequence = c->snap->authority->sequence;
    for (size_t i = 0; i < c->snap->signing->count; i++)
        b.sequence += (uint64_t)c->snap->signing->keys[i].use_s;
    return spiffe_bundle_json(&b, ret, e);
}

static void
serve_bundle(struct call *c)
{
    struct selfsame_err e = { 0 };
    json_t *j = NULL;

    if (bundle(c, &j, &e) != SELFSAME_OK) {
        call_problem(c, e.code == SELFSAME_USAGE ? 404 : 503, &e);
        return;
    }
    char *text = json_compact(j);
    const struct call_reply a = { .status = text != NULL ? 200 : 503,
        .cache = "public, max-age=300",
        .body = text != NULL ? bytes_str(text) : BYTES_LIT("{}") };
    json_decref(j);
    call_reply(c, &a);
    free(text);
}

static const struct route routes[] = {
    { "POST", "/v1/svid/x509", VERIFIES, ROLE_NONE, serve_x509, "issueX509Svid" },
    { "POST", "/v1/svid/jwt", VERIFIES, ROLE_NONE, serve_jwt, "issueJwtSvid" },
    { "GET", "/spiffe-bundle", IN_WORKER, ROLE_NONE, serve_bundle, "getSpiffeBundle" },
};
const struct route_list identity_routes = { routes, COUNT(routes) };
