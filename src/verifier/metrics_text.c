/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/metrics_parts.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define PREFIX "selfsame_verifier_"

static uint64_t
got(const metrics_count *c)
{
    return atomic_load_explicit((metrics_count *)(uintptr_t)c, memory_order_relaxed);
}

/* ---- pieces of the text ---- */

static void
put_head(FILE *f, const char *name, const char *type, const char *help)
{
    (void)fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
put_gauge(FILE *f, const char *name, const char *help, double value)
{
    put_head(f, name, "gauge", help);
    (void)fprintf(f, "%s %.17g\n", name, value);
}

/* Left out when it is not known. */
static void
put_known(FILE *f, const char *name, const char *help, int64_t value)
{
    if (value >= 0)
        put_gauge(f, name, help, (double)value);
}

static void
put_label(FILE *f, const char *name, const char *value, char before)
{
    (void)fprintf(f, "%c%s=\"", before, name);
    for (const char *p = value; *p != '\0'; p++)
        if (*p == '\n')
            (void)fputs("\\n", f);
        else
            (void)fprintf(f, *p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
    (void)fputc('"', f);
}

/* ---- what was counted ---- */

static void
put_answers(const struct metrics *m, FILE *f)
{
    static const char name[] = PREFIX "answers_total";

    put_head(f, name, "counter", "Answers by operation of openapi.json and status.");
    for (size_t o = 0; o <= METRICS_OPERATIONS; o++) {
        if (o == m->operation_count)
            o = METRICS_OPERATIONS;
        for (int i = 0; i < METRICS_STATUSES; i++) {
            uint64_t n = 0;
            for (size_t s = 0; s < METRICS_SHARDS; s++)
                n += got(&m->shards[s]->answers[o][i]);
            if (n == 0)
                continue;
            (void)fputs(name, f);
            put_label(f, "operation",
                o < METRICS_OPERATIONS ? m->operations[o] : "none", '{');
            if (i < METRICS_STATUSES - 1)
                (void)fprintf(
                    f, ",status=\"%d\"} %" PRIu64 "\n", i + METRICS_STATUS_MIN, n);
            else
                (void)fprintf(f, ",status=\"other\"} %" PRIu64 "\n", n);
        }
    }
}

static void
put_verdicts_of(const struct metrics *m, size_t t, size_t k, FILE *f)
{
    const char *tenant = t < METRICS_TENANTS ? atomic_load(&m->tenants[t]) : "other";
    const char *tee = k < METRICS_TEES ? atomic_load(&m->tees[k]) : "other";

    if (tenant == NULL || tee == NULL)
        return;
    for (size_t c = 0; c < METRICS_CLASSES; c++) {
        uint64_t n = 0;
        for (size_t s = 0; s < METRICS_SHARDS; s++)
            n += got(&m->shards[s]->verdicts[t][k][c]);
        if (n == 0)
            continue;
        (void)fputs(PREFIX "verdicts_total", f);
        put_label(f, "tenant", tenant, '{');
        put_label(f, "tee", tee, ',');
        put_label(f, "class", selfsame_code_name((enum selfsame_code)c), ',');
        (void)fprintf(f, "} %" PRIu64 "\n", n);
    }
}

static void
put_verdicts(const struct metrics *m, FILE *f)
{
    put_head(f, PREFIX "verdicts_total", "counter",
        "Verdicts by tenant, TEE and class; ok is accepted.");
    for (size_t t = 0; t <= METRICS_TENANTS; t++)
        for (size_t k = 0; k <= METRICS_TEES; k++)
            put_verdicts_of(m, t, k, f);
}

static void
put_histogram(const struct metrics *m, enum metrics_stage g, const char *word, FILE *f)
{
    uint64_t sum = 0, all = 0;

    for (size_t i = 0; i < METRICS_BUCKETS; i++) {
        for (size_t s = 0; s < METRICS_SHARDS; s++)
            all += got(&m->shards[s]->stages[g].buckets[i]);
        (void)fprintf(f, PREFIX "stage_seconds_bucket{stage=\"%s\",le=\"", word);
        if (i < METRICS_BUCKETS - 1)
            (void)fprintf(f, "%.6g", (double)metrics_bounds_us[i] / 1e6);
        else
            (void)fputs("+Inf", f);
        (void)fprintf(f, "\"} %" PRIu64 "\n", all);
    }
    for (size_t s = 0; s < METRICS_SHARDS; s++)
        sum += got(&m->shards[s]->stages[g].sum_us);
    (void)fprintf(
        f, PREFIX "stage_seconds_sum{stage=\"%s\"} %.6f\n", word, (double)sum / 1e6);
    (void)fprintf(
        f, PREFIX "stage_seconds_count{stage=\"%s\"} %" PRIu64 "\n", word, all);
}

static void
put_stages(const struct metrics *m, FILE *f)
{
    static const char *const words[METRICS_STAGES] = { "read", "wait", "verify", "sign",
        "audit", "whole" };

    put_head(f, PREFIX "stage_seconds", "histogram",
        "How long the stages of requests took.");
    for (size_t i = 0; i < METRICS_STAGES; i++)
        put_histogram(m, (enum metrics_stage)i, words[i], f);
}

/* ---- what is looked at ---- */

static void
put_load(const struct metrics_now *now, FILE *f)
{
    put_known(
        f, PREFIX "in_flight", "Requests that are not answered yet.", now->in_flight);
    put_known(f, PREFIX "queued", "Requests that wait for a worker.", now->queued);
    put_known(f, PREFIX "queue_room", "How many may wait; further ones get 503.",
        now->queue_room);
    put_known(f, PREFIX "connections", "Open connections.", now->connections);
    put_known(
        f, PREFIX "connections_max", "How many there may be.", now->connections_max);
    put_known(
        f, PREFIX "nonces_kept", "Used nonces that are remembered.", now->nonces_kept);
    put_known(f, PREFIX "nonces_room", "How many can be remembered.", now->nonces_room);
}

static void
put_since(FILE *f, const char *name, const char *help, int64_t ms)
{
    if (ms > 0)
        put_gauge(f, name, help, (double)ms / 1e3);
}

static void
put_collateral(const struct metrics_now *now, FILE *f)
{
    static const char name[] = PREFIX "collateral_total";

    put_known(f, PREFIX "collateral_parts", "Pieces of collateral that are held.",
        now->collateral_parts);
    put_known(f, PREFIX "collateral_bytes", "Bytes of collateral in memory.",
        now->collateral_bytes);
    put_known(f, PREFIX "collateral_under_way", "Pieces that a vendor is asked for.",
        now->collateral_under_way);
    if (now->collateral[0].name == NULL)
        return;
    put_head(f, name, "counter", "What came of wanting a piece of collateral.");
    for (size_t i = 0; i < COUNT(now->collateral); i++) {
        if (now->collateral[i].name == NULL)
            break;
        (void)fputs(name, f);
        put_label(f, "outcome", now->collateral[i].name, '{');
        (void)fprintf(f, "} %" PRIu64 "\n", now->collateral[i].count);
    }
}

static void
put_state(const struct metrics_now *now, FILE *f)
{
    put_gauge(f, PREFIX "ready", "As /readyz says.", now->ready ? 1 : 0);
    put_gauge(f, PREFIX "draining", "It is about to end.", now->draining ? 1 : 0);
    put_known(f, PREFIX "snapshot_revision", "Revision of the registry that is served.",
        now->snapshot_revision);
    put_since(f, PREFIX "snapshot_timestamp_seconds", "When the registry was read.",
        now->snapshot_made_ms);
    put_known(f, PREFIX "tenants", "Tenants that are served.", now->tenants);
    put_known(f, PREFIX "policies", "Policies that are served.", now->policies);
    put_collateral(now, f);
    put_known(f, PREFIX "audit_rows", "Rows of the audit log.", now->audit_rows);
    put_known(f, PREFIX "audit_healthy", "Rows can be written.", now->audit_healthy);
    put_known(f, PREFIX "registry_reachable",
        "The registry answers; without it the last snapshot is served.",
        now->registry_reachable);
    put_known(f, PREFIX "log_lines_left_out",
        "Lines about requests that were too many to write.", now->log_lines_left_out);
    put_head(f, PREFIX "info", "gauge", "Version of the program.");
    (void)fprintf(f, PREFIX "info{version=\"%s\"} 1\n", selfsame_version());
}

/* ---- the process, by the names that every client library of Prometheus uses ---- */

static void
put_memory(FILE *f)
{
    FILE *statm = fopen("/proc/self/statm", "re");
    uint64_t pages = 0, resident = 0;
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    if (statm == NULL)
        return;
    if (fscanf(statm, "%" SCNu64 " %" SCNu64, &pages, &resident) == 2) {
        put_gauge(f, "process_virtual_memory_bytes", "Virtual memory size in bytes.",
            (double)(pages * page));
        put_gauge(f, "process_resident_memory_bytes", "Resident memory size in bytes.",
            (double)(resident * page));
    }
    (void)fclose(statm);
}

static void
put_descriptors(FILE *f)
{
    DIR *d = opendir("/proc/self/fd");
    struct rlimit most;
    int64_t n = -3; /* ".", ".." and this directory */

    if (getrlimit(RLIMIT_NOFILE, &most) == 0)
        put_gauge(f, "process_max_fds", "Maximum number of open file descriptors.",
            (double)most.rlim_cur);
    if (d == NULL)
        return;
    while (readdir(d) != NULL)
        n++;
    (void)closedir(d);
    put_known(f, "process_open_fds", "Number of open file descriptors.", n);
}

static void
put_process(const struct metrics_now *now, FILE *f)
{
    struct rusage used;

    if (getrusage(RUSAGE_SELF, &used) == 0) {
        put_head(f, "process_cpu_seconds_total", "counter",
            "Total user and system CPU time spent in seconds.");
        (void)fprintf(f, "process_cpu_seconds_total %.6f\n",
            (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    }
    put_since(f, "process_start_time_seconds",
        "Start time of the process since unix epoch in seconds.", now->start_ms);
    put_memory(f);
    put_descriptors(f);
}

enum selfsame_code
metrics_text(const struct metrics *m, const struct metrics_now *now,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    if (f == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for metrics");
    put_answers(m, f);
    put_verdicts(m, f);
    put_stages(m, f);
    put_load(now, f);
    put_state(now, f);
    put_process(now, f);
    const bool whole = fclose(f) == 0;
    const bool kept = whole && arena_dup(arena, BYTES((const uint8_t *)text, len), ret);
    free(text);
    if (!kept)
        FAIL(e, SELFSAME_NOMEM, "no memory for metrics");
    return SELFSAME_OK;
}
