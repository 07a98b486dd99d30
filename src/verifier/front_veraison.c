/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The challenge-response API of Veraison (veraison/services, verification/api), for its
 * clients: a session is a nonce with a name. Here the name carries the session: expiry,
 * nonce, tenant and policy, under a MAC, so that any replica serves it and nothing is
 * stored. A session judges one piece of evidence.
 *
 *   POST   /challenge-response/v1/newSession
 *   POST   /challenge-response/v1/session/ID
 *   GET, DELETE the same
 *   GET    /.well-known/veraison/verification
 */
#include "verifier/front.h"

#include "codec/cmw.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define SESSION_TYPE "application/vnd.veraison.challenge-response-session+json"
#define DISCOVERY_TYPE "application/vnd.veraison.discovery+json"
#define BASE "/challenge-response/v1/"
#define LABEL "selfsame session v1"
enum {
    NONCE_MIN = 8,
    NONCE_MAX = 64,
    NONCE_USUAL = 32,
    SESSION_LIFE_MS = 150000,
    SESSION_MAX = 512, /* bytes of a session's name before base64 */
    TYPES_MAX = 32,
};

struct session {
    int64_t expiry_ms;
    struct selfsame_bytes nonce;
    const char *tenant, *policy; /* policy: "" for the tenant's */
    uint8_t tag[NONCE_TAG];
};

/* ---- names of sessions ---- */

static void
put_part(struct writer *w, struct selfsame_bytes b)
{
    put_u8(w, (uint8_t)b.len);
    put_bytes(w, b);
}

/* NULL: out of memory, or a name that is too long. */
static char *
session_name(struct call *c, struct session *s)
{
    uint8_t payload[SESSION_MAX];
    struct writer w = writer_of(payload, sizeof(payload) - NONCE_TAG);
    char text[BASE64_SIZE(SESSION_MAX)];

    put_be32(&w, (uint32_t)((uint64_t)s->expiry_ms >> 32));
    put_be32(&w, (uint32_t)s->expiry_ms);
    put_part(&w, s->nonce);
    put_part(&w, bytes_str(s->tenant));
    if (strlen(s->policy) > 255)
        return NULL;
    put_part(&w, bytes_str(s->policy));
    if (w.bad || !nonces_tag(service_nonces(c->s), LABEL, writer_bytes(&w), s->tag))
        return NULL;
    memcpy(payload + w.len, s->tag, NONCE_TAG);
    (void)base64_encode(BYTES(payload, w.len + NONCE_TAG), true, text);
    return arena_str(&c->arena, bytes_str(text));
}

static struct selfsame_bytes
get_part(struct reader *r)
{
    return get_bytes(r, get_u8(r));
}

/* 0, or the status: 400 for what is no name, 404 for what is no session (any more). */
static int
session_open(struct call *c, struct session *ret, struct selfsame_err *e)
{
    const char *name = c->rest;
    const size_t len = strlen(name);
    uint8_t *raw = arena_alloc(&c->arena, 1, len + 1), tag[NONCE_TAG];
    size_t got = 0;

    if (raw == NULL) {
        (void)err_set(e, SELFSAME_NOMEM, __FILE__, __LINE__, "no memory for a session");
        return 503;
    }
    if (len == 0 || !base64_decode(name, len, true, raw, len + 1, &got) ||
        got <= NONCE_TAG || got > SESSION_MAX) {
        (void)err_set(
            e, SELFSAME_MALFORMED, __FILE__, __LINE__, "expected the id of a session");
        return 400;
    }
    const struct selfsame_bytes payload = BYTES(raw, got - NONCE_TAG);
    struct reader r = reader_of(payload);
    struct session s = { .expiry_ms = (int64_t)get_be64(&r) };
    s.nonce = get_part(&r);
    s.tenant = arena_str(&c->arena, get_part(&r));
    s.policy = arena_str(&c->arena, get_part(&r));
    memcpy(s.tag, raw + payload.len, NONCE_TAG);
    if (!nonces_tag(service_nonces(c->s), LABEL, payload, tag) || s.tenant == NULL ||
        s.policy == NULL || !bytes_eq(BYTES_ARR(tag), BYTES_ARR(s.tag)) ||
        !reader_done(&r) || s.expiry_ms < c->now_ms ||
        s.expiry_ms > c->now_ms + 2 * (int64_t)SESSION_LIFE_MS) {
        (void)err_set(e, SELFSAME_STALE, __FILE__, __LINE__,
            "there is no such session, or it has ended");
        return 404;
    }
    *ret = s;
    return 0;
}

/* As if it were a nonce: what is remembered is its end, and bytes that nobody could choose. */
static struct selfsame_bytes
mark_of(const struct session *s, uint8_t ret[static NONCE_SIZE])
{
    struct writer w = writer_of(ret, NONCE_SIZE);

    put_be32(&w, (uint32_t)((uint64_t)s->expiry_ms >> 32));
    put_be32(&w, (uint32_t)s->expiry_ms);
    put_bytes(&w, BYTES_ARR(s->tag));
    put_zeros(&w, NONCE_SIZE - w.len);
    return BYTES(ret, NONCE_SIZE);
}

/* ---- media types ---- */

/* Those of every TEE of this build; what a policy accepts is said by its verdict. */
static size_t
list_types(const char *ret[static TYPES_MAX])
{
    static const char *const also[] = { "application/cmw", "application/cmw+json",
        "application/cmw+cbor", "application/vnd.veraison.cmw",
        "application/vnd.veraison.cmw+json", "application/vnd.veraison.cmw+cbor",
        "application/vnd.veraison.tsm-report+json" };
    const struct tee_verifier *v;
    size_t n = 0;

    for (size_t t = 0; (v = tee_verifier_at(t)) != NULL; t++)
        for (const char *const *m = v->media_types; *m != NULL && n < TYPES_MAX; m++)
            ret[n++] = *m;
    for (size_t i = 0; i < COUNT(also) && n < TYPES_MAX; i++)
        ret[n++] = also[i];
    return n;
}

static bool
same_type(const char *header, const char *type)
{
    const size_t len = strlen(type);

    return strncasecmp(header, type, len) == 0 &&
           (header[len] == '\0' || header[len] == ';' || header[len] == ' ');
}

static bool
is_known_type(const char *header)
{
    const char *types[TYPES_MAX];
    const size_t count = list_types(types);

    for (size_t i = 0; i < count; i++)
        if (same_type(header, types[i]))
            return true;
    return false;
}

static bool
accepts(const struct call *c, const char *type)
{
    const char *accept = httpd_header(c->r, "accept");

    return accept == NULL || strcasestr(accept, type) != NULL ||
           strstr(accept, "*/*") != NULL || strcasestr(accept, "application/*") != NULL;
}

static json_t *
types_json(void)
{
    const char *types[TYPES_MAX];
    const size_t count = list_types(types);
    json_t *list = json_array();

    for (size_t i = 0; list != NULL && i < count; i++)
        if (json_array_append_new(list, json_string(types[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

/* ---- answers ---- */

static void
refuse(struct call *c, int status, enum selfsame_code code, const char *why)
{
    struct selfsame_err e = { 0 };

    (void)err_set(&e, code, __FILE__, __LINE__, "%s", why);
    call_problem(c, status, &e);
}

/* RFC 3339 with the fraction, as clients in Go parse it. */
static const char *
time_text(struct call *c, int64_t ms)
{
    char text[TIME_TEXT];

    time_format(ms / 1000, text);
    const size_t len = strlen(text);
    return arena_printf(&c->arena, "%.*s.%03dZ", (int)len - 1, text, (int)(ms % 1000));
}

static json_t *
session_json(struct call *c, const struct session *s, const char *status)
{
    char nonce[BASE64_SIZE(NONCE_MAX)];
    const char *expiry = time_text(c, s->expiry_ms);
    json_t *types = types_json();

    (void)base64_encode(s->nonce, true, nonce);
    if (expiry == NULL || types == NULL) {
        json_decref(types);
        return NULL;
    }
    return json_pack("{s:s,s:s,s:o,s:s}", "nonce", nonce, "expiry", expiry, "accept",
        types, "status", status);
}

/* Takes j over. */
static bool
reply_of(
    struct call *c, int status, const char *type, json_t *j, struct call_reply *ret)
{
    char *text = j != NULL ? json_compact(j) : NULL;
    bool kept;

    json_decref(j);
    *ret = (struct call_reply){ .status = status, .type = type };
    kept = text != NULL && arena_dup(&c->arena, bytes_str(text), &ret->body);
    free(text);
    return kept;
}

/* ---- a new session ---- */

static enum selfsame_code
choose_nonce(struct call *c, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const char *given = httpd_query(c->r, "nonce"),
               *size = httpd_query(c->r, "nonceSize");
    uint64_t len = NONCE_USUAL;

    if (given != NULL && size != NULL)
        FAIL(e, SELFSAME_USAGE, "expected nonce or nonceSize, got both");
    if (given != NULL) {
        TRY(front_bytes(given, "nonce", &c->arena, ret, e));
        if (ret->len < NONCE_MIN || ret->len > NONCE_MAX)
            FAIL(e, SELFSAME_USAGE, "nonce: expected 8 to 64 bytes, got %zu", ret->len);
        return SELFSAME_OK;
    }
    if (size != NULL &&
        (!uint_parse(size, strlen(size), NONCE_MAX, &len) || len < NONCE_MIN))
        FAIL(e, SELFSAME_USAGE, "nonceSize: expected 8 to 64, got %.20s", size);
    uint8_t *out = arena_alloc(&c->arena, 1, len);
    if (out == NULL || !rng_bytes(out, len))
        FAIL(e, SELFSAME_NOMEM, "no memory for a nonce");
    *ret = BYTES(out, len);
    return SELFSAME_OK;
}

static void
serve_new(struct call *c)
{
    const char *policy = httpd_query(c->r, "policy");
    struct session s = { .expiry_ms = c->now_ms + SESSION_LIFE_MS,
        .policy = policy != NULL ? policy : "" };
    struct selfsame_err e = { 0 };
    struct call_reply a;

    if (!accepts(c, SESSION_TYPE)) {
        refuse(c, 406, SELFSAME_USAGE, "expected Accept to allow " SESSION_TYPE);
        return;
    }
    if (c->tenant == NULL || (c->key == NULL && !c->tenant->public)) {
        refuse(c, 401, SELFSAME_DENIED, "sessions of this tenant need an API key");
        return;
    }
    /* Whoever has the session verifies with it: that is not for who only reads. */
    if (c->role == ROLE_AUDITOR) {
        refuse(c, 403, SELFSAME_DENIED, "a key of the role auditor does not verify");
        return;
    }
    s.tenant = c->tenant->name;
    if (choose_nonce(c, &s.nonce, &e) != SELFSAME_OK) {
        call_problem(
            c, call_status_of(e.code) == 422 ? 400 : call_status_of(e.code), &e);
        return;
    }
    /* Its own nonce proves freshness to whoever chose it, who has to be who relies on it. */
    if (httpd_query(c->r, "nonce") != NULL && !judge_may_bring_nonce(c)) {
        refuse(c, 403, SELFSAME_DENIED, "this caller may not choose the nonce");
        return;
    }
    char *name = session_name(c, &s);
    const char *location = name != NULL ? arena_printf(&c->arena, "session/%s", name)
                                        : NULL;
    const struct httpd_header header = { "Location", location };
    if (location == NULL ||
        !reply_of(c, 201, SESSION_TYPE, session_json(c, &s, "waiting"), &a)) {
        refuse(c, 503, SELFSAME_NOMEM, "no memory for a session");
        return;
    }
    a.headers = &header;
    a.header_count = 1;
    call_reply(c, &a);
}

/* ---- evidence ---- */

/* Reports of the kernel's configfs-tsm as Veraison's ratsd has them: the vendor's bytes inside. */
static enum selfsame_code
unwrap_tsm(
    struct call *c, struct selfsame_bytes in, struct ask *a, struct selfsame_err *e)
{
    auto_json *j = NULL;
    struct selfsame_bytes *extra = ARENA_NEW(&c->arena, struct selfsame_bytes, 1);

    TRY(json_parse(in, "the TSM report", &j, e));
    TRY(front_bytes(json_string_value(json_object_get(j, "outblob")), "outblob",
        &c->arena, &a->evidence, e));
    if (extra == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a report");
    TRY(front_bytes(json_string_value(json_object_get(j, "auxblob")), "auxblob",
        &c->arena, extra, e));
    if (a->evidence.len == 0)
        FAIL(e, SELFSAME_MALFORMED, "the TSM report has no \"outblob\"");
    a->collateral = extra;
    a->collateral_count = extra->len > 0 ? 1 : 0;
    a->nonce_in_report_data = true;
    return SELFSAME_OK;
}

/* A record is unwrapped, and its type counts; collections stay whole. */
static enum selfsame_code
unwrap(struct call *c, const char **type, struct ask *a, struct selfsame_err *e)
{
    struct cmw cmw;

    if (strcasestr(*type, "cmw") != NULL && cmw_looks_like(a->evidence)) {
        TRY_WHILE(e, cmw_parse(a->evidence, &c->arena, &cmw, e), "reading the CMW");
        if (!cmw.collection && cmw.count == 1 && cmw.entries[0].type.len > 0) {
            *type = arena_str(&c->arena, cmw.entries[0].type);
            a->evidence = cmw.entries[0].value;
            if (*type == NULL)
                FAIL(e, SELFSAME_NOMEM, "no memory for a media type");
        }
    }
    a->media_type = *type;
    if (same_type(*type, "application/vnd.veraison.tsm-report+json"))
        return unwrap_tsm(c, a->evidence, a, e);
    return SELFSAME_OK;
}

static void
refuse_type(struct call *c)
{
    const char *types[TYPES_MAX];
    const size_t count = list_types(types);
    const char *all = "";
    struct selfsame_err e = { 0 };

    for (size_t i = 0; i < count && all != NULL; i++)
        all = arena_printf(&c->arena, "%s%s%s", all, i > 0 ? ", " : "", types[i]);
    const struct httpd_header header = { "Accept", all != NULL ? all : "" };
    (void)err_set(&e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
        "expected evidence of a supported media type, as Accept lists them");
    struct call_reply a;
    if (!reply_of(
            c, 415, "application/problem+json", problem_json(415, &e, c->id), &a)) {
        call_problem(c, 415, &e);
        return;
    }
    c->code = e.code;
    a.headers = &header;
    a.header_count = 1;
    call_reply(c, &a);
}

static enum selfsame_code
answer(struct call *c, const struct session *s, const struct judged *j,
    const char *type, struct selfsame_err *e)
{
    const struct token_ask t = { .dialect = EAR_DEPLOYED };
    struct selfsame_bytes token;
    struct call_reply a;
    json_t *body = session_json(c, s, "complete");
    const struct selfsame_bytes evidence = httpd_body(c->r);
    char *text = arena_alloc(&c->arena, 1, BASE64_SIZE(evidence.len));

    enum selfsame_code code = judged_token(c, j, &t, &token, e);
    if (code != SELFSAME_OK) {
        json_decref(body);
        return code;
    }
    if (text != NULL)
        (void)base64_encode(evidence, false, text);
    if (body == NULL || text == NULL ||
        json_object_set_new(body, "evidence",
            json_pack("{s:s,s:s}", "type", type, "value", text)) != 0 ||
        json_object_set_new(
            body, "result", json_stringn((const char *)token.ptr, token.len)) != 0) {
        json_decref(body);
        FAIL(e, SELFSAME_NOMEM, "no memory for the result of a session");
    }
    if (!reply_of(c, 200, SESSION_TYPE, body, &a))
        FAIL(e, SELFSAME_NOMEM, "no memory for the result of a session");
    judged_reply(c, j, &a);
    return SELFSAME_OK;
}

static enum selfsame_code
judge_session(struct call *c, const struct session *s, const char *type, struct ask *a,
    struct selfsame_err *e)
{
    auto_judged j = { 0 };

    a->policy = s->policy[0] != '\0' ? s->policy : NULL;
    a->nonce = s->nonce;
    a->nonce_is_ours = true;
    TRY(front_bytes(httpd_query(c->r, "key"), "key", &c->arena, &a->key, e));
    TRY(judge(c, a, &j, e));
    return answer(c, s, &j, type, e);
}

/* The session was made for a tenant that let its maker in: that is all that is asked. */
static bool
enter(struct call *c, const struct session *s)
{
    const struct snap_tenant *t = snapshot_tenant(c->snap, s->tenant);

    if (t == NULL || (c->key != NULL && c->tenant != t)) {
        refuse(c, 404, SELFSAME_DENIED, "there is no such session, or it has ended");
        return false;
    }
    c->tenant = t;
    return true;
}

static void
serve_evidence(struct call *c)
{
    const char *type = httpd_header(c->r, "content-type");
    struct ask a = { .evidence = httpd_body(c->r) };
    struct selfsame_err e = { 0 };
    uint8_t mark[NONCE_SIZE];
    struct session s;

    if (!accepts(c, SESSION_TYPE)) {
        refuse(c, 406, SELFSAME_USAGE, "expected Accept to allow " SESSION_TYPE);
        return;
    }
    if (a.evidence.len == 0) {
        refuse(c, 400, SELFSAME_MALFORMED, "expected evidence, got an empty body");
        return;
    }
    if (type == NULL || !is_known_type(type)) {
        refuse_type(c);
        return;
    }
    if (unwrap(c, &type, &a, &e) != SELFSAME_OK) {
        call_problem(c, e.code == SELFSAME_NOMEM ? 503 : 400, &e);
        return;
    }
    if (!is_known_type(type)) {
        refuse_type(c);
        return;
    }
    int status = session_open(c, &s, &e);
    if (status != 0) {
        call_problem(c, status, &e);
        return;
    }
    if (!enter(c, &s))
        return;
    if (nonce_use(service_nonces(c->s), c->now_ms, mark_of(&s, mark), &e) !=
        SELFSAME_OK) {
        call_problem(c, e.code == SELFSAME_STALE ? 409 : 503, &e);
        return;
    }
    if (judge_session(c, &s, type, &a, &e) != SELFSAME_OK) {
        nonce_unuse(service_nonces(c->s), BYTES_ARR(mark));
        call_problem(c, front_status_of(c, &e), &e);
    }
}

/* ---- the rest ---- */

static void
serve_session(struct call *c)
{
    struct selfsame_err e = { 0 };
    struct call_reply a;
    struct session s;

    if (!accepts(c, SESSION_TYPE)) {
        refuse(c, 406, SELFSAME_USAGE, "expected Accept to allow " SESSION_TYPE);
        return;
    }
    const int status = session_open(c, &s, &e);
    if (status != 0) {
        call_problem(c, status, &e);
        return;
    }
    uint8_t mark[NONCE_SIZE];
    if (nonce_was_used(service_nonces(c->s), mark_of(&s, mark)))
        refuse(c, 404, SELFSAME_STALE,
            "the session is complete, and its result was given once");
    else if (reply_of(c, 200, SESSION_TYPE, session_json(c, &s, "waiting"), &a))
        call_reply(c, &a);
    else
        refuse(c, 503, SELFSAME_NOMEM, "no memory for a session");
}

static void
serve_delete(struct call *c)
{
    struct selfsame_err e = { 0 };
    uint8_t mark[NONCE_SIZE];
    struct session s;
    const int status = session_open(c, &s, &e);

    if (status != 0) {
        call_problem(c, status, &e);
        return;
    }
    /* To make sessions and give them up costs nothing: that must not cost others room. */
    if (nonces_roomy(service_nonces(c->s)) &&
        nonce_use(service_nonces(c->s), c->now_ms, mark_of(&s, mark), &e) ==
            SELFSAME_NOMEM) {
        call_problem(c, 503, &e);
        return;
    }
    const struct call_reply a = { .status = 204 };
    call_reply(c, &a);
}

static void
serve_discovery(struct call *c)
{
    const struct signing_key *k = signing_pick(
        c->snap->signing, JOSE_ES256, c->now_ms / 1000);
    struct selfsame_err e = { 0 };
    struct call_reply a;
    struct jwk jwk;

    if (!accepts(c, DISCOVERY_TYPE) && !accepts(c, "application/json")) {
        refuse(c, 406, SELFSAME_USAGE, "expected Accept to allow " DISCOVERY_TYPE);
        return;
    }
    if (k == NULL || jwk_of_key(k->key, k->alg, &c->arena, &jwk, &e) != SELFSAME_OK) {
        refuse(c, 503, SELFSAME_IO, "the verifier has no key for ES256");
        return;
    }
    json_t *j = json_pack("{s:o?,s:o?,s:s,s:s,s:{s:s}}", "ear-verification-key",
        jwk_json(&jwk), "media-types", types_json(), "version", SELFSAME_VERSION,
        "service-state", "READY", "api-endpoints", "newChallengeResponseSession",
        BASE "newSession");
    const bool own = httpd_header(c->r, "accept") != NULL &&
                     strcasestr(httpd_header(c->r, "accept"), DISCOVERY_TYPE) == NULL &&
                     strcasestr(httpd_header(c->r, "accept"), "application/json") !=
                         NULL;
    if (!reply_of(c, 200, own ? "application/json" : DISCOVERY_TYPE, j, &a)) {
        refuse(c, 503, SELFSAME_NOMEM, "no memory to answer");
        return;
    }
    a.cache = "max-age=60";
    call_reply(c, &a);
}

static const struct route routes[] = {
    { "POST", BASE "newSession", IN_LOOP, ROLE_NONE, serve_new, "newSession" },
    { "POST", BASE "session/*", IN_WORKER, ROLE_NONE, serve_evidence,
        "submitEvidence" },
    { "GET", BASE "session/*", IN_LOOP, ROLE_NONE, serve_session, "getSession" },
    { "DELETE", BASE "session/*", IN_LOOP, ROLE_NONE, serve_delete, "deleteSession" },
    { "GET", "/.well-known/veraison/verification", IN_LOOP, ROLE_NONE, serve_discovery,
        "getVeraisonDiscovery" },
};
const struct route_list veraison_routes = { routes, COUNT(routes) };
