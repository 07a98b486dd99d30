/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/envelope.h"
#include "crypto/internal.h"
#include "crypto/x509.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>

struct agree_key {
    EVP_PKEY *pkey;
    enum agree_alg alg;
    uint8_t public_[AGREE_PUBLIC];
};

static const struct group {
    enum agree_alg alg;
    const char *name;
    int nid;
    size_t half; /* of a coordinate and a number */
} groups[] = {
    { AGREE_X25519, "X25519", NID_X25519, 32 },
    { AGREE_P256, "P-256", NID_X9_62_prime256v1, 32 },
    { AGREE_P384, "P-384", NID_secp384r1, 48 },
    { AGREE_P521, "P-521", NID_secp521r1, 66 },
};

static const struct group *
group_of(enum agree_alg alg)
{
    for (size_t i = 0; i < COUNT(groups); i++)
        if (groups[i].alg == alg)
            return &groups[i];
    return NULL;
}

size_t
agree_public_size(enum agree_alg alg)
{
    const struct group *g = group_of(alg);

    return g == NULL ? 0 : alg == AGREE_X25519 ? g->half : 2 * g->half;
}

/* Takes pkey over, also on failure. */
static enum selfsame_code
wrap(EVP_PKEY *pkey, const struct group *g, struct agree_key **ret,
    struct selfsame_err *e)
{
    uint8_t point[1 + AGREE_PUBLIC];
    size_t size = agree_public_size(g->alg), n = 0;
    const bool ec = g->alg != AGREE_X25519;
    struct agree_key *k = OPENSSL_zalloc(sizeof(*k));

    if (k == NULL ||
        EVP_PKEY_get_octet_string_param(
            pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &n) != 1 ||
        n != size + ec || (ec && point[0] != 0x04)) {
        EVP_PKEY_free(pkey);
        OPENSSL_free(k);
        FAIL(e, SELFSAME_NOMEM, "%s key: libcrypto does not tell its public half",
            g->name);
    }
    k->pkey = pkey;
    k->alg = g->alg;
    memcpy(k->public_, point + ec, size);
    *ret = k;
    return SELFSAME_OK;
}

enum selfsame_code
agree_generate(enum agree_alg alg, struct agree_key **ret, struct selfsame_err *e)
{
    const struct group *g = group_of(alg);

    if (g == NULL)
        FAIL(e, SELFSAME_UNSUPPORTED, "agreement key: unknown curve %d", (int)alg);
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(
        crypto_context(), NULL, alg == AGREE_X25519 ? "X25519" : "EC", g->name);
    if (pkey == NULL)
        FAIL(e, SELFSAME_INTERNAL, "libcrypto cannot make a %s key", g->name);
    return wrap(pkey, g, ret, e);
}

/* The public point of a number, which libcrypto 3.0 does not compute by itself. */
static bool
public_of(const struct group *g, const BIGNUM *d, uint8_t ret[static 1 + AGREE_PUBLIC])
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name_ex(crypto_context(), NULL, g->nid);
    EC_POINT *p = group != NULL ? EC_POINT_new(group) : NULL;
    bool ok = p != NULL && !BN_is_zero(d) &&
              BN_cmp(d, EC_GROUP_get0_order(group)) < 0 &&
              EC_POINT_mul(group, p, d, NULL, NULL, NULL) == 1 &&
              EC_POINT_point2oct(group, p, POINT_CONVERSION_UNCOMPRESSED, ret,
                  1 + 2 * g->half, NULL) == 1 + 2 * g->half;

    EC_POINT_clear_free(p);
    EC_GROUP_free(group);
    return ok;
}

static void
builder_cleanup(OSSL_PARAM_BLD **b)
{
    OSSL_PARAM_BLD_free(*b);
}
#define auto_builder __attribute__((cleanup(builder_cleanup))) OSSL_PARAM_BLD

/* `d` and `point` may be absent; NULL: libcrypto refuses it, or has no memory. */
static EVP_PKEY *
ec_key(const struct group *g, const BIGNUM *d, struct selfsame_bytes point)
{
    auto_builder *b = OSSL_PARAM_BLD_new();
    auto_pkey_ctx *ctx = EVP_PKEY_CTX_new_from_name(crypto_context(), "EC", NULL);
    OSSL_PARAM *params = NULL;
    EVP_PKEY *made = NULL;

    if (b != NULL && ctx != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, g->name, 0) ==
            1 &&
        OSSL_PARAM_BLD_push_octet_string(
            b, OSSL_PKEY_PARAM_PUB_KEY, point.ptr, point.len) == 1 &&
        (d == NULL || OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d) == 1))
        params = OSSL_PARAM_BLD_to_param(b);
    (void)ERR_set_mark();
    if (params != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
        (void)EVP_PKEY_fromdata(
            ctx, &made, d != NULL ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params);
    (void)ERR_pop_to_mark();
    OSSL_PARAM_free(params);
    return made;
}

static EVP_PKEY *
private_of(const struct group *g, struct selfsame_bytes number)
{
    uint8_t point[1 + AGREE_PUBLIC];

    if (g->alg == AGREE_X25519)
        return EVP_PKEY_new_raw_private_key_ex(
            crypto_context(), "X25519", NULL, number.ptr, number.len);
    BIGNUM *d = BN_secure_new();
    bool ok = d != NULL && BN_bin2bn(number.ptr, (int)number.len, d) != NULL &&
              public_of(g, d, point);
    EVP_PKEY *made = ok ? ec_key(g, d, BYTES(point, 1 + 2 * g->half)) : NULL;
    BN_clear_free(d);
    return made;
}

enum selfsame_code
agree_from_private(enum agree_alg alg, struct selfsame_bytes number,
    struct agree_key **ret, struct selfsame_err *e)
{
    const struct group *g = group_of(alg);

    if (g == NULL)
        FAIL(e, SELFSAME_UNSUPPORTED, "agreement key: unknown curve %d", (int)alg);
    if (number.len != g->half)
        FAIL(e, SELFSAME_MALFORMED, "%s private key: expected %zu bytes, got %zu",
            g->name, g->half, number.len);
    EVP_PKEY *pkey = private_of(g, number);
    if (pkey == NULL)
        FAIL(e, SELFSAME_MALFORMED,
            "%s private key: expected a number from 1 to the order of the curve",
            g->name);
    return wrap(pkey, g, ret, e);
}

void
agree_free(struct agree_key **k)
{
    if (*k == NULL)
        return;
    EVP_PKEY_free((*k)->pkey);
    OPENSSL_free(*k);
    *k = NULL;
}

enum agree_alg
agree_alg_of(const struct agree_key *k)
{
    return k->alg;
}

struct selfsame_bytes
agree_public(const struct agree_key *k)
{
    return BYTES(k->public_, agree_public_size(k->alg));
}

/* NULL: not on the curve, or no memory. */
static EVP_PKEY *
peer_of(const struct group *g, struct selfsame_bytes key)
{
    uint8_t point[1 + AGREE_PUBLIC] = { 0x04 };

    if (g->alg == AGREE_X25519)
        return EVP_PKEY_new_raw_public_key_ex(
            crypto_context(), "X25519", NULL, key.ptr, key.len);
    memcpy(point + 1, key.ptr, key.len);
    return ec_key(g, NULL, BYTES(point, 1 + key.len));
}

enum selfsame_code
agree_secret(const struct agree_key *k, struct selfsame_bytes peer,
    uint8_t ret[static AGREE_SECRET], size_t *ret_len, struct selfsame_err *e)
{
    const struct group *g = group_of(k->alg);
    uint8_t z[AGREE_SECRET];
    size_t n = sizeof(z);

    if (peer.len != agree_public_size(k->alg))
        FAIL(e, SELFSAME_MALFORMED, "%s public key: expected %zu bytes, got %zu",
            g->name, agree_public_size(k->alg), peer.len);
    auto_pkey *other = peer_of(g, peer);
    if (other == NULL)
        FAIL(e, SELFSAME_MALFORMED,
            "%s public key: expected a point on the curve, got one off it", g->name);
    auto_pkey_ctx *ctx = EVP_PKEY_CTX_new_from_pkey(crypto_context(), k->pkey, NULL);
    if (ctx == NULL || EVP_PKEY_derive_init(ctx) != 1)
        FAIL(e, SELFSAME_NOMEM, "%s agreement: libcrypto is out of memory", g->name);
    (void)ERR_set_mark();
    /* X25519 fails over points of small order, whose secret is zero (RFC 7748 §6.1). */
    bool ok = EVP_PKEY_derive_set_peer(ctx, other) == 1 &&
              EVP_PKEY_derive(ctx, z, &n) == 1 && n == g->half &&
              !bytes_is_zero(BYTES(z, n));
    (void)ERR_pop_to_mark();
    if (ok) {
        memcpy(ret, z, n);
        *ret_len = n;
    }
    secret_wipe(z, sizeof(z));
    if (!ok)
        FAIL(e, SELFSAME_MALFORMED, "%s public key: it gives no secret with any key",
            g->name);
    return SELFSAME_OK;
}

/* RFC 8410 §4: the one encoding of an X25519 key. */
static bool
is_x25519(struct selfsame_bytes spki, struct selfsame_bytes *ret)
{
    static const uint8_t head[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65,
        0x6e, 0x03, 0x21, 0x00 };

    if (spki.len != sizeof(head) + 32 || !bytes_has_prefix(spki, BYTES_ARR(head)))
        return false;
    *ret = BYTES(spki.ptr + sizeof(head), 32);
    return true;
}

enum selfsame_code
envelope_to_spki(
    struct selfsame_bytes spki, struct envelope_to *ret, struct selfsame_err *e)
{
    struct envelope_to to = { .spki = spki };
    enum sig_alg alg;

    if (is_x25519(spki, &to.key)) {
        to.kind = ENVELOPE_X25519;
        to.alg = AGREE_X25519;
        *ret = to;
        return SELFSAME_OK;
    }
    TRY(spki_parse(spki, &alg, &to.key, e));
    if (alg == SIG_ED25519)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "public key: expected X25519, P-256, P-384, P-521 or RSA, got Ed25519, to "
            "which nothing can be encrypted");
    to.kind = alg == SIG_RSA_PKCS1 ? ENVELOPE_RSA : ENVELOPE_EC;
    to.alg = alg == SIG_P256   ? AGREE_P256
             : alg == SIG_P384 ? AGREE_P384
             : alg == SIG_P521 ? AGREE_P521
                               : 0;
    *ret = to;
    return SELFSAME_OK;
}
