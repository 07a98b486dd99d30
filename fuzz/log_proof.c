/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log.h"

#include <stdlib.h>

/* Proof files: what parses is written back the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(16 << 20);
    struct selfsame_bytes in = BYTES(data, size);
    struct selfsame_err e = { 0 };
    struct log_proof p;

    if (proof_parse(in, &arena, &p, &e) != SELFSAME_OK)
        return 0;
    char *text = proof_text(&p, &arena);
    if (text != NULL && !bytes_eq(bytes_str(text), in))
        abort();
    return 0;
}
