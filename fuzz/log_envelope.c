/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log.h"

#include <stdlib.h>

/* An entry of a log from anybody: nobody's key signs it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t spki[44] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65,
        0x70, 0x03, 0x21, 0x00, 0xd7, 0x5a, 0x98 };
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct envelope v;

    if (envelope_parse(BYTES(data, size), &arena, &v, &e) != SELFSAME_OK)
        return 0;
    /* The short way through a usual one takes nothing that is not canonical. */
    if (canonical_check(BYTES(data, size), "envelope", &e) != SELFSAME_OK)
        abort();
    if (envelope_verify(&v, BYTES_ARR(spki), &arena, &e) == SELFSAME_OK)
        abort();
    return 0;
}
