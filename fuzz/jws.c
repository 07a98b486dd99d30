/* SPDX-License-Identifier: Apache-2.0 */
#include "token/token.h"

#include <stdlib.h>

/* A token from anybody; by the key of RFC 8037 A.2, whose owner signed none of them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char key[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
                              "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    auto_json *shown = NULL;
    auto_token t = { 0 };
    struct jwks set;

    if (jwks_parse(bytes_str(key), &arena, &set, &e) != SELFSAME_OK)
        abort();
    if (token_open(BYTES(data, size), &set, &arena, &t, &e) == SELFSAME_OK)
        abort();
    if (token_decode(BYTES(data, size), &arena, &shown, &e) == SELFSAME_OK &&
        json_object_get(shown, "claims") == NULL)
        abort();
    return 0;
}
