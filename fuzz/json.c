/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct selfsame_bytes in = BYTES(data, size);
    struct selfsame_err e = { 0 };
    auto_json *j = NULL, *again = NULL;

    int line = json_line_of(in, "a[1].b");
    assert(line >= 0);
    if (json_parse(in, "input", &j, &e) != SELFSAME_OK) {
        assert(e.depth == 1);
        return 0;
    }
    /* The scanner finds what the parser found, unless the name has escapes. */
    json_t *a = json_object_get(j, "a");
    if (line > 0)
        assert(json_object_get(json_array_get(a, 1), "b") != NULL);
    char *text = json_compact(j);
    assert(text != NULL);
    assert(json_parse(bytes_str(text), "copy", &again, &e) == SELFSAME_OK);
    assert(json_equal(j, again));
    free(text);
    return 0;
}
