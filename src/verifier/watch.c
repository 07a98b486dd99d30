/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted and logged of requests: from the words of the parts to those of metrics.h. */
#include "verifier/service.h"

static enum metrics_stage
stage_of(enum stage g)
{
    static const enum metrics_stage stages[STAGE_COUNT] = {
        [STAGE_READ] = METRICS_READ,
        [STAGE_WAIT] = METRICS_WAIT,
        [STAGE_VERIFY] = METRICS_VERIFY,
        [STAGE_SIGN] = METRICS_SIGN,
        [STAGE_AUDIT] = METRICS_AUDIT,
        [STAGE_WHOLE] = METRICS_WHOLE,
    };

    return stages[g];
}

void
metrics_time(struct verifier_service *s, enum stage g, int64_t us)
{
    metrics_add_time(s->metrics, stage_of(g), us);
}

void
metrics_verdict(struct verifier_service *s, const char *tenant, const char *tee,
    enum selfsame_code code)
{
    metrics_add_verdict(s->metrics, tenant, tee, code);
    outcomes_add(s->outcomes, tenant, service_now_ms(s), code);
}

void
metrics_answer(struct verifier_service *s, const struct route *route, int status)
{
    metrics_add_answer(s->metrics, route != NULL ? route->operation : NULL, status);
}

void
request_log(struct call *c, int status, size_t bytes, int64_t took_us)
{
    const struct requestlog_line line = {
        .at_ms = c->now_ms,
        .now_us = c->since_us + took_us,
        .request = c->id,
        .method = c->route->method,
        .operation = c->route->operation,
        .status = status,
        .code = c->code,
        .verdict = c->status,
        .tenant = c->tenant != NULL ? c->tenant->name : NULL,
        .key = c->key != NULL ? c->key->name : NULL,
        .took_us = took_us,
        .in = c->body_size,
        .out = bytes,
    };

    if (c->s->requests != NULL)
        requestlog_add(c->s->requests, &line);
}

struct metrics_now
service_now(struct verifier_service *s)
{
    struct snapshot *n = snapshot_take(s);
    struct metrics_now now = {
        .start_ms = s->start_ms,
        .now_ms = service_now_ms(s),
        .in_flight = -1,
        .queued = (int64_t)service_waiting(s),
        .queue_room = QUEUE_MAX,
        .connections = -1,
        .connections_max = -1,
        .nonces_kept = (int64_t)nonces_kept(s->nonces),
        .nonces_room = NONCE_ROOM,
        .snapshot_revision = n != NULL ? (int64_t)n->revision : -1,
        .snapshot_made_ms = n != NULL ? n->made_ms : -1,
        .tenants = n != NULL ? (int64_t)n->tenant_count : -1,
        .policies = -1,
        .collateral_oldest_ms = -1,
        .collateral_parts = -1,
        .audit_rows = (int64_t)audit_size(s->audit),
        .audit_healthy = audit_healthy(s->audit),
        .log_lines_left_out = s->requests != NULL
                                  ? (int64_t)requestlog_left_out(s->requests)
                                  : -1,
        .draining = atomic_load(&s->draining),
    };

    now.ready = n != NULL && now.audit_healthy && !now.draining;
    if (n != NULL) {
        now.policies = 0;
        for (size_t i = 0; i < n->tenant_count; i++)
            now.policies += (int64_t)n->tenants[i].policy_count;
    }
    snapshot_drop(n);
    return now;
}
