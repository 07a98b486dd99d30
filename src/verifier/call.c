/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/call.h"

#include "verifier/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { HEADERS_MAX = 16, ID_BYTES = 16 };
#define PROBLEM "application/problem+json"
#define BEARER "Bearer "
#define KEY_PREFIX "ssk_" /* of our own keys: another bearer is the front's */

/* ---- beginning ---- */

static int64_t
monotonic_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* The caller's own id when it is plain: so that its log and ours are read together. */
static bool
take_id(struct call *c)
{
    const char *given = httpd_header(c->r, "x-request-id");
    size_t len = given != NULL ? strlen(given) : 0;
    uint8_t random[ID_BYTES];

    if (len >= 8 && len < CALL_ID &&
        strspn(given, "0123456789abcdefABCDEFghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ"
                      "-_.") == len) {
        memcpy(c->id, given, len + 1);
        return true;
    }
    if (!rng_bytes(random, sizeof(random)))
        return false;
    hex_encode(BYTES_ARR(random), c->id);
    return true;
}

struct call *
call_new(struct verifier_service *s, struct httpd_request *r, const struct route *route)
{
    struct call *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    *c = (struct call){
        .s = s,
        .r = r,
        .route = route,
        .arena = arena_new(CALL_ARENA),
        .now_ms = service_now_ms(s),
        .since_us = monotonic_us(),
        .body_size = httpd_body(r).len,
    };
    const size_t len = strlen(route->path);
    if (route->path[len - 1] == '*')
        c->rest = httpd_path(r) + len - 1;
    operations_begin(c);
    if (!take_id(c)) {
        free(c);
        return NULL;
    }
    return c;
}

static void
call_end(struct call *c, int status, size_t bytes)
{
    metrics_answer(c->s, c->route, status);
    metrics_time(c->s, STAGE_WHOLE, monotonic_us() - c->since_us);
    request_log(c, status, bytes, monotonic_us() - c->since_us);
    snapshot_drop(c->snap);
    arena_free(&c->arena);
    free(c);
}

/* ---- who calls ---- */

/* Whose key it is; NULL with *ret_bad: a key that is nobody's, or that has ended. */
static const struct snap_caller *
by_bearer(struct call *c, bool *ret_bad)
{
    const char *header = httpd_header(c->r, "authorization");
    const size_t len = strlen(BEARER);
    uint8_t digest[HASH_MAX];

    if (header == NULL || strncmp(header, BEARER, len) != 0 ||
        strncmp(header + len, KEY_PREFIX, strlen(KEY_PREFIX)) != 0)
        return NULL;
    const struct snap_caller *who = NULL;
    if (hash_bytes(HASH_SHA256, bytes_str(header + len), digest))
        who = snapshot_caller(c->snap, digest, false);
    *ret_bad = who == NULL ||
               (who->key->expires_s != 0 && who->key->expires_s * 1000 <= c->now_ms);
    return *ret_bad ? NULL : who;
}

static const struct snap_caller *
by_certificate(struct call *c)
{
    uint8_t digest[32];

    if (!httpd_client_certificate(c->r, digest))
        return NULL;
    const struct snap_caller *who = snapshot_caller(c->snap, digest, true);
    if (who != NULL && who->key->expires_s != 0 &&
        who->key->expires_s * 1000 <= c->now_ms)
        return NULL;
    return who;
}

static bool
refuse(struct call *c, int status, const char *why)
{
    struct selfsame_err e = { 0 };

    (void)err_set(&e, SELFSAME_DENIED, __FILE__, __LINE__, "%s", why);
    err_remedy(&e, status == 401 ? "Send an API key: Authorization: Bearer ssk_…"
                                 : "Use a key whose role and tenant allow this.");
    call_problem(c, status, &e);
    return false;
}

/* A key of the service itself may act for a tenant that it names. */
static bool
choose_tenant(struct call *c, const struct snap_caller *who)
{
    const char *asked = httpd_query(c->r, "tenant");

    if (who == NULL) {
        c->tenant = snapshot_tenant(c->snap, asked != NULL ? asked : "default");
        return true;
    }
    c->key = who->key;
    c->role = who->key->role;
    c->tenant = who->tenant;
    if (asked == NULL || strcmp(asked, who->tenant->name) == 0)
        return true;
    if (who->tenant->name[0] != '\0' || c->role != ROLE_ADMIN)
        return refuse(c, 403, "the key is of another tenant");
    const struct snap_tenant *t = snapshot_tenant(c->snap, asked);
    if (t == NULL)
        return refuse(c, 403, "there is no such tenant");
    c->tenant = t;
    return true;
}

bool
call_admit(struct call *c)
{
    bool bad = false;

    c->snap = snapshot_take(c->s);
    if (c->snap == NULL) {
        struct selfsame_err e = { 0 };

        if (c->route->where == IN_LOOP && c->route->need == ROLE_NONE)
            return true; /* health */
        (void)err_set(
            &e, SELFSAME_IO, __FILE__, __LINE__, "the policies are not loaded yet");
        call_problem(c, 503, &e);
        return false;
    }
    const struct snap_caller *who = by_bearer(c, &bad);
    if (bad)
        return refuse(c, 401, "the API key is unknown, removed or expired");
    if (who == NULL)
        who = by_certificate(c);
    if (!choose_tenant(c, who))
        return false;
    if (c->route->need != ROLE_NONE && c->key == NULL)
        return refuse(c, 401, "this needs an API key");
    if (c->role < c->route->need)
        return refuse(c, 403, "the role of this key does not allow this");
    /* Nothing that they sent is read. */
    if (c->route->where == VERIFIES && !judge_may_verify(c))
        return refuse(c, c->key == NULL ? 401 : 403,
            "verification for this tenant needs an API key whose role is to verify");
    return true;
}

/* ---- answering ---- */

void
call_reply(struct call *c, const struct call_reply *a)
{
    struct httpd_header headers[HEADERS_MAX] = { { "X-Request-Id", c->id } };
    size_t count = 1;

    for (size_t i = 0; i < a->header_count && count < HEADERS_MAX; i++)
        headers[count++] = a->headers[i];
    const struct httpd_answer answer = {
        .status = a->status,
        .type = a->type != NULL ? a->type : "application/json",
        .cache = a->cache,
        .retry_s = a->status == 503 || a->status == 429 ? 1 : 0,
        .body = a->body,
        .headers = headers,
        .header_count = count,
    };
    const size_t len = a->body.len; /* it may be in the call's arena */
    httpd_answer(c->r, &answer);
    call_end(c, answer.status, len);
}

void
call_json(struct call *c, int status, json_t *j)
{
    char *text = j != NULL ? json_compact(j) : NULL;
    struct selfsame_err e = { 0 };

    json_decref(j);
    if (text == NULL) {
        (void)err_set(&e, SELFSAME_NOMEM, __FILE__, __LINE__, "no memory to answer");
        call_problem(c, 503, &e);
        return;
    }
    const struct call_reply a = { .status = status, .body = bytes_str(text) };
    call_reply(c, &a);
    free(text);
}

static const char *
title_of(int status)
{
    switch (status) {
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Content";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 501: return "Not Implemented";
    default: return status >= 500 ? "Service Unavailable" : "Error";
    }
}

/* What the class advises is for the command line; a request is corrected elsewhere. */
static const char *
remedy_of(const struct selfsame_err *e)
{
    if (e->remedy != NULL)
        return e->remedy;
    return e->code == SELFSAME_USAGE
               ? "Correct the request: /openapi.json says what is expected."
               : selfsame_code_remedy(e->code);
}

json_t *
problem_json(int status, const struct selfsame_err *e, const char *id)
{
    char detail[SELFSAME_ERR_FRAMES * (SELFSAME_ERR_TEXT + 2)];
    size_t len = 0;

    detail[0] = '\0';
    for (unsigned i = e->depth; i-- > 0;) {
        const int n = snprintf(detail + len, sizeof(detail) - len, "%s%s",
            len > 0 ? ": " : "", e->frame[i].text);
        len += n > 0 ? (size_t)n : 0;
    }
    return json_pack("{s:s,s:s,s:i,s:s,s:s,s:s,s:s?}", "type", "about:blank", "title",
        title_of(status), "status", status, "detail", detail, "class",
        selfsame_code_name(e->code), "remedy", remedy_of(e), "request_id", id);
}

static void
send_problem(struct call *c, int status, json_t *j)
{
    static const struct httpd_header challenge[] = { { "WWW-Authenticate",
        "Bearer realm=\"selfsame\"" } };
    char *text = j != NULL ? json_compact(j) : NULL;
    const struct call_reply a = {
        .status = text != NULL ? status : 503,
        .type = PROBLEM,
        .body = text != NULL ? bytes_str(text) : BYTES_LIT("{\"status\":503}"),
        .headers = challenge,
        .header_count = status == 401 ? 1 : 0,
    };

    json_decref(j);
    call_reply(c, &a);
    free(text);
}

void
call_explain(struct call *c, const struct selfsame_result *r)
{
    const struct selfsame_check *k = NULL;
    struct selfsame_check *own = ARENA_NEW(&c->arena, struct selfsame_check, 1);

    for (size_t i = 0; (k = selfsame_result_check(r, i)) != NULL; i++)
        if (k->error_class != NULL)
            break;
    if (k == NULL || own == NULL) /* the sentence of the problem has to do */
        return;
    *own = (struct selfsame_check){ .name = k->name };
    if (k->expected != NULL)
        own->expected = arena_str(&c->arena, bytes_str(k->expected));
    if (k->got != NULL)
        own->got = arena_str(&c->arena, bytes_str(k->got));
    c->failed = own;
}

/* What quotes evidence may be no text at all. */
static bool
put_quoted(json_t *j, const char *name, const char *text)
{
    if (text == NULL || !utf8_valid(bytes_str(text)))
        return true;
    return json_object_set_new(j, name, json_string(text)) == 0;
}

json_t *
call_problem_json(const struct call *c, int status, const struct selfsame_err *e)
{
    json_t *j = problem_json(status, e, c->id);
    const struct selfsame_check *k = c->failed;

    if (j == NULL || k == NULL)
        return j;
    if (put_quoted(j, "check", k->name) && put_quoted(j, "expected", k->expected) &&
        put_quoted(j, "got", k->got))
        return j;
    json_decref(j);
    return NULL;
}

void
call_problem(struct call *c, int status, const struct selfsame_err *e)
{
    c->code = e->code;
    send_problem(c, status, call_problem_json(c, status, e));
}

int
call_status_of(enum selfsame_code code)
{
    switch (code) {
    case SELFSAME_IO:
    case SELFSAME_NOMEM:
    case SELFSAME_INTERNAL: return 503;
    case SELFSAME_UNSUPPORTED: return 415;
    case SELFSAME_MALFORMED: return 422;
    case SELFSAME_DENIED: return 403;
    default: return 400;
    }
}

bool
call_body_json(struct call *c, json_t **ret)
{
    struct selfsame_err e = { 0 };
    const enum selfsame_code code = json_parse(
        httpd_body(c->r), "the request", ret, &e);

    if (code == SELFSAME_OK && json_is_object(*ret))
        return true;
    if (code == SELFSAME_OK)
        (void)err_set(&e, SELFSAME_MALFORMED, __FILE__, __LINE__,
            "expected a JSON object as the request's body");
    call_problem(c, code == SELFSAME_NOMEM ? 503 : 400, &e);
    return false;
}
