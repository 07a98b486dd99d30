/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/dcap.h"

#include <stdlib.h>

/* What parses lies inside the input, to the byte, and parses without its trailer again. */
static void
inside(struct selfsame_bytes part, struct selfsame_bytes whole)
{
    if (part.len > whole.len ||
        (part.len > 0 &&
            (part.ptr < whole.ptr || part.ptr + part.len > whole.ptr + whole.len)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct selfsame_bytes in = BYTES(data, size);
    struct selfsame_err e = { 0 };
    struct dcap_quote q, again;
    struct dcap_pck pck;
    struct cert cert;

    if (cert_parse(in, &cert, &e) == SELFSAME_OK)
        (void)!dcap_pck_parse(&cert, &pck, &e);
    if (dcap_quote_parse(in, &q, &e) != SELFSAME_OK)
        return 0;
    const struct selfsame_bytes parts[] = { q.signed_, q.body, q.user_data, q.signature,
        q.key, q.qe.raw, q.qe_signature, q.qe_auth, q.cert_data };
    for (size_t i = 0; i < COUNT(parts); i++)
        inside(parts[i], q.raw);
    if (q.raw.len + q.trailer != size || !dcap_quote_recognise(in, q.tee) ||
        dcap_quote_parse(q.raw, &again, &e) != SELFSAME_OK || again.trailer != 0)
        abort();
    return 0;
}
