/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log.h"

#include <stdlib.h>

/* Trust policies: more witnesses never unmake a quorum. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(16 << 20);
    struct selfsame_err e = { 0 };
    struct log_policy p;

    if (log_policy_parse(BYTES(data, size), &arena, &p, &e) != SELFSAME_OK)
        return 0;
    bool met = false;
    for (uint64_t witnesses = 0, i = 0; i <= POLICY_WITNESSES; i++) {
        bool now = log_policy_met(&p, witnesses);

        if (met && !now)
            abort();
        met = now;
        witnesses |= UINT64_C(1) << i;
    }
    return 0;
}
