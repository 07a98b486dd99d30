/* SPDX-License-Identifier: Apache-2.0 */
#include "show/show.h"

#include <stdlib.h>

/* Any document, as somebody pastes it into the verifier's page: what is decoded is JSON. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(8 << 20);
    struct selfsame_bytes in = BYTES(data, size);
    auto_json *tree = json_object();
    struct selfsame_err e = { 0 };

    if (!show_is_vkey(in))
        show_unwrap(&in, &arena);
    if (tree == NULL || show_any(in, &arena, tree, &e) != SELFSAME_OK)
        return 0;
    char *text = json_compact(tree);
    if (text == NULL || !json_is_string(json_object_get(tree, "kind")))
        abort();
    free(text);
    return 0;
}
