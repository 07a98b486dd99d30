/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "service/log_parts.h"
#include "service/log_service_parts.h"
#include "service/monitor.h"

#include <stdlib.h>

/*
 * The index of /lookup follows what is published, in a thread of its own: it reads the
 * log as any client does, and nothing waits for it.
 */
enum { LOOK_MS = 500, AGAIN_MS = 10000 };

static enum selfsame_code
follow(struct log_service *s, struct selfsame_err *e)
{
    auto_arena arena = arena_new(NOTE_ARENA);
    int64_t times[POLICY_WITNESSES] = { 0 };
    struct selfsame_bytes note;
    struct checkpoint c;
    auto_tiles *t = NULL;
    uint64_t good = 0;

    TRY(tiles_open(s->dir.path, &t, e));
    TRY(tiles_checkpoint(t, &arena, &note, e));
    TRY(log_policy_open(&s->dir.policy, note, &arena, &c, &good, times, e));
    return lookup_update(s->lookup, t, &c,
        monitor_witnessed(&s->dir.policy, good, times, os_now_ms() / 1000), e);
}

/* Waits; true: the service ends. */
static bool
rest(struct log_service *s, int64_t ms)
{
    (void)pthread_mutex_lock(&s->lock);
    const int64_t until = log_clock_ms() + ms;
    while (!s->over && log_clock_ms() < until)
        log_wait(&s->ending, &s->lock, until);
    const bool over = s->over;
    (void)pthread_mutex_unlock(&s->lock);
    return over;
}

static void *
run(void *ctx)
{
    struct log_service *s = ctx;
    bool told = false;

    for (int64_t ms = LOOK_MS; !rest(s, ms);) {
        struct selfsame_err e = { 0 };
        struct log_status now;

        log_core_status(s->core, &now);
        ms = LOOK_MS;
        if (now.published <= lookup_size(s->lookup))
            continue;
        const bool failed = follow(s, &e) != SELFSAME_OK;
        if (failed && os_interrupted())
            continue; /* the service ends: that is no failure */
        if (failed && !told && s->config.tell != NULL) {
            char sentence[600];

            (void)selfsame_err_print(&e, sentence, sizeof(sentence));
            s->config.tell(s->config.ctx, "lookup", sentence);
        }
        told = failed;
        ms = failed ? AGAIN_MS : LOOK_MS;
    }
    return NULL;
}

enum selfsame_code
log_index_start(struct log_service *s, struct selfsame_err *e)
{
    TRY(lookup_open(s->dir.path, &s->lookup, e));
    if (pthread_create(&s->indexer, NULL, run, s) != 0)
        FAIL(e, SELFSAME_IO, "cannot start a thread");
    s->indexes = true;
    return SELFSAME_OK;
}

void
log_index_end(struct log_service *s)
{
    if (s->indexes)
        (void)pthread_join(s->indexer, NULL);
    s->indexes = false;
}

void
log_serve_lookup(struct log_service *s, struct httpd_request *r)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct lookup_query q;
    char *text = NULL;
    enum selfsame_code code = lookup_query_parse(httpd_query(r, "measurement"),
        httpd_query(r, "name"), httpd_query(r, "sha256"), &arena, &q, &e);
    const int wrong = code == SELFSAME_USAGE ? 400 : 503;

    if (code == SELFSAME_OK)
        code = lookup_find(s->lookup, &q, &text, &e);
    if (code != SELFSAME_OK) {
        log_refuse(s, r, wrong, &e);
        return;
    }
    const struct httpd_answer a = {
        .status = 200, .type = "application/json", .body = bytes_str(text)
    };
    log_answer(s, r, &a);
    free(text);
}
