/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/envelope.h"
#include "crypto/internal.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <limits.h>

/* RSAES-OAEP with SHA-256 for label and mask, no label: what JOSE, CMS and AWS mean by it. */

static void
builder_cleanup(OSSL_PARAM_BLD **b)
{
    OSSL_PARAM_BLD_free(*b);
}
#define auto_builder __attribute__((cleanup(builder_cleanup))) OSSL_PARAM_BLD

/* NULL: no memory. */
static EVP_PKEY *
public_key(struct selfsame_bytes modulus, struct selfsame_bytes exponent)
{
    auto_builder *b = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_bin2bn(modulus.ptr, (int)modulus.len, NULL);
    BIGNUM *x = BN_bin2bn(exponent.ptr, (int)exponent.len, NULL);
    auto_pkey_ctx *ctx = EVP_PKEY_CTX_new_from_name(crypto_context(), "RSA", NULL);
    OSSL_PARAM *params = NULL;
    EVP_PKEY *made = NULL;

    if (b != NULL && n != NULL && x != NULL && ctx != NULL &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, x) == 1)
        params = OSSL_PARAM_BLD_to_param(b);
    if (params != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
        (void)EVP_PKEY_fromdata(ctx, &made, EVP_PKEY_PUBLIC_KEY, params);
    OSSL_PARAM_free(params);
    BN_free(n);
    BN_free(x);
    return made;
}

static bool
set_oaep(EVP_PKEY_CTX *ctx)
{
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, "SHA2-256", NULL) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, "SHA2-256", NULL) == 1;
}

enum selfsame_code
oaep_seal(struct selfsame_bytes rsa, struct selfsame_bytes plain,
    uint8_t ret[static OAEP_MAX], size_t *ret_len, struct selfsame_err *e)
{
    struct selfsame_bytes n, x;
    size_t len = OAEP_MAX;

    TRY(rsa_key_parse(rsa, &n, &x, e));
    /* RFC 8017 §7.1.1 (1b) */
    const size_t room = n.len - 2 * 32 - 2;
    if (plain.len > room)
        FAIL(e, SELFSAME_USAGE,
            "RSA-OAEP: expected at most %zu bytes for this key, got %zu", room,
            plain.len);
    auto_pkey *key = public_key(n, x);
    auto_pkey_ctx *ctx = key != NULL
                             ? EVP_PKEY_CTX_new_from_pkey(crypto_context(), key, NULL)
                             : NULL;
    if (ctx == NULL || EVP_PKEY_encrypt_init(ctx) != 1 || !set_oaep(ctx))
        FAIL(e, SELFSAME_NOMEM, "RSA-OAEP: libcrypto is out of memory");
    (void)ERR_set_mark();
    bool ok = EVP_PKEY_encrypt(ctx, ret, &len, plain.ptr, plain.len) == 1;
    (void)ERR_pop_to_mark();
    if (!ok)
        FAIL(e, SELFSAME_MALFORMED, "RSA-OAEP: libcrypto refuses this public key");
    *ret_len = len;
    return SELFSAME_OK;
}

static int
no_passphrase(char *buf, int size, int writing, void *arg)
{
    (void)buf, (void)size, (void)writing, (void)arg;
    return -1;
}

static EVP_PKEY *
private_key(struct selfsame_bytes pem)
{
    BIO *in = pem.len <= INT_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
    EVP_PKEY *key = in == NULL ? NULL
                               : PEM_read_bio_PrivateKey_ex(in, NULL, no_passphrase,
                                     NULL, crypto_context(), NULL);

    (void)BIO_free(in);
    return key;
}

enum selfsame_code
oaep_open(struct selfsame_bytes pem, struct selfsame_bytes sealed,
    uint8_t ret[static OAEP_MAX], size_t *ret_len, struct selfsame_err *e)
{
    uint8_t out[OAEP_MAX];
    size_t len = sizeof(out);

    (void)ERR_set_mark();
    auto_pkey *key = private_key(pem);
    (void)ERR_pop_to_mark();
    if (key == NULL || !EVP_PKEY_is_a(key, "RSA") ||
        EVP_PKEY_get_size(key) > (int)OAEP_MAX)
        FAIL(e, SELFSAME_MALFORMED,
            "private key: expected an unencrypted RSA key in PEM, got something else");
    auto_pkey_ctx *ctx = EVP_PKEY_CTX_new_from_pkey(crypto_context(), key, NULL);
    if (ctx == NULL || EVP_PKEY_decrypt_init(ctx) != 1 || !set_oaep(ctx))
        FAIL(e, SELFSAME_NOMEM, "RSA-OAEP: libcrypto is out of memory");
    (void)ERR_set_mark();
    bool ok = EVP_PKEY_decrypt(ctx, out, &len, sealed.ptr, sealed.len) == 1;
    (void)ERR_pop_to_mark();
    if (ok) {
        memcpy(ret, out, len);
        *ret_len = len;
    }
    secret_wipe(out, sizeof(out));
    if (!ok)
        FAIL(e, SELFSAME_BAD_SIGNATURE, "RSA-OAEP: not encrypted to this key");
    return SELFSAME_OK;
}
