/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cbor.h"
#include "log/export.h"

#include <stdlib.h>

/* Measurements of any release: what is written is CBOR, deterministic and whole. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct statement s = { .kind = STATEMENT_RELEASE,
        .release = { .name = "fuzz.example/x", .measurements = BYTES(data, size) } };
    auto_arena arena = arena_new(64 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes out, again;

    if (size == 0 || corim_of_release(&s, NULL, &arena, &out, &e) != SELFSAME_OK)
        return 0;
    struct cbor c = cbor_of(out, CBOR_STRICT);
    c.item_limit = UINT32_MAX;
    if (cbor_get_any(&c).len != out.len || !cbor_done(&c))
        abort();
    if (corim_of_release(&s, NULL, &arena, &again, &e) == SELFSAME_OK &&
        !bytes_eq(out, again))
        abort();
    return 0;
}
