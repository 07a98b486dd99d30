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

/* As chains of signers are read: more is let in, and it is looked at more closely. */
static void
as_signer(struct selfsame_bytes in, struct arena *arena)
{
    const struct selfsame_bytes handled[] = { OID_EXT_PURPOSE, OID_EXT_ALT_NAME };
    const struct cert_profile p = {
        .handled = handled, .handled_count = COUNT(handled), .ed25519 = true
    };
    const struct selfsame_bytes ski = BYTES_LIT("\x55\x1d\x0e");
    struct selfsame_bytes name, tbs;
    struct selfsame_err e = { 0 };
    struct cert c;

    if (cert_parse_as(in, &p, &c, &e) != SELFSAME_OK)
        return;
    if (cert_alt_name(&c, BYTES_LIT("\x2a\x03"), &name, &e) == SELFSAME_OK)
        inside(in, name);
    if (cert_purpose_of(&c, OID_PURPOSE_CODE) > PURPOSE_ONLY)
        abort();
    if (cert_tbs_without(&c, ski, arena, &tbs, &e) == SELFSAME_OK &&
        tbs.len >= c.tbs.len)
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

    as_signer(in, &arena);
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
