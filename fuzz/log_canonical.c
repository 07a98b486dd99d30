/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json.h"
#include "log/log.h"

#include <stdlib.h>

/* What is canonical is byte for byte what another writer makes of its value (jansson). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct selfsame_err e = { 0 };
    auto_json *j = NULL;

    if (canonical_check(BYTES(data, size), "input", &e) != SELFSAME_OK)
        return 0;
    /* Strings with a zero are canonical, and refused by our JSON reader. */
    if (json_parse(BYTES(data, size), "input", &j, &e) != SELFSAME_OK)
        return 0;
    char *text = json_dumps(j, JSON_SORT_KEYS | JSON_COMPACT);
    if (text == NULL)
        return 0;
    /* jansson writes control characters in upper case: compare texts without escapes. */
    if (memchr(data, '\\', size) == NULL &&
        !bytes_eq(bytes_str(text), BYTES(data, size)))
        abort();
    free(text);
    return 0;
}
