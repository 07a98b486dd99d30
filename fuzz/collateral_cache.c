/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/fetch.h"

#include <stdlib.h>

/* A file of the cache that anybody may have written into. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(1 << 20);
    struct cached c;

    if (!cache_parse(BYTES(data, size), &arena, &c))
        return 0;
    const uint8_t *end = c.body.ptr + c.body.len;
    if (c.url == NULL || c.body.ptr < data || end + c.chain.len != data + size ||
        (c.chain.len > 0 && c.chain.ptr != end))
        abort();
    return 0;
}
