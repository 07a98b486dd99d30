/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crl.h"

#include <stdlib.h>

/* A CRL from anybody: what parses lies inside the input, and its entries are walked again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct selfsame_bytes in = BYTES(data, size);
    struct selfsame_err e = { 0 };
    struct cert issuer = { .key_alg = SIG_RSA_PKCS1 };
    struct crl c;

    if (crl_parse(in, &c, &e) != SELFSAME_OK)
        return 0;
    const struct selfsame_bytes views[] = { c.tbs, c.issuer, c.entries, c.signature };
    for (size_t i = 0; i < COUNT(views); i++)
        if (views[i].ptr != NULL &&
            (views[i].ptr < in.ptr || views[i].ptr + views[i].len > in.ptr + in.len))
            abort();
    (void)crl_lists(&c, BYTES_LIT("\x07"));
    issuer.subject = c.issuer;
    if (crl_verify(&c, &issuer, c.this_update, NULL, &e) == SELFSAME_OK)
        abort(); /* nobody's key */
    return 0;
}
