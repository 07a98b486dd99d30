/* SPDX-License-Identifier: Apache-2.0 */
#include "service/log_parts.h"

#include <stdlib.h>
#include <time.h>

void
state_put(
    uint64_t size, const uint8_t root[static LOG_HASH], uint8_t ret[static STATE_SIZE])
{
    struct writer w = writer_of(ret, STATE_SIZE);

    put_be64(&w, size);
    put_bytes(&w, BYTES(root, LOG_HASH));
}

bool
batch_new(struct batch *b, size_t count, struct arena *arena)
{
    b->entries = ARENA_NEW(arena, struct selfsame_bytes, count);
    b->leaves = arena_alloc(arena, LOG_HASH, count);
    b->keys = arena_alloc(arena, STORE_KEY, count);
    b->count = count;
    return b->entries != NULL && b->leaves != NULL && b->keys != NULL;
}

/* ---- what a batch writes ---- */

struct writing {
    struct log_core *c;
    struct arena *arena;
    struct store_blob *blobs;
    size_t count, cap;
};

static bool
write_blob(struct writing *w, const struct tile_id *id, struct selfsame_bytes bytes)
{
    char *name = arena_alloc(w->arena, 1, TILE_NAME);

    if (name == NULL || w->count == w->cap)
        return false;
    tile_name(id, name);
    w->blobs[w->count++] = (struct store_blob){ name, bytes };
    return true;
}

/* The edge goes on in the same memory: what is whole is copied out. */
static bool
whole_tile(void *ctx, const struct tile_tree *t)
{
    struct writing *w = ctx;
    const struct tile_id id = {
        .level = t->level, .index = t->index, .width = TILE_WIDTH
    };
    struct selfsame_bytes copy;

    return arena_dup(w->arena, BYTES(t->node[0], TILE_BYTES), &copy) &&
           write_blob(w, &id, copy);
}

static bool
whole_bundle(struct writing *w)
{
    struct log_core *c = w->c;
    const struct tile_id id = {
        .entries = true, .index = c->tree->size / TILE_WIDTH - 1, .width = TILE_WIDTH
    };
    struct selfsame_bytes copy;

    if (!arena_dup(w->arena, BYTES(c->bundle, c->bundle_len), &copy))
        return false;
    c->bundle_len = 0;
    return write_blob(w, &id, copy);
}

bool
bundle_add(struct log_core *c, struct selfsame_bytes entry)
{
    const size_t need = c->bundle_len + 2 + entry.len;

    if (need > c->bundle_cap) {
        size_t cap = need > 2 * c->bundle_cap ? need : 2 * c->bundle_cap;
        uint8_t *more = realloc(c->bundle, cap);

        if (more == NULL)
            return false;
        c->bundle = more;
        c->bundle_cap = cap;
    }
    struct writer w = writer_of(c->bundle + c->bundle_len, 2 + entry.len);
    put_be16(&w, (uint16_t)entry.len);
    put_bytes(&w, entry);
    c->bundle_len = need;
    return true;
}

static bool
append_all(struct writing *w, const struct batch *b)
{
    const struct tree_sink sink = { whole_tile, w };

    for (size_t i = 0; i < b->count; i++) {
        if (!bundle_add(w->c, b->entries[i]) ||
            !log_tree_append(w->c->tree, b->leaves[i], &sink))
            return false;
        if (w->c->tree->size % TILE_WIDTH == 0 && !whole_bundle(w))
            return false;
    }
    return true;
}

/* The right edge, as far as this batch changed it. */
static bool
write_edge(struct writing *w, uint64_t old_size)
{
    struct log_tree *t = w->c->tree;
    const struct tile_id bundle = {
        .entries = true, .index = t->edge[0].index, .width = t->edge[0].width
    };

    if (bundle.width > 0 &&
        !write_blob(w, &bundle, BYTES(w->c->bundle, w->c->bundle_len)))
        return false;
    for (unsigned l = 0; l < TILE_LEVELS; l++) {
        const struct tile_tree *edge = &t->edge[l];
        const struct tile_id id = {
            .level = l, .index = edge->index, .width = edge->width
        };

        if (edge->width > 0 && old_size >> (8 * l) != t->size >> (8 * l) &&
            !write_blob(w, &id, BYTES(edge->node[0], (size_t)edge->width * LOG_HASH)))
            return false;
    }
    return true;
}

static enum selfsame_code
change_state(struct log_core *c, const struct batch *b,
    const uint8_t root[static LOG_HASH], struct selfsame_err *e)
{
    uint8_t old[STATE_SIZE], new[STATE_SIZE];
    bool swapped = false;

    state_put(c->size, c->root, old);
    state_put(c->tree->size, root, new);
    const struct store_swap swap = { .key = STATE_KEY,
        .old = BYTES_ARR(old),
        .new = BYTES_ARR(new),
        .index = (const uint8_t(*)[STORE_KEY])b->keys,
        .index_count = b->count,
        .first = c->size };
    TRY(c->store->class->swap(c->store, &swap, &swapped, e));
    if (!swapped)
        FAIL(e, SELFSAME_LOG,
            "state: expected a tree of %llu entries with the root that this process "
            "left, got another: somebody else writes this log",
            (unsigned long long)c->size);
    return SELFSAME_OK;
}

static enum selfsame_code
write_tiles(struct log_core *c, const struct batch *b, struct arena *arena,
    uint8_t ret_root[static LOG_HASH], struct selfsame_err *e)
{
    struct writing w = { .c = c, .arena = arena };
    struct tree_view view;

    /* A bundle and a tile for each 256, and two more a level. */
    w.cap = 2 * (b->count / TILE_WIDTH + 2) + 2 * TILE_LEVELS + b->count / 4096;
    w.blobs = ARENA_NEW(arena, struct store_blob, w.cap);
    if (w.blobs == NULL || !append_all(&w, b) || !write_edge(&w, c->size) ||
        !log_tree_view(c->tree, c->tree->size, &view))
        FAIL(e, SELFSAME_NOMEM, "log: out of memory for a batch of %zu", b->count);
    TRY_WHILE(
        e, c->store->class->put_new(c->store, w.blobs, w.count, e), "writing tiles");
    memcpy(ret_root, view.rest[0], LOG_HASH);
    return SELFSAME_OK;
}

/* Tiles that have their names stay: another batch must not get their places. */
static enum selfsame_code
finish_batch(struct log_core *c, const struct batch *b,
    const uint8_t root[static LOG_HASH], struct selfsame_err *e)
{
    const enum selfsame_code code = change_state(c, b, root, e);

    if (code != SELFSAME_OK) {
        e->code = log_passes(code) ? SELFSAME_IO : code;
        return err_wrap(e, e->code, __FILE__, __LINE__, "changing the state");
    }
    (void)pthread_mutex_lock(&c->lock);
    c->size = c->tree->size;
    memcpy(c->root, root, LOG_HASH);
    (void)pthread_mutex_unlock(&c->lock);
    return SELFSAME_OK;
}

enum selfsame_code
log_integrate(struct log_core *c, const struct batch *b, struct arena *arena,
    struct selfsame_err *e)
{
    struct tree_mark *was = ARENA_NEW(arena, struct tree_mark, 1);
    struct selfsame_bytes bundle = BYTES_NONE;
    uint8_t root[LOG_HASH];

    if (was == NULL || (c->bundle_len > 0 &&
                           !arena_dup(arena, BYTES(c->bundle, c->bundle_len), &bundle)))
        FAIL(e, SELFSAME_NOMEM, "log: out of memory for a batch of %zu", b->count);
    log_tree_mark(c->tree, was);
    const enum selfsame_code code = write_tiles(c, b, arena, root, e);
    if (code == SELFSAME_OK)
        return finish_batch(c, b, root, e);
    log_tree_back(c->tree, was);
    if (bundle.len > 0)
        memcpy(c->bundle, bundle.ptr, bundle.len);
    c->bundle_len = bundle.len;
    return code;
}

/* ---- the thread ---- */

static enum selfsame_code
stage(struct log_core *c, const struct batch *b, size_t bytes, struct arena *arena,
    struct selfsame_err *e)
{
    const size_t len = bytes + 2 * b->count;
    uint8_t *all = arena_alloc(arena, 1, len);

    if (all == NULL)
        FAIL(e, SELFSAME_NOMEM, "log: out of memory for a batch of %zu", b->count);
    struct writer w = writer_of(all, len);
    for (size_t i = 0; i < b->count; i++) {
        put_be16(&w, (uint16_t)b->entries[i].len);
        put_bytes(&w, b->entries[i]);
    }
    TRY_WHILE(e, c->store->class->stage(c->store, c->size, writer_bytes(&w), e),
        "staging a batch");
    return SELFSAME_OK;
}

static enum selfsame_code
place(struct log_core *c, struct tickets *l, struct selfsame_err *e)
{
    auto_arena arena = arena_new(BATCH_ARENA);
    struct batch b;
    size_t i = 0;

    if (!batch_new(&b, l->count, &arena))
        FAIL(e, SELFSAME_NOMEM, "log: out of memory for a batch of %zu", l->count);
    for (struct ticket *t = l->head; t != NULL; t = t->next, i++) {
        t->index = c->size + i;
        b.entries[i] = BYTES(t->entry, t->len);
        memcpy(b.leaves[i], t->leaf, LOG_HASH);
        memcpy(b.keys[i], t->key, STORE_KEY);
    }
    TRY(stage(c, &b, l->bytes, &arena, e));
    return log_integrate(c, &b, &arena, e);
}

/* Up to the end of a tile, if so many wait: a part of a tile is written again later. */
static size_t
whole_tiles(const struct log_core *c, size_t count)
{
    const uint64_t end = c->size + count, whole = end - end % TILE_WIDTH;

    return whole > c->size ? (size_t)(whole - c->size) : count;
}

/* As long as a batch takes: a slow disk gets large ones, and a fast one waits for nobody. */
static int64_t
patience_ms(const struct log_core *c)
{
    const uint64_t ms = (c->sequence_us + c->publish_us) / 1000 + 1;

    return ms < c->config.batch_ms ? (int64_t)ms : (int64_t)c->config.batch_ms;
}

/*
 * Waits for a batch: until it is full, until its first entry has waited long enough, or
 * until nobody else came for a while. While a checkpoint is being published those who
 * wait for it may come again. The lock is held. False: the log ends.
 */
static bool
gather(struct log_core *c, struct tickets *ret)
{
    struct ticket *t;

    while (c->queue.count == 0 && !c->closing && !c->status.halted)
        (void)pthread_cond_wait(&c->work, &c->lock);
    if (c->status.halted || c->queue.count == 0)
        return false;
    const int64_t until_ms = log_clock_ms() + patience_ms(c);
    while (c->queue.count < c->config.batch_max && !c->closing) {
        const size_t before = c->queue.count;
        const int64_t look_ms = log_clock_ms() + (int64_t)c->config.linger_ms;

        log_wait(&c->work, &c->lock, look_ms < until_ms ? look_ms : until_ms);
        if ((c->queue.count == before && !c->publishing) || log_clock_ms() >= until_ms)
            break;
    }
    size_t count = c->queue.count < c->config.batch_max ? c->queue.count
                                                        : c->config.batch_max;
    tickets_init(ret);
    for (count = whole_tiles(c, count); count > 0; count--)
        if ((t = tickets_take(&c->queue)) != NULL)
            tickets_put(ret, t);
    return true;
}

static uint64_t
clock_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Takes out what has its place already. */
static void
without_known(struct log_core *c, struct tickets *l)
{
    struct tickets all;
    struct ticket *t;

    tickets_init(&all);
    tickets_move(l, &all);
    while ((t = tickets_take(&all)) != NULL)
        if (!log_look_up(c, t))
            tickets_put(l, t);
}

static void
one_batch(struct log_core *c, struct tickets *l)
{
    struct selfsame_err e = { 0 };

    without_known(c, l);
    if (l->count == 0)
        return;
    const size_t count = l->count;
    const uint64_t began = clock_us();
    const enum selfsame_code code = place(c, l, &e);

    (void)pthread_mutex_lock(&c->lock);
    const bool halted = c->status.halted; /* by the publisher, meanwhile */
    const bool later = !halted && log_passes(code);
    if (!later)
        tickets_move(l, &c->placed);
    if (code == SELFSAME_OK) {
        c->status.batches++;
        c->status.entries += count;
        c->sequence_us = clock_us() - began;
        c->status.sequence_us += c->sequence_us;
        (void)pthread_cond_signal(&c->behind);
    }
    if (halted)
        e = c->status.why;
    (void)pthread_mutex_unlock(&c->lock);
    if (later)
        log_postpone(c, l, &e);
    else if (code != SELFSAME_OK || halted)
        log_halt(c, &e);
}

void *
log_sequencer(void *core)
{
    struct log_core *c = core;
    struct tickets l;

    (void)pthread_mutex_lock(&c->lock);
    while (gather(c, &l)) {
        (void)pthread_mutex_unlock(&c->lock);
        one_batch(c, &l);
        (void)pthread_mutex_lock(&c->lock);
    }
    c->sequenced = true;
    (void)pthread_cond_signal(&c->behind);
    (void)pthread_mutex_unlock(&c->lock);
    return NULL;
}
