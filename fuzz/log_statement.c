/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json.h"
#include "log/statement.h"

#include <stdlib.h>

/* Statements: what parses is its own one form, and what it promises can be read as JSON. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(16 << 20);
    struct selfsame_bytes in = BYTES(data, size);
    struct selfsame_err e = { 0 };
    struct statement s;
    auto_json *j = NULL;

    if (statement_parse(in, &arena, &s, &e) != SELFSAME_OK)
        return 0;
    if (json_parse(in, "statement", &j, &e) != SELFSAME_OK)
        abort();
    char *again = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
    /* jansson writes control characters in capitals, which our form does not. */
    if (again != NULL && strstr(again, "\\u") == NULL &&
        !bytes_eq(bytes_str(again), in))
        abort();
    free(again);
    for (size_t i = 0; s.kind == STATEMENT_RELEASE && i < s.release.reference_count;
         i++) {
        auto_json *entry = NULL, *options = NULL;
        const struct release_reference *r = &s.release.references[i];

        if (json_parse(r->entry, "entry", &entry, &e) != SELFSAME_OK ||
            json_parse(r->options, "options", &options, &e) != SELFSAME_OK)
            abort();
    }
    return 0;
}
