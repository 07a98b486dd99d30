/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/envelope.h"
#include "crypto/internal.h"

#include <openssl/err.h>

#include <limits.h>

/* AES-GCM (NIST SP 800-38D) with nonces of 96 bits, and AES key wrap (RFC 3394 §2.2). */

static void
cipher_cleanup(EVP_CIPHER **c)
{
    EVP_CIPHER_free(*c);
}
static void
cipher_ctx_cleanup(EVP_CIPHER_CTX **c)
{
    EVP_CIPHER_CTX_free(*c);
}
#define auto_cipher __attribute__((cleanup(cipher_cleanup))) EVP_CIPHER
#define auto_cipher_ctx __attribute__((cleanup(cipher_ctx_cleanup))) EVP_CIPHER_CTX

static enum selfsame_code
check_sizes(const struct aead *a, size_t text, struct selfsame_err *e)
{
    if ((a->key.len != 16 && a->key.len != 32) || a->nonce.len != AEAD_NONCE)
        FAIL(e, SELFSAME_USAGE,
            "AES-GCM: expected a key of 16 or 32 bytes and a nonce of 12, got %zu "
            "and %zu",
            a->key.len, a->nonce.len);
    if (text > INT_MAX / 2 || a->aad.len > INT_MAX / 2)
        FAIL(e, SELFSAME_USAGE, "AES-GCM: a message of %zu bytes is too long", text);
    return SELFSAME_OK;
}

/* A context that has read key, nonce and additional data; NULL: no memory. */
static EVP_CIPHER_CTX *
begin(const struct aead *a, bool seal)
{
    auto_cipher *gcm = EVP_CIPHER_fetch(
        crypto_context(), a->key.len == 16 ? "AES-128-GCM" : "AES-256-GCM", NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;

    if (gcm != NULL && ctx != NULL &&
        EVP_CipherInit_ex2(ctx, gcm, a->key.ptr, a->nonce.ptr, seal, NULL) == 1 &&
        (a->aad.len == 0 ||
            EVP_CipherUpdate(ctx, NULL, &n, a->aad.ptr, (int)a->aad.len) == 1))
        return ctx;
    EVP_CIPHER_CTX_free(ctx);
    return NULL;
}

static bool
update(EVP_CIPHER_CTX *ctx, struct selfsame_bytes in, uint8_t *ret)
{
    int n = 0;

    return in.len == 0 || (EVP_CipherUpdate(ctx, ret, &n, in.ptr, (int)in.len) == 1 &&
                              n == (int)in.len);
}

enum selfsame_code
aead_seal(const struct aead *a, struct selfsame_bytes plain, uint8_t *ret,
    struct selfsame_err *e)
{
    uint8_t none[16];
    int n = 0;

    TRY(check_sizes(a, plain.len, e));
    auto_cipher_ctx *ctx = begin(a, true);
    if (ctx == NULL || !update(ctx, plain, ret) ||
        EVP_CipherFinal_ex(ctx, none, &n) != 1 || n != 0 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG, ret + plain.len) != 1)
        FAIL(e, SELFSAME_NOMEM, "AES-GCM: libcrypto is out of memory");
    return SELFSAME_OK;
}

enum selfsame_code
aead_open(const struct aead *a, struct selfsame_bytes sealed, uint8_t *ret,
    struct selfsame_err *e)
{
    uint8_t tag[AEAD_TAG], none[16];
    int n = 0;

    TRY(check_sizes(a, sealed.len, e));
    if (sealed.len < AEAD_TAG)
        FAIL(e, SELFSAME_BAD_SIGNATURE,
            "AES-GCM: expected a tag of 16 bytes at the end, got %zu bytes in all",
            sealed.len);
    size_t len = sealed.len - AEAD_TAG;
    memcpy(tag, sealed.ptr + len, AEAD_TAG);
    auto_cipher_ctx *ctx = begin(a, false);
    if (ctx == NULL ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG, tag) != 1)
        FAIL(e, SELFSAME_NOMEM, "AES-GCM: libcrypto is out of memory");
    (void)ERR_set_mark();
    bool good = update(ctx, BYTES(sealed.ptr, len), ret) &&
                EVP_CipherFinal_ex(ctx, none, &n) == 1 && n == 0;
    (void)ERR_pop_to_mark();
    if (!good) {
        secret_wipe(ret, len);
        FAIL(e, SELFSAME_BAD_SIGNATURE,
            "AES-GCM: the tag is not that of this key, nonce, additional data and "
            "text");
    }
    return SELFSAME_OK;
}

/* NULL: no memory. */
static EVP_CIPHER_CTX *
begin_wrap(const uint8_t kek[static 32], bool seal)
{
    auto_cipher *wrap = EVP_CIPHER_fetch(crypto_context(), "AES-256-WRAP", NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

    if (ctx != NULL)
        EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    if (wrap != NULL && ctx != NULL &&
        EVP_CipherInit_ex2(ctx, wrap, kek, NULL, seal, NULL) == 1)
        return ctx;
    EVP_CIPHER_CTX_free(ctx);
    return NULL;
}

enum selfsame_code
key_wrap(const uint8_t kek[static 32], struct selfsame_bytes key, uint8_t *ret,
    struct selfsame_err *e)
{
    int n = 0;

    if (key.len < 16 || key.len > WRAP_MAX || key.len % 8 != 0)
        FAIL(e, SELFSAME_USAGE,
            "AES key wrap: expected 16 to 64 bytes, a multiple of 8, got %zu", key.len);
    auto_cipher_ctx *ctx = begin_wrap(kek, true);
    if (ctx == NULL || EVP_CipherUpdate(ctx, ret, &n, key.ptr, (int)key.len) != 1 ||
        n != (int)key.len + WRAP_EXTRA)
        FAIL(e, SELFSAME_NOMEM, "AES key wrap: libcrypto is out of memory");
    return SELFSAME_OK;
}

enum selfsame_code
key_unwrap(const uint8_t kek[static 32], struct selfsame_bytes wrapped, uint8_t *ret,
    struct selfsame_err *e)
{
    uint8_t out[WRAP_MAX + WRAP_EXTRA];
    int n = 0;

    if (wrapped.len < 16 + WRAP_EXTRA || wrapped.len > WRAP_MAX + WRAP_EXTRA ||
        wrapped.len % 8 != 0)
        FAIL(e, SELFSAME_BAD_SIGNATURE,
            "AES key wrap: expected 24 to 72 bytes, a multiple of 8, got %zu",
            wrapped.len);
    auto_cipher_ctx *ctx = begin_wrap(kek, false);
    if (ctx == NULL)
        FAIL(e, SELFSAME_NOMEM, "AES key wrap: libcrypto is out of memory");
    (void)ERR_set_mark();
    bool good = EVP_CipherUpdate(ctx, out, &n, wrapped.ptr, (int)wrapped.len) == 1 &&
                n == (int)wrapped.len - WRAP_EXTRA;
    (void)ERR_pop_to_mark();
    if (good)
        memcpy(ret, out, (size_t)n);
    secret_wipe(out, sizeof(out));
    if (!good)
        FAIL(
            e, SELFSAME_BAD_SIGNATURE, "AES key wrap: it was wrapped with another key");
    return SELFSAME_OK;
}
