/* SPDX-License-Identifier: Apache-2.0 */
#include "log/export.h"

#include <stdlib.h>

/* Receipts: whatever stands in one, it is not this log's, for nobody has its key. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t key[32] = { 1 }, leaf[LOG_HASH] = { 2 };
    const struct note_key log = {
        .name = BYTES_LIT("fuzz.example"), .type = NOTE_ED25519, .key = BYTES_ARR(key)
    };
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct receipt r;

    if (receipt_verify(BYTES(data, size), leaf, &log, &arena, &r, &e) == SELFSAME_OK)
        abort();
    return 0;
}
