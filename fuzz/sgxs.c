/* SPDX-License-Identifier: Apache-2.0 */
#include "image/sgxs.h"

#include <stdlib.h>

static enum selfsame_code
measure(struct selfsame_bytes in, size_t step, uint8_t ret[static 32])
{
    struct selfsame_err e = { 0 };
    struct sgxs_reader r;
    struct sgxs_info info;
    enum selfsame_code code = sgxs_reader_init(&r, &e);

    while (code == SELFSAME_OK && in.len > 0) {
        size_t n = in.len < step ? in.len : step;

        code = sgxs_reader_push(&r, BYTES(in.ptr, n), &e);
        in = BYTES(in.ptr + n, in.len - n);
    }
    if (code == SELFSAME_OK)
        code = sgxs_reader_end(&r, ret, &info, &e);
    sgxs_reader_free(&r);
    return code;
}

/* A stream is what it is, in whatever pieces it comes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t a[32] = { 0 }, b[32] = { 0 };

    if (size == 0)
        return 0;
    enum selfsame_code whole = measure(BYTES(data, size), size, a);
    enum selfsame_code pieces = measure(BYTES(data, size), 1 + data[size - 1] % 101, b);
    if (whole != pieces || !bytes_eq(BYTES_ARR(a), BYTES_ARR(b)))
        abort();
    return 0;
}
