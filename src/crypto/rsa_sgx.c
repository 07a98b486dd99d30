/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>

/* Intel SDM volume 3D §38.13 (SIGSTRUCT): the fields MODULUS, SIGNATURE, Q1 and Q2. */

enum selfsame_code
rsa_sgx_modulus(
    const struct key *k, uint8_t ret[static RSA_SGX_SIZE], struct selfsame_err *e)
{
    BIGNUM *m = NULL;

    if (k->type != KEY_RSA3072_E3)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "expected an RSA key of 3072 bits with exponent 3, got another");
    bool good = EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_RSA_N, &m) == 1 &&
                BN_bn2binpad(m, ret, RSA_SGX_SIZE) == RSA_SGX_SIZE;
    BN_free(m);
    if (!good)
        FAIL(e, SELFSAME_NOMEM, "RSA key: libcrypto is out of memory");
    return SELFSAME_OK;
}

static void
ctx_cleanup(BN_CTX **ctx)
{
    BN_CTX_free(*ctx);
}

enum selfsame_code
rsa_sgx_quotients(const uint8_t modulus[static RSA_SGX_SIZE],
    const uint8_t signature[static RSA_SGX_SIZE], uint8_t ret_q1[static RSA_SGX_SIZE],
    uint8_t ret_q2[static RSA_SGX_SIZE], struct selfsame_err *e)
{
    __attribute__((cleanup(ctx_cleanup))) BN_CTX *ctx = BN_CTX_new();
    uint8_t q1[RSA_SGX_SIZE], q2[RSA_SGX_SIZE];

    if (ctx == NULL)
        FAIL(e, SELFSAME_NOMEM, "SIGSTRUCT: libcrypto is out of memory");
    BN_CTX_start(ctx);
    BIGNUM *m = BN_CTX_get(ctx), *s = BN_CTX_get(ctx), *t = BN_CTX_get(ctx),
           *q = BN_CTX_get(ctx), *r = BN_CTX_get(ctx);
    bool known = r != NULL && BN_bin2bn(modulus, RSA_SGX_SIZE, m) != NULL &&
                 BN_bin2bn(signature, RSA_SGX_SIZE, s) != NULL;
    /* The processor takes neither: quotients of a larger signature would not fit. */
    bool ordered = known && BN_cmp(s, m) < 0;
    bool good = ordered && BN_sqr(t, s, ctx) == 1 && BN_div(q, r, t, m, ctx) == 1 &&
                BN_bn2binpad(q, q1, RSA_SGX_SIZE) == RSA_SGX_SIZE &&
                BN_mul(t, r, s, ctx) == 1 && BN_div(q, NULL, t, m, ctx) == 1 &&
                BN_bn2binpad(q, q2, RSA_SGX_SIZE) == RSA_SGX_SIZE;
    BN_CTX_end(ctx);
    if (known && !ordered)
        FAIL(e, SELFSAME_MALFORMED,
            "SIGSTRUCT: expected a signature below the modulus, got none");
    if (!good)
        FAIL(e, SELFSAME_NOMEM, "SIGSTRUCT: libcrypto is out of memory");
    memcpy(ret_q1, q1, sizeof(q1));
    memcpy(ret_q2, q2, sizeof(q2));
    return SELFSAME_OK;
}
