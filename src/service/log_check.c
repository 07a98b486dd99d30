/* SPDX-License-Identifier: Apache-2.0 */
#include "service/log_parts.h"

/*
 * An audit of all that a log has, from its entries up. The tree is computed again from
 * leaves alone; each tile is compared with what was computed.
 */

enum { PART_ARENA = 40 << 20 };

struct checking {
    const struct log_core_config *config;
    struct log_tree *tree; /* grown here; reads no tile */
    struct log_check *out;
    uint64_t size, seen;     /* of the state; entries read */
    enum selfsame_code code; /* of a comparison */
    struct selfsame_err *e;
};

/*
 * Parts of tiles and bundles that were published with smaller trees are served as long as
 * they are there: `want` is what the one of this width has to be.
 */
static enum selfsame_code
check_part(struct checking *k, const struct tile_id *id, struct selfsame_bytes want)
{
    auto_arena arena = arena_new(PART_ARENA);
    struct selfsame_bytes b;
    char name[TILE_NAME];

    log_tree_name(id->entries, id->level, id->index, id->width, name);
    TRY(k->config->store->class->get(k->config->store, name, &arena, &b, k->e));
    if (b.ptr == NULL || bytes_eq(b, want))
        return SELFSAME_OK;
    (void)err_set(k->e, SELFSAME_LOG, __FILE__, __LINE__,
        "%s: expected the first %u of its whole, got others", name, id->width);
    err_remedy(k->e, "Put this file back as it was: who has an older checkpoint reads "
                     "it, and finds the log at fault.");
    return SELFSAME_LOG;
}

static enum selfsame_code
compare_tile(struct checking *k, const struct tile_tree *t)
{
    auto_arena arena = arena_new(2 * TILE_BYTES);
    struct selfsame_bytes b;
    char name[TILE_NAME];

    log_tree_name(false, t->level, t->index, t->width, name);
    TRY(log_read_tile(
        k->config->store, false, t->level, t->index, t->width, &arena, &b, k->e));
    if (b.ptr == NULL || !bytes_eq(b, BYTES(t->node[0], (size_t)t->width * LOG_HASH)))
        FAIL(k->e, SELFSAME_LOG,
            "%s: expected the hashes that follow from the entries, got %s", name,
            b.ptr == NULL ? "no tile" : "others");
    for (unsigned w = 1; w < t->width; w++)
        TRY(check_part(k, &(struct tile_id){ false, t->level, t->index, w },
            BYTES(b.ptr, (size_t)w * LOG_HASH)));
    k->out->tiles++;
    k->out->bytes += b.len;
    return SELFSAME_OK;
}

static bool
whole_tile(void *ctx, const struct tile_tree *t)
{
    struct checking *k = ctx;

    k->code = compare_tile(k, t);
    return k->code == SELFSAME_OK;
}

/* The index knows an entry by its first place. */
static enum selfsame_code
check_index(struct checking *k, struct selfsame_bytes entry)
{
    uint8_t key[STORE_KEY];
    bool found = false;
    uint64_t at = 0;

    if (log_identify(k->config, entry, key, k->e) != SELFSAME_OK) {
        k->e->code = SELFSAME_LOG;
        return err_wrap(k->e, SELFSAME_LOG, __FILE__, __LINE__,
            "entry %llu is none that this log took", (unsigned long long)k->seen);
    }
    TRY(k->config->store->class->find(k->config->store, key, &found, &at, k->e));
    if (!found || at > k->seen)
        FAIL(k->e, SELFSAME_LOG, "entry %llu: expected the database to know it, got %s",
            (unsigned long long)k->seen, found ? "a later place" : "nothing");
    return SELFSAME_OK;
}

static enum selfsame_code
check_entry(struct checking *k, struct selfsame_bytes entry)
{
    const struct tree_sink sink = { whole_tile, k };
    uint8_t leaf[LOG_HASH];

    TRY(check_index(k, entry));
    k->code = SELFSAME_OK;
    if (!merkle_leaf(entry, leaf) || !log_tree_append(k->tree, leaf, &sink)) {
        TRY(k->code);
        FAIL(k->e, SELFSAME_NOMEM, "log: out of memory");
    }
    k->seen++;
    return SELFSAME_OK;
}

static enum selfsame_code
check_bundle(struct checking *k, uint64_t index, unsigned width)
{
    auto_arena arena = arena_new(40 << 20);
    struct selfsame_bytes b, entry = BYTES_NONE;
    char name[TILE_NAME];

    log_tree_name(true, 0, index, width, name);
    TRY(log_read_tile(k->config->store, true, 0, index, width, &arena, &b, k->e));
    if (b.ptr == NULL)
        FAIL(k->e, SELFSAME_LOG, "%s: expected a bundle of %u entries, got none", name,
            width);
    struct reader r = reader_of(b);
    for (unsigned i = 0; i < width; i++) {
        TRY_WHILE(k->e, bundle_next(&r, &entry, k->e), "%s", name);
        if (entry.ptr == NULL)
            FAIL(k->e, SELFSAME_LOG, "%s: expected %u entries, got %u", name, width, i);
        TRY(check_entry(k, entry));
        if (i + 1 < width)
            TRY(check_part(k, &(struct tile_id){ true, 0, index, i + 1 },
                BYTES(b.ptr, b.len - r.rest.len)));
    }
    if (r.rest.len != 0)
        FAIL(k->e, SELFSAME_LOG, "%s: expected %u entries, got more", name, width);
    k->out->bundles++;
    k->out->bytes += b.len;
    return SELFSAME_OK;
}

/* When as many entries were read as the checkpoint has. */
static enum selfsame_code
check_published(struct checking *k, const struct checkpoint *c)
{
    struct tree_view view;

    if (!log_tree_view(k->tree, k->seen, &view))
        FAIL(k->e, SELFSAME_NOMEM, "log: out of memory");
    if (!bytes_eq(BYTES_ARR(view.rest[0]), BYTES_ARR(c->root)))
        FAIL(k->e, SELFSAME_LOG,
            "the published checkpoint of %llu entries: expected the root that follows "
            "from the entries, got another",
            (unsigned long long)c->size);
    k->out->published = c->size;
    return SELFSAME_OK;
}

/* The checkpoint ends inside a bundle: the tree as it was then grows beside. */
static enum selfsame_code
check_published_part(struct checking *k, const struct checkpoint *c, uint64_t index)
{
    struct log_check ignored = { .size = 0 };
    struct checking part = *k;

    part.out = &ignored;
    part.tree = log_tree_new(k->config->store);
    if (part.tree == NULL)
        FAIL(k->e, SELFSAME_NOMEM, "log: out of memory");
    memcpy(part.tree->edge, k->tree->edge, sizeof(part.tree->edge));
    part.tree->size = k->tree->size;
    enum selfsame_code code = check_bundle(
        &part, index, (unsigned)(c->size - index * TILE_WIDTH));
    if (code == SELFSAME_OK)
        code = check_published(&part, c);
    log_tree_free(part.tree);
    k->out->published = c->size;
    return code;
}

static enum selfsame_code
check_state(struct checking *k, const uint8_t root[static LOG_HASH])
{
    struct tree_view view;

    for (unsigned l = 0; l < TILE_LEVELS; l++)
        if (k->tree->edge[l].width > 0)
            TRY(compare_tile(k, &k->tree->edge[l]));
    if (!log_tree_view(k->tree, k->size, &view))
        FAIL(k->e, SELFSAME_NOMEM, "log: out of memory");
    if (!bytes_eq(BYTES(root, LOG_HASH), BYTES_ARR(view.rest[0])))
        FAIL(k->e, SELFSAME_LOG,
            "database: expected the root that follows from its %llu entries, got "
            "another",
            (unsigned long long)k->size);
    k->out->size = k->size;
    memcpy(k->out->root, root, LOG_HASH);
    return SELFSAME_OK;
}

/* Bundles up to the checkpoint's end, then up to the state's. */
static enum selfsame_code
check_entries(struct checking *k, const struct checkpoint *c, bool published,
    void (*progress)(void *ctx, uint64_t done, uint64_t total), void *ctx)
{
    if (published && c->size == 0)
        TRY(check_published(k, c));
    for (uint64_t i = 0; i * TILE_WIDTH < k->size; i++) {
        const unsigned width = tile_width(0, i, k->size);
        const bool ends = published && c->size > i * TILE_WIDTH &&
                          c->size <= i * TILE_WIDTH + width;

        if (ends && c->size < i * TILE_WIDTH + width)
            TRY(check_published_part(k, c, i));
        TRY(check_bundle(k, i, width));
        if (ends && c->size == k->seen)
            TRY(check_published(k, c));
        if (progress != NULL)
            progress(ctx, k->seen, k->size);
    }
    return SELFSAME_OK;
}

/* The checkpoint is read first: a log that runs only gets ahead of it. */
static enum selfsame_code
check_all(struct checking *k,
    void (*progress)(void *ctx, uint64_t done, uint64_t total), void *ctx)
{
    auto_arena arena = arena_new(NOTE_ARENA);
    struct checkpoint c = { .size = 0 };
    struct selfsame_bytes note;
    uint8_t root[LOG_HASH];

    TRY(log_checkpoint_read(k->config, &arena, &note, &c, k->e));
    TRY(log_state_read(k->config->store, &k->size, root, k->e));
    if (note.ptr == NULL && k->size > 0) {
        (void)err_set(k->e, SELFSAME_LOG, __FILE__, __LINE__,
            "the database holds %llu entries: expected a published checkpoint, got "
            "none",
            (unsigned long long)k->size);
        err_remedy(k->e,
            "Start the log: it signs one and publishes it, once a quorum of "
            "its witnesses cosigned.");
        return SELFSAME_LOG;
    }
    if (note.ptr != NULL && c.size > k->size)
        FAIL(k->e, SELFSAME_LOG,
            "the database holds %llu entries and the published checkpoint %llu: "
            "expected the database to be ahead; was it restored from a backup?",
            (unsigned long long)k->size, (unsigned long long)c.size);
    TRY(check_entries(k, &c, note.ptr != NULL, progress, ctx));
    return check_state(k, root);
}

enum selfsame_code
log_core_check(const struct log_core_config *config,
    void (*progress)(void *ctx, uint64_t done, uint64_t total), void *ctx,
    struct log_check *ret, struct selfsame_err *e)
{
    struct log_check out = { .size = 0 };
    struct checking k = { .config = config, .out = &out, .e = e };

    k.tree = log_tree_new(config->store);
    if (k.tree == NULL)
        FAIL(e, SELFSAME_NOMEM, "log: out of memory");
    enum selfsame_code code = check_all(&k, progress, ctx);
    log_tree_free(k.tree);
    if (code == SELFSAME_OK)
        *ret = out;
    return code;
}

enum selfsame_code
log_core_glance(const struct log_core_config *c, struct arena *arena,
    struct log_glance *ret, struct selfsame_err *e)
{
    struct log_glance g = { .size = 0 };
    struct selfsame_bytes note;
    struct checkpoint k = { .size = 0 };

    TRY(log_checkpoint_read(c, arena, &note, &k, e));
    TRY(log_state_read(c->store, &g.size, g.root, e));
    g.has_checkpoint = note.ptr != NULL;
    g.published = k.size;
    *ret = g;
    return SELFSAME_OK;
}
