/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_METRICS_PARTS_H
#define SELFSAME_VERIFIER_METRICS_PARTS_H

#include "verifier/metrics.h"

#include <pthread.h>
#include <stdatomic.h>

/* Between counting (metrics.c) and writing it down (metrics_text.c). */
enum {
    METRICS_SHARDS = 16,
    METRICS_BUCKETS = 18, /* the last is +Inf */
    METRICS_STATUS_MIN = 100,
    METRICS_STATUS_MAX = 599,
    METRICS_STATUSES = METRICS_STATUS_MAX - METRICS_STATUS_MIN +
                       2, /* the last: another */
    METRICS_CLASSES = SELFSAME_INTERNAL + 1,
};
#define metrics_count _Atomic uint64_t
#define metrics_name char *_Atomic

extern const int64_t metrics_bounds_us[METRICS_BUCKETS - 1];
struct metrics_histogram {
    metrics_count buckets[METRICS_BUCKETS], sum_us;
};
struct metrics_shard {
    struct metrics_histogram stages[METRICS_STAGES];
    metrics_count answers[METRICS_OPERATIONS + 1][METRICS_STATUSES];
    metrics_count verdicts[METRICS_TENANTS + 1][METRICS_TEES + 1][METRICS_CLASSES];
};
struct metrics {
    const char *const *operations;
    size_t operation_count;
    struct metrics_shard *shards[METRICS_SHARDS];
    /* Names are added at the end and never changed. */
    metrics_name tenants[METRICS_TENANTS];
    metrics_name tees[METRICS_TEES];
    pthread_mutex_t naming;
};

#endif
