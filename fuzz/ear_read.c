/* SPDX-License-Identifier: Apache-2.0 */
#include "token/token.h"

#include <stdlib.h>

/* Claims from anybody: what reads is never better than any of its parts. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct token_rules zero = { 0 };
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    auto_json *claims = NULL;
    auto_ear r = { 0 };

    if (json_parse(BYTES(data, size), "claims", &claims, &e) != SELFSAME_OK ||
        ear_read(claims, &arena, &r, &e) != SELFSAME_OK)
        return 0;
    if (r.submod_count == 0 || token_check(&r, &zero, &e) == SELFSAME_OK)
        abort();
    for (size_t i = 0; i < r.submod_count; i++)
        for (size_t k = 0; k < TRUST_COUNT; k++)
            if (ear_worse(r.status, r.submods[i].status) != r.status ||
                (ear_tier(r.submods[i].vector[k]) == EAR_CONTRAINDICATED &&
                    r.status != EAR_CONTRAINDICATED))
                abort();
    return 0;
}
