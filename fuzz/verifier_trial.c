/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/manage.h"

#include <stdlib.h>

/* What a policy is tried with: an administrator's mistakes are told as such. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(32 << 20);
    struct selfsame_err e = { 0 };
    struct manage m = {
        .tenant = "t", .kind = REGISTRY_POLICY, .name = "p", .arena = &arena, .e = &e
    };
    struct trial t;

    const enum selfsame_code code = manage_trial_read(&m, BYTES(data, size), &t);
    if (code != SELFSAME_OK && code != SELFSAME_USAGE && code != SELFSAME_NOMEM)
        abort();
    if (code == SELFSAME_OK && t.policy.ptr == NULL)
        abort();
    return 0;
}
