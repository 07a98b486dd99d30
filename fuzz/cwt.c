/* SPDX-License-Identifier: Apache-2.0 */
#include "token/token.h"

#include <stdlib.h>

/* A CWT from anybody, or claims alone; what reads as claims survives being written again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(8 << 20);
    struct selfsame_bytes in = BYTES(data, size), out;
    struct selfsame_err e = { 0 };
    auto_json *claims = NULL, *again = NULL;
    auto_jws s = { 0 };

    if (cwt_recognise(in) && cwt_parse(in, &arena, &s, &e) == SELFSAME_OK)
        in = s.payload;
    if (cwt_claims_read(in, &claims, &e) != SELFSAME_OK)
        return 0;
    /* Bytes are texts by now, and may be bytes again: only that it can be read is sure. */
    if (cwt_claims_put(claims, &arena, &out, &e) != SELFSAME_OK)
        return 0;
    if (cwt_claims_read(out, &again, &e) != SELFSAME_OK && e.code != SELFSAME_NOMEM)
        abort();
    return 0;
}
