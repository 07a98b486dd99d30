/* SPDX-License-Identifier: Apache-2.0 */
#include "image/eif.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t left; /* of the section, by what begin said */

static enum selfsame_code
on_begin(void *ctx, enum eif_type t, unsigned index, uint64_t offset, uint64_t size,
    struct selfsame_err *e)
{
    (void)ctx, (void)t, (void)index, (void)offset, (void)e;
    left = size;
    return SELFSAME_OK;
}

static enum selfsame_code
on_data(void *ctx, struct selfsame_bytes piece, struct selfsame_err *e)
{
    (void)ctx, (void)e;
    left -= piece.len;
    return SELFSAME_OK;
}

static enum selfsame_code
on_end(void *ctx, struct selfsame_err *e)
{
    (void)ctx, (void)e;
    if (left != 0)
        abort();
    return SELFSAME_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct eif_handler handler = { on_begin, on_data, on_end };
    auto_arena a = arena_new(1 << 20);
    struct eif_reader r;
    struct eif_signature s;
    struct selfsame_err e = { 0 };

    eif_reader_init(&r, size, &handler, NULL);
    if (eif_reader_push(&r, BYTES(data, size), &e) == SELFSAME_OK)
        (void)!eif_reader_end(&r, &e);
    (void)!eif_signature_parse(BYTES(data, size), &a, &s, &e);
    return 0;
}
