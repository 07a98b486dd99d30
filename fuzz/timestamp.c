/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/timestamp.h"

#include <stdlib.h>

/* A time-stamp response from anybody; what parses must lie inside, and nobody vouches for it. */
static void
inside(struct selfsame_bytes in, struct selfsame_bytes view)
{
    if (view.ptr != NULL &&
        (view.ptr < in.ptr || view.ptr + view.len > in.ptr + in.len))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_bytes in = BYTES(data, size);
    struct selfsame_err e = { 0 };
    struct timestamp t;

    if (timestamp_parse(in, &t, &e) != SELFSAME_OK)
        return 0;
    inside(in, t.imprint);
    inside(in, t.content);
    inside(in, t.attributes);
    inside(in, t.signature);
    inside(in, t.certificates);
    inside(in, t.cert_digest);
    if (t.imprint.len != hash_size(t.imprint_hash) || t.content_digest.ptr == NULL)
        abort();
    if (timestamp_names(&t, NULL, 0) ||
        timestamp_verify(&t, in, NULL, 0, &arena, &e) == SELFSAME_OK)
        abort();
    return 0;
}
