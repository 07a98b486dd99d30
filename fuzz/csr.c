/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/csr.h"
#include "crypto/envelope.h"

#include <stdlib.h>

/* A request that is read is one of a key that it names; and any key as a recipient. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct selfsame_err e = { 0 };
    struct envelope_to to;
    struct csr c;

    if (csr_read(BYTES(data, size), &c, &e) == SELFSAME_OK &&
        (c.spki.len == 0 || c.key.len == 0))
        abort();
    if (envelope_to_spki(BYTES(data, size), &to, &e) == SELFSAME_OK && to.key.len == 0)
        abort();
    return 0;
}
