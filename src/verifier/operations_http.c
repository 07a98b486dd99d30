/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /healthz and /readyz are anybody's: they say nothing of tenants. /metrics names
 * tenants: of the service's listener it wants a key of the service itself, auditor or
 * admin; a listener of its own ("metrics" of verifier.json) is for a network that only
 * monitoring reaches, and wants none.
 */
#include "verifier/collateral.h"
#include "verifier/operations.h"

#include <stdlib.h>

enum { TEXT_ARENA = 8 << 20 };
#define PROMETHEUS "text/plain; version=0.0.4; charset=utf-8"

/* ---- what is there ---- */

static bool
has_keys(struct snapshot *n, int64_t now_ms)
{
    return n != NULL && n->signing != NULL &&
           signing_pick(n->signing, JOSE_ES256, now_ms / 1000) != NULL;
}

/* What is missing; a new reference, NULL: no memory. */
static json_t *
missing(struct verifier_service *s)
{
    struct snapshot *n = snapshot_take(s);
    struct audit *a = service_audit(s);
    const struct {
        bool good;
        const char *word;
    } parts[] = {
        { n != NULL, "policies" },
        { has_keys(n, service_now_ms(s)), "keys" },
        { n != NULL && n->verifier != NULL && service_collateral(s) != NULL,
            "collateral" },
        { a != NULL && audit_healthy(a), "audit" },
        { !atomic_load(&s->operations->draining), "draining" },
    };
    json_t *list = json_array();

    for (size_t i = 0; i < COUNT(parts) && list != NULL; i++)
        if (!parts[i].good &&
            json_array_append_new(list, json_string(parts[i].word)) != 0) {
            json_decref(list);
            list = NULL;
        }
    snapshot_drop(n);
    return list;
}

/* The body of /readyz and its status; NULL: no memory. */
static json_t *
ready(struct verifier_service *s, int *ret_status)
{
    json_t *lacks = missing(s);
    const bool yes = lacks != NULL && json_array_size(lacks) == 0;

    *ret_status = yes ? 200 : 503;
    /* Verification goes on without the registry: it is told, and is no reason. */
    return json_pack("{s:b,s:o*,s:s}", "ready", yes, "missing", lacks, "registry",
        atomic_load(&s->registry_down) ? "unreachable" : "ok");
}

static void
count_snapshot(struct verifier_service *s, struct metrics_now *now)
{
    struct snapshot *n = snapshot_take(s);

    if (n == NULL)
        return;
    now->snapshot_revision = (int64_t)n->revision;
    now->snapshot_made_ms = n->made_ms;
    now->tenants = (int64_t)n->tenant_count;
    now->policies = 0;
    for (size_t i = 0; i < n->tenant_count; i++)
        now->policies += (int64_t)n->tenants[i].policy_count;
    snapshot_drop(n);
}

static void
count_collateral(struct verifier_service *s, struct metrics_now *now)
{
    struct collateral *c = service_collateral(s);
    size_t pieces, under_way;
    uint64_t memory, disk;

    if (c == NULL)
        return;
    supply_sizes(collateral_supply(c), &memory, &disk, &pieces, &under_way);
    now->collateral_parts = (int64_t)pieces;
    now->collateral_bytes = (int64_t)memory;
    now->collateral_under_way = (int64_t)under_way;
    const struct supply_counts *n = supply_counts(collateral_supply(c));
    const struct metrics_outcome outcomes[] = {
        { "found", atomic_load(&n->found) },
        { "fetched", atomic_load(&n->fetched) },
        { "absent", atomic_load(&n->absent) },
        { "failed", atomic_load(&n->failed) },
        { "refused", atomic_load(&n->refused) },
    };
    memcpy(now->collateral, outcomes, sizeof(outcomes));
}

static enum selfsame_code
measure(struct verifier_service *s, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    struct operations *o = s->operations;
    struct audit *a = service_audit(s);
    json_t *lacks = missing(s);
    size_t most = 0;
    struct metrics_now now = {
        .ready = lacks != NULL && json_array_size(lacks) == 0,
        .draining = atomic_load(&o->draining),
        .start_ms = o->start_ms,
        .now_ms = service_now_ms(s),
        .in_flight = atomic_load(&o->in_flight),
        .queued = (int64_t)service_waiting(s),
        .queue_room = QUEUE_MAX,
        .nonces_kept = (int64_t)nonces_kept(service_nonces(s)),
        .nonces_room = 2 * NONCE_ROOM,
        .snapshot_revision = -1,
        .tenants = -1,
        .policies = -1,
        .collateral_parts = -1,
        .collateral_bytes = -1,
        .collateral_under_way = -1,
        .audit_rows = a != NULL ? (int64_t)audit_size(a) : -1,
        .audit_healthy = a != NULL ? audit_healthy(a) : -1,
        .registry_reachable = !atomic_load(&s->registry_down),
        .log_lines_left_out = o->requests != NULL
                                  ? (int64_t)requestlog_left_out(o->requests)
                                  : -1,
    };

    json_decref(lacks);
    now.connections = (int64_t)httpd_connections(s->httpd, &most);
    now.connections_max = (int64_t)most;
    count_snapshot(s, &now);
    count_collateral(s, &now);
    return metrics_text(o->metrics, &now, arena, ret, e);
}

/* ---- on the service's listener ---- */

static void
serve_health(struct call *c)
{
    const struct call_reply a = {
        .status = 200, .type = "text/plain; charset=utf-8", .body = BYTES_LIT("ok\n")
    };

    call_reply(c, &a);
}

static void
serve_ready(struct call *c)
{
    int status = 503;
    json_t *j = ready(c->s, &status);

    call_json(c, status, j);
}

static void
serve_metrics(struct call *c)
{
    struct selfsame_err e = { 0 };
    struct selfsame_bytes text = BYTES_NONE;

    if (c->key == NULL || c->tenant == NULL || c->tenant->name[0] != '\0') {
        (void)err_set(&e, SELFSAME_DENIED, __FILE__, __LINE__,
            "expected a key of the service itself: metrics name all tenants");
        call_problem(c, 403, &e);
        return;
    }
    if (measure(c->s, &c->arena, &text, &e) != SELFSAME_OK) {
        call_problem(c, 503, &e);
        return;
    }
    const struct call_reply a = { .status = 200, .type = PROMETHEUS, .body = text };
    call_reply(c, &a);
}

static const struct route routes[] = {
    { "GET", "/healthz", IN_LOOP, ROLE_NONE, serve_health, "getHealth" },
    { "GET", "/readyz", IN_LOOP, ROLE_NONE, serve_ready, "getReadiness" },
    { "GET", "/metrics", IN_WORKER, ROLE_AUDITOR, serve_metrics, "getMetrics" },
};
const struct route_list ops_routes = { routes, COUNT(routes) };

/* ---- on a listener of its own ---- */

static void
answer_health(void *ctx, struct httpd_request *r)
{
    const struct httpd_answer a = { .status = 200, .body = BYTES_LIT("ok\n") };

    (void)ctx;
    httpd_answer(r, &a);
}

static void
refuse(struct httpd_request *r, const char *why)
{
    struct selfsame_err e = { 0 };

    (void)err_set(&e, SELFSAME_NOMEM, __FILE__, __LINE__, "%s", why);
    httpd_refuse(r, 503, &e);
}

static void
answer_ready(void *ctx, struct httpd_request *r)
{
    int status = 503;
    auto_json *j = ready(ctx, &status);
    char *text = j != NULL ? json_compact(j) : NULL;

    if (text == NULL) {
        refuse(r, "no memory to answer");
        return;
    }
    const struct httpd_answer a = {
        .status = status, .type = "application/json", .body = bytes_str(text)
    };
    httpd_answer(r, &a);
    free(text);
}

static void
answer_metrics(void *ctx, struct httpd_request *r)
{
    auto_arena arena = arena_new(TEXT_ARENA);
    struct selfsame_bytes text = BYTES_NONE;
    struct selfsame_err e = { 0 };

    if (measure(ctx, &arena, &text, &e) != SELFSAME_OK) {
        httpd_refuse(r, 503, &e);
        return;
    }
    const struct httpd_answer a = { .status = 200, .type = PROMETHEUS, .body = text };
    httpd_answer(r, &a);
}

static const struct httpd_route own_routes[] = {
    { "GET", "/healthz", answer_health },
    { "GET", "/readyz", answer_ready },
    { "GET", "/metrics", answer_metrics },
};

enum selfsame_code
operations_listen(
    struct verifier_service *s, struct operations *o, struct selfsame_err *e)
{
    const json_t *listen = json_object_get(service_setting(s, "metrics"), "listen");
    struct httpd_config h = { .routes = own_routes,
        .route_count = COUNT(own_routes),
        .ctx = s,
        .body_limit = 1024,
        .connections = 32 };

    if (listen == NULL)
        return SELFSAME_OK;
    if (!json_is_string(listen))
        FAIL(e, SELFSAME_USAGE,
            "\"metrics\" of verifier.json: listen: expected ADDRESS:PORT");
    TRY_WHILE(e, net_addr_parse(json_string_value(listen), 0, &h.listen, e),
        "\"metrics\" of verifier.json: listen");
    return httpd_new(&h, &o->httpd, e);
}

static void *
serve_own(void *ctx)
{
    struct operations *o = ctx;
    struct selfsame_err e = { 0 };

    /* What ends its loop ends the process as well, or is a defect of the loop. */
    (void)!httpd_run(o->httpd, &e);
    return NULL;
}

enum selfsame_code
operations_start(struct operations *o, struct selfsame_err *e)
{
    if (o->httpd == NULL)
        return SELFSAME_OK;
    if (pthread_create(&o->thread, NULL, serve_own, o) != 0)
        FAIL(e, SELFSAME_IO, "cannot start a thread");
    o->running = true;
    return SELFSAME_OK;
}

void
operations_stop(struct operations *o)
{
    if (!o->running)
        return;
    httpd_stop(o->httpd);
    (void)pthread_join(o->thread, NULL);
    o->running = false;
}
