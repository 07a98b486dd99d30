/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/nitro/nitro.h"

#include <stdlib.h>

/*
 * What a hostile guest asks of the simulated device, and a hostile host answers: the
 * first byte is what was asked, 0 a request. What parses is written and read as the same.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
request(struct selfsame_bytes in)
{
    static uint8_t once[1 << 17], twice[1 << 17];
    struct selfsame_err e = { 0 };
    struct nsm_request q;
    struct writer w = writer_of(once, sizeof(once)),
                  v = writer_of(twice, sizeof(twice));

    if (nsm_request_parse(in, &q, &e) != SELFSAME_OK)
        return;
    if (q.op == NSM_NONE)
        abort();
    nsm_request_put(&w, &q);
    if (w.bad || nsm_request_parse(writer_bytes(&w), &q, &e) != SELFSAME_OK)
        abort();
    nsm_request_put(&v, &q);
    if (!bytes_eq(writer_bytes(&w), writer_bytes(&v)))
        abort();
}

static void
response(struct selfsame_bytes in, enum nsm_op op)
{
    static uint8_t once[1 << 17];
    struct selfsame_err e = { 0 };
    struct nsm_response r;
    struct writer w = writer_of(once, sizeof(once));

    if (nsm_response_parse(in, op, &r, &e) != SELFSAME_OK)
        return;
    if (r.error != NULL || r.op != op)
        abort(); /* an error is none, an answer to something else neither */
    nsm_response_put(&w, &r);
    if (w.bad || nsm_response_parse(writer_bytes(&w), op, &r, &e) != SELFSAME_OK)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] == NSM_NONE)
        request(BYTES(data + 1, size - 1));
    else if (data[0] <= NSM_ATTESTATION)
        response(BYTES(data + 1, size - 1), (enum nsm_op)data[0]);
    return 0;
}
