/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_METRICS_H
#define SELFSAME_VERIFIER_METRICS_H

#include "base/base.h"

/*
 * What the service counts, in the text form of Prometheus (docs/verifier.md lists the
 * names). Counting takes no lock: every thread has a shard of its own for a few of the
 * others, and a reader adds them up. Label values come from tables of this program and
 * from names of tenants, of which the first METRICS_TENANTS have their own and the others
 * are "other": whoever can make requests cannot make series.
 */
enum metrics_stage {
    METRICS_READ,   /* from the head of a request to the end of its body */
    METRICS_WAIT,   /* for a worker */
    METRICS_VERIFY, /* evidence to verdict */
    METRICS_SIGN,   /* verdict to token */
    METRICS_AUDIT,  /* until the row is durable */
    METRICS_WHOLE,  /* until the answer is handed over */
    METRICS_STAGES
};
enum { METRICS_TENANTS = 64, METRICS_TEES = 8, METRICS_OPERATIONS = 256 };

struct metrics;
/* Operations are those whose answers are counted, NULL-terminated, and outlive it. */
MUST enum selfsame_code metrics_new(
    const char *const *operations, struct metrics **ret, struct selfsame_err *e);
void metrics_free(struct metrics **m);
#define auto_metrics __attribute__((cleanup(metrics_free))) struct metrics

void metrics_add_time(struct metrics *m, enum metrics_stage stage, int64_t us);
/* An operation that is none of those, or NULL, is "none": a path that nothing serves. */
void metrics_add_answer(struct metrics *m, const char *operation, int status);
void metrics_add_verdict(
    struct metrics *m, const char *tenant, const char *tee, enum selfsame_code code);

/* What is not counted but looked at. Negative: not known, and left out. */
struct metrics_now {
    bool ready, draining;
    int64_t start_ms, now_ms;
    int64_t in_flight, queued, queue_room, connections, connections_max;
    int64_t nonces_kept, nonces_room;
    int64_t snapshot_revision, snapshot_made_ms, tenants, policies;
    int64_t collateral_parts, collateral_bytes, collateral_under_way;
    struct metrics_outcome {
        const char *name; /* NULL: the end */
        uint64_t count;
    } collateral[8]; /* what came of wanting a piece */
    int64_t audit_rows, audit_healthy, registry_reachable, log_lines_left_out;
};
/* In the arena. */
MUST enum selfsame_code metrics_text(const struct metrics *m,
    const struct metrics_now *now, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e);

#endif
