/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/message.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is accepted must encode to the very same bytes: the encoding is deterministic. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_bytes in = BYTES(data, size), out = in;
    struct selfsame_err e = { 0 };
    struct attest_request request;
    struct attest_response response;
    struct attest_ack ack;

    if (attest_request_parse(in, &request, &e) == SELFSAME_OK &&
        (attest_request_encode(&request, &arena, &out, &e) || !bytes_eq(in, out)))
        abort();
    if (attest_response_parse(in, &response, &e) == SELFSAME_OK &&
        (attest_response_encode(&response, &arena, &out, &e) || !bytes_eq(in, out)))
        abort();
    if (attest_ack_parse(in, &ack, &e) == SELFSAME_OK &&
        (attest_ack_encode(&ack, &arena, &out, &e) || !bytes_eq(in, out)))
        abort();
    return 0;
}
