/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/x509.h"

#include <stdlib.h>

/* A certificate from anybody; what parses must lie inside the input and not vouch for itself. */
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
    struct sig_check check;
    uint8_t store[256];
    struct chain c = { .count = 1 };

    if (cert_parse(in, &c.anchor, &e) != SELFSAME_OK)
        return 0;
    inside(in, c.anchor.key);
    if (name_text(c.anchor.subject, &arena) == NULL && size < 1 << 12)
        abort();
    inside(in, cert_extension(&c.anchor, BYTES_LIT("\x55\x1d\x1f")));
    if (cert_sig_check(&c.anchor, &c.anchor, store, &check, &e) == SELFSAME_OK &&
        sig_verify(&check, &e) == SELFSAME_INTERNAL)
        abort();
    c.cert[0] = c.anchor;
    if (chain_verify(&c, c.anchor.not_before, NULL, &e) == SELFSAME_OK)
        abort();
    return 0;
}
