/* SPDX-License-Identifier: Apache-2.0 */
#include "token/jwe.h"

#include <stdlib.h>

/* A JWE for a key that nobody else has, or a JWK to encrypt to. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct agree_key *own;
    auto_arena arena = arena_new(8 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes plain;
    struct envelope_to to;
    auto_json *jwk = NULL;
    char *text;

    if (own == NULL && agree_generate(AGREE_P256, &own, &e) != SELFSAME_OK)
        abort();
    const struct jwe_key k = { .agree = own };
    if (jwe_open(&k, BYTES(data, size), &arena, &plain, &e) == SELFSAME_OK)
        abort();
    if (json_parse(BYTES(data, size), "JWK", &jwk, &e) == SELFSAME_OK &&
        jwe_to_jwk(jwk, &arena, &to, &e) == SELFSAME_OK &&
        jwe_seal(&to, BYTES_LIT("x"), &arena, &text, &e) == SELFSAME_OK &&
        text[0] != '{')
        abort();
    return 0;
}
