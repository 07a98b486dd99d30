/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/operations.h"
#include "verifier/outcomes.h"

#include <stdlib.h>
#include <time.h>

static int64_t
monotonic_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static struct operations *
of(const struct verifier_service *s)
{
    return s->operations;
}

/* ---- counting: parts.h, call.h ---- */

_Static_assert((int)STAGE_COUNT == (int)METRICS_STAGES &&
                   (int)STAGE_WHOLE == (int)METRICS_WHOLE &&
                   (int)STAGE_VERIFY == (int)METRICS_VERIFY,
    "the stages of parts.h are those of metrics.h");

void
metrics_time(struct verifier_service *s, enum stage g, int64_t us)
{
    metrics_add_time(of(s)->metrics, (enum metrics_stage)g, us);
}

void
metrics_verdict(struct verifier_service *s, const char *tenant, const char *tee,
    enum selfsame_code code)
{
    metrics_add_verdict(of(s)->metrics, tenant, tee, code);
    outcomes_add(s->outcomes, tenant, service_now_ms(s), code);
}

void
metrics_answer(struct verifier_service *s, const struct route *route, int status)
{
    metrics_add_answer(of(s)->metrics, route != NULL ? route->operation : NULL, status);
}

void
operations_begin(struct call *c)
{
    struct operations *o = of(c->s);

    (void)atomic_fetch_add(&o->in_flight, 1);
    metrics_time(c->s, STAGE_READ, httpd_reading_us(c->r));
    if (o->peers)
        httpd_peer(c->r, c->peer);
}

void
operations_waited(const struct call *c)
{
    metrics_time(c->s, STAGE_WAIT, monotonic_us() - c->since_us);
}

/* ---- the line of a request ---- */

/* Every few seconds, of everything that watches: counted, and nothing to write down. */
static bool
is_probe(const struct route *r)
{
    for (size_t i = 0; i < ops_routes.count; i++)
        if (r == &ops_routes.routes[i])
            return true;
    return false;
}

void
request_log(struct call *c, int status, size_t bytes, int64_t took_us)
{
    struct operations *o = of(c->s);

    (void)atomic_fetch_sub(&o->in_flight, 1);
    if (o->requests == NULL || (status == 200 && is_probe(c->route)))
        return;
    const struct requestlog_line line = {
        .at_ms = c->now_ms,
        .now_us = monotonic_us(),
        .request = c->id,
        .method = c->route->method,
        .operation = c->route->operation,
        .status = status,
        .code = c->code,
        .verdict = c->status,
        .tenant = c->tenant != NULL ? c->tenant->name : NULL,
        .key = c->key != NULL ? c->key->name : NULL,
        .peer = c->peer[0] != '\0' ? c->peer : NULL,
        .took_us = took_us,
        .in = c->body_size,
        .out = bytes,
    };
    requestlog_add(o->requests, &line);
}

/* What the server refuses before there is a call: no such path, too large, too slow. */
void
refusal_log(struct verifier_service *s, int status, enum selfsame_code code)
{
    struct operations *o = of(s);
    const struct requestlog_line line = { .at_ms = service_now_ms(s),
        .now_us = monotonic_us(),
        .status = status,
        .code = code };

    metrics_add_answer(o->metrics, NULL, status);
    if (o->requests != NULL)
        requestlog_add(o->requests, &line);
}

/* ---- its life ---- */

static void
write_line(void *ctx, const char *line)
{
    service_log(ctx, line);
}

static enum selfsame_code
open_log(struct verifier_service *s, struct operations *o, struct selfsame_err *e)
{
    const json_t *log = service_setting(s, "log");
    const json_t *rate = json_object_get(log, "lines_per_second");
    const json_int_t per_second = json_is_integer(rate) ? json_integer_value(rate) : 0;
    const json_t *peers = json_object_get(log, "peers");
    const struct requestlog_config c = { .per_second = (unsigned)per_second,
        .peers = json_is_true(peers),
        .write = write_line,
        .ctx = s };

    if (rate != NULL && (per_second < 1 || per_second > 1000000))
        FAIL(e, SELFSAME_USAGE,
            "\"log\" of verifier.json: lines_per_second: expected 1 to 1000000");
    if (peers != NULL && !json_is_boolean(peers))
        FAIL(e, SELFSAME_USAGE,
            "\"log\" of verifier.json: peers: expected true or false");
    o->peers = c.peers;
    if (s->config.log == NULL)
        return SELFSAME_OK;
    return requestlog_new(&c, &o->requests, e);
}

static enum selfsame_code
open_metrics(struct verifier_service *s, struct operations *o, struct selfsame_err *e)
{
    o->names = routes_operations(&s->routes);
    if (o->names == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for counters");
    return metrics_new(o->names, &o->metrics, e);
}

enum selfsame_code
operations_new(
    struct verifier_service *s, struct operations **ret, struct selfsame_err *e)
{
    struct operations *o = calloc(1, sizeof(*o));

    if (o == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for counters");
    o->start_ms = service_now_ms(s);
    enum selfsame_code code = open_metrics(s, o, e);
    if (code == SELFSAME_OK)
        code = open_log(s, o, e);
    if (code == SELFSAME_OK)
        code = operations_listen(s, o, e);
    if (code != SELFSAME_OK)
        operations_free(&o);
    else
        *ret = o;
    return code;
}

void
operations_free(struct operations **o)
{
    if (*o == NULL)
        return;
    operations_stop(*o);
    if ((*o)->httpd != NULL)
        httpd_free((*o)->httpd);
    metrics_free(&(*o)->metrics);
    requestlog_free(&(*o)->requests);
    free((*o)->names);
    free(*o);
    *o = NULL;
}
