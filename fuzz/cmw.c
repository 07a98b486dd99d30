/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cmw.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena a = arena_new(16 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes once, twice;
    struct cmw c, d;

    if (cmw_parse(BYTES(data, size), &a, &c, &e) != SELFSAME_OK)
        return 0;
    assert(cmw_looks_like(BYTES(data, size)));
    assert(cmw_encode_cbor(&c, &a, &once, &e) == SELFSAME_OK);
    assert(cmw_parse(once, &a, &d, &e) == SELFSAME_OK && d.count == c.count);
    assert(cmw_encode_cbor(&d, &a, &twice, &e) == SELFSAME_OK);
    assert(bytes_eq(once, twice));
    if (cmw_encode_json(&c, &a, &once, &e) != SELFSAME_OK)
        return 0;
    assert(cmw_parse(once, &a, &d, &e) == SELFSAME_OK && d.count == c.count);
    assert(cmw_encode_json(&d, &a, &twice, &e) == SELFSAME_OK);
    assert(bytes_eq(once, twice));
    return 0;
}
