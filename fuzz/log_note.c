/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log.h"

#include <stdlib.h>

/* Notes, the checkpoints in them, and verifier keys: what parses is written back the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(8 << 20);
    struct selfsame_bytes in = BYTES(data, size);
    struct selfsame_err e = { 0 };
    struct note_key k;
    struct checkpoint c;
    struct note n;

    if (note_key_parse(in, &arena, &k, &e) == SELFSAME_OK) {
        char *text = note_key_text(&k, &arena);

        if (text != NULL && !bytes_eq(bytes_str(text), in))
            abort();
    }
    if (note_parse(in, &arena, &n, &e) != SELFSAME_OK)
        return 0;
    if (n.text.len >= size || n.count < 1)
        abort();
    if (checkpoint_parse(n.text, &c, &e) == SELFSAME_OK) {
        char *text = checkpoint_text(&c, &arena);

        if (text != NULL && !bytes_eq(bytes_str(text), n.text))
            abort();
    }
    return 0;
}
