/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/dcap.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(4 << 20);
    struct selfsame_err e = { 0 };
    struct dcap_identity id;

    if (dcap_identity_parse(BYTES(data, size), &arena, &id, &e) != SELFSAME_OK)
        return 0;
    const struct dcap_level *l = dcap_svn_level(&id.levels, UINT16_MAX);
    if (id.mr_signer.len != 32 || (id.misc_select & ~id.misc_mask) != 0 ||
        l != &id.levels.list[0])
        abort();
    return 0;
}
