/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/objects.h"

#include <stdlib.h>

/* A kind, then a body as an administrator's client or another replica writes it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct selfsame_err e = { 0 };

    if (size == 0)
        return 0;
    const struct registry_object o = { .tenant = "t",
        .kind = (enum registry_kind)(data[0] % (REGISTRY_KINDS + 1)),
        .name = "sts.amazonaws.com",
        .body = BYTES(data + 1, size - 1) };
    const enum selfsame_code code = object_check(&o, &e);
    /* What an operator did wrong is theirs to hear, and nothing else may come of it. */
    if (code != SELFSAME_OK && code != SELFSAME_USAGE && code != SELFSAME_NOMEM)
        abort();
    return 0;
}
