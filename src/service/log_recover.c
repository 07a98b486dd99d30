/* SPDX-License-Identifier: Apache-2.0 */
#include "service/log_parts.h"

/*
 * What must agree before a log writes anything: the state in the database is what was
 * promised; tiles and checkpoint are held against it. Repaired is what a process that
 * died leaves behind; everything else was done by somebody, and is refused.
 */

enum selfsame_code
log_state_read(struct store *s, uint64_t *ret_size, uint8_t ret_root[static LOG_HASH],
    struct selfsame_err *e)
{
    auto_arena arena = arena_new(4096);
    struct selfsame_bytes value;

    TRY(s->class->state(s, STATE_KEY, &arena, &value, e));
    if (value.ptr == NULL)
        FAIL(e, SELFSAME_LOG, "state: expected the size and root of a log, got none");
    struct reader r = reader_of(value);
    uint64_t size = get_be64(&r);
    struct selfsame_bytes root = get_bytes(&r, LOG_HASH);
    if (!reader_done(&r) || size > INT64_MAX)
        FAIL(e, SELFSAME_MALFORMED, "state: expected a size and a root, got others");
    *ret_size = size;
    memcpy(ret_root, root.ptr, LOG_HASH);
    return SELFSAME_OK;
}

enum selfsame_code
log_core_create(struct store *s, struct selfsame_err *e)
{
    uint8_t root[LOG_HASH], value[STATE_SIZE];
    bool swapped = false;

    if (!merkle_empty(root))
        FAIL(e, SELFSAME_NOMEM, "log: out of memory");
    state_put(0, root, value);
    const struct store_swap swap = { .key = STATE_KEY, .new = BYTES_ARR(value) };
    TRY(s->class->swap(s, &swap, &swapped, e));
    if (!swapped)
        FAIL(e, SELFSAME_USAGE, "log: expected a new one, got one with entries");
    return SELFSAME_OK;
}

/* ---- the checkpoint ---- */

enum selfsame_code
log_checkpoint_read(const struct log_core_config *c, struct arena *arena,
    struct selfsame_bytes *ret_note, struct checkpoint *ret, struct selfsame_err *e)
{
    struct selfsame_bytes note;
    struct note parsed;
    struct note_key key;
    struct checkpoint k;
    uint64_t good = 0;

    TRY(c->store->class->get(c->store, CHECKPOINT_PATH, arena, &note, e));
    *ret_note = note;
    if (note.ptr == NULL)
        return SELFSAME_OK;
    TRY(note_key_of(c->origin, NOTE_ED25519, c->key, arena, &key, e));
    TRY_WHILE(e, note_parse(note, arena, &parsed, e), "the published checkpoint");
    TRY_WHILE(
        e, note_verify(&parsed, &key, 1, &good, NULL, e), "the published checkpoint");
    TRY_WHILE(e, checkpoint_parse(parsed.text, &k, e), "the published checkpoint");
    if (!bytes_eq(k.origin, c->origin))
        FAIL(e, SELFSAME_LOG,
            "the published checkpoint: expected the origin %.*s, got %.*s",
            (int)c->origin.len, (const char *)c->origin.ptr,
            k.origin.len < 80 ? (int)k.origin.len : 80, (const char *)k.origin.ptr);
    *ret = k;
    return SELFSAME_OK;
}

static enum selfsame_code
check_checkpoint(struct log_core *c, const struct checkpoint *k, struct selfsame_err *e)
{
    struct tree_view view;

    if (k->size > c->size)
        FAIL(e, SELFSAME_LOG,
            "the database holds %llu entries and the published checkpoint %llu: "
            "expected the database to be ahead; was it restored from a backup?",
            (unsigned long long)c->size, (unsigned long long)k->size);
    if (!log_tree_view(c->tree, k->size, &view))
        FAIL(e, SELFSAME_LOG,
            "the published checkpoint of %llu entries: expected its tiles, got others "
            "or none",
            (unsigned long long)k->size);
    if (!bytes_eq(BYTES_ARR(k->root), BYTES_ARR(view.rest[0])))
        FAIL(e, SELFSAME_LOG,
            "the published checkpoint of %llu entries: expected the root that the "
            "tiles have, got another",
            (unsigned long long)k->size);
    return SELFSAME_OK;
}

/* An older one is published anew by the publisher, as is one without its quorum. */
static enum selfsame_code
take_checkpoint(struct log_core *c, struct selfsame_err *e)
{
    auto_arena arena = arena_new(NOTE_ARENA);
    struct selfsame_bytes note;
    struct checkpoint k = { .size = 0 };

    c->dropped = c->size;
    TRY(log_checkpoint_read(&c->config, &arena, &note, &k, e));
    if (note.ptr == NULL)
        return SELFSAME_OK;
    TRY(check_checkpoint(c, &k, e));
    c->dropped = k.size;
    if (c->config.met != NULL && !c->config.met(c->config.cosign_ctx, note))
        return SELFSAME_OK;
    c->published = published_new(c->tree, k.size, note);
    if (c->published == NULL)
        FAIL(e, SELFSAME_NOMEM, "log: out of memory");
    return SELFSAME_OK;
}

/* ---- tiles ---- */

enum selfsame_code
log_read_tile(struct store *s, bool entries, unsigned level, uint64_t index,
    unsigned width, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    char name[TILE_NAME];
    struct selfsame_bytes b, ignored;
    struct reader r;

    log_tree_name(entries, level, index, width, name);
    TRY(s->class->get(s, name, arena, &b, e));
    if (b.ptr == NULL && width < TILE_WIDTH) {
        log_tree_name(entries, level, index, TILE_WIDTH, name);
        TRY(s->class->get(s, name, arena, &b, e));
        r = reader_of(b);
        for (unsigned i = 0; entries && b.ptr != NULL && i < width; i++)
            TRY_WHILE(e, bundle_next(&r, &ignored, e), "%s", name);
        if (!entries && b.len == TILE_BYTES)
            b.len = (size_t)width * LOG_HASH;
        else if (entries)
            b.len -= r.rest.len;
    }
    *ret = b;
    return SELFSAME_OK;
}

/* The entries that the next batch goes on behind, each held against its leaf. */
static enum selfsame_code
load_bundle(struct log_core *c, struct selfsame_err *e)
{
    auto_arena arena = arena_new(40 << 20);
    const struct tile_tree *edge = &c->tree->edge[0];
    struct selfsame_bytes b, entry;
    uint8_t leaf[LOG_HASH];
    char name[TILE_NAME];

    c->bundle_len = 0;
    if (edge->width == 0)
        return SELFSAME_OK;
    log_tree_name(true, 0, edge->index, edge->width, name);
    TRY(c->store->class->get(c->store, name, &arena, &b, e));
    struct reader r = reader_of(b);
    for (unsigned i = 0; i < edge->width; i++) {
        TRY_WHILE(e, bundle_next(&r, &entry, e), "%s", name);
        if (entry.ptr == NULL)
            FAIL(e, SELFSAME_LOG, "%s: expected %u entries, got %u", name, edge->width,
                i);
        if (!merkle_leaf(entry, leaf) || !bundle_add(c, entry))
            FAIL(e, SELFSAME_NOMEM, "log: out of memory");
        if (!bytes_eq(BYTES_ARR(leaf), BYTES(edge->node[i], LOG_HASH)))
            FAIL(e, SELFSAME_LOG,
                "%s: expected entry %u to have the hash that its tile says, got "
                "another",
                name, i);
    }
    if (r.rest.len != 0)
        FAIL(e, SELFSAME_LOG, "%s: expected %u entries, got more", name, edge->width);
    return SELFSAME_OK;
}

static enum selfsame_code
check_root(struct log_core *c, struct selfsame_err *e)
{
    struct tree_view view;

    TRY_WHILE(e, log_tree_load(c->tree, c->size, e),
        "the tiles of the %llu entries that the database says",
        (unsigned long long)c->size);
    if (!log_tree_view(c->tree, c->size, &view))
        FAIL(e, SELFSAME_LOG,
            "tiles of %llu entries: expected all of the right edge, got less",
            (unsigned long long)c->size);
    if (!bytes_eq(BYTES_ARR(view.rest[0]), BYTES_ARR(c->root)))
        FAIL(e, SELFSAME_LOG,
            "tiles of %llu entries: expected the root that the database says, got "
            "another",
            (unsigned long long)c->size);
    return load_bundle(c, e);
}

/* ---- a batch that was staged ---- */

static enum selfsame_code
read_batch(struct log_core *c, struct selfsame_bytes staged, struct batch *b,
    struct arena *arena, struct selfsame_err *e)
{
    struct reader r = reader_of(staged);
    struct selfsame_bytes entry;
    size_t count = 0;

    do {
        TRY_WHILE(e, bundle_next(&r, &entry, e), "the staged batch");
        count += entry.ptr != NULL;
    } while (entry.ptr != NULL);
    if (!batch_new(b, count, arena))
        FAIL(e, SELFSAME_NOMEM, "log: out of memory");
    r = reader_of(staged);
    for (size_t i = 0; i < count; i++) {
        TRY(bundle_next(&r, &b->entries[i], e));
        TRY(log_identify(&c->config, b->entries[i], b->keys[i], e));
        if (!merkle_leaf(b->entries[i], b->leaves[i]))
            FAIL(e, SELFSAME_NOMEM, "log: out of memory");
    }
    return SELFSAME_OK;
}

/* Its tiles may be there in part: it gets the same places, or nobody gets them. */
static enum selfsame_code
finish_staged(struct log_core *c, struct selfsame_err *e)
{
    auto_arena arena = arena_new(BATCH_ARENA);
    struct selfsame_bytes staged;
    struct batch b;
    uint64_t first = 0;

    TRY(c->store->class->staged(c->store, &arena, &first, &staged, e));
    if (staged.ptr == NULL)
        return SELFSAME_OK;
    TRY(read_batch(c, staged, &b, &arena, e));
    if (first + b.count == c->size && first < c->size)
        return SELFSAME_OK; /* the last one that was finished */
    if (first != c->size)
        FAIL(e, SELFSAME_LOG,
            "the staged batch begins at entry %llu and the database ends at %llu: "
            "expected them to meet; was one of them restored from a backup?",
            (unsigned long long)first, (unsigned long long)c->size);
    /* Read is not durable: whoever staged it may have died before the disk had it. */
    TRY(c->store->class->stage(c->store, first, staged, e));
    TRY_WHILE(e, log_integrate(c, &b, &arena, e), "finishing the staged batch");
    return SELFSAME_OK;
}

enum selfsame_code
log_recover(struct log_core *c, struct selfsame_err *e)
{
    TRY(log_state_read(c->store, &c->size, c->root, e));
    TRY(check_root(c, e));
    TRY(take_checkpoint(c, e));
    return finish_staged(c, e);
}
