/* SPDX-License-Identifier: Apache-2.0 */
#include "repro/repro.h"

#include <stdlib.h>

/* Releases of strangers: each is like itself, and states what it says again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(64 << 20);
    struct selfsame_bytes in = BYTES(data, size), text;
    struct rebuild_outcome o = { .result = "identical", .released = in, .rebuilt = in };
    struct selfsame_err e = { 0 };
    struct rebuild_claims c;
    struct repro_diff d = { 0 };

    if (rebuild_read(in, &arena, &c, &e) != SELFSAME_OK)
        return 0;
    if (rebuild_compare(in, in, &d, &arena, &e) == SELFSAME_OK && d.differences != 0)
        abort();
    if (rebuild_statement(&o, &arena, &text, &e) == SELFSAME_OK && text.len == 0)
        abort();
    return 0;
}
