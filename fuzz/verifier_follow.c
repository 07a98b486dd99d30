/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/follow.h"

#include <stdlib.h>

/* How far a follow came, as a file says it: what is read is written as it was. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(16 << 20);
    struct followed first, again;
    struct selfsame_err e = { 0 };

    if (followed_parse(BYTES(data, size), &arena, &first, &e) != SELFSAME_OK)
        return 0;
    char *text = followed_print(&first);
    if (text == NULL ||
        followed_parse(bytes_str(text), &arena, &again, &e) != SELFSAME_OK ||
        !bytes_eq(first.note, again.note) || first.next != again.next ||
        first.highest != again.highest ||
        !bytes_eq(BYTES_ARR(first.digest), BYTES_ARR(again.digest)))
        abort();
    free(text);
    return 0;
}
