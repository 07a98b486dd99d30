/* SPDX-License-Identifier: Apache-2.0 */
#include "token/token.h"

#include <stdlib.h>

/* Keys from anybody; each that is taken is written and read again as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct jwks set;
    struct jwk back;

    if (jwks_parse(BYTES(data, size), &arena, &set, &e) != SELFSAME_OK)
        return 0;
    for (size_t i = 0; i < set.count; i++) {
        auto_json *j = jwk_json(&set.keys[i]);

        if (j == NULL || jwk_read(j, &arena, &back, &e) == SELFSAME_NOMEM)
            continue;
        if (strcmp(back.thumbprint, set.keys[i].thumbprint) != 0 ||
            !bytes_eq(back.key, set.keys[i].key))
            abort();
    }
    return 0;
}
