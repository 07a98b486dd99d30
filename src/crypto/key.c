/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <limits.h>

/* Everything that holds a secret stays in libcrypto. */

static const struct {
    enum key_type type;
    const char *algorithm, *group, *name;
    size_t half; /* of an ECDSA signature */
    int bits;    /* of RSA */
    unsigned exponent;
} types[] = {
    { KEY_P256, "EC", "P-256", "prime256v1", 32, 0, 0 },
    { KEY_P384, "EC", "P-384", "secp384r1", 48, 0, 0 },
    { KEY_ED25519, "ED25519", NULL, NULL, 0, 0, 0 },
    { KEY_RSA2048, "RSA", NULL, NULL, 0, 2048, 65537 },
    { KEY_RSA3072, "RSA", NULL, NULL, 0, 3072, 65537 },
    { KEY_RSA4096, "RSA", NULL, NULL, 0, 4096, 65537 },
    { KEY_RSA3072_E3, "RSA", NULL, NULL, 0, 8 * RSA_SGX_SIZE, 3 },
};
enum { RSA_SIGNATURE_MAX = 512 };

static void
bio_cleanup(BIO **b)
{
    (void)BIO_free(*b);
}
#define auto_bio __attribute__((cleanup(bio_cleanup))) BIO

static size_t
half_of(const struct key *k)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (types[i].type == k->type)
            return types[i].half;
    return 0;
}

/* Takes pkey over, also on failure. */
static enum selfsame_code
wrap(EVP_PKEY *pkey, enum key_type type, struct key **ret, struct selfsame_err *e)
{
    struct key *k = OPENSSL_zalloc(sizeof(*k));

    if (k == NULL) {
        EVP_PKEY_free(pkey);
        FAIL(e, SELFSAME_NOMEM, "private key: out of memory");
    }
    *k = (struct key){ .pkey = pkey, .type = type };
    *ret = k;
    return SELFSAME_OK;
}

/* NULL: libcrypto cannot. */
static EVP_PKEY *
generate_rsa(int bits, unsigned exponent)
{
    EVP_PKEY *pkey = NULL;
    auto_pkey_ctx *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *x = BN_new();

    bool ok = ctx != NULL && x != NULL && BN_set_word(x, exponent) == 1 &&
              EVP_PKEY_keygen_init(ctx) == 1 &&
              EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits) == 1 &&
              EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, x) == 1 &&
              EVP_PKEY_generate(ctx, &pkey) == 1;
    BN_free(x);
    return ok ? pkey : NULL;
}

enum selfsame_code
key_generate(enum key_type t, struct key **ret, struct selfsame_err *e)
{
    for (size_t i = 0; i < COUNT(types); i++) {
        if (types[i].type != t)
            continue;
        EVP_PKEY *pkey = types[i].bits > 0
                             ? generate_rsa(types[i].bits, types[i].exponent)
                             : EVP_PKEY_Q_keygen(
                                   NULL, NULL, types[i].algorithm, types[i].group);
        if (pkey == NULL)
            FAIL(e, SELFSAME_INTERNAL, "libcrypto cannot make a %s key",
                types[i].algorithm);
        return wrap(pkey, t, ret, e);
    }
    FAIL(e, SELFSAME_UNSUPPORTED, "key type %d: expected P-256, P-384, Ed25519 or RSA",
        (int)t);
}

static bool
is_rsa_of(const EVP_PKEY *pkey, int bits, unsigned exponent)
{
    BIGNUM *x = NULL;
    bool good = EVP_PKEY_get_bits(pkey) == bits &&
                EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &x) == 1 &&
                BN_is_word(x, exponent) == 1;

    BN_free(x);
    return good;
}

/* The type libcrypto says this key is of; false when it is none of ours. */
static bool
type_of(const EVP_PKEY *pkey, enum key_type *ret)
{
    char group[64] = "";
    size_t n = 0;

    (void)EVP_PKEY_get_utf8_string_param(
        pkey, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), &n);
    for (size_t i = 0; i < COUNT(types); i++)
        if (EVP_PKEY_is_a(pkey, types[i].algorithm) &&
            (types[i].name == NULL || strcmp(group, types[i].name) == 0) &&
            (types[i].bits == 0 || is_rsa_of(pkey, types[i].bits, types[i].exponent))) {
            *ret = types[i].type;
            return true;
        }
    return false;
}

/* Encrypted keys are refused; without this libcrypto would ask the terminal. */
static int
no_passphrase(char *buf, int size, int writing, void *arg)
{
    (void)buf, (void)size, (void)writing, (void)arg;
    return -1;
}

enum selfsame_code
key_from_pem(struct selfsame_bytes pem, struct key **ret, struct selfsame_err *e)
{
    enum key_type type;

    if (pem.len > INT_MAX)
        FAIL(e, SELFSAME_MALFORMED, "private key: too long");
    auto_bio *in = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    if (in == NULL)
        FAIL(e, SELFSAME_NOMEM, "private key: out of memory");
    (void)ERR_set_mark();
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL);
    (void)ERR_pop_to_mark();
    if (pkey == NULL)
        FAIL(e, SELFSAME_MALFORMED,
            "private key: expected an unencrypted PEM private key, got something else");
    if (!type_of(pkey, &type)) {
        EVP_PKEY_free(pkey);
        FAIL(e, SELFSAME_UNSUPPORTED,
            "private key: expected P-256, P-384, Ed25519, RSA of 2048, 3072 or 4096 "
            "bits, "
            "or RSA-3072 with exponent 3, got another kind");
    }
    return wrap(pkey, type, ret, e);
}

enum selfsame_code
key_take_pem(struct selfsame_bytes pem, struct key **ret, struct selfsame_err *e)
{
    enum selfsame_code code = key_from_pem(pem, ret, e);

    secret_wipe((void *)(uintptr_t)pem.ptr, pem.len);
    return code;
}

enum selfsame_code
key_from_seed(struct selfsame_bytes seed, struct key **ret, struct selfsame_err *e)
{
    if (seed.len != 32)
        FAIL(e, SELFSAME_MALFORMED, "private key: expected a seed of 32 bytes, got %zu",
            seed.len);
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(
        EVP_PKEY_ED25519, NULL, seed.ptr, seed.len);
    if (pkey == NULL)
        FAIL(e, SELFSAME_NOMEM, "private key: out of memory");
    return wrap(pkey, KEY_ED25519, ret, e);
}

enum selfsame_code
key_to_pem(const struct key *k, struct arena *arena, char **ret, struct selfsame_err *e)
{
    /* A memory BIO wipes its buffer when it is freed. */
    auto_bio *out = BIO_new(BIO_s_mem());
    char *text = NULL;

    if (out == NULL ||
        PEM_write_bio_PKCS8PrivateKey(out, k->pkey, NULL, NULL, 0, NULL, NULL) != 1)
        FAIL(e, SELFSAME_NOMEM, "private key: libcrypto cannot write it");
    long n = BIO_get_mem_data(out, &text);
    char *copy = n > 0 ? arena_str(arena, BYTES((const uint8_t *)text, (size_t)n))
                       : NULL;
    if (copy == NULL)
        FAIL(e, SELFSAME_NOMEM, "private key: out of memory");
    *ret = copy;
    return SELFSAME_OK;
}

void
key_free(struct key **k)
{
    if (*k == NULL)
        return;
    EVP_PKEY_free((*k)->pkey);
    OPENSSL_free(*k);
    *k = NULL;
}

enum key_type
key_type_of(const struct key *k)
{
    return k->type;
}

void *
key_native(const struct key *k)
{
    return k->pkey;
}

enum selfsame_code
key_spki(const struct key *k, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    uint8_t *der = NULL;
    int n = i2d_PUBKEY(k->pkey, &der);
    bool ok = n > 0 && arena_dup(arena, BYTES(der, (size_t)n), ret);

    OPENSSL_free(der);
    if (!ok)
        FAIL(e, SELFSAME_NOMEM, "public key: out of memory");
    return SELFSAME_OK;
}

static enum selfsame_code
sign_message(const struct key *k, struct selfsame_bytes message, uint8_t *sig,
    size_t *len, struct selfsame_err *e)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL &&
              EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, k->pkey, NULL) == 1 &&
              EVP_DigestSign(ctx, sig, len, message.ptr, message.len) == 1;

    EVP_MD_CTX_free(ctx);
    if (!ok)
        FAIL(e, SELFSAME_INTERNAL, "libcrypto cannot sign with this Ed25519 key");
    return SELFSAME_OK;
}

static enum selfsame_code
sign_digest(const struct key *k, struct selfsame_bytes digest, uint8_t *rs,
    struct selfsame_err *e)
{
    uint8_t der[ECDSA_DER_MAX];
    size_t n = sizeof(der);
    auto_pkey_ctx *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);

    if (ctx == NULL || EVP_PKEY_sign_init(ctx) != 1 ||
        EVP_PKEY_sign(ctx, der, &n, digest.ptr, digest.len) != 1 ||
        !sig_ecdsa_from_der(BYTES(der, n), half_of(k), rs))
        FAIL(e, SELFSAME_INTERNAL, "libcrypto cannot sign with this EC key");
    return SELFSAME_OK;
}

/* PKCS #1 v1.5: the same key and digest always give the same bytes; PSS: salt as long as the digest. */
static enum selfsame_code
sign_rsa(const struct key *k, bool pss, struct selfsame_bytes digest, uint8_t *sig,
    size_t *len, struct selfsame_err *e)
{
    auto_pkey_ctx *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);

    if (ctx == NULL || EVP_PKEY_sign_init(ctx) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(
            ctx, pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) != 1 ||
        EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) != 1 ||
        (pss && EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) != 1) ||
        EVP_PKEY_sign(ctx, sig, len, digest.ptr, digest.len) != 1)
        FAIL(e, SELFSAME_INTERNAL, "libcrypto cannot sign with this RSA key");
    return SELFSAME_OK;
}

static bool
is_rsa(const struct key *k)
{
    return k->type == KEY_RSA2048 || k->type == KEY_RSA3072 || k->type == KEY_RSA4096 ||
           k->type == KEY_RSA3072_E3;
}

enum selfsame_code
key_sign_pss(const struct key *k, struct selfsame_bytes sha256, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    uint8_t sig[RSA_SIGNATURE_MAX];
    size_t len = sizeof(sig);

    if (!is_rsa(k) || k->type == KEY_RSA3072_E3 || sha256.len != 32)
        FAIL(e, SELFSAME_USAGE, "PSS: expected an RSA key and a SHA-256");
    TRY(sign_rsa(k, true, sha256, sig, &len, e));
    if (!arena_dup(arena, BYTES(sig, len), ret))
        FAIL(e, SELFSAME_NOMEM, "signature: out of memory");
    return SELFSAME_OK;
}

enum selfsame_code
key_sign(const struct key *k, enum hash_alg hash, struct selfsame_bytes digest,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    uint8_t sig[RSA_SIGNATURE_MAX];
    size_t len = 64;

    if (is_rsa(k) && hash != HASH_SHA256)
        FAIL(e, SELFSAME_UNSUPPORTED, "RSA keys sign certificates, CRLs and a SHA-256");
    if (k->type != KEY_ED25519 &&
        (hash_size(hash) == 0 || digest.len != hash_size(hash)))
        FAIL(e, SELFSAME_USAGE, "digest to sign: expected %zu bytes, got %zu",
            hash_size(hash), digest.len);
    if (k->type == KEY_ED25519) {
        TRY(sign_message(k, digest, sig, &len, e));
    } else if (is_rsa(k)) {
        len = sizeof(sig);
        TRY(sign_rsa(k, false, digest, sig, &len, e));
    } else {
        len = 2 * half_of(k);
        TRY(sign_digest(k, digest, sig, e));
    }
    if (!arena_dup(arena, BYTES(sig, len), ret))
        FAIL(e, SELFSAME_NOMEM, "signature: out of memory");
    return SELFSAME_OK;
}
