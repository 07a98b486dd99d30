/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "service/log_service_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { BEHIND_MS = 60000 };

void
log_serve_health(void *ctx, struct httpd_request *r)
{
    const struct httpd_answer a = { .status = 200, .body = BYTES_LIT("ok\n") };

    log_answer(ctx, r, &a);
}

/* Entries are taken, and a checkpoint with its quorum is published. */
void
log_serve_ready(void *ctx, struct httpd_request *r)
{
    struct log_service *s = ctx;
    const struct httpd_answer a = { .status = 200, .body = BYTES_LIT("ready\n") };
    struct log_status now;

    log_core_status(s->core, &now);
    const bool published = now.published_ms != 0 || now.published > 0;
    const bool behind = now.published < now.size && now.unmet_since_ms != 0 &&
                        os_now_ms() - now.unmet_since_ms > BEHIND_MS;
    if (!now.halted && published && !behind) {
        log_answer(s, r, &a);
        return;
    }
    if (!now.halted)
        (void)err_wrap(&now.why, SELFSAME_LOG, __FILE__, __LINE__,
            "no checkpoint of all entries has its quorum of witnesses");
    log_refuse(s, r, 503, &now.why);
}

/* ---- metrics: the text form of Prometheus ---- */

static void
put(FILE *f, const char *name, const char *type, double value)
{
    (void)fprintf(f, "# TYPE selfsame_log_%s %s\nselfsame_log_%s %.17g\n", name, type,
        name, value);
}

static void
put_core(struct log_service *s, FILE *f)
{
    struct log_status now;

    log_core_status(s->core, &now);
    put(f, "size", "gauge", (double)now.size);
    put(f, "published_size", "gauge", (double)now.published);
    put(f, "published_timestamp_seconds", "gauge", (double)now.published_ms / 1e3);
    put(f, "waiting", "gauge", (double)now.waiting);
    put(f, "halted", "gauge", now.halted ? 1 : 0);
    put(f, "entries_total", "counter", (double)now.entries);
    put(f, "batches_total", "counter", (double)now.batches);
    put(f, "duplicates_total", "counter", (double)now.found);
    put(f, "refused_total", "counter", (double)now.refused);
    put(f, "quorums_unmet_total", "counter", (double)now.unmet);
    put(f, "sequence_seconds_total", "counter", (double)now.sequence_us / 1e6);
    put(f, "publish_seconds_total", "counter", (double)now.publish_us / 1e6);
}

static void
put_answers(struct log_service *s, FILE *f)
{
    (void)fprintf(f, "# TYPE selfsame_log_answers_total counter\n");
    for (int i = 0; i < 600; i++) {
        const unsigned long n = atomic_load(&s->status[i]);

        if (n > 0)
            (void)fprintf(f, "selfsame_log_answers_total{status=\"%d\"} %lu\n", i, n);
    }
}

static void
put_witnesses(struct log_service *s, FILE *f)
{
    static const char *const names[] = { "cosigned_size", "cosigned_total",
        "failed_total", "unproven_total" };

    for (size_t k = 0; s->witnesses != NULL && k < COUNT(names); k++) {
        (void)fprintf(f, "# TYPE selfsame_log_witness_%s %s\n", names[k],
            k == 0 ? "gauge" : "counter");
        for (size_t i = 0; i < s->dir.policy.witness_count; i++) {
            const struct selfsame_bytes name = s->dir.policy.witness_names[i];
            struct witness_health h;

            witness_client_health(s->witnesses, i, &h);
            (void)fprintf(f, "selfsame_log_witness_%s{witness=\"%.*s\"} %" PRIu64 "\n",
                names[k], (int)name.len, (const char *)name.ptr,
                k == 0   ? h.size
                : k == 1 ? h.cosigned
                : k == 2 ? h.failed
                         : h.unproven);
        }
    }
}

void
log_serve_metrics(void *ctx, struct httpd_request *r)
{
    struct log_service *s = ctx;
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    struct selfsame_err e = { 0 };

    if (f != NULL) {
        put_core(s, f);
        put_answers(s, f);
        put_witnesses(s, f);
    }
    if (f == NULL || fclose(f) != 0) {
        (void)err_set(&e, SELFSAME_NOMEM, __FILE__, __LINE__, "out of memory");
        log_refuse(s, r, 503, &e);
    } else {
        const struct httpd_answer a = { .status = 200,
            .type = "text/plain; version=0.0.4; charset=utf-8",
            .body = BYTES((const uint8_t *)text, len) };
        log_answer(s, r, &a);
    }
    free(text);
}
