/* SPDX-License-Identifier: Apache-2.0 */
#include "service/log_parts.h"

#include "crypto/crypto.h"

#include <semaphore.h>
#include <stdlib.h>
#include <time.h>

int64_t
log_clock_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
log_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ms)
{
    const struct timespec t = { .tv_sec = until_ms / 1000,
        .tv_nsec = until_ms % 1000 * 1000000 };

    (void)pthread_cond_timedwait(cond, lock, &t);
}

/* ---- lists ---- */

void
tickets_init(struct tickets *l)
{
    *l = (struct tickets){ .tail = &l->head };
}

void
tickets_put(struct tickets *l, struct ticket *t)
{
    t->next = NULL;
    *l->tail = t;
    l->tail = &t->next;
    l->count++;
    l->bytes += t->len;
}

struct ticket *
tickets_take(struct tickets *l)
{
    struct ticket *t = l->head;

    if (t == NULL)
        return NULL;
    l->head = t->next;
    if (l->head == NULL)
        l->tail = &l->head;
    l->count--;
    l->bytes -= t->len;
    t->next = NULL;
    return t;
}

void
tickets_move(struct tickets *from, struct tickets *to)
{
    struct ticket *t;

    while ((t = tickets_take(from)) != NULL)
        tickets_put(to, t);
}

/* ---- entries that are under way, by key ---- */

static struct ticket **
bucket(struct log_core *c, const uint8_t key[static STORE_KEY])
{
    return &c->pending[((size_t)key[0] << 8 | key[1]) % BUCKETS];
}

static struct ticket *
pending_find(struct log_core *c, const uint8_t key[static STORE_KEY])
{
    struct ticket *t = *bucket(c, key);

    while (t != NULL && bytes_cmp(BYTES_ARR(t->key), BYTES(key, STORE_KEY)) != 0)
        t = t->chain;
    return t;
}

void
pending_remove(struct log_core *c, struct ticket *t)
{
    struct ticket **at = bucket(c, t->key);

    while (*at != NULL && *at != t)
        at = &(*at)->chain;
    if (*at == NULL)
        return;
    *at = t->chain;
    c->under_way--;
    c->under_way_bytes -= t->len;
}

/* ---- coming in ---- */

enum selfsame_code
log_identify(const struct log_core_config *c, struct selfsame_bytes entry,
    uint8_t ret[static STORE_KEY], struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX];

    if (c->identify != NULL)
        return c->identify(entry, ret, e);
    if (!hash_bytes(HASH_SHA256, entry, digest))
        FAIL(e, SELFSAME_NOMEM, "log: out of memory");
    memcpy(ret, digest, STORE_KEY);
    return SELFSAME_OK;
}

static enum selfsame_code
make_ticket(const struct log_core *c, struct selfsame_bytes entry, const uint8_t *key,
    const struct log_done *done, struct ticket **ret, struct selfsame_err *e)
{
    struct ticket *t;

    if (entry.len == 0 || entry.len > ENTRY_MAX)
        FAIL(e, SELFSAME_MALFORMED, "entry: expected 1 to %d bytes, got %zu",
            (int)ENTRY_MAX, entry.len);
    t = malloc(sizeof(*t) + entry.len);
    if (t == NULL)
        FAIL(e, SELFSAME_NOMEM, "log: out of memory");
    *t = (struct ticket){ .first.done = *done, .len = entry.len };
    memcpy(t->entry, entry.ptr, entry.len);
    enum selfsame_code code = SELFSAME_OK;
    if (key != NULL)
        memcpy(t->key, key, STORE_KEY);
    else
        code = log_identify(&c->config, entry, t->key, e);
    if (code == SELFSAME_OK && !merkle_leaf(entry, t->leaf))
        code = err_set(e, SELFSAME_NOMEM, __FILE__, __LINE__, "log: out of memory");
    if (code != SELFSAME_OK) {
        free(t);
        return code;
    }
    *ret = t;
    return SELFSAME_OK;
}

/*
 * Whether the log takes entries now; the lock is held. One that has stopped still looks
 * for what it has.
 */
static enum selfsame_code
admit(struct log_core *c, size_t len, struct selfsame_err *e)
{
    if (c->closing)
        FAIL(e, SELFSAME_DENIED, "the log is shutting down: expected one that runs");
    if (c->under_way >= c->config.queue_max || c->under_way_bytes + len > QUEUE_BYTES) {
        c->status.refused++;
        FAIL(e, SELFSAME_DENIED, "the log is busy: %zu entries wait already",
            c->under_way);
    }
    return SELFSAME_OK;
}

/* The sequencer is woken by the first and by what fills its batch; between, it looks. */
static void
enqueue(struct log_core *c, struct ticket *t)
{
    tickets_put(&c->queue, t);
    if (c->queue.count == 1 || c->queue.count == c->config.batch_max)
        (void)pthread_cond_signal(&c->work);
}

/*
 * Finds the one under way with the same key and waits with it, or becomes that one and
 * is queued, unless the log has stopped. The lock is held.
 */
static enum selfsame_code
join(struct log_core *c, struct ticket *t, struct waiter *spare, bool *ret_joined,
    bool *ret_stopped, struct selfsame_err *e)
{
    struct ticket *same = pending_find(c, t->key);

    *ret_joined = same != NULL;
    if (same != NULL) {
        spare->done = t->first.done;
        spare->next = same->first.next;
        same->first.next = spare;
        c->status.found++;
        return SELFSAME_OK;
    }
    TRY(admit(c, t->len, e));
    t->chain = *bucket(c, t->key);
    *bucket(c, t->key) = t;
    c->under_way++;
    c->under_way_bytes += t->len;
    *ret_stopped = c->status.halted || c->sequenced;
    if (!*ret_stopped)
        enqueue(c, t);
    return SELFSAME_OK;
}

static void
give_up(struct log_core *c, struct ticket *t, enum selfsame_code code,
    const struct selfsame_err *e)
{
    (void)pthread_mutex_lock(&c->lock);
    pending_remove(c, t);
    (void)pthread_mutex_unlock(&c->lock);
    ticket_refuse(t, code, e);
}

static void
give_up_stopped(struct log_core *c, struct ticket *t)
{
    struct selfsame_err e = { 0 };

    (void)pthread_mutex_lock(&c->lock);
    const bool halted = c->status.halted;
    if (halted)
        e = c->status.why;
    (void)pthread_mutex_unlock(&c->lock);
    if (halted)
        (void)err_wrap(&e, SELFSAME_IO, __FILE__, __LINE__,
            "the log has stopped: nothing is accepted until it is started again");
    else
        (void)err_set(&e, SELFSAME_IO, __FILE__, __LINE__, "the log has ended");
    e.code = SELFSAME_IO;
    give_up(c, t, SELFSAME_IO, &e);
}

/* A key that the log has: answered from the published tree, or with the next one. */
static void
found(struct log_core *c, struct ticket *t, uint64_t index)
{
    (void)pthread_mutex_lock(&c->lock);
    struct published *p = c->published;
    const bool is_published = p != NULL && index < p->view.size;
    const bool stopped = !is_published && (c->status.halted || c->ended);
    c->status.found++;
    t->index = index;
    if (is_published) {
        p->held++;
        pending_remove(c, t);
    } else if (!stopped) {
        tickets_put(&c->placed, t);
        (void)pthread_cond_signal(&c->behind);
    }
    (void)pthread_mutex_unlock(&c->lock);
    if (is_published) {
        ticket_answer(c, t, p);
        published_drop(c, p);
    } else if (stopped) {
        give_up_stopped(c, t);
    }
}

bool
log_look_up(struct log_core *c, struct ticket *t)
{
    struct selfsame_err e = { 0 };
    bool is_there = false;
    uint64_t index = 0;
    const enum selfsame_code code = c->store->class->find(
        c->store, t->key, &is_there, &index, &e);

    if (code != SELFSAME_OK)
        give_up(c, t, code, &e);
    else if (is_there)
        found(c, t, index);
    return code != SELFSAME_OK || is_there;
}

void
log_core_submit(struct log_core *c, struct selfsame_bytes entry, const uint8_t *key,
    const struct log_done *done)
{
    struct selfsame_err e = { 0 };
    struct ticket *t = NULL;
    struct waiter *spare = malloc(sizeof(*spare));
    bool joined = false, stopped = false;
    enum selfsame_code code = make_ticket(c, entry, key, done, &t, &e);

    if (code == SELFSAME_OK && spare == NULL)
        code = err_set(&e, SELFSAME_NOMEM, __FILE__, __LINE__, "log: out of memory");
    if (code == SELFSAME_OK) {
        (void)pthread_mutex_lock(&c->lock);
        code = join(c, t, spare, &joined, &stopped, &e);
        (void)pthread_mutex_unlock(&c->lock);
    }
    if (joined)
        spare = NULL; /* it waits */
    free(spare);
    if (code == SELFSAME_OK && !joined) {
        /* One that has stopped still proves what it has. */
        if (stopped && !log_look_up(c, t))
            give_up_stopped(c, t);
        return;
    }
    free(t);
    if (code != SELFSAME_OK)
        done->done(done->ctx, code, NULL, &e);
}

/* ---- waiting ---- */

struct sync {
    sem_t done;
    enum selfsame_code code;
    struct selfsame_err *e;
    struct arena *arena;
    char **ret;
    uint64_t index;
    size_t count;
    uint8_t hashes[LOG_PATH_MAX * LOG_HASH];
    uint8_t *note;
    size_t len;
};

/* The publisher has others to answer: the text is made by who asked. */
static void
sync_done(void *ctx, enum selfsame_code code, const struct log_receipt *r,
    const struct selfsame_err *e)
{
    struct sync *s = ctx;

    s->code = code;
    if (code == SELFSAME_OK) {
        s->index = r->index;
        s->count = r->path.count;
        memcpy(s->hashes, r->path.hashes, r->path.count * LOG_HASH);
        s->len = r->checkpoint.len;
        s->note = malloc(s->len);
        if (s->note != NULL)
            memcpy(s->note, r->checkpoint.ptr, s->len);
    } else {
        *s->e = *e;
    }
    (void)sem_post(&s->done); /* and *s is gone */
}

static enum selfsame_code
text_of(const struct sync *s, struct selfsame_err *e)
{
    const struct log_proof p = { .index = s->index,
        .path = { s->hashes, s->count },
        .checkpoint = BYTES(s->note, s->len) };
    char *text = s->note != NULL ? proof_text(&p, s->arena) : NULL;

    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "log: out of memory");
    *s->ret = text;
    return SELFSAME_OK;
}

enum selfsame_code
log_core_add(struct log_core *c, struct selfsame_bytes entry, struct arena *arena,
    char **ret_proof, struct selfsame_err *e)
{
    struct sync s = { .e = e, .arena = arena, .ret = ret_proof };
    const struct log_done done = { sync_done, &s };

    (void)sem_init(&s.done, 0, 0);
    log_core_submit(c, entry, NULL, &done);
    while (sem_wait(&s.done) != 0)
        ; /* a signal */
    enum selfsame_code code = s.code == SELFSAME_OK ? text_of(&s, e) : s.code;
    free(s.note);
    (void)sem_destroy(&s.done);
    return code;
}

void
log_core_status(struct log_core *c, struct log_status *ret)
{
    (void)pthread_mutex_lock(&c->lock);
    *ret = c->status;
    ret->size = c->size;
    ret->published = c->published != NULL ? c->published->view.size : 0;
    ret->waiting = c->under_way;
    (void)pthread_mutex_unlock(&c->lock);
}

/* ---- opening and closing ---- */

static void
defaults(struct log_core_config *c)
{
    c->batch_max = c->batch_max > 0 ? c->batch_max : 256;
    c->batch_ms = c->batch_ms > 0 ? c->batch_ms : 250;
    c->linger_ms = c->linger_ms > 0 ? c->linger_ms : 5;
    c->retry_ms = c->retry_ms > 0 ? c->retry_ms : 1000;
    c->queue_max = c->queue_max > 0 ? c->queue_max : 8192;
}

void
log_init_cond(pthread_cond_t *cond)
{
    pthread_condattr_t monotonic;

    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(cond, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

static enum selfsame_code
start(struct log_core *c, struct selfsame_err *e)
{
    if (pthread_create(&c->sequencer, NULL, log_sequencer, c) != 0)
        FAIL(e, SELFSAME_NOMEM, "log: no thread");
    if (pthread_create(&c->publisher, NULL, log_publisher, c) != 0) {
        (void)pthread_mutex_lock(&c->lock);
        c->closing = true;
        (void)pthread_cond_signal(&c->work);
        (void)pthread_mutex_unlock(&c->lock);
        (void)pthread_join(c->sequencer, NULL);
        FAIL(e, SELFSAME_NOMEM, "log: no thread");
    }
    c->runs = true;
    return SELFSAME_OK;
}

enum selfsame_code
log_core_open(
    const struct log_core_config *config, struct log_core **ret, struct selfsame_err *e)
{
    struct log_core *c = calloc(1, sizeof(*c));

    if (c == NULL)
        FAIL(e, SELFSAME_NOMEM, "log: out of memory");
    c->config = *config;
    defaults(&c->config);
    c->store = config->store;
    tickets_init(&c->queue);
    tickets_init(&c->placed);
    (void)pthread_mutex_init(&c->lock, NULL);
    log_init_cond(&c->work);
    log_init_cond(&c->behind);
    c->tree = log_tree_new(c->store);
    c->origin = calloc(1, config->origin.len + 1);
    enum selfsame_code code = SELFSAME_OK;
    if (c->tree == NULL || c->origin == NULL)
        code = err_set(e, SELFSAME_NOMEM, __FILE__, __LINE__, "log: out of memory");
    if (code == SELFSAME_OK) {
        memcpy(c->origin, config->origin.ptr, config->origin.len);
        c->config.origin = BYTES((uint8_t *)c->origin, config->origin.len);
        code = log_recover(c, e);
    }
    if (code == SELFSAME_OK)
        code = start(c, e);
    if (code != SELFSAME_OK) {
        log_core_close(&c);
        return code;
    }
    *ret = c;
    return SELFSAME_OK;
}

/* First the sequencer ends, then what it placed is published once more. */
static void
stop(struct log_core *c)
{
    (void)pthread_mutex_lock(&c->lock);
    c->closing = true;
    (void)pthread_cond_signal(&c->work);
    (void)pthread_mutex_unlock(&c->lock);
    (void)pthread_join(c->sequencer, NULL);
    (void)pthread_mutex_lock(&c->lock);
    (void)pthread_cond_signal(&c->behind);
    (void)pthread_mutex_unlock(&c->lock);
    (void)pthread_join(c->publisher, NULL);
}

void
log_core_hurry(struct log_core *c)
{
    (void)pthread_mutex_lock(&c->lock);
    c->hurried = true;
    (void)pthread_cond_signal(&c->behind);
    (void)pthread_mutex_unlock(&c->lock);
}

void
log_core_close(struct log_core **core)
{
    struct log_core *c = *core;

    if (c == NULL)
        return;
    if (c->runs)
        stop(c);
    free(c->published);
    log_tree_free(c->tree);
    free(c->bundle);
    free(c->origin);
    (void)pthread_cond_destroy(&c->work);
    (void)pthread_cond_destroy(&c->behind);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
    *core = NULL;
}
