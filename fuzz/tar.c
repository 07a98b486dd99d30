/* SPDX-License-Identifier: Apache-2.0 */
#include "image/layer.h"
#include <assert.h>

/* Contents are not kept: names and structure are what a stranger can play with. */
static enum selfsame_code
place(void *ctx, uint64_t size, uint64_t offset, struct content *ret,
    struct selfsame_err *e)
{
    (void)ctx, (void)e;
    *ret = (struct content){ .size = size, .offset = offset };
    return SELFSAME_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct layer_store store = { .place = place };
    enum selfsame_code got[2];
    /* In one piece and in two, as a layer: the same answer, and only sound paths. */
    for (size_t half = 0; half < 2; half++) {
        auto_layer l = { 0 };
        auto_tree *t = tree_new();
        struct selfsame_err e = { 0 };
        uint64_t total = 0;
        size_t cut = half * (size / 3);
        assert(t && layer_begin(&l, t, &store, true, &total, &e) == SELFSAME_OK);
        got[half] = layer_push(&l, BYTES(data, cut), &e);
        if (got[half] == SELFSAME_OK)
            got[half] = layer_push(&l, BYTES(data + cut, size - cut), &e);
        got[half] = got[half] == SELFSAME_OK ? layer_end(&l, &e) : got[half];
        for (size_t i = 0; i < tree_count(t); i++)
            assert(
                tree_at(t, i)->path[0] != '/' && !strstr(tree_at(t, i)->path, "/../"));
    }
    assert(got[0] == got[1]);
    return 0;
}
