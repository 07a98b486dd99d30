/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/dcap.h"

#include <stdlib.h>

/* Anything may come along: it is sorted or put aside, and nothing but memory can fail. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(16 << 20);
    struct dcap_bundle b = { .info_count = 0 };
    struct selfsame_err e = { 0 };

    for (int i = 0; i < 2; i++) {
        enum selfsame_code code = dcap_bundle_add(&b, BYTES(data, size), &arena, &e);

        if (code != SELFSAME_OK && code != SELFSAME_NOMEM)
            abort();
    }
    return 0;
}
