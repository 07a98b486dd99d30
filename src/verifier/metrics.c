/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/metrics.h"

#include "verifier/metrics_parts.h"

#include <stdlib.h>

/* Upper bounds in microseconds; what is above the last counts in +Inf alone. */
const int64_t metrics_bounds_us[METRICS_BUCKETS - 1] = { 50, 100, 250, 500, 1000, 2500,
    5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000,
    10000000 };

static size_t
count_of(const char *const *list)
{
    size_t n = 0;

    while (list[n] != NULL)
        n++;
    return n;
}

enum selfsame_code
metrics_new(const char *const *operations, struct metrics **ret, struct selfsame_err *e)
{
    const size_t count = count_of(operations);

    if (count > METRICS_OPERATIONS)
        FAIL(e, SELFSAME_INTERNAL, "expected at most %d operations to count, got %zu",
            METRICS_OPERATIONS, count);
    struct metrics *m = calloc(1, sizeof(*m));
    if (m == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for counters");
    m->operations = operations;
    m->operation_count = count;
    for (size_t i = 0; i < METRICS_SHARDS; i++) {
        /* Zeroed by the kernel: what nothing is counted in takes no memory. */
        m->shards[i] = calloc(1, sizeof(*m->shards[i]));
        if (m->shards[i] == NULL) {
            metrics_free(&m);
            FAIL(e, SELFSAME_NOMEM, "no memory for counters");
        }
    }
    (void)pthread_mutex_init(&m->naming, NULL);
    *ret = m;
    return SELFSAME_OK;
}

void
metrics_free(struct metrics **m)
{
    if (*m == NULL)
        return;
    for (size_t i = 0; i < METRICS_SHARDS; i++)
        free((*m)->shards[i]);
    for (size_t i = 0; i < METRICS_TENANTS; i++)
        free(atomic_load(&(*m)->tenants[i]));
    for (size_t i = 0; i < METRICS_TEES; i++)
        free(atomic_load(&(*m)->tees[i]));
    free(*m);
    *m = NULL;
}

/* ---- counting ---- */

/* Threads take turns: with more of them than shards some share one, which is only slower. */
static struct metrics_shard *
shard(const struct metrics *m)
{
    static atomic_uint next;
    static _Thread_local unsigned mine; /* 0: none yet */

    if (mine == 0)
        mine = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed) %
                   METRICS_SHARDS +
               1;
    return m->shards[mine - 1];
}

static void
add(metrics_count *c, uint64_t n)
{
    (void)atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

void
metrics_add_time(struct metrics *m, enum metrics_stage stage, int64_t us)
{
    struct metrics_histogram *h = &shard(m)->stages[stage];
    const int64_t t = us > 0 ? us : 0; /* a clock that went back */
    size_t i = 0;

    while (i < METRICS_BUCKETS - 1 && t > metrics_bounds_us[i])
        i++;
    add(&h->buckets[i], 1);
    add(&h->sum_us, (uint64_t)t);
}

static size_t
operation_of(const struct metrics *m, const char *operation)
{
    /* The caller's routes have the very pointers; the second look is for others. */
    for (size_t i = 0; operation != NULL && i < m->operation_count; i++)
        if (m->operations[i] == operation)
            return i;
    for (size_t i = 0; operation != NULL && i < m->operation_count; i++)
        if (strcmp(m->operations[i], operation) == 0)
            return i;
    return METRICS_OPERATIONS;
}

void
metrics_add_answer(struct metrics *m, const char *operation, int status)
{
    const bool known = status >= METRICS_STATUS_MIN && status <= METRICS_STATUS_MAX;

    add(&shard(m)->answers[operation_of(m, operation)]
                          [known ? status - METRICS_STATUS_MIN : METRICS_STATUSES - 1],
        1);
}

/* Where the name is, or goes; `count` when there is no room: "other". */
static size_t
name_place(struct metrics *m, metrics_name *names, size_t count, const char *name)
{
    size_t i = 0;

    for (; i < count; i++) {
        const char *have = atomic_load_explicit(&names[i], memory_order_acquire);
        if (have == NULL)
            break;
        if (strcmp(have, name) == 0)
            return i;
    }
    if (i == count)
        return count;
    (void)pthread_mutex_lock(&m->naming);
    for (; i < count; i++) {
        char *have = atomic_load_explicit(&names[i], memory_order_relaxed);
        if (have == NULL)
            atomic_store_explicit(
                &names[i], (have = strdup(name)), memory_order_release);
        if (have == NULL)
            i = count - 1; /* no memory for a name: it is one of the others */
        else if (strcmp(have, name) == 0)
            break;
    }
    (void)pthread_mutex_unlock(&m->naming);
    return i;
}

void
metrics_add_verdict(
    struct metrics *m, const char *tenant, const char *tee, enum selfsame_code code)
{
    const size_t t = name_place(
        m, m->tenants, METRICS_TENANTS, tenant != NULL ? tenant : "");
    const size_t k = name_place(m, m->tees, METRICS_TEES, tee != NULL ? tee : "none");
    const unsigned c = (unsigned)code < METRICS_CLASSES ? (unsigned)code
                                                        : SELFSAME_INTERNAL;

    add(&shard(m)->verdicts[t][k][c], 1);
}
