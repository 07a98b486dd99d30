/* SPDX-License-Identifier: Apache-2.0 */
#include "image/pe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct selfsame_err e = { 0 };
    uint8_t digest[HASH_MAX];

    (void)pe_authenticode(BYTES(data, size), HASH_SHA384, digest, &e);
    return 0;
}
