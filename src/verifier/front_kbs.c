/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Trustee KBS protocol 0.4.0, for clients of Confidential Containers (docs/kbs.md):
 *
 *   POST /kbs/v0/auth                         a challenge
 *   POST /kbs/v0/attest                       evidence → token
 *   GET  /kbs/v0/resource/REPO/TYPE/TAG       the secret REPO/TYPE/TAG as JWE
 *
 * A session is its cookie (kbs_session.h). Their clients know 401 for everything but a
 * wrong path; evidence that is refused is 401 too, and no token.
 */
#include "verifier/identity.h"
#include "verifier/kbs_session.h"
#include "verifier/release_secret.h"

#include "token/jwe.h"
#include "token/kbs.h"

#include <inttypes.h>
#include <stdlib.h>

#define ERRORS "https://github.com/confidential-containers/kbs/errors/"

static void
answer(struct call *c, const struct judged *j, const struct call_reply *a)
{
    if (j != NULL)
        judged_reply(c, j, a);
    else
        call_reply(c, a);
}

/* {"type":…/VARIANT,"detail":…}; what is our own trouble is told as such. */
static void
refuse(struct call *c, const struct judged *j, const char *variant,
    const struct selfsame_err *e)
{
    char line[SELFSAME_ERR_FRAMES * (SELFSAME_ERR_TEXT + 2)];
    const bool ours = e->code == SELFSAME_NOMEM || e->code == SELFSAME_IO ||
                      e->code == SELFSAME_INTERNAL;
    const bool path = strcmp(variant, "InvalidRequestPath") == 0 ||
                      strcmp(variant, "PluginNotFound") == 0;

    (void)selfsame_err_print(e, line, sizeof(line));
    auto_json *body = json_pack(
        "{s:o,s:s}", "type", json_sprintf("%s%s", ERRORS, variant), "detail", line);
    char *text = body != NULL ? json_compact(body) : NULL;
    const struct call_reply a = {
        .status = ours   ? 503
                  : path ? 404
                         : 401,
        .body = text != NULL ? bytes_str(text) : BYTES_LIT("{}"),
    };
    c->code = e->code;
    answer(c, j, &a);
    free(text);
}

/* "kbs": {"tenant":NAME} of verifier.json, for clients that cannot name one. */
static enum selfsame_code
choose_tenant(struct call *c, struct selfsame_err *e)
{
    const json_t *kbs = service_setting(c->s, "kbs");
    const char *name = json_string_value(json_object_get(kbs, "tenant"));

    if (name != NULL && c->key == NULL)
        c->tenant = snapshot_tenant(c->snap, name);
    if (c->tenant == NULL || (c->key == NULL && !c->tenant->public))
        FAIL(e, SELFSAME_DENIED,
            "no tenant serves clients without a key here: \"kbs\" of verifier.json");
    return SELFSAME_OK;
}

/* ---- auth ---- */

static enum selfsame_code
auth(struct call *c, struct selfsame_err *e)
{
    char text[BASE64_SIZE(NONCE_SIZE)];
    struct kbs_cookie cookie;
    auto_json *body = NULL;
    uint8_t nonce[NONCE_SIZE];
    enum kbs_tee tee = KBS_NONE;

    TRY(choose_tenant(c, e));
    TRY(json_parse(httpd_body(c->r), "the request", &body, e));
    TRY(kbs_auth_read(body, &tee, e));
    if (!nonce_make(service_nonces(c->s), c->tenant->name, c->now_ms, nonce))
        FAIL(e, SELFSAME_NOMEM, "cannot make a nonce");
    (void)base64_encode(BYTES_ARR(nonce), false, text);
    auto_json *state = json_pack(
        "{s:s,s:s,s:s}", "step", "authed", "nonce", text, "tee", kbs_tee_word(tee));
    TRY(kbs_cookie_make(c, state, NONCE_LIFE_MS / 1000, &cookie, e));
    auto_json *challenge = json_pack("{s:s,s:s}", "nonce", text, "extra-params", "");
    char *json = challenge != NULL ? json_compact(challenge) : NULL;
    if (json == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to answer");
    const struct call_reply a = { .status = 200,
        .body = bytes_str(json),
        .headers = &cookie.header,
        .header_count = 1 };
    call_reply(c, &a);
    free(json);
    return SELFSAME_OK;
}

static void
serve_auth(struct call *c)
{
    struct selfsame_err e = { 0 };

    if (auth(c, &e) != SELFSAME_OK)
        refuse(c, NULL, "AttestationError", &e);
}

/* ---- attest ---- */

/* What the session's challenge was, and the evidence that answers it. */
static enum selfsame_code
read_attest(struct call *c, json_t **ret_body, struct kbs_attest *at, struct ask *a,
    struct selfsame_err *e)
{
    auto_json *state = NULL;
    enum kbs_tee tee = KBS_NONE;
    size_t n = 0;

    TRY(kbs_cookie_read(c, "authed", &state, e));
    TRY(json_parse(httpd_body(c->r), "the request", ret_body, e));
    TRY(kbs_attest_read(*ret_body, &c->arena, at, e));
    const char *nonce = json_string_value(json_object_get(state, "nonce"));
    const char *word = json_string_value(json_object_get(state, "tee"));
    for (enum kbs_tee t = KBS_SNP; word != NULL && t <= KBS_SGX; t++)
        if (strcmp(word, kbs_tee_word(t)) == 0)
            tee = t;
    if (nonce == NULL || !bytes_eq(bytes_str(nonce), at->nonce))
        FAIL(e, SELFSAME_STALE, "expected the nonce of this session, got another");
    uint8_t *raw = arena_alloc(&c->arena, 1, NONCE_SIZE + 1);
    uint8_t *data = arena_alloc(&c->arena, 1, KBS_REPORT_DATA);
    if (raw == NULL || data == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a request");
    if (!base64_decode(nonce, strlen(nonce), false, raw, NONCE_SIZE + 1, &n))
        FAIL(e, SELFSAME_STALE, "expected a nonce of this verifier");
    TRY(kbs_report_data(at, &c->arena, data, e));
    a->nonce = BYTES(raw, n);
    a->report_data = BYTES(data, KBS_REPORT_DATA);
    a->covers_nonce = true;
    return kbs_evidence(tee, at->primary, &c->arena, &a->evidence, e);
}

/* What GET needs to know later: in the cookie, and in the token as "kbs". */
static json_t *
attested_state(
    const struct call *c, const struct judged *j, const struct kbs_attest *at)
{
    const struct selfsame_release *r = selfsame_result_release(j->result);
    char evidence[65];

    hex_encode(BYTES_ARR(j->evidence_sha256), evidence);
    return json_pack("{s:s,s:s,s:s,s:s,s:s?,s:s?,s:s?,s:s,s:s,s:O}", "step", "attested",
        "tenant", c->tenant->name, "policy", j->policy->name, "policy-id",
        j->policy->id, "tee", j->result->verdict.claims.tee, "release",
        r != NULL ? r->name : NULL, "version", r != NULL ? r->version : NULL, "status",
        selfsame_result_status(j->result), "evidence", evidence, "tee-pubkey",
        (json_t *)(uintptr_t)at->tee_pubkey);
}

static enum selfsame_code
make_token(struct call *c, const struct judged *j, const struct kbs_attest *at,
    json_t *state, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    auto_json *key = kbs_key_json(at->tee_pubkey);
    auto_json *extra = json_pack(
        "{s:s,s:O,s:O}", "eat_profile", KBS_PROFILE, "tee-pubkey", key, "kbs", state);
    const struct token_ask t = {
        .alg = JOSE_ES256, .dialect = EAR_DEPLOYED, .extra = extra, .submod = "cpu0"
    };

    if (extra == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a token");
    return judged_token(c, j, &t, ret, e);
}

static enum selfsame_code
give_token(struct call *c, const struct judged *j, const struct kbs_attest *at,
    struct selfsame_err *e)
{
    auto_json *state = attested_state(c, j, at);
    struct selfsame_bytes token = BYTES_NONE;
    struct kbs_cookie cookie;

    if (state == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a token");
    TRY(make_token(c, j, at, state, &token, e));
    TRY(kbs_cookie_make(c, state, c->tenant->token_life_s, &cookie, e));
    const char *body = arena_printf(
        &c->arena, "{\"token\":\"%.*s\"}", (int)token.len, (const char *)token.ptr);
    if (body == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a token");
    const struct call_reply a = { .status = 200,
        .body = bytes_str(body),
        .headers = &cookie.header,
        .header_count = 1 };
    judged_reply(c, j, &a);
    return SELFSAME_OK;
}

static enum selfsame_code
attest(struct call *c, struct selfsame_err *e)
{
    struct selfsame_err why = { 0 };
    struct kbs_attest at = { .primary = NULL };
    auto_json *body = NULL;
    struct ask a = { 0 };
    auto_judged j = { 0 };

    TRY(choose_tenant(c, e));
    TRY(read_attest(c, &body, &at, &a, e));
    TRY(judge(c, &a, &j, e));
    /* Which secrets are given to a verdict that warns is their own affair. */
    if (judged_earns(&j, true, &why) != SELFSAME_OK) {
        refuse(c, &j, "AttestationError", &why);
        return SELFSAME_OK;
    }
    return give_token(c, &j, &at, e);
}

static void
serve_attest(struct call *c)
{
    struct selfsame_err e = { 0 };

    if (attest(c, &e) != SELFSAME_OK)
        refuse(c, NULL, "AttestationError", &e);
}

/* ---- resources ---- */

/* By the token, or by the cookie. */
static enum selfsame_code
read_state(struct call *c, json_t **ret, struct selfsame_err *e)
{
    static const char scheme[] = "Bearer ";
    const char *header = httpd_header(c->r, "authorization");
    auto_json *state = NULL;

    if (header != NULL && strncmp(header, scheme, strlen(scheme)) == 0 &&
        c->key == NULL)
        TRY(kbs_token_read(c, header + strlen(scheme), &state, e));
    else
        TRY(kbs_cookie_read(c, "attested", &state, e));
    const char *tenant = json_string_value(json_object_get(state, "tenant"));
    c->tenant = tenant != NULL ? snapshot_tenant(c->snap, tenant) : NULL;
    if (c->tenant == NULL)
        FAIL(e, SELFSAME_DENIED, "there is no such tenant any more");
    *ret = state;
    state = NULL;
    return SELFSAME_OK;
}

static const char *
state_text(const json_t *state, const char *name)
{
    return json_string_value(json_object_get(state, name));
}

static enum selfsame_code
give_resource(struct call *c, const char *name, const json_t *state, char **ret,
    struct selfsame_err *e)
{
    const struct snap_secret *s = tenant_secret(c->tenant, name);
    const char *status = state_text(state, "status");
    const struct secret_claim k = { state_text(state, "policy"),
        state_text(state, "release"), state_text(state, "version") };
    struct selfsame_bytes plain = BYTES_NONE;
    struct selfsame_err why = { 0 };
    struct envelope_to to;

    /* One answer for all of it: which resources there are is told to nobody else. */
    if (s == NULL || k.policy == NULL || status == NULL ||
        (strcmp(status, "affirming") != 0 &&
            (!s->warning || strcmp(status, "warning") != 0)) ||
        secret_allows(s, &k, &why) != SELFSAME_OK)
        FAIL(e, SELFSAME_DENIED, "Access denied by policy: no such resource for you");
    TRY(jwe_to_jwk(json_object_get(state, "tee-pubkey"), &c->arena, &to, e));
    TRY(secret_text(c, s, &plain, e));
    enum selfsame_code code = jwe_seal(&to, plain, &c->arena, ret, e);
    secret_wipe((void *)(uintptr_t)plain.ptr, plain.len);
    return code;
}

/* A row of its own: which secret, for which evidence; the verdict's row has the rest. */
static void
reply_resource(struct call *c, const json_t *state, const char *jwe)
{
    const struct call_reply a = { .status = 200, .body = bytes_str(jwe) };
    const char *evidence = state_text(state, "evidence");
    struct audit_row row = { .at_ms = c->now_ms,
        .request = c->id,
        .tenant = c->tenant->name,
        .policy = state_text(state, "policy-id"),
        .tee = state_text(state, "tee"),
        .status = state_text(state, "status"),
        .class_ = selfsame_code_name(SELFSAME_OK),
        .release = state_text(state, "release"),
        .given = c->given };
    size_t n = 0;

    if (evidence == NULL ||
        !hex_decode(evidence, strlen(evidence), row.evidence_sha256, 32, &n))
        n = 0; /* it stays zero: no evidence has that */
    audited_reply(c, &row, &a);
}

/* "REPO/TYPE/TAG" */
static bool
is_resource(const char *name)
{
    size_t parts = 0;

    for (const char *at = name;; at++) {
        const size_t len = strcspn(at, "/");

        parts += len > 0;
        if (len == 0)
            return false;
        at += len;
        if (*at == '\0')
            return parts == 3;
    }
}

static void
serve_resource(struct call *c)
{
    static const char plugin[] = "resource/";
    struct selfsame_err e = { 0 };
    auto_json *state = NULL;
    char *jwe = NULL;

    if (strncmp(c->rest, plugin, strlen(plugin)) != 0) {
        (void)err_set(
            &e, SELFSAME_USAGE, __FILE__, __LINE__, "Plugin %.40s not found", c->rest);
        refuse(c, NULL, "PluginNotFound", &e);
        return;
    }
    const char *name = c->rest + strlen(plugin);
    if (!is_resource(name)) {
        (void)err_set(&e, SELFSAME_USAGE, __FILE__, __LINE__,
            "expected resource/REPOSITORY/TYPE/TAG");
        refuse(c, NULL, "PluginInternalError", &e);
        return;
    }
    if (read_state(c, &state, &e) != SELFSAME_OK)
        refuse(c, NULL, "TokenNotFound", &e);
    else if (give_resource(c, name, state, &jwe, &e) != SELFSAME_OK)
        refuse(c, NULL, e.code == SELFSAME_DENIED ? "PolicyDeny" : "JweError", &e);
    else
        reply_resource(c, state, jwe);
}

static const struct route routes[] = {
    { "POST", "/kbs/v0/auth", IN_WORKER, ROLE_NONE, serve_auth, "kbsAuth" },
    { "POST", "/kbs/v0/attest", IN_WORKER, ROLE_NONE, serve_attest, "kbsAttest" },
    { "GET", "/kbs/v0/*", IN_WORKER, ROLE_NONE, serve_resource, "kbsResource" },
};
const struct route_list kbs_routes = { routes, COUNT(routes) };
