/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/internal.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <pthread.h>

/*
 * The reference backend: every algorithm, always there. Keys are built from raw
 * points on per-curve templates, because decoding a SubjectPublicKeyInfo in
 * libcrypto 3.0 costs more than a whole P-256 verification.
 */

static EVP_PKEY *template[SIG_P521 + 1]; /* curve parameters, no key */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
make_templates(void)
{
    OSSL_LIB_CTX *own = crypto_context();

    for (enum sig_alg alg = SIG_P256; own != NULL && alg <= SIG_P521; alg++) {
        auto_pkey_ctx *ctx = EVP_PKEY_CTX_new_from_name(own, "EC", NULL);
        EVP_PKEY *made = NULL;

        if (ctx != NULL && EVP_PKEY_paramgen_init(ctx) == 1 &&
            EVP_PKEY_CTX_set_group_name(ctx, curve_of(alg)->name) == 1 &&
            EVP_PKEY_paramgen(ctx, &made) == 1)
            template[alg] = made;
    }
}

/*
 * Importing a modulus and preparing its arithmetic costs a third of a verification, a
 * point of P-256 a tenth, and the same few roots, intermediates and machines sign most of
 * what there is: each thread keeps the last keys it used. A key is what its bytes say, so
 * nothing can be wrong in here.
 */
enum { MEMO_KEYS = 12, MEMO_KEY_MAX = 8192 / 8 + 32 };
struct memo {
    struct memo_key {
        enum sig_alg alg;
        uint8_t bytes[MEMO_KEY_MAX];
        size_t len; /* 0: free */
        EVP_PKEY *key;
        uint64_t used;
    } at[MEMO_KEYS];
    uint64_t turn;
};
static pthread_key_t memo_key;
static pthread_once_t memo_once = PTHREAD_ONCE_INIT;
static bool memo_ok;

static void
memo_free(void *p)
{
    struct memo *m = p;

    for (size_t i = 0; i < MEMO_KEYS; i++)
        EVP_PKEY_free(m->at[i].key);
    OPENSSL_free(m);
}

static void
memo_make_key(void)
{
    memo_ok = pthread_key_create(&memo_key, memo_free) == 0;
}

/* NULL: none, and then nothing is kept. */
static struct memo *
memo_get(void)
{
    (void)pthread_once(&memo_once, memo_make_key);
    struct memo *m = memo_ok ? pthread_getspecific(memo_key) : NULL;
    if (m != NULL || !memo_ok)
        return m;
    m = OPENSSL_zalloc(sizeof(*m));
    if (m != NULL && pthread_setspecific(memo_key, m) != 0) {
        OPENSSL_free(m);
        m = NULL;
    }
    return m;
}

/* A reference of the caller's own, or NULL. */
static EVP_PKEY *
memo_find(enum sig_alg alg, struct selfsame_bytes bytes)
{
    struct memo *m = memo_get();

    for (size_t i = 0; m != NULL && i < MEMO_KEYS; i++) {
        struct memo_key *x = &m->at[i];

        if (x->alg != alg || x->len != bytes.len || x->len == 0 ||
            bytes_cmp(BYTES(x->bytes, x->len), bytes) != 0 ||
            EVP_PKEY_up_ref(x->key) != 1)
            continue;
        x->used = ++m->turn;
        return x->key;
    }
    return NULL;
}

/* In the place of the one not used for the longest time. */
static void
memo_keep(enum sig_alg alg, struct selfsame_bytes bytes, EVP_PKEY *key)
{
    struct memo *m = bytes.len <= MEMO_KEY_MAX ? memo_get() : NULL;

    if (m == NULL || EVP_PKEY_up_ref(key) != 1)
        return;
    struct memo_key *x = &m->at[0];
    for (size_t i = 1; i < MEMO_KEYS; i++)
        if (m->at[i].used < x->used)
            x = &m->at[i];
    EVP_PKEY_free(x->key);
    x->alg = alg;
    x->key = key;
    x->len = bytes.len;
    x->used = ++m->turn;
    memcpy(x->bytes, bytes.ptr, bytes.len);
}

/* NULL and MALFORMED when libcrypto says that the point is not on the curve. */
static enum selfsame_code
ec_key(const struct curve *c, struct selfsame_bytes xy, EVP_PKEY **ret,
    struct selfsame_err *e)
{
    uint8_t point[1 + 2 * 66] = { 0x04 };

    *ret = memo_find(c->alg, xy);
    if (*ret != NULL)
        return SELFSAME_OK;
    (void)pthread_once(&once, make_templates);
    auto_pkey *key = EVP_PKEY_new();
    if (template[c->alg] == NULL || key == NULL ||
        EVP_PKEY_copy_parameters(key, template[c->alg]) != 1)
        FAIL(e, SELFSAME_NOMEM, "%s public key: libcrypto is out of memory", c->name);
    memcpy(point + 1, xy.ptr, xy.len);
    if (EVP_PKEY_set1_encoded_public_key(key, point, 1 + xy.len) != 1)
        FAIL(e, SELFSAME_MALFORMED,
            "%s public key: expected a point on the curve, got one off it", c->name);
    memo_keep(c->alg, xy, key);
    *ret = key;
    key = NULL;
    return SELFSAME_OK;
}

static enum selfsame_code
verify_ec(const struct curve *c, const struct sig_check *check, struct selfsame_err *e)
{
    auto_pkey *key = NULL;
    uint8_t der[ECDSA_DER_MAX];

    TRY(curve_check(c, check, e));
    TRY(ec_key(c, check->key, &key, e));
    auto_pkey_ctx *ctx = EVP_PKEY_CTX_new_from_pkey(crypto_context(), key, NULL);
    if (ctx == NULL || EVP_PKEY_verify_init(ctx) != 1)
        FAIL(e, SELFSAME_NOMEM, "%s signature: libcrypto is out of memory", c->name);
    size_t len = sig_ecdsa_to_der(check->signature, der);
    if (EVP_PKEY_verify(ctx, der, len, check->digest.ptr, check->digest.len) != 1)
        FAIL(e, SELFSAME_BAD_SIGNATURE,
            "%s signature over a %zu-byte digest does not verify", c->name,
            check->digest.len);
    return SELFSAME_OK;
}

static enum selfsame_code
verify_ed25519(const struct sig_check *check, struct selfsame_err *e)
{
    if (check->key.len != 32 || check->signature.len != 64)
        FAIL(e, SELFSAME_MALFORMED,
            "Ed25519: expected a key of 32 and a signature of 64 bytes, got %zu and "
            "%zu",
            check->key.len, check->signature.len);
    OSSL_LIB_CTX *own = crypto_context();
    auto_pkey *key = own == NULL ? NULL
                                 : EVP_PKEY_new_raw_public_key_ex(own, "ED25519", NULL,
                                       check->key.ptr, check->key.len);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ready = key != NULL && ctx != NULL &&
                 EVP_DigestVerifyInit_ex(ctx, NULL, NULL, own, NULL, key, NULL) == 1;
    bool good = ready &&
                EVP_DigestVerify(ctx, check->signature.ptr, check->signature.len,
                    check->digest.ptr, check->digest.len) == 1;
    EVP_MD_CTX_free(ctx);
    if (!ready)
        FAIL(e, SELFSAME_NOMEM, "Ed25519 signature: libcrypto is out of memory");
    if (!good)
        FAIL(e, SELFSAME_BAD_SIGNATURE,
            "Ed25519 signature over %zu bytes does not verify", check->digest.len);
    return SELFSAME_OK;
}

/* OSSL_PARAM integers are in the machine's byte order; `ret` holds `b` turned round. */
static OSSL_PARAM
param_uint(const char *name, struct selfsame_bytes b, uint8_t *ret)
{
    for (size_t i = 0; i < b.len; i++)
        ret[__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? b.len - 1 - i : i] = b.ptr[i];
    return OSSL_PARAM_construct_BN(name, ret, b.len);
}

static enum selfsame_code
rsa_key(struct selfsame_bytes n, struct selfsame_bytes x, EVP_PKEY **ret,
    struct selfsame_err *e)
{
    uint8_t n_buf[8192 / 8], x_buf[8];
    OSSL_PARAM params[] = {
        param_uint(OSSL_PKEY_PARAM_RSA_N, n, n_buf),
        param_uint(OSSL_PKEY_PARAM_RSA_E, x, x_buf),
        OSSL_PARAM_construct_end(),
    };
    OSSL_LIB_CTX *own = crypto_context();
    auto_pkey_ctx *ctx = own == NULL ? NULL
                                     : EVP_PKEY_CTX_new_from_name(own, "RSA", NULL);

    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1)
        FAIL(e, SELFSAME_NOMEM, "RSA public key: libcrypto is out of memory");
    if (EVP_PKEY_fromdata(ctx, ret, EVP_PKEY_PUBLIC_KEY, params) != 1)
        FAIL(e, SELFSAME_MALFORMED, "RSA public key: libcrypto refuses it");
    return SELFSAME_OK;
}

static enum selfsame_code
rsa_key_of(struct selfsame_bytes der, struct selfsame_bytes n, struct selfsame_bytes x,
    EVP_PKEY **ret, struct selfsame_err *e)
{
    *ret = memo_find(SIG_RSA_PKCS1, der);
    if (*ret != NULL)
        return SELFSAME_OK;
    TRY(rsa_key(n, x, ret, e));
    memo_keep(SIG_RSA_PKCS1, der, *ret);
    return SELFSAME_OK;
}

/* RFC 8017 §8.1.2 and §8.2.2; PSS with MGF1 of the same hash and a salt of its size. */
static bool
rsa_scheme(EVP_PKEY_CTX *ctx, const struct sig_check *check)
{
    const EVP_MD *md = hash_md(check->hash);
    bool pss = check->alg == SIG_RSA_PSS;
    int padding = pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING;

    return EVP_PKEY_verify_init(ctx) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1 &&
           EVP_PKEY_CTX_set_signature_md(ctx, md) == 1 &&
           (!pss ||
               (EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1 &&
                   EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1));
}

static enum selfsame_code
verify_rsa(const struct sig_check *check, struct selfsame_err *e)
{
    struct selfsame_bytes n, x;
    auto_pkey *key = NULL;
    size_t want = hash_size(check->hash);

    if (want == 0 || check->digest.len != want)
        FAIL(e, SELFSAME_MALFORMED, "RSA digest: expected %zu bytes, got %zu", want,
            check->digest.len);
    TRY(rsa_key_parse(check->key, &n, &x, e));
    if (check->signature.len != n.len)
        FAIL(e, SELFSAME_MALFORMED, "RSA signature: expected %zu bytes, got %zu", n.len,
            check->signature.len);
    TRY(rsa_key_of(check->key, n, x, &key, e));
    auto_pkey_ctx *ctx = EVP_PKEY_CTX_new_from_pkey(crypto_context(), key, NULL);
    if (ctx == NULL || !rsa_scheme(ctx, check))
        FAIL(e, SELFSAME_NOMEM, "RSA signature: libcrypto is out of memory");
    if (EVP_PKEY_verify(ctx, check->signature.ptr, check->signature.len,
            check->digest.ptr, check->digest.len) != 1)
        FAIL(e, SELFSAME_BAD_SIGNATURE,
            "RSA-%zu %s signature over a %zu-byte digest does not verify", n.len * 8,
            check->alg == SIG_RSA_PSS ? "PSS" : "PKCS#1", check->digest.len);
    return SELFSAME_OK;
}

static bool
supports(const struct sig_check *check)
{
    return check->alg >= SIG_P256 && check->alg <= SIG_RSA_PKCS1;
}

static enum selfsame_code
verify_any(const struct sig_check *check, struct selfsame_err *e)
{
    const struct curve *c = curve_of(check->alg);

    if (c != NULL)
        return verify_ec(c, check, e);
    if (check->alg == SIG_ED25519)
        return verify_ed25519(check, e);
    if (check->alg == SIG_RSA_PSS || check->alg == SIG_RSA_PKCS1)
        return verify_rsa(check, e);
    FAIL(e, SELFSAME_UNSUPPORTED, "signature algorithm %d is unknown", (int)check->alg);
}

static enum selfsame_code
verify(const struct sig_check *check, struct selfsame_err *e)
{
    /* A refused signature is our verdict, not an entry in the caller's error queue. */
    (void)ERR_set_mark();
    enum selfsame_code code = verify_any(check, e);
    (void)ERR_pop_to_mark();
    return code;
}

const struct sig_backend sig_openssl = {
    .name = "openssl",
    .supports = supports,
    .verify = verify,
};
