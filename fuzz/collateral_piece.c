/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/fetch.h"

#include <stdlib.h>

/* What a host answers, before it is kept: unpacked, told, unescaped. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(4 << 20);
    struct selfsame_bytes body = BYTES(data, size), text = body;
    enum fetch_what what;
    int64_t until_s;

    if (!piece_unpack(FETCH_LIST, &arena, &body) || !piece_unescape(&arena, &text))
        return 0;
    if (text.len > size || (body.ptr != data && body.len != size / 2))
        abort();
    if (piece_guess(body, &what, &until_s) && !piece_read(body, what, &until_s))
        abort();
    return 0;
}
