/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/tiles.h"

#include <stdlib.h>

/*
 * A bundle of entries as a server may give it, plain or packed. The tree is that of what
 * the bytes say, so what parses to the end must be read; what does not must be refused,
 * unless it unpacks to what the tree commits to, which nothing here does.
 */
struct served {
    struct selfsame_bytes bundle;
    uint8_t hashes[TILE_BYTES];
    unsigned width;
};

static enum selfsame_code
serve(void *ctx, const char *name, size_t limit, struct arena *arena,
    struct selfsame_bytes *ret, bool *ret_absent, struct selfsame_err *e)
{
    struct served *s = ctx;
    struct tile_id id;

    (void)arena;
    if (tile_name_parse(name, &id, e) != SELFSAME_OK || id.level > 0 || id.index > 0 ||
        (!id.entries && id.width != s->width))
        abort();
    *ret = id.entries ? s->bundle : BYTES(s->hashes, (size_t)s->width * LOG_HASH);
    *ret_absent = ret->len > limit;
    return SELFSAME_OK;
}

static bool
node(void *ctx, unsigned height, uint64_t index, uint8_t ret[static LOG_HASH])
{
    struct served *s = ctx;
    uint8_t right[LOG_HASH];

    if (height == 0) {
        memcpy(ret, s->hashes + index * LOG_HASH, LOG_HASH);
        return true;
    }
    return node(ctx, height - 1, 2 * index, ret) &&
           node(ctx, height - 1, 2 * index + 1, right) && merkle_node(ret, right, ret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct served s;
    const struct tiles_reader reader = { serve, &s };
    const struct merkle_source source = { node, &s };
    auto_arena arena = arena_new((size_t)64 << 20);
    struct reader r = reader_of(BYTES(data, size));
    struct checkpoint c = { .size = 0 };
    struct selfsame_bytes *entries, one;
    struct selfsame_err e = { 0 };
    auto_tiles *t = NULL;
    size_t count;

    s = (struct served){ .bundle = BYTES(data, size) };
    while (s.width < TILE_WIDTH - 1 && bundle_next(&r, &one, &e) == SELFSAME_OK &&
           one.ptr != NULL)
        if (!merkle_leaf(one, s.hashes + LOG_HASH * s.width++))
            abort();
    const bool whole = s.width > 0 && reader_done(&r);
    s.width += s.width == 0;
    c.size = s.width;
    if (!merkle_root(&source, c.size, c.root) ||
        tiles_over(&reader, &t, &e) != SELFSAME_OK ||
        tiles_believe(t, &c, &e) != SELFSAME_OK)
        abort();
    if ((tiles_bundle(t, 0, &arena, &entries, &count, &e) == SELFSAME_OK) != whole)
        abort();
    if (whole && count != s.width)
        abort();
    return 0;
}
