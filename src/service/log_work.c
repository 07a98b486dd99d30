/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "service/log_parts.h"
#include "service/log_service_parts.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    WORK_ARENA = 4 << 20,
    READ_ARENA = 40 << 20,
    ANSWER_ARENA = 4 << 20,
    FILE_FROM = 64 << 10,
};
#define IMMUTABLE "public, max-age=31536000, immutable"

/* ---- submissions ---- */

/* What is wrong on the wire; everything else is for later. */
static int
status_of(enum selfsame_code code)
{
    return code == SELFSAME_MALFORMED || code == SELFSAME_UNSUPPORTED ? 400 : 503;
}

struct submission {
    struct log_service *s;
    struct httpd_request *r;
};

static void
submitted(void *ctx, enum selfsame_code code, const struct log_receipt *receipt,
    const struct selfsame_err *e)
{
    struct submission *q = ctx;
    auto_arena arena = arena_new(ANSWER_ARENA);
    struct selfsame_err nomem = { 0 };
    char *text = NULL;

    if (code == SELFSAME_OK) {
        const struct log_proof p = { .index = receipt->index,
            .path = receipt->path,
            .checkpoint = receipt->checkpoint };

        text = proof_text(&p, &arena);
        (void)err_set(&nomem, SELFSAME_NOMEM, __FILE__, __LINE__, "out of memory");
    }
    if (text != NULL) {
        const struct httpd_answer a = { .status = 200, .body = bytes_str(text) };

        log_answer(q->s, q->r, &a);
    } else {
        log_refuse(q->s, q->r, status_of(code), code == SELFSAME_OK ? &nomem : e);
    }
    free(q);
}

/* 0, or the status to refuse with. Nothing is staged before all of this holds. */
static int
judge(struct log_service *s, struct selfsame_bytes body, uint8_t key[static STORE_KEY],
    struct selfsame_err *e)
{
    auto_arena arena = arena_new(WORK_ARENA);
    struct envelope v;
    enum selfsame_code code = envelope_parse(body, &arena, &v, e);

    if (code != SELFSAME_OK)
        return status_of(code);
    code = log_dir_verify(&s->dir, &v, &arena, e);
    if (code != SELFSAME_OK)
        return code == SELFSAME_LOG ? 403 : status_of(code);
    code = log_entry_key(&v, &arena, key, e);
    return code == SELFSAME_OK ? 0 : status_of(code);
}

static void
submit(struct log_service *s, struct httpd_request *r)
{
    struct selfsame_err e = { 0 };
    uint8_t key[STORE_KEY];
    const struct selfsame_bytes body = httpd_body(r);
    const int status = judge(s, body, key, &e);
    struct submission *q = status == 0 ? malloc(sizeof(*q)) : NULL;

    if (status != 0) {
        log_refuse(s, r, status, &e);
        return;
    }
    if (q == NULL) {
        (void)err_set(&e, SELFSAME_NOMEM, __FILE__, __LINE__, "out of memory");
        log_refuse(s, r, 503, &e);
        return;
    }
    *q = (struct submission){ s, r };
    const struct log_done done = { submitted, q };
    log_core_submit(s->core, body, key, &done);
}

/* ---- tiles ---- */

/*
 * A large bundle is sent from its file, the first `size` bytes or all (0), so that who
 * does not read it holds no memory. False: it is not large, or has no file.
 */
static bool
serve_file(struct log_service *s, struct httpd_request *r, const struct tile_id *id,
    uint64_t size)
{
    auto_fd fd = -1;
    uint64_t have = 0;
    struct selfsame_err ignored;
    char name[TILE_NAME];

    log_tree_name(id->entries, id->level, id->index, TILE_WIDTH, name);
    if (s->store->class->open(s->store, name, &fd, &have, &ignored) == SELFSAME_OK &&
        fd < 0 && id->width < TILE_WIDTH) {
        tile_name(id, name);
        if (s->store->class->open(s->store, name, &fd, &have, &ignored) != SELFSAME_OK)
            return false;
    }
    size = size == 0 ? have : size;
    if (fd < 0 || size <= FILE_FROM || have < size)
        return false;
    const struct httpd_answer a = { .status = 200,
        .type = "application/octet-stream",
        .cache = IMMUTABLE,
        .file_size = size,
        .file = fd };
    fd = -1;
    log_answer(s, r, &a);
    return true;
}

static int
read_tile(struct log_service *s, const struct tile_id *id, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    *ret = BYTES_NONE;
    if (log_read_tile(s->store, id->entries, id->level, id->index, id->width, arena,
            ret, e) != SELFSAME_OK)
        return 503;
    if (ret->ptr != NULL)
        return 0;
    (void)err_set(e, SELFSAME_IO, __FILE__, __LINE__,
        "there is no such tile: expected one of the published checkpoint");
    return 404;
}

static void
serve_tile(struct log_service *s, struct httpd_request *r)
{
    auto_arena arena = arena_new(READ_ARENA);
    struct selfsame_bytes b;
    struct selfsame_err e = { 0 };
    struct tile_id id;

    if (tile_name_parse(httpd_path(r) + 1, &id, &e) != SELFSAME_OK) {
        log_refuse(s, r, 404, &e);
        return;
    }
    if (id.entries && id.width == TILE_WIDTH && serve_file(s, r, &id, 0))
        return;
    const int status = read_tile(s, &id, &arena, &b, &e);
    if (status == 0 && id.entries && b.len > FILE_FROM && serve_file(s, r, &id, b.len))
        return;
    const struct httpd_answer a = {
        .status = 200, .type = "application/octet-stream", .cache = IMMUTABLE, .body = b
    };

    if (status == 0)
        log_answer(s, r, &a);
    else
        log_refuse(s, r, status, &e);
}

/* ---- threads ---- */

static struct httpd_request *
take(struct log_service *s)
{
    struct httpd_request *r = NULL;

    (void)pthread_mutex_lock(&s->lock);
    while (s->count == 0 && !s->over)
        (void)pthread_cond_wait(&s->more, &s->lock);
    if (s->count > 0) {
        r = s->queue[s->first];
        s->first = (s->first + 1) % LOG_QUEUE;
        s->count--;
    }
    (void)pthread_mutex_unlock(&s->lock);
    return r;
}

static void *
work(void *ctx)
{
    struct log_service *s = ctx;

    for (struct httpd_request *r; (r = take(s)) != NULL;)
        if (strcmp(httpd_path(r), "/add") == 0)
            submit(s, r);
        else if (strcmp(httpd_path(r), "/lookup") == 0)
            log_serve_lookup(s, r);
        else
            serve_tile(s, r);
    return NULL;
}

void
log_give(struct log_service *s, struct httpd_request *r)
{
    struct selfsame_err e = { 0 };

    (void)pthread_mutex_lock(&s->lock);
    const bool full = s->count == LOG_QUEUE;
    if (!full) {
        s->queue[(s->first + s->count++) % LOG_QUEUE] = r;
        (void)pthread_cond_signal(&s->more);
    }
    (void)pthread_mutex_unlock(&s->lock);
    if (!full)
        return;
    (void)err_set(&e, SELFSAME_DENIED, __FILE__, __LINE__,
        "the log is busy: %d requests wait already", (int)LOG_QUEUE);
    log_refuse(s, r, 503, &e);
}

enum selfsame_code
log_workers_start(struct log_service *s, struct selfsame_err *e)
{
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    size_t want = s->config.workers > 0 ? s->config.workers
                  : cpus > 1            ? (size_t)cpus
                                        : 2;

    want = want < LOG_WORKERS ? want : LOG_WORKERS;
    s->over = false;
    while (
        s->workers < want && pthread_create(&s->worker[s->workers], NULL, work, s) == 0)
        s->workers++;
    if (s->workers == 0)
        FAIL(e, SELFSAME_IO, "cannot start a thread");
    return SELFSAME_OK;
}

void
log_workers_end(struct log_service *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->over = true;
    (void)pthread_cond_broadcast(&s->more);
    (void)pthread_cond_broadcast(&s->ending);
    (void)pthread_mutex_unlock(&s->lock);
    while (s->workers > 0)
        (void)pthread_join(s->worker[--s->workers], NULL);
}
