/* SPDX-License-Identifier: Apache-2.0 */
#include "image/eif.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum selfsame_code
on_begin(void *ctx, enum eif_type t, unsigned index, uint64_t offset, uint64_t size,
    struct selfsame_err *e)
{
    (void)t, (void)index, (void)offset, (void)e;
    *(uint64_t *)ctx += size;
    return SELFSAME_OK;
}

static enum selfsame_code
on_data(void *ctx, struct selfsame_bytes piece, struct selfsame_err *e)
{
    (void)e;
    *(uint64_t *)ctx -= piece.len;
    return SELFSAME_OK;
}

static enum selfsame_code
on_end(void *ctx, struct selfsame_err *e)
{
    (void)e;
    return *(uint64_t *)ctx == 0 ? SELFSAME_OK : (abort(), SELFSAME_INTERNAL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct eif_handler handler = { on_begin, on_data, on_end };
    auto_arena a = arena_new(1 << 20);
    struct eif_reader r;
    struct eif_signature s;
    struct selfsame_err e = { 0 };
    uint64_t left = 0;

    eif_reader_init(&r, size, &handler, &left);
    if (eif_reader_push(&r, BYTES(data, size), &e) == SELFSAME_OK)
        (void)(eif_reader_end(&r, &e) == SELFSAME_OK);
    (void)(eif_signature_parse(BYTES(data, size), &a, &s, &e) == SELFSAME_OK);
    return 0;
}
