/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json_read.h"
#include "codec/json.h"

#include <stdlib.h>

/* What this reader takes as an object or a list, jansson takes too, numbers' ranges apart. */
static bool
has_number(struct selfsame_bytes in)
{
    for (size_t i = 0; i < in.len; i++)
        if (in.ptr[i] >= '0' && in.ptr[i] <= '9')
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jread j = jread_of(BYTES(data, size));
    struct selfsame_bytes value = jread_skip(&j);
    struct selfsame_err e = { 0 };
    auto_json *tree = NULL;

    if (!jread_done(&j) || value.len == 0 ||
        (value.ptr[0] != '{' && value.ptr[0] != '['))
        return 0;
    if (json_parse(BYTES(data, size), "fuzz", &tree, &e) != SELFSAME_OK &&
        !has_number(value))
        abort();
    return 0;
}
