/* SPDX-License-Identifier: Apache-2.0 */
#include "service/witness_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct witness_service {
    struct witness_service_config config;
    struct witness_dir dir;
    struct witness_store *store;
    struct witness_counts counts;
    struct witness_work work;
    struct httpd *httpd;
    atomic_bool ready;

    pthread_t thread;
    bool threaded;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct witness_job queue[WITNESS_QUEUE]; /* a ring */
    size_t first, count;
    bool over;
};

/* ---- the thread ---- */

/* Waits for work. 0: it is over. */
static size_t
take_jobs(struct witness_service *s, struct witness_job *jobs)
{
    size_t n = 0;

    (void)pthread_mutex_lock(&s->lock);
    while (s->count == 0 && !s->over)
        (void)pthread_cond_wait(&s->more, &s->lock);
    for (; n < WITNESS_BATCH && s->count > 0; n++, s->count--) {
        jobs[n] = s->queue[s->first];
        s->first = (s->first + 1) % WITNESS_QUEUE;
    }
    (void)pthread_mutex_unlock(&s->lock);
    return n;
}

static void *
work(void *ctx)
{
    struct witness_service *s = ctx;
    struct witness_job jobs[WITNESS_BATCH];

    for (size_t n; (n = take_jobs(s, jobs)) > 0;)
        witness_work(&s->work, jobs, n);
    return NULL;
}

static void
give(struct witness_service *s, struct witness_job job)
{
    struct selfsame_err e = { 0 };

    (void)pthread_mutex_lock(&s->lock);
    bool full = s->count == WITNESS_QUEUE;
    if (!full) {
        s->queue[(s->first + s->count) % WITNESS_QUEUE] = job;
        s->count++;
        (void)pthread_cond_signal(&s->more);
    }
    (void)pthread_mutex_unlock(&s->lock);
    if (!full)
        return;
    (void)atomic_fetch_add(&s->counts.status[503], 1);
    (void)err_set(&e, SELFSAME_IO, __FILE__, __LINE__, "too many requests wait here");
    httpd_refuse(job.r, 503, &e);
}

/* ---- routes ---- */

static void
serve_add(void *ctx, struct httpd_request *r)
{
    give(ctx, (struct witness_job){ .r = r });
}

/* GET /<hex SHA-256(origin)>/checkpoint */
static void
serve_checkpoint(void *ctx, struct httpd_request *r)
{
    struct witness_service *s = ctx;
    const char *path = httpd_path(r);
    struct selfsame_err e = { 0 };

    for (size_t i = 0; i < s->dir.log_count; i++) {
        struct witness_log *l = &s->dir.logs[i];

        if (strncmp(path + 1, l->hash, 64) == 0 &&
            strcmp(path + 65, "/checkpoint") == 0) {
            give(s, (struct witness_job){ .r = r, .log = l });
            return;
        }
    }
    (void)err_set(&e, SELFSAME_USAGE, __FILE__, __LINE__,
        "there is no such log here, expected /HEX/checkpoint, HEX the SHA-256 of its "
        "origin");
    httpd_refuse(r, 404, &e);
}

static void
serve_health(void *ctx, struct httpd_request *r)
{
    const struct httpd_answer a = { .status = 200, .body = BYTES_LIT("ok\n") };

    (void)ctx;
    httpd_answer(r, &a);
}

static void
serve_ready(void *ctx, struct httpd_request *r)
{
    struct witness_service *s = ctx;
    struct selfsame_err e = { 0 };
    const struct httpd_answer a = { .status = 200, .body = BYTES_LIT("ready\n") };

    if (atomic_load(&s->ready)) {
        httpd_answer(r, &a);
        return;
    }
    (void)err_set(&e, SELFSAME_IO, __FILE__, __LINE__,
        "the state could not be read or written the last time");
    httpd_refuse(r, 503, &e);
}

/* Within quotes, as Prometheus's text form wants it. */
static void
put_label(FILE *f, struct selfsame_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\')
            (void)fputc('\\', f);
        (void)fputc(text.ptr[i], f);
    }
}

static void
put_counts(struct witness_service *s, FILE *f)
{
    (void)fprintf(f, "# TYPE selfsame_witness_answers_total counter\n");
    for (int i = 0; i < 600; i++) {
        unsigned long n = atomic_load(&s->counts.status[i]);
        if (n > 0)
            (void)fprintf(
                f, "selfsame_witness_answers_total{status=\"%d\"} %lu\n", i, n);
    }
    (void)pthread_mutex_lock(&s->lock);
    size_t waiting = s->count;
    (void)pthread_mutex_unlock(&s->lock);
    (void)fprintf(f,
        "# TYPE selfsame_witness_forks_total counter\n"
        "selfsame_witness_forks_total %lu\n"
        "# TYPE selfsame_witness_evidence_dropped_total counter\n"
        "selfsame_witness_evidence_dropped_total %lu\n"
        "# TYPE selfsame_witness_transactions_total counter\n"
        "selfsame_witness_transactions_total %lu\n"
        "# TYPE selfsame_witness_waiting gauge\nselfsame_witness_waiting %zu\n"
        "# TYPE selfsame_witness_ready gauge\nselfsame_witness_ready %d\n"
        "# TYPE selfsame_witness_size gauge\n",
        atomic_load(&s->counts.forks), atomic_load(&s->counts.dropped),
        atomic_load(&s->counts.batches), waiting, atomic_load(&s->ready) ? 1 : 0);
}

static void
serve_metrics(void *ctx, struct httpd_request *r)
{
    struct witness_service *s = ctx;
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    struct selfsame_err e = { 0 };

    if (f != NULL) {
        put_counts(s, f);
        for (size_t i = 0; i < s->dir.log_count; i++) {
            (void)fprintf(f, "selfsame_witness_size{origin=\"");
            put_label(f, s->dir.logs[i].origin);
            (void)fprintf(
                f, "\"} %" PRIu64 "\n", (uint64_t)atomic_load(&s->dir.logs[i].size));
        }
    }
    if (f == NULL || fclose(f) != 0) {
        (void)err_set(&e, SELFSAME_NOMEM, __FILE__, __LINE__, "out of memory");
        httpd_refuse(r, 503, &e);
    } else {
        const struct httpd_answer a = { .status = 200,
            .type = "text/plain; version=0.0.4; charset=utf-8",
            .body = BYTES((const uint8_t *)text, len) };
        httpd_answer(r, &a);
    }
    free(text);
}

static const struct httpd_route routes[] = {
    { "POST", "/add-checkpoint", serve_add },
    { "GET", "/healthz", serve_health },
    { "GET", "/readyz", serve_ready },
    { "GET", "/metrics", serve_metrics },
    { "GET", "/*", serve_checkpoint },
};

/* ---- its life ---- */

static enum selfsame_code
new_parts(struct witness_service *s, struct selfsame_err *e)
{
    const struct httpd_config h = {
        .listen = s->config.listen,
        .routes = routes,
        .route_count = COUNT(routes),
        .ctx = s,
        .body_limit = WITNESS_REQUEST_MAX,
        .connections = s->config.connections,
    };

    TRY(witness_dir_open(s->config.dir, &s->dir, e));
    return httpd_new(&h, &s->httpd, e);
}

enum selfsame_code
witness_service_new(const struct witness_service_config *c,
    struct witness_service **ret, struct selfsame_err *e)
{
    auto_witness_service *s = calloc(1, sizeof(*s));

    if (s == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a witness");
    s->config = *c;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->more, NULL);
    TRY(new_parts(s, e));
    if (c->tell != NULL && httpd_limited(s->httpd)[0] != '\0')
        c->tell(c->ctx, "warning", httpd_limited(s->httpd));
    *ret = s;
    s = NULL;
    return SELFSAME_OK;
}

/* What the metrics say before the first request. */
static enum selfsame_code
read_sizes(struct witness_service *s, struct selfsame_err *e)
{
    for (size_t i = 0; i < s->dir.log_count; i++) {
        auto_arena arena = arena_new(2 * WITNESS_REQUEST_MAX);
        struct witness_record r;

        TRY(witness_store_get(s->store, s->dir.logs[i].origin, &arena, &r, e));
        atomic_store(&s->dir.logs[i].size, r.state.size);
    }
    return SELFSAME_OK;
}

enum selfsame_code
witness_service_open(struct witness_service *s, struct selfsame_err *e)
{
    char *path = arena_printf(&s->dir.arena, "%s/state.sqlite", s->dir.path);

    if (path == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a path");
    TRY(witness_store_open(path, false, &s->store, e));
    TRY(read_sizes(s, e));
    s->work = (struct witness_work){ &s->dir, s->store, &s->counts, &s->ready,
        &s->config };
    atomic_store(&s->ready, true);
    return SELFSAME_OK;
}

void
witness_service_bound(const struct witness_service *s, struct net_addr *ret)
{
    httpd_bound(s->httpd, ret);
}

size_t
witness_service_logs(const struct witness_service *s)
{
    return s->dir.log_count;
}

const char *
witness_service_vkey(const struct witness_service *s)
{
    return s->dir.vkey_text;
}

static void
end_thread(struct witness_service *s)
{
    if (!s->threaded)
        return;
    (void)pthread_mutex_lock(&s->lock);
    s->over = true;
    (void)pthread_cond_signal(&s->more);
    (void)pthread_mutex_unlock(&s->lock);
    (void)pthread_join(s->thread, NULL);
    s->threaded = false;
}

enum selfsame_code
witness_service_run(struct witness_service *s, struct selfsame_err *e)
{
    int error = pthread_create(&s->thread, NULL, work, s);

    if (error != 0)
        FAIL(e, SELFSAME_IO, "cannot start a thread: %s", strerror(error));
    s->threaded = true;
    enum selfsame_code code = httpd_run(s->httpd, e);
    end_thread(s);
    return code;
}

void
witness_service_stop(struct witness_service *s)
{
    httpd_stop(s->httpd);
}

void
witness_service_free(struct witness_service **s)
{
    if (*s == NULL)
        return;
    end_thread(*s);
    httpd_free((*s)->httpd);
    witness_store_close(&(*s)->store);
    witness_dir_close(&(*s)->dir);
    (void)pthread_mutex_destroy(&(*s)->lock);
    (void)pthread_cond_destroy(&(*s)->more);
    free(*s);
    *s = NULL;
}
