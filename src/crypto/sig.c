/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/internal.h"

/* The first that supports a check does it; fastest first, the reference last. */
static const struct sig_backend *const backends[] = {
    &sig_nettle,
    &sig_sodium,
    &sig_openssl,
};

enum selfsame_code
sig_verify(const struct sig_check *check, struct selfsame_err *e)
{
    for (size_t i = 0; i < COUNT(backends); i++)
        if (backends[i]->supports(check))
            return backends[i]->verify(check, e);
    FAIL(e, SELFSAME_UNSUPPORTED,
        "signature algorithm %d: expected ECDSA, Ed25519 or RSA, got another",
        (int)check->alg);
}

/*
 * Independent checks, so a backend that does several at once can take all it
 * supports here; none of today's does. All are run: the caller gets every code.
 */
enum selfsame_code
sig_verify_batch(const struct sig_check *checks, size_t count,
    enum selfsame_code *ret_code, struct selfsame_err *e)
{
    enum selfsame_code first = SELFSAME_OK;
    struct selfsame_err later;

    for (size_t i = 0; i < count; i++) {
        bool said = first != SELFSAME_OK;

        ret_code[i] = sig_verify(&checks[i], said ? &later : e);
        if (!said)
            first = ret_code[i];
    }
    return first;
}
