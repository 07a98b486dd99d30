/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TEST_LOG_MADE_H
#define SELFSAME_TEST_LOG_MADE_H

#include "test.h"

#include "fetch/tiles.h"

/*
 * A log in memory that serves its files on demand, at any size it had, honestly or with
 * one file changed. Hashes are of a definition of their own: whole levels, pair by pair.
 */
enum { MADE_MAX = 70000 };
struct made {
    struct selfsame_bytes *entries; /* of entry i; NULL: "entry I" */
    uint8_t (*level[TILE_LEVELS])[LOG_HASH];
    size_t count[TILE_LEVELS];
    uint64_t size;     /* what there is */
    bool no_partial;   /* partial tiles are gone */
    bool no_tiles;     /* all are */
    const char *spoil; /* this file alone is: */
    struct selfsame_bytes spoilt;
    struct selfsame_bytes checkpoint;
    unsigned reads;
};

static inline struct selfsame_bytes
made_entry(const struct made *m, uint64_t i, struct arena *arena)
{
    if (m->entries != NULL)
        return m->entries[i];
    return bytes_str(arena_printf(arena, "entry %llu", (unsigned long long)i));
}

/* All hashes of `size` entries. */
static inline void
made_build(struct made *m, uint64_t size)
{
    m->size = size;
    m->level[0] = calloc((size_t)size + 1, LOG_HASH);
    m->count[0] = (size_t)size;
    assert_non_null(m->level[0]);
    for (uint64_t i = 0; i < size; i++) {
        auto_arena arena = arena_new(1 << 20);

        assert_true(merkle_leaf(made_entry(m, i, &arena), m->level[0][i]));
    }
    for (unsigned l = 1; l < TILE_LEVELS; l++) {
        m->count[l] = m->count[l - 1] / TILE_WIDTH;
        m->level[l] = calloc(m->count[l] + 1, LOG_HASH);
        assert_non_null(m->level[l]);
        for (size_t i = 0; i < m->count[l]; i++) {
            uint8_t row[TILE_WIDTH][LOG_HASH];

            memcpy(row, m->level[l - 1][i * TILE_WIDTH], sizeof(row));
            for (size_t n = TILE_WIDTH; n > 1; n /= 2)
                for (size_t k = 0; k < n / 2; k++)
                    assert_true(merkle_node(row[2 * k], row[2 * k + 1], row[k]));
            memcpy(m->level[l][i], row[0], LOG_HASH);
        }
    }
}

static inline void
made_free(struct made *m)
{
    for (unsigned l = 0; l < TILE_LEVELS; l++)
        free(m->level[l]);
    *m = (struct made){ .size = 0 };
}

/* RFC 9162 §2.1.1, by its words. */
static inline void
made_range(const struct made *m, size_t from, size_t n, uint8_t ret[static LOG_HASH])
{
    uint8_t left[LOG_HASH], right[LOG_HASH];
    size_t k = 1;

    if (n == 0)
        assert_true(merkle_empty(ret));
    if (n == 1)
        memcpy(ret, m->level[0][from], LOG_HASH);
    if (n < 2)
        return;
    while (2 * k < n)
        k *= 2;
    made_range(m, from, k, left);
    made_range(m, from + k, n - k, right);
    assert_true(merkle_node(left, right, ret));
}

static inline struct checkpoint
made_checkpoint(const struct made *m, uint64_t size)
{
    struct checkpoint c = { .origin = BYTES_LIT("log.example/made"), .size = size };

    made_range(m, 0, (size_t)size, c.root);
    return c;
}

static inline struct selfsame_bytes
made_bundle(const struct made *m, const struct tile_id *id, struct arena *arena)
{
    uint8_t *buf = malloc(BUNDLE_BYTES);
    struct writer w = writer_of(buf, BUNDLE_BYTES);
    struct selfsame_bytes ret;

    assert_non_null(buf);
    for (unsigned i = 0; i < id->width; i++) {
        struct selfsame_bytes one = made_entry(m, id->index * TILE_WIDTH + i, arena);

        put_be16(&w, (uint16_t)one.len);
        put_bytes(&w, one);
    }
    assert_false(w.bad);
    assert_true(arena_dup(arena, writer_bytes(&w), &ret));
    free(buf);
    return ret;
}

/* Absent: the log of this size never had it. */
static inline struct selfsame_bytes
made_file(const struct made *m, const char *name, struct arena *arena)
{
    struct selfsame_err e;
    struct tile_id id;

    if (strcmp(name, "checkpoint") == 0)
        return m->checkpoint;
    assert_code(tile_name_parse(name, &id, &e), SELFSAME_OK, &e);
    if (m->no_tiles || (id.width < TILE_WIDTH && m->no_partial) ||
        id.level >= TILE_LEVELS ||
        id.index * TILE_WIDTH + id.width > m->count[id.level])
        return BYTES_NONE;
    if (id.entries)
        return made_bundle(m, &id, arena);
    return BYTES(
        m->level[id.level][id.index * TILE_WIDTH], (size_t)id.width * LOG_HASH);
}

static inline enum selfsame_code
made_read(void *ctx, const char *name, size_t limit, struct arena *arena,
    struct selfsame_bytes *ret, bool *ret_absent, struct selfsame_err *e)
{
    struct made *m = ctx;

    (void)limit;
    m->reads++;
    if (m->spoil != NULL && strcmp(m->spoil, name) == 0) {
        *ret = m->spoilt;
        *ret_absent = m->spoilt.ptr == NULL;
        return SELFSAME_OK;
    }
    struct selfsame_bytes b = made_file(m, name, arena);
    *ret_absent = b.ptr == NULL;
    if (b.ptr != NULL && !arena_dup(arena, b, ret))
        FAIL(e, SELFSAME_NOMEM, "no room for %zu bytes of %s", b.len, name);
    return SELFSAME_OK;
}

static inline struct tiles_reader
made_reader(struct made *m)
{
    return (struct tiles_reader){ made_read, m };
}

#endif
