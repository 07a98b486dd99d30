/* SPDX-License-Identifier: Apache-2.0 */
#include "service/log_service_parts.h"

#include "os/os.h"
#include "service/log_parts.h"

#include <stdio.h>
#include <stdlib.h>

enum { QUORUM_AT_END_MS = 3000 };

/* Clients and proxies may keep the head of the log for as long. */
#define SHORT "public, max-age=2"

void
log_answer(struct log_service *s, struct httpd_request *r, const struct httpd_answer *a)
{
    (void)atomic_fetch_add(&s->status[a->status], 1);
    httpd_answer(r, a);
}

void
log_refuse(struct log_service *s, struct httpd_request *r, int status,
    const struct selfsame_err *e)
{
    (void)atomic_fetch_add(&s->status[status], 1);
    httpd_refuse(r, status, e);
}

/* ---- routes ---- */

static void
serve_by_worker(void *ctx, struct httpd_request *r)
{
    log_give(ctx, r);
}

static void
serve_checkpoint(void *ctx, struct httpd_request *r)
{
    struct log_service *s = ctx;
    auto_arena arena = arena_new(NOTE_ARENA);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes note = BYTES_NONE;

    if (s->store->class->get(s->store, CHECKPOINT_PATH, &arena, &note, &e) !=
        SELFSAME_OK) {
        log_refuse(s, r, 503, &e);
    } else if (note.ptr == NULL) {
        (void)err_set(&e, SELFSAME_IO, __FILE__, __LINE__,
            "no checkpoint is published yet, expected a quorum of witnesses");
        log_refuse(s, r, 404, &e);
    } else {
        const struct httpd_answer a = { .status = 200, .cache = SHORT, .body = note };

        log_answer(s, r, &a);
    }
}

static const struct httpd_route routes[] = {
    { "POST", "/add", serve_by_worker },
    { "GET", "/checkpoint", serve_checkpoint },
    { "GET", "/tile/*", serve_by_worker },
    { "GET", "/lookup", serve_by_worker },
    { "GET", "/healthz", log_serve_health },
    { "GET", "/readyz", log_serve_ready },
    { "GET", "/metrics", log_serve_metrics },
};

/* ---- witnesses ---- */

/* Who refuses the log's tree and shows no reason: once, for it may do so for good. */
static void
tell_doubts(struct log_service *s)
{
    char sentence[600];

    for (size_t i = 0; i < s->dir.policy.witness_count; i++) {
        const struct selfsame_bytes name = s->dir.policy.witness_names[i];
        struct witness_health h;

        witness_client_health(s->witnesses, i, &h);
        if (h.unproven == 0 || s->doubted[i] || s->config.tell == NULL)
            continue;
        s->doubted[i] = true;
        (void)snprintf(sentence, sizeof(sentence),
            "%.*s does not cosign: %s. The log goes on without it; if this directory "
            "could be an older copy, stop the log now",
            name.len < 60 ? (int)name.len : 60, (const char *)name.ptr, h.why);
        s->config.tell(s->config.ctx, "witness", sentence);
    }
}

static enum selfsame_code
cosign(void *ctx, const struct log_cosign *ask, struct arena *arena, char **ret_lines,
    struct selfsame_err *e)
{
    struct log_service *s = ctx;

    const enum selfsame_code code = witness_client_ask(
        s->witnesses, ask->note, &ask->checkpoint, &ask->source, arena, ret_lines, e);

    tell_doubts(s);
    return code;
}

static bool
met(void *ctx, struct selfsame_bytes note)
{
    const struct log_service *s = ctx;
    auto_arena arena = arena_new(NOTE_ARENA);
    struct selfsame_err ignored;
    struct checkpoint c;
    uint64_t witnesses = 0;

    return log_policy_open(&s->dir.policy, note, &arena, &c, &witnesses, NULL,
               &ignored) == SELFSAME_OK;
}

/* Who did not cosign, and why: more than an error's sentence has room for. */
static void
list_absent(struct log_service *s, char *ret, size_t cap)
{
    size_t len = 0;

    *ret = '\0';
    for (size_t i = 0; i < s->dir.policy.witness_count && len < cap - 1; i++) {
        const struct selfsame_bytes name = s->dir.policy.witness_names[i];
        struct witness_health h;

        witness_client_health(s->witnesses, i, &h);
        if (h.why[0] == '\0')
            continue;
        const int n = snprintf(ret + len, cap - len, "%s%.*s: %s", len > 0 ? "; " : "",
            name.len < 60 ? (int)name.len : 60, (const char *)name.ptr, h.why);
        len += n > 0 ? (size_t)n : 0;
    }
}

/* What a witness shows against this log is kept; *sentence, at `len`, says where. */
static void
keep_evidence(struct log_service *s, char *sentence, size_t len, size_t cap)
{
    auto_arena arena = arena_new(NOTE_ARENA);
    const char *note = s->witnesses != NULL
                           ? witness_client_evidence(s->witnesses, &arena)
                           : NULL;
    struct selfsame_err e = { 0 };
    uint8_t digest[HASH_MAX];
    char hex[17];

    if (note == NULL || !hash_bytes(HASH_SHA256, bytes_str(note), digest))
        return;
    hex_encode(BYTES(digest, 8), hex);
    const char *path = arena_printf(&arena, "%s/witnessed-%s", s->dir.path, hex);
    if (path == NULL)
        return;
    const bool kept = file_write(path, bytes_str(note), false, &e) == SELFSAME_OK;
    (void)snprintf(sentence + len, cap - len,
        kept ? " The checkpoint that the witness shows, signed by this log: %s"
             : " The checkpoint that the witness shows cannot be kept: %s",
        kept ? path : err_text(&e));
}

static void
tell(void *ctx, enum log_news news, const struct selfsame_err *why)
{
    struct log_service *s = ctx;
    char sentence[2048], absent[1900];

    if (s->config.tell == NULL)
        return;
    if (news == LOG_HALTED || news == LOG_SCARCE) {
        (void)selfsame_err_print(why, sentence, sizeof(sentence));
        keep_evidence(s, sentence, strlen(sentence), sizeof(sentence));
    } else if (news == LOG_MET) {
        (void)snprintf(sentence, sizeof(sentence), "the quorum is met again");
    } else {
        list_absent(s, absent, sizeof(absent));
        (void)snprintf(sentence, sizeof(sentence),
            "the quorum is not met, and is asked for again: %s", absent);
    }
    s->config.tell(s->config.ctx,
        news == LOG_HALTED   ? "halted"
        : news == LOG_SCARCE ? "busy"
                             : "quorum",
        sentence);
}

/* ---- its life ---- */

/* So that those who wait hear before the connections are cut off. */
static void
hurry(void *ctx)
{
    const struct log_service *s = ctx;

    if (s->witnesses != NULL)
        witness_client_hurry(s->witnesses, QUORUM_AT_END_MS);
    log_core_hurry(s->core);
}

static enum selfsame_code
new_parts(struct log_service *s, struct selfsame_err *e)
{
    const struct httpd_config h = {
        .listen = s->config.listen,
        .routes = routes,
        .route_count = COUNT(routes),
        .ctx = s,
        .body_limit = ENTRY_MAX,
        .connections = s->config.connections,
        .files = true,
        .stopping = hurry,
    };

    TRY(log_dir_open(s->config.dir, &s->dir, e));
    return httpd_new(&h, &s->httpd, e);
}

enum selfsame_code
log_service_new(const struct log_service_config *c, struct log_service **ret,
    struct selfsame_err *e)
{
    auto_log_service *s = calloc(1, sizeof(*s));

    if (s == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a log");
    s->config = *c;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->more, NULL);
    log_init_cond(&s->ending);
    TRY(new_parts(s, e));
    if (c->tell != NULL && httpd_limited(s->httpd)[0] != '\0')
        c->tell(c->ctx, "warning", httpd_limited(s->httpd));
    *ret = s;
    s = NULL;
    return SELFSAME_OK;
}

enum selfsame_code
log_service_open(struct log_service *s, struct selfsame_err *e)
{
    const struct store_posix_config p = { .dir = s->dir.path,
        .probe = s->config.probe };
    const struct witness_client_config w = { .policy = &s->dir.policy,
        .timeout_ms = s->config.quorum_ms };
    struct log_core_config c = log_dir_config(&s->dir);

    TRY(store_posix_open(&p, &s->store, e));
    if (s->dir.policy.witness_count > 0) {
        TRY(witness_client_new(&w, &s->witnesses, e));
        c.cosign = cosign;
        c.met = met;
        c.cosign_ctx = s;
    }
    c.tell = tell;
    c.tell_ctx = s;
    c.store = s->store;
    c.batch_ms = s->config.batch_ms;
    c.refresh_ms = s->config.refresh_ms;
    return log_core_open(&c, &s->core, e);
}

void
log_service_bound(const struct log_service *s, struct net_addr *ret)
{
    httpd_bound(s->httpd, ret);
}

const char *
log_service_vkey(const struct log_service *s)
{
    return s->dir.vkey_text;
}

size_t
log_service_publishers(struct log_service *s)
{
    (void)pthread_rwlock_rdlock(&s->dir.lock);
    const size_t n = s->dir.publisher_count;
    (void)pthread_rwlock_unlock(&s->dir.lock);
    return n;
}

void
log_service_status(struct log_service *s, struct log_status *ret)
{
    log_core_status(s->core, ret);
}

enum selfsame_code
log_service_run(struct log_service *s, struct selfsame_err *e)
{
    TRY(log_workers_start(s, e));
    TRY(log_index_start(s, e));
    enum selfsame_code code = httpd_run(s->httpd, e);
    log_workers_end(s);
    log_index_end(s);
    log_core_close(&s->core);
    return code;
}

void
log_service_stop(struct log_service *s)
{
    httpd_stop(s->httpd);
}

void
log_service_free(struct log_service **s)
{
    if (*s == NULL)
        return;
    log_workers_end(*s);
    log_index_end(*s);
    log_core_close(&(*s)->core); /* it answers what is kept */
    httpd_free((*s)->httpd);
    witness_client_free(&(*s)->witnesses);
    store_close(&(*s)->store);
    lookup_free(&(*s)->lookup);
    log_dir_close(&(*s)->dir);
    (void)pthread_mutex_destroy(&(*s)->lock);
    (void)pthread_cond_destroy(&(*s)->more);
    (void)pthread_cond_destroy(&(*s)->ending);
    free(*s);
    *s = NULL;
}
