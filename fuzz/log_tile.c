/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log.h"

#include <stdlib.h>

/* Bundles are walked to their end; names of tiles are written back the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct reader r = reader_of(BYTES(data, size));
    struct selfsame_bytes one;
    char again[TILE_NAME], *name = arena_str(&arena, BYTES(data, size));
    struct tile_id id;

    while (bundle_next(&r, &one, &e) == SELFSAME_OK && one.ptr != NULL)
        ;
    if (name == NULL || tile_name_parse(name, &id, &e) != SELFSAME_OK)
        return 0;
    tile_name(&id, again);
    if (strcmp(again, name) != 0 || id.width < 1 || id.width > TILE_WIDTH)
        abort();
    return 0;
}
