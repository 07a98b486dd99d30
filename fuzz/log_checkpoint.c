/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log.h"

#include <stdlib.h>

/* Checkpoints: what parses is written back the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(16 << 20);
    struct selfsame_bytes in = BYTES(data, size);
    struct selfsame_err e = { 0 };
    struct checkpoint c;

    for (size_t i = 0; i < size; i++)
        if (data[i] == '\0') /* no note has one */
            return 0;
    if (checkpoint_parse(in, &c, &e) != SELFSAME_OK)
        return 0;
    char *text = checkpoint_text(&c, &arena);
    if (text != NULL && !bytes_eq(bytes_str(text), in))
        abort();
    return 0;
}
