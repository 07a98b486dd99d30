/* SPDX-License-Identifier: Apache-2.0 */
#include "service/log_parts.h"

#include "os/os.h"

#include <stdlib.h>
#include <time.h>

enum { REFRESH_RETRY_MS = 60000, SCARCE_MS = 60000 };

/* ---- checkpoints that are held ---- */

struct published *
published_new(struct log_tree *t, uint64_t size, struct selfsame_bytes note)
{
    struct published *p = malloc(sizeof(*p) + note.len);

    if (p == NULL)
        return NULL;
    p->held = 1;
    p->len = note.len;
    memcpy(p->note, note.ptr, note.len);
    if (!log_tree_view(t, size, &p->view)) {
        free(p);
        return NULL;
    }
    return p;
}

struct published *
published_hold(struct log_core *c)
{
    (void)pthread_mutex_lock(&c->lock);
    struct published *p = c->published;
    if (p != NULL)
        p->held++;
    (void)pthread_mutex_unlock(&c->lock);
    return p;
}

void
published_drop(struct log_core *c, struct published *p)
{
    (void)pthread_mutex_lock(&c->lock);
    const bool last = p != NULL && --p->held == 0;
    (void)pthread_mutex_unlock(&c->lock);
    if (last)
        free(p);
}

/* ---- answers ---- */

void
ticket_free(struct ticket *t)
{
    for (struct waiter *w = t->first.next, *next; w != NULL; w = next) {
        next = w->next;
        free(w);
    }
    free(t);
}

static void
tell(const struct ticket *t, enum selfsame_code code, const struct log_receipt *r,
    const struct selfsame_err *e)
{
    for (const struct waiter *w = &t->first; w != NULL; w = w->next)
        w->done.done(w->done.ctx, code, r, e);
}

void
ticket_refuse(struct ticket *t, enum selfsame_code code, const struct selfsame_err *e)
{
    tell(t, code, NULL, e);
    ticket_free(t);
}

void
ticket_answer(struct log_core *c, struct ticket *t, const struct published *p)
{
    uint8_t hashes[LOG_PATH_MAX * LOG_HASH];
    struct selfsame_err e = { 0 };
    struct log_receipt r = {
        .index = t->index, .path.hashes = hashes, .checkpoint = BYTES(p->note, p->len)
    };

    if (log_tree_path(c->tree, &p->view, t->index, hashes, &r.path.count)) {
        tell(t, SELFSAME_OK, &r, NULL);
        ticket_free(t);
        return;
    }
    (void)err_set(&e, SELFSAME_IO, __FILE__, __LINE__,
        "entry %llu: expected its path in the tiles, got none",
        (unsigned long long)t->index);
    ticket_refuse(t, SELFSAME_IO, &e);
}

static void
answer_all(struct log_core *c, struct tickets *l, const struct published *p,
    enum selfsame_code code, const struct selfsame_err *e)
{
    struct ticket *t;

    (void)pthread_mutex_lock(&c->lock);
    for (t = l->head; t != NULL; t = t->next)
        pending_remove(c, t);
    (void)pthread_mutex_unlock(&c->lock);
    while ((t = tickets_take(l)) != NULL)
        if (code == SELFSAME_OK)
            ticket_answer(c, t, p);
        else
            ticket_refuse(t, code, e);
}

static void
tell_news(const struct log_core *c, enum log_news news, const struct selfsame_err *why)
{
    if (c->config.tell != NULL)
        c->config.tell(c->config.tell_ctx, news, why);
}

void
log_halt(struct log_core *c, const struct selfsame_err *why)
{
    struct tickets all;

    tickets_init(&all);
    (void)pthread_mutex_lock(&c->lock);
    const bool first = !c->status.halted;
    if (first)
        c->status.why = *why;
    c->status.halted = true;
    tickets_move(&c->queue, &all);
    tickets_move(&c->placed, &all);
    (void)pthread_cond_signal(&c->work);
    (void)pthread_cond_signal(&c->behind);
    (void)pthread_mutex_unlock(&c->lock);
    if (first)
        tell_news(c, LOG_HALTED, why);
    answer_all(c, &all, NULL, SELFSAME_IO, why);
}

bool
log_passes(enum selfsame_code code)
{
    return code == SELFSAME_DENIED || code == SELFSAME_NOMEM;
}

void
log_postpone(struct log_core *c, struct tickets *l, const struct selfsame_err *why)
{
    (void)pthread_mutex_lock(&c->lock);
    const int64_t now_ms = log_clock_ms();
    const bool news = c->scarce_at_ms == 0 || now_ms - c->scarce_at_ms >= SCARCE_MS;
    if (news)
        c->scarce_at_ms = now_ms;
    (void)pthread_mutex_unlock(&c->lock);
    if (news)
        tell_news(c, LOG_SCARCE, why);
    answer_all(c, l, NULL, SELFSAME_DENIED, why);
}

/* ---- publishing ---- */

/* The tree that the state holds, and nothing else, is signed. */
static enum selfsame_code
signed_note(struct log_core *c, const struct checkpoint *k, struct arena *arena,
    char **ret, struct selfsame_err *e)
{
    char *text = checkpoint_text(k, arena), *line = NULL;

    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "checkpoint: out of memory");
    TRY(note_sign(bytes_str(text), c->config.origin, NOTE_ED25519, c->config.key, 0,
        arena, &line, e));
    *ret = arena_printf(arena, "%s\n%s", text, line);
    if (*ret == NULL)
        FAIL(e, SELFSAME_NOMEM, "checkpoint: out of memory");
    return SELFSAME_OK;
}

static enum selfsame_code
cosigned_note(struct log_core *c, const struct checkpoint *k, struct arena *arena,
    char **ret, struct selfsame_err *e)
{
    char *note = NULL, *lines = NULL;

    TRY(signed_note(c, k, arena, &note, e));
    if (c->config.cosign != NULL) {
        const struct log_cosign ask = { .note = bytes_str(note),
            .checkpoint = *k,
            .source = log_tree_source(c->tree) };

        TRY(c->config.cosign(c->config.cosign_ctx, &ask, arena, &lines, e));
        note = arena_printf(arena, "%s%s", note, lines);
    }
    if (note == NULL)
        FAIL(e, SELFSAME_NOMEM, "checkpoint: out of memory");
    *ret = note;
    return SELFSAME_OK;
}

/* A part of a tile is no use once a published tree has all of it. */
static void
drop_parts(struct log_core *c, uint64_t size)
{
    char name[TILE_NAME + 4];

    for (unsigned l = 0; l < TILE_LEVELS; l++) {
        const uint64_t to = (size >> (8 * l)) / TILE_WIDTH;

        for (uint64_t i = (c->dropped >> (8 * l)) / TILE_WIDTH; i < to; i++)
            for (unsigned entries = 0; entries <= (l == 0); entries++) {
                log_tree_name(entries != 0, l, i, TILE_WIDTH, name);
                memcpy(name + strlen(name), ".p", 3);
                c->store->class->drop(c->store, name);
            }
    }
    c->dropped = size;
}

static enum selfsame_code
publish(struct log_core *c, const struct checkpoint *k, struct published **ret,
    struct selfsame_err *e)
{
    auto_arena arena = arena_new(NOTE_ARENA);
    char *note = NULL;

    TRY(cosigned_note(c, k, &arena, &note, e));
    struct published *p = published_new(c->tree, k->size, bytes_str(note));
    if (p == NULL)
        FAIL(e, SELFSAME_NOMEM, "checkpoint: out of memory");
    const struct store_blob head = { CHECKPOINT_PATH, bytes_str(note) };
    enum selfsame_code code = c->store->class->replace(c->store, &head, e);
    if (code != SELFSAME_OK) {
        free(p);
        return err_wrap(e, code, __FILE__, __LINE__, "publishing a checkpoint");
    }
    *ret = p;
    return SELFSAME_OK;
}

/* ---- the thread ---- */

/* The lock is held. */
static bool
is_behind(const struct log_core *c)
{
    return c->published == NULL || c->published->view.size < c->size;
}

/* The checkpoint needs newer cosignatures. The lock is held. */
static bool
is_old(const struct log_core *c)
{
    return c->config.refresh_ms > 0 && c->config.cosign != NULL &&
           log_clock_ms() >= c->refresh_at_ms;
}

/* The lock is held. */
static void
wait_for_work(struct log_core *c)
{
    if (c->config.refresh_ms > 0 && c->config.cosign != NULL)
        log_wait(&c->behind, &c->lock, c->refresh_at_ms);
    else
        (void)pthread_cond_wait(&c->behind, &c->lock);
}

/* Waits until there is something to publish; false: the log ends. The lock is held. */
static bool
something(struct log_core *c)
{
    for (;;) {
        const bool last = c->sequenced && c->closing;

        if (c->status.halted || (last && (!is_behind(c) || c->tried)))
            return false;
        if (!is_behind(c) && c->placed.count == 0 && !is_old(c))
            wait_for_work(c);
        else if (!last && !(c->hurried && c->placed.count > 0) &&
                 log_clock_ms() < c->retry_at_ms)
            log_wait(&c->behind, &c->lock, c->retry_at_ms);
        else
            break;
    }
    c->tried = c->sequenced && c->closing;
    return true;
}

static void
no_quorum(struct log_core *c, const struct selfsame_err *e)
{
    (void)pthread_mutex_lock(&c->lock);
    c->retry_at_ms = log_clock_ms() + (int64_t)c->config.retry_ms;
    /* What is published is good: witnesses who sleep are not asked all the time for it. */
    c->refresh_at_ms = log_clock_ms() + (c->config.refresh_ms < REFRESH_RETRY_MS
                                                ? (int64_t)c->config.refresh_ms
                                                : REFRESH_RETRY_MS);
    c->status.unmet++;
    const bool first = c->status.unmet_since_ms == 0;
    if (first)
        c->status.unmet_since_ms = os_now_ms();
    c->status.why = *e;
    (void)pthread_mutex_unlock(&c->lock);
    if (first)
        tell_news(c, LOG_UNMET, e);
}

static void
try_later(struct log_core *c, struct tickets *l, const struct selfsame_err *e)
{
    (void)pthread_mutex_lock(&c->lock);
    c->retry_at_ms = log_clock_ms() + (int64_t)c->config.retry_ms;
    (void)pthread_mutex_unlock(&c->lock);
    log_postpone(c, l, e);
}

static uint64_t
clock_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void
accept_published(struct log_core *c, struct published *p, uint64_t began_us)
{
    (void)pthread_mutex_lock(&c->lock);
    struct published *old = c->published;
    c->published = p;
    c->status.published_ms = os_now_ms();
    c->publish_us = clock_us() - began_us;
    c->status.publish_us += c->publish_us;
    const bool again = c->status.unmet_since_ms != 0;
    c->status.unmet_since_ms = 0;
    c->retry_at_ms = 0;
    c->refresh_at_ms = log_clock_ms() + (int64_t)c->config.refresh_ms;
    p->held++; /* this thread's, while it answers */
    (void)pthread_mutex_unlock(&c->lock);
    published_drop(c, old);
    if (again)
        tell_news(c, LOG_MET, NULL);
}

static void
publish_and_answer(struct log_core *c, const struct checkpoint *k, struct tickets *l)
{
    struct published *p = NULL;
    struct selfsame_err e = { 0 };
    const uint64_t began = clock_us();
    const enum selfsame_code code = publish(c, k, &p, &e);

    if (code == SELFSAME_OK)
        accept_published(c, p, began);
    else if (code == SELFSAME_LOG)
        no_quorum(c, &e);
    else if (log_passes(code))
        try_later(c, l, &e);
    else
        log_halt(c, &e);
    answer_all(
        c, l, p, code == SELFSAME_OK || code == SELFSAME_LOG ? code : SELFSAME_IO, &e);
    if (code == SELFSAME_OK) {
        c->store->class->tidy(c->store);
        drop_parts(c, k->size);
        published_drop(c, p);
    }
}

/*
 * Found in the index just when its tree was published: nothing new to sign. The lock is
 * held, and left in between.
 */
static void
answer_again(struct log_core *c, struct tickets *l)
{
    struct published *p = c->published;

    p->held++;
    (void)pthread_mutex_unlock(&c->lock);
    answer_all(c, l, p, SELFSAME_OK, NULL);
    published_drop(c, p);
    (void)pthread_mutex_lock(&c->lock);
}

void *
log_publisher(void *core)
{
    struct log_core *c = core;
    struct tickets l;

    (void)pthread_mutex_lock(&c->lock);
    while (something(c)) {
        struct checkpoint k = { .origin = c->config.origin, .size = c->size };

        memcpy(k.root, c->root, LOG_HASH);
        tickets_init(&l);
        tickets_move(&c->placed, &l);
        if (!is_behind(c) && l.count > 0) {
            answer_again(c, &l);
            continue;
        }
        c->publishing = true;
        (void)pthread_mutex_unlock(&c->lock);
        publish_and_answer(c, &k, &l);
        (void)pthread_mutex_lock(&c->lock);
        c->publishing = false;
    }
    tickets_init(&l);
    tickets_move(&c->placed, &l);
    c->ended = true;
    (void)pthread_mutex_unlock(&c->lock);
    struct selfsame_err e = { 0 };
    (void)err_set(&e, SELFSAME_LOG, __FILE__, __LINE__,
        "the log ends before a quorum cosigned; the entry stays");
    answer_all(c, &l, NULL, SELFSAME_LOG, &e);
    return NULL;
}
