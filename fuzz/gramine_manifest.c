/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/toml.h"
#include "tee/sgx/gramine.h"

#include <stdlib.h>

/* A manifest from anybody: TOML first, and what is read of it is inside the arena. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(1 << 22);
    struct selfsame_err e = { 0 };
    struct gramine_manifest m;
    auto_json *j = NULL;

    enum selfsame_code toml = toml_parse(BYTES(data, size), "manifest", &j, &e);
    if (gramine_manifest_parse(BYTES(data, size), &arena, &m, &e) != SELFSAME_OK)
        return 0;
    if (toml != SELFSAME_OK)
        abort();
    for (size_t i = 0; i < m.trusted_count; i++)
        if (gramine_trusted(&m, bytes_str(m.trusted[i].uri)) != &m.trusted[i])
            abort();
    return 0;
}
