/* SPDX-License-Identifier: Apache-2.0 */
#include "service/log_tree.h"

#include <stdlib.h>

/* Where the hashes of a height begin: 256 leaves, 128 parents, and so on. */
static size_t
row(unsigned height)
{
    const size_t all = 2 * (size_t)TILE_WIDTH;

    return all - (all >> height);
}

bool
tile_tree_put(struct tile_tree *t, const uint8_t hash[static LOG_HASH])
{
    memcpy(t->node[t->width++], hash, LOG_HASH);
    for (unsigned h = 1; h <= 8 && (t->width & ((1U << h) - 1)) == 0; h++) {
        size_t at = (t->width >> h) - 1;

        if (!merkle_node(t->node[row(h - 1) + 2 * at], t->node[row(h - 1) + 2 * at + 1],
                t->node[row(h) + at]))
            return false;
    }
    return true;
}

void
log_tree_name(bool entries, unsigned level, uint64_t index, unsigned width,
    char ret[static TILE_NAME])
{
    const struct tile_id id = {
        .entries = entries, .level = level, .index = index, .width = width
    };

    tile_name(&id, ret);
}

struct log_tree *
log_tree_new(struct store *store)
{
    struct log_tree *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return NULL;
    t->store = store;
    for (unsigned l = 0; l < TILE_LEVELS; l++)
        t->edge[l].level = l;
    (void)pthread_mutex_init(&t->lock, NULL);
    return t;
}

void
log_tree_free(struct log_tree *t)
{
    if (t == NULL)
        return;
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}

/* ---- reading tiles ---- */

static enum selfsame_code
read_tile(struct log_tree *t, unsigned level, uint64_t index, unsigned width,
    struct tile_tree *ret, struct selfsame_err *e)
{
    auto_arena arena = arena_new(2 * TILE_BYTES);
    struct selfsame_bytes b;
    char name[TILE_NAME];

    log_tree_name(false, level, index, width, name);
    TRY(t->store->class->get(t->store, name, &arena, &b, e));
    if (b.ptr == NULL)
        FAIL(
            e, SELFSAME_LOG, "%s: expected a tile of %u hashes, got none", name, width);
    if (b.len != (size_t)width * LOG_HASH)
        FAIL(e, SELFSAME_LOG, "%s: expected a tile of %u hashes, got %zu bytes", name,
            width, b.len);
    *ret = (struct tile_tree){ .level = level, .index = index };
    for (size_t i = 0; i < width; i++)
        if (!tile_tree_put(ret, b.ptr + i * LOG_HASH))
            FAIL(e, SELFSAME_NOMEM, "%s: out of memory", name);
    return SELFSAME_OK;
}

enum selfsame_code
log_tree_load(struct log_tree *t, uint64_t size, struct selfsame_err *e)
{
    for (unsigned l = 0; l < TILE_LEVELS; l++) {
        uint64_t index = (size >> (8 * l)) / TILE_WIDTH;
        unsigned width = tile_width(l, index, size);

        t->edge[l] = (struct tile_tree){ .level = l, .index = index };
        if (width > 0)
            TRY(read_tile(t, l, index, width, &t->edge[l], e));
    }
    t->size = size;
    return SELFSAME_OK;
}

/* ---- the cache; the lock is held ---- */

static struct tile_tree *
cached(struct log_tree *t, unsigned level, uint64_t index)
{
    for (size_t i = 0; i < TREE_CACHE; i++) {
        struct tile_tree *c = &t->cache[i];

        if (c->used != 0 && c->index == index && c->level == level) {
            c->used = ++t->clock;
            return c;
        }
    }
    return NULL;
}

static void
keep(struct log_tree *t, const struct tile_tree *tile)
{
    struct tile_tree *oldest = &t->cache[0];

    if (cached(t, tile->level, tile->index) != NULL)
        return;
    for (size_t i = 1; i < TREE_CACHE; i++)
        if (t->cache[i].used < oldest->used)
            oldest = &t->cache[i];
    *oldest = *tile;
    oldest->used = ++t->clock;
}

/* ---- growing ---- */

static bool
put_at(struct log_tree *t, unsigned level, const uint8_t hash[static LOG_HASH],
    const struct tree_sink *sink)
{
    struct tile_tree *edge = &t->edge[level];

    if (!tile_tree_put(edge, hash))
        return false;
    if (edge->width < TILE_WIDTH)
        return true;
    keep(t, edge);
    if (!sink->whole(sink->ctx, edge))
        return false;
    const uint64_t next = edge->index + 1;
    uint8_t up[LOG_HASH];
    memcpy(up, edge->node[row(8)], LOG_HASH);
    edge->index = next;
    edge->width = 0;
    return level + 1 < TILE_LEVELS && put_at(t, level + 1, up, sink);
}

bool
log_tree_append(struct log_tree *t, const uint8_t leaf[static LOG_HASH],
    const struct tree_sink *sink)
{
    (void)pthread_mutex_lock(&t->lock);
    bool done = put_at(t, 0, leaf, sink);
    t->size += done;
    (void)pthread_mutex_unlock(&t->lock);
    return done;
}

void
log_tree_mark(const struct log_tree *t, struct tree_mark *ret)
{
    ret->size = t->size;
    memcpy(ret->edge, t->edge, sizeof(ret->edge));
}

/* What became whole since then is forgotten: others will stand there. */
void
log_tree_back(struct log_tree *t, const struct tree_mark *m)
{
    (void)pthread_mutex_lock(&t->lock);
    t->size = m->size;
    memcpy(t->edge, m->edge, sizeof(t->edge));
    for (size_t i = 0; i < TREE_CACHE; i++)
        if (t->cache[i].index >= m->edge[t->cache[i].level].index)
            t->cache[i].used = 0;
    (void)pthread_mutex_unlock(&t->lock);
}

/* ---- hashes of whole subtrees ---- */

/* What memory has of it. */
static bool
at_hand(struct log_tree *t, unsigned level, uint64_t index, size_t at, size_t needed,
    uint8_t ret[static LOG_HASH])
{
    const struct tile_tree *edge = &t->edge[level], *have = NULL;

    (void)pthread_mutex_lock(&t->lock);
    if (edge->index == index && needed <= edge->width)
        have = edge;
    else
        have = cached(t, level, index);
    if (have != NULL)
        memcpy(ret, have->node[at], LOG_HASH);
    (void)pthread_mutex_unlock(&t->lock);
    return have != NULL;
}

static bool
node(void *ctx, unsigned height, uint64_t index, uint8_t ret[static LOG_HASH])
{
    struct log_tree *t = ctx;
    const unsigned level = height / 8, h = height % 8;
    struct tile_tree tile;
    struct selfsame_err ignored;

    if (level >= TILE_LEVELS || index > UINT64_MAX >> (h + 1))
        return false;
    const uint64_t first = index << h;
    const size_t within = (size_t)(first % TILE_WIDTH);
    const size_t at = row(h) + (within >> h), needed = within + ((size_t)1 << h);
    if (at_hand(t, level, first / TILE_WIDTH, at, needed, ret))
        return true;
    if (read_tile(t, level, first / TILE_WIDTH, TILE_WIDTH, &tile, &ignored) !=
        SELFSAME_OK)
        return false;
    (void)pthread_mutex_lock(&t->lock);
    keep(t, &tile);
    (void)pthread_mutex_unlock(&t->lock);
    memcpy(ret, tile.node[at], LOG_HASH);
    return true;
}

struct merkle_source
log_tree_source(struct log_tree *t)
{
    return (struct merkle_source){ node, t };
}

/* ---- views ---- */

bool
log_tree_view(struct log_tree *t, uint64_t size, struct tree_view *ret)
{
    uint64_t at = 0;

    *ret = (struct tree_view){ .size = size };
    if (size == 0)
        return merkle_empty(ret->rest[0]);
    for (unsigned h = 63; h-- > 0;) {
        if ((size >> h & 1) == 0)
            continue;
        ret->height[ret->count] = h;
        ret->start[ret->count] = at;
        if (!node(t, h, at >> h, ret->whole[ret->count]))
            return false;
        at += UINT64_C(1) << h;
        ret->count++;
    }
    const unsigned last = ret->count - 1;
    memcpy(ret->rest[last], ret->whole[last], LOG_HASH);
    for (unsigned i = last; i-- > 0;)
        if (!merkle_node(ret->whole[i], ret->rest[i + 1], ret->rest[i]))
            return false;
    return true;
}

bool
log_tree_path(struct log_tree *t, const struct tree_view *v, uint64_t index,
    uint8_t *hashes, size_t *ret_count)
{
    unsigned j = 0;
    size_t n = 0;

    if (index >= v->size)
        return false;
    while (j + 1 < v->count && index >= v->start[j + 1])
        j++;
    /* Siblings inside the subtree, then all to its right, then each to its left. */
    for (unsigned h = 0; h < v->height[j]; h++)
        if (!node(t, h, index >> h ^ 1, hashes + LOG_HASH * n++))
            return false;
    if (j + 1 < v->count)
        memcpy(hashes + LOG_HASH * n++, v->rest[j + 1], LOG_HASH);
    while (j-- > 0)
        memcpy(hashes + LOG_HASH * n++, v->whole[j], LOG_HASH);
    *ret_count = n;
    return true;
}
