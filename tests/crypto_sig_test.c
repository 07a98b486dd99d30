/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/cose.h"
#include "crypto/crypto.h"

#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

/* Signs with libcrypto, so that our verifiers are tested against another hand. */
struct ec_case {
    enum sig_alg alg;
    const char *name;
    int nid;
    size_t half, digest;
};
static const struct ec_case curves[] = {
    { SIG_P256, "P-256", NID_X9_62_prime256v1, 32, 32 },
    { SIG_P384, "P-384", NID_secp384r1, 48, 48 },
    { SIG_P521, "P-521", NID_secp521r1, 66, 64 },
};
struct signed_digest {
    const struct ec_case *c;
    uint8_t key[132], digest[64], sig[132];
    EVP_PKEY *pkey;
};

static void
ec_new(struct signed_digest *s, const struct ec_case *c)
{
    uint8_t point[133];
    size_t n;

    *s = (struct signed_digest){ .c = c };
    s->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", c->name);
    assert_non_null(s->pkey);
    assert_int_equal(EVP_PKEY_get_octet_string_param(
                         s->pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &n),
        1);
    assert_int_equal(n, 1 + 2 * c->half);
    memcpy(s->key, point + 1, 2 * c->half);
}

static void
ec_sign(struct signed_digest *s)
{
    uint8_t der[160];
    size_t n = sizeof(der);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(s->pkey, NULL);

    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_int_equal(EVP_PKEY_sign(ctx, der, &n, s->digest, s->c->digest), 1);
    EVP_PKEY_CTX_free(ctx);
    assert_true(sig_ecdsa_from_der(BYTES(der, n), s->c->half, s->sig));
}

static struct sig_check
ec_check(const struct signed_digest *s)
{
    return (struct sig_check){
        .alg = s->c->alg,
        .key = BYTES(s->key, 2 * s->c->half),
        .digest = BYTES(s->digest, s->c->digest),
        .signature = BYTES(s->sig, 2 * s->c->half),
    };
}

/* Every backend that knows the algorithm must say the same. */
static void
all_say(const struct sig_check *check, enum selfsame_code want)
{
    static const struct sig_backend *const backends[] = { &sig_openssl, &sig_nettle,
        &sig_sodium };
    struct selfsame_err e = { 0 };
    unsigned asked = 0;

    for (size_t i = 0; i < COUNT(backends); i++)
        if (backends[i]->supports(check)) {
            assert_code(backends[i]->verify(check, &e), want, &e);
            asked++;
        }
    assert_true(asked > 0 || want == SELFSAME_UNSUPPORTED);
    assert_code(sig_verify(check, &e), want, &e);
}

static void
signatures_of_libcrypto_verify_and_altered_ones_do_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(curves); i++)
        for (int round = 0; round < 20; round++) {
            struct signed_digest s;

            ec_new(&s, &curves[i]);
            assert_true(rng_bytes(s.digest, sizeof(s.digest)));
            ec_sign(&s);
            struct sig_check check = ec_check(&s);
            all_say(&check, SELFSAME_OK);
            s.digest[round] ^= 1;
            all_say(&check, SELFSAME_BAD_SIGNATURE);
            s.digest[round] ^= 1;
            s.sig[2 * s.c->half - 1 - (size_t)round] ^= 0x80;
            all_say(&check, SELFSAME_BAD_SIGNATURE);
            EVP_PKEY_free(s.pkey);
        }
}

static void
no_flipped_bit_is_accepted(void **state)
{
    (void)state;
    struct signed_digest s;
    struct selfsame_err e;

    ec_new(&s, &curves[1]);
    ec_sign(&s);
    struct sig_check check = ec_check(&s);
    struct {
        uint8_t *p;
        size_t len;
    } part[] = { { s.key, 96 }, { s.digest, 48 }, { s.sig, 96 } };
    for (size_t i = 0; i < COUNT(part); i++)
        for (size_t bit = 0; bit < 8 * part[i].len; bit++) {
            part[i].p[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_not_equal(sig_verify(&check, &e), SELFSAME_OK);
            part[i].p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    all_say(&check, SELFSAME_OK);
    EVP_PKEY_free(s.pkey);
}

static void
numbers_with_leading_zeros_keep_their_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct signed_digest s;
        bool seen_r = false, seen_s = false;

        ec_new(&s, &curves[i]);
        for (int round = 0; round < 20000 && !(seen_r && seen_s); round++) {
            ec_sign(&s);
            bool zero_r = s.sig[0] == 0, zero_s = s.sig[s.c->half] == 0;
            struct sig_check check = ec_check(&s);
            if (zero_r || zero_s)
                all_say(&check, SELFSAME_OK);
            seen_r |= zero_r;
            seen_s |= zero_s;
        }
        assert_true(seen_r && seen_s);
        EVP_PKEY_free(s.pkey);
    }
}

/* What FIPS 186-5 §6.4.2 wants refused before any arithmetic. */
static void
r_or_s_out_of_range_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(curves); i++) {
        struct signed_digest s;
        uint8_t n[66];
        EC_GROUP *group = EC_GROUP_new_by_curve_name(curves[i].nid);
        size_t half = curves[i].half;

        ec_new(&s, &curves[i]);
        assert_int_equal(BN_bn2binpad(EC_GROUP_get0_order(group), n, (int)half), half);
        EC_GROUP_free(group);
        for (size_t which = 0; which < 2; which++) {
            ec_sign(&s);
            struct sig_check check = ec_check(&s);
            memset(s.sig + which * half, 0, half);
            all_say(&check, SELFSAME_BAD_SIGNATURE);
            memcpy(s.sig + which * half, n, half);
            all_say(&check, SELFSAME_BAD_SIGNATURE);
            s.sig[which * half + half - 1]++;
            all_say(&check, SELFSAME_BAD_SIGNATURE);
            memset(s.sig + which * half, 0xff, half);
            all_say(&check, SELFSAME_BAD_SIGNATURE);
        }
        EVP_PKEY_free(s.pkey);
    }
}

/* Half of all real ones have s > n/2, so both s and n - s must verify. */
static void
high_and_low_s_are_both_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(curves); i++) {
        struct signed_digest s;
        EC_GROUP *group = EC_GROUP_new_by_curve_name(curves[i].nid);
        size_t half = curves[i].half;

        ec_new(&s, &curves[i]);
        ec_sign(&s);
        BIGNUM *v = BN_bin2bn(s.sig + half, (int)half, NULL);
        assert_int_equal(BN_sub(v, EC_GROUP_get0_order(group), v), 1);
        struct sig_check check = ec_check(&s);
        all_say(&check, SELFSAME_OK);
        assert_int_equal(BN_bn2binpad(v, s.sig + half, (int)half), half);
        all_say(&check, SELFSAME_OK);
        BN_free(v);
        EC_GROUP_free(group);
        EVP_PKEY_free(s.pkey);
    }
}

static void
keys_off_the_curve_or_out_of_the_field_are_malformed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(curves); i++) {
        struct signed_digest s;
        uint8_t p[66];
        EC_GROUP *group = EC_GROUP_new_by_curve_name(curves[i].nid);
        size_t half = curves[i].half;
        BIGNUM *prime = BN_new();

        ec_new(&s, &curves[i]);
        ec_sign(&s);
        struct sig_check check = ec_check(&s);
        s.key[2 * half - 1] ^= 1;
        all_say(&check, SELFSAME_MALFORMED);
        assert_int_equal(EC_GROUP_get_curve(group, prime, NULL, NULL, NULL), 1);
        assert_int_equal(BN_bn2binpad(prime, p, (int)half), half);
        for (size_t which = 0; which < 2; which++) {
            uint8_t saved[66];
            memcpy(saved, s.key + which * half, half);
            memcpy(s.key + which * half, p, half);
            all_say(&check, SELFSAME_MALFORMED);
            memset(s.key + which * half, 0xff, half);
            all_say(&check, SELFSAME_MALFORMED);
            memcpy(s.key + which * half, saved, half);
        }
        memset(s.key, 0, 2 * half);
        all_say(&check, SELFSAME_MALFORMED);
        BN_free(prime);
        EC_GROUP_free(group);
        EVP_PKEY_free(s.pkey);
    }
}

static void
wrong_lengths_are_malformed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(curves); i++) {
        struct signed_digest s;

        ec_new(&s, &curves[i]);
        ec_sign(&s);
        for (size_t field = 0; field < 3; field++)
            for (int by = -1; by <= 1; by += 2) {
                struct sig_check check = ec_check(&s);
                struct selfsame_bytes *b[] = { &check.key, &check.signature,
                    &check.digest };
                if (by > 0 && b[field]->len >= 132)
                    continue;
                b[field]->len = (size_t)((long)b[field]->len + by);
                all_say(&check, SELFSAME_MALFORMED);
            }
        struct sig_check check = ec_check(&s);
        check.key = BYTES_NONE;
        all_say(&check, SELFSAME_MALFORMED);
        check = ec_check(&s);
        check.hash = s.c->alg == SIG_P256 ? HASH_SHA384 : HASH_SHA256;
        all_say(&check, SELFSAME_MALFORMED);
        EVP_PKEY_free(s.pkey);
    }
}

/* u1 = 0 for an all-zero digest; a digest of ones exceeds the order. */
static void
extreme_digests_verify(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(curves); i++) {
        struct signed_digest s;

        ec_new(&s, &curves[i]);
        ec_sign(&s);
        struct sig_check check = ec_check(&s);
        all_say(&check, SELFSAME_OK);
        memset(s.digest, 0xff, sizeof(s.digest));
        all_say(&check, SELFSAME_BAD_SIGNATURE);
        ec_sign(&s);
        all_say(&check, SELFSAME_OK);
        EVP_PKEY_free(s.pkey);
    }
}

/*
 * u1*G = u2*Q: valid by the standard. Only the holder of the key can make one,
 * and doing so gives the key away; nettle may refuse it (see sig_nettle.c).
 */
static void
doubling_in_the_last_addition_never_confuses(void **state)
{
    (void)state;
    struct signed_digest s;
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_secp384r1);
    const BIGNUM *n = EC_GROUP_get0_order(group);
    BN_CTX *bn = BN_CTX_new();
    EC_POINT *kg = EC_POINT_new(group);
    BIGNUM *k = BN_new(), *d = NULL, *r = BN_new(), *z = BN_new(), *v = BN_new();

    ec_new(&s, &curves[1]);
    assert_int_equal(EVP_PKEY_get_bn_param(s.pkey, OSSL_PKEY_PARAM_PRIV_KEY, &d), 1);
    /* r = x(kG), z = r*d, s = 2*r*d/k; so u1 = k/2 and u2*d = k/2. */
    assert_int_equal(BN_rand_range(k, n), 1);
    assert_int_equal(EC_POINT_mul(group, kg, k, NULL, NULL, bn), 1);
    assert_int_equal(EC_POINT_get_affine_coordinates(group, kg, r, NULL, bn), 1);
    assert_int_equal(BN_nnmod(r, r, n, bn), 1);
    assert_int_equal(BN_mod_mul(z, r, d, n, bn), 1);
    assert_non_null(BN_mod_inverse(v, k, n, bn));
    assert_int_equal(BN_mod_mul(v, v, z, n, bn), 1);
    assert_int_equal(BN_mod_lshift1(v, v, n, bn), 1);
    assert_int_equal(BN_bn2binpad(z, s.digest, 48), 48);
    assert_int_equal(BN_bn2binpad(r, s.sig, 48), 48);
    assert_int_equal(BN_bn2binpad(v, s.sig + 48, 48), 48);

    struct selfsame_err e = { 0 };
    struct sig_check check = ec_check(&s);
    assert_code(sig_openssl.verify(&check, &e), SELFSAME_OK, &e);
    enum selfsame_code fast = sig_nettle.verify(&check, &e);
    assert_true(fast == SELFSAME_OK || fast == SELFSAME_BAD_SIGNATURE);
    s.digest[47] ^= 1;
    all_say(&check, SELFSAME_BAD_SIGNATURE);

    BN_free(k), BN_free(d), BN_free(r), BN_free(z), BN_free(v);
    EC_POINT_free(kg);
    BN_CTX_free(bn);
    EC_GROUP_free(group);
    EVP_PKEY_free(s.pkey);
}

static void
der_signatures_that_are_not_strict_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *what, *der;
        bool good;
    } cases[] = {
        { "plain", "3006020101020102", true },
        { "leading zero needed", "300802020080020200ff", true },
        { "leading zero not needed", "300702020001020102", false },
        { "negative", "30060201ff020102", false },
        { "byte after", "300602010102010200", false },
        { "byte inside", "300702010102010200", false },
        { "long form length", "30810602010102010200", false },
        { "indefinite", "30800201010201020000", false },
        { "empty integer", "30050200020101", false },
        { "one integer", "3003020101", false },
        { "too long",
            "302702222222222222222222222222222222222222222222222222222222222222"
            "2222222222020101",
            false },
        { "empty", "", false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_arena arena = arena_new(4096);
        uint8_t rs[64];
        if (sig_ecdsa_from_der(unhex(cases[i].der, &arena), 32, rs) != cases[i].good)
            fail_msg("%s", cases[i].what);
    }
    auto_arena arena = arena_new(4096);
    uint8_t rs[4];
    assert_true(sig_ecdsa_from_der(unhex("3006020101020102", &arena), 2, rs));
    assert_memory_equal(rs, "\0\1\0\2", 4);
}

static void
unknown_algorithms_are_refused(void **state)
{
    (void)state;
    struct signed_digest s;

    ec_new(&s, &curves[0]);
    ec_sign(&s);
    struct sig_check check = ec_check(&s);
    check.alg = SIG_NONE;
    all_say(&check, SELFSAME_UNSUPPORTED);
    check.alg = (enum sig_alg)99;
    all_say(&check, SELFSAME_UNSUPPORTED);
    EVP_PKEY_free(s.pkey);
}

static void
a_batch_tells_each_code_and_the_first_error(void **state)
{
    (void)state;
    struct signed_digest s[3];
    struct sig_check check[3];
    enum selfsame_code code[3];
    struct selfsame_err e = { 0 };

    for (size_t i = 0; i < 3; i++) {
        ec_new(&s[i], &curves[i]);
        ec_sign(&s[i]);
        check[i] = ec_check(&s[i]);
    }
    assert_code(sig_verify_batch(check, 3, code, &e), SELFSAME_OK, &e);
    assert_code(sig_verify_batch(check, 0, code, &e), SELFSAME_OK, &e);
    s[1].digest[0] ^= 1;
    check[2].key.len--;
    assert_int_equal(sig_verify_batch(check, 3, code, &e), SELFSAME_BAD_SIGNATURE);
    assert_int_equal(code[0], SELFSAME_OK);
    assert_int_equal(code[1], SELFSAME_BAD_SIGNATURE);
    assert_int_equal(code[2], SELFSAME_MALFORMED);
    assert_int_equal(e.code, SELFSAME_BAD_SIGNATURE);
    assert_non_null(strstr(err_text(&e), "P-384"));
    for (size_t i = 0; i < 3; i++)
        EVP_PKEY_free(s[i].pkey);
}

/* ---- Ed25519 ---- */

static void
ed25519_verifies_and_small_order_keys_are_refused(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    uint8_t pub[32], sig[64], msg[100] = { 1, 2, 3 };
    size_t n = sizeof(pub);
    struct selfsame_err e = { 0 };

    assert_int_equal(EVP_PKEY_get_raw_public_key(key, pub, &n), 1);
    for (size_t len = 0; len <= sizeof(msg); len += 50) {
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        n = sizeof(sig);
        assert_int_equal(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key), 1);
        assert_int_equal(EVP_DigestSign(ctx, sig, &n, msg, len), 1);
        EVP_MD_CTX_free(ctx);
        struct sig_check check = { .alg = SIG_ED25519,
            .key = BYTES_ARR(pub),
            .digest = BYTES(msg, len),
            .signature = BYTES_ARR(sig) };
        all_say(&check, SELFSAME_OK);
        sig[3] ^= 1;
        all_say(&check, SELFSAME_BAD_SIGNATURE);
        sig[3] ^= 1;
        sig[63] |= 0x80; /* S >= L */
        all_say(&check, SELFSAME_BAD_SIGNATURE);
        check.signature.len--;
        all_say(&check, SELFSAME_MALFORMED);
        check.signature.len++;
        check.key.len--;
        all_say(&check, SELFSAME_MALFORMED);
    }
    /* The neutral element as key and R, S = 0: "valid" for every message. */
    uint8_t weak_pub[32] = { 1 }, weak_sig[64] = { 1 };
    struct sig_check weak = { .alg = SIG_ED25519,
        .key = BYTES_ARR(weak_pub),
        .digest = BYTES_ARR(msg),
        .signature = BYTES_ARR(weak_sig) };
    assert_int_equal(sig_verify(&weak, &e), SELFSAME_BAD_SIGNATURE);
    EVP_PKEY_free(key);
}

/* ---- RSA ---- */

static struct selfsame_bytes
rsa_public(EVP_PKEY *key, struct arena *arena)
{
    uint8_t *der = NULL;
    struct selfsame_bytes ret;
    int n = i2d_PublicKey(key, &der);

    assert_true(n > 0);
    assert_true(arena_dup(arena, BYTES(der, (size_t)n), &ret));
    OPENSSL_free(der);
    return ret;
}

static size_t
rsa_sign(EVP_PKEY *key, bool pss, const EVP_MD *md, int salt, uint8_t *digest,
    uint8_t sig[1024])
{
    size_t n = 1024;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);

    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(
                         ctx, pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING),
        1);
    assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, md), 1);
    if (pss)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salt), 1);
    assert_int_equal(
        EVP_PKEY_sign(ctx, sig, &n, digest, (size_t)EVP_MD_get_size(md)), 1);
    EVP_PKEY_CTX_free(ctx);
    return n;
}

static void
rsa_signatures_verify_under_their_scheme_only(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 16);
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    uint8_t digest[64] = { 9 }, sig[1024];
    const struct {
        enum hash_alg hash;
        const EVP_MD *md;
    } hashes[] = { { HASH_SHA256, EVP_sha256() }, { HASH_SHA384, EVP_sha384() },
        { HASH_SHA512, EVP_sha512() } };

    assert_non_null(key);
    for (size_t i = 0; i < COUNT(hashes); i++)
        for (int pss = 0; pss < 2; pss++) {
            size_t n = rsa_sign(
                key, pss, hashes[i].md, RSA_PSS_SALTLEN_DIGEST, digest, sig);
            struct sig_check check = { .alg = pss ? SIG_RSA_PSS : SIG_RSA_PKCS1,
                .hash = hashes[i].hash,
                .key = rsa_public(key, &arena),
                .digest = BYTES(digest, hash_size(hashes[i].hash)),
                .signature = BYTES(sig, n) };

            all_say(&check, SELFSAME_OK);
            sig[n - 1] ^= 1;
            all_say(&check, SELFSAME_BAD_SIGNATURE);
            sig[n - 1] ^= 1;
            check.alg = pss ? SIG_RSA_PKCS1 : SIG_RSA_PSS;
            all_say(&check, SELFSAME_BAD_SIGNATURE);
            check.alg = pss ? SIG_RSA_PSS : SIG_RSA_PKCS1;
            check.hash = hashes[(i + 1) % 3].hash;
            all_say(&check, SELFSAME_MALFORMED);
            check.hash = hashes[i].hash;
            check.signature.len--;
            all_say(&check, SELFSAME_MALFORMED);
        }
    size_t n = rsa_sign(key, true, EVP_sha256(), 20, digest, sig);
    struct sig_check check = { .alg = SIG_RSA_PSS,
        .hash = HASH_SHA256,
        .key = rsa_public(key, &arena),
        .digest = BYTES(digest, 32),
        .signature = BYTES(sig, n) };
    all_say(&check, SELFSAME_BAD_SIGNATURE); /* salt of another length */
    EVP_PKEY_free(key);
}

/* More keys than a thread keeps, in turns: each verifies its own and nothing else. */
static void
rsa_keys_are_not_mixed_up(void **state)
{
    enum { KEYS = 6 };
    auto_arena arena = arena_new(1 << 18);
    struct sig_check check[KEYS];
    EVP_PKEY *key[KEYS];
    uint8_t digest[KEYS][HASH_MAX], sig[KEYS][256];
    struct selfsame_err e = { 0 };

    (void)state;
    for (size_t i = 0; i < KEYS; i++) {
        key[i] = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
        size_t n = rsa_sign(
            key[i], true, EVP_sha256(), RSA_PSS_SALTLEN_DIGEST, digest[i], sig[i]);
        check[i] = (struct sig_check){ .alg = SIG_RSA_PSS,
            .hash = HASH_SHA256,
            .key = rsa_public(key[i], &arena),
            .digest = BYTES(digest[i], 32),
            .signature = BYTES(sig[i], n) };
    }
    for (size_t round = 0; round < 3; round++)
        for (size_t i = 0; i < KEYS; i++) {
            struct sig_check other = check[i];

            other.key = check[(i + 1 + round) % KEYS].key;
            assert_code(sig_openssl.verify(&check[i], &e), SELFSAME_OK, &e);
            assert_int_equal(sig_openssl.verify(&other, &e), SELFSAME_BAD_SIGNATURE);
        }
    for (size_t i = 0; i < KEYS; i++)
        EVP_PKEY_free(key[i]);
}

static void
odd_rsa_keys_are_refused(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 18);
    uint8_t digest[32] = { 9 }, sig[1024];
    EVP_PKEY *small = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);

    size_t n = rsa_sign(small, false, EVP_sha256(), 0, digest, sig);
    struct sig_check check = { .alg = SIG_RSA_PKCS1,
        .hash = HASH_SHA256,
        .key = rsa_public(small, &arena),
        .digest = BYTES_ARR(digest),
        .signature = BYTES(sig, n) };
    all_say(&check, SELFSAME_UNSUPPORTED);

    n = rsa_sign(key, false, EVP_sha256(), 0, digest, sig);
    check.signature = BYTES(sig, n);
    struct selfsame_bytes good = rsa_public(key, &arena), bad;
    check.key = good;
    all_say(&check, SELFSAME_OK);
    for (size_t len = 0; len < good.len; len++) {
        check.key.len = len;
        all_say(&check, SELFSAME_MALFORMED);
    }
    assert_true(arena_dup(&arena, good, &bad));
    check.key = bad;
    uint8_t *last = (uint8_t *)(uintptr_t)(bad.ptr + bad.len - 1);
    *last = 0; /* even exponent */
    all_say(&check, SELFSAME_MALFORMED);
    *last = 1;
    *(last - 5) ^= 1; /* even modulus */
    all_say(&check, SELFSAME_MALFORMED);
    EVP_PKEY_free(small);
    EVP_PKEY_free(key);
}

/* ---- the COSE working group's vectors ---- */

static struct selfsame_bytes
hex_member(const json_t *o, const char *name, struct arena *arena)
{
    const char *s = json_string_value(json_object_get(o, name));

    return s == NULL ? BYTES_NONE : unhex(s, arena);
}

static size_t
b64_member(const json_t *o, const char *name, uint8_t *ret, size_t cap)
{
    const char *s = json_string_value(json_object_get(o, name));
    size_t n = 0;

    if (s != NULL && !base64_decode(s, strlen(s), true, ret, cap, &n))
        fail_msg("%s is not base64url", name);
    return n;
}

static const struct {
    const char *crv;
    enum sig_alg alg;
} cose_curves[] = {
    { "P-256", SIG_P256 },
    { "P-384", SIG_P384 },
    { "P-521", SIG_P521 },
    { "Ed25519", SIG_ED25519 },
};
static const struct {
    const char *alg;
    enum hash_alg hash;
    int64_t id;
} cose_algs[] = {
    { "ES256", HASH_SHA256, COSE_ES256 },
    { "ES384", HASH_SHA384, COSE_ES384 },
    { "ES512", HASH_SHA512, COSE_ES512 },
};

/* Fills alg, key (into store) and hash from the JSON; returns the COSE number. */
static int64_t
cose_key(const json_t *sign, struct sig_check *check, uint8_t store[132])
{
    const json_t *key = json_object_get(sign, "key");
    const char *crv = json_string_value(json_object_get(key, "crv"));
    const char *alg = json_string_value(json_object_get(sign, "alg"));
    uint8_t y[66], hex[66];
    const char *x_hex = json_string_value(json_object_get(key, "x_hex"));

    for (size_t i = 0; i < COUNT(cose_curves); i++)
        if (strcmp(crv, cose_curves[i].crv) == 0)
            check->alg = cose_curves[i].alg;
    size_t n = b64_member(key, "x", store, 66);
    if (x_hex != NULL)
        assert_true(hex_decode(x_hex, strlen(x_hex), store, sizeof(hex), &n));
    size_t m = b64_member(key, "y", y, sizeof(y));
    memcpy(store + n, y, m);
    check->key = BYTES(store, n + m);
    for (size_t i = 0; i < COUNT(cose_algs); i++)
        if (strcmp(alg, cose_algs[i].alg) == 0) {
            check->hash = cose_algs[i].hash;
            return cose_algs[i].id;
        }
    return COSE_EDDSA;
}

static enum selfsame_code
verify_tbs(struct sig_check *check, struct selfsame_bytes tbs, struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX];

    check->digest = tbs;
    if (check->hash != 0) {
        assert_true(hash_bytes(check->hash, tbs, digest));
        check->digest = BYTES(digest, hash_size(check->hash));
    }
    return sig_verify(check, e);
}

static enum selfsame_code
verify_document(struct sig_check *check, int64_t alg, struct selfsame_bytes doc,
    struct arena *arena, struct selfsame_err *e)
{
    struct cose_sign1 s;
    struct cose_tbs tbs;
    uint8_t *p = arena_alloc(arena, 1, doc.len + 64);
    struct writer w = writer_of(p, doc.len + 64);

    TRY(cose_sign1_parse(doc, &s, e));
    if (!s.has_alg || s.alg != alg)
        FAIL(e, SELFSAME_UNSUPPORTED, "alg is another");
    cose_sign1_tbs(&s, BYTES_NONE, &tbs);
    for (size_t i = 0; i < tbs.count; i++)
        put_bytes(&w, tbs.part[i]);
    check->signature = s.signature;
    return verify_tbs(check, writer_bytes(&w), e);
}

static void
cose_file(const char *name, bool fail, enum selfsame_code want)
{
    auto_arena arena = arena_new(1 << 20);
    char path[200];
    uint8_t store[132];
    struct sig_check check = { 0 };
    struct selfsame_err e = { 0 };

    (void)snprintf(path, sizeof(path), "vectors/cose/cose-wg+Examples/%s.json", name);
    struct selfsame_bytes text = shared_file(path, &arena);
    json_t *root = json_loadb((const char *)text.ptr, text.len, 0, NULL);
    assert_non_null(root);
    assert_int_equal(json_is_true(json_object_get(root, "fail")), fail);
    const json_t *input = json_object_get(root, "input");
    int64_t alg = cose_key(json_object_get(input, "sign0"), &check, store);
    struct selfsame_bytes doc = hex_member(
        json_object_get(root, "output"), "cbor", &arena);
    if (fail) {
        enum selfsame_code got = verify_document(&check, alg, doc, &arena, &e);
        if (got == SELFSAME_OK)
            fail_msg("%s is accepted", name);
    } else {
        struct selfsame_bytes tbs = hex_member(
            json_object_get(root, "intermediates"), "ToBeSign_hex", &arena);
        size_t n = check.alg == SIG_ED25519 ? 64 : check.key.len;
        check.signature = BYTES(doc.ptr + doc.len - n, n);
        assert_code(verify_tbs(&check, tbs, &e), want, &e);
    }
    json_decref(root);
}

static void
cose_vectors_verify_or_fail_as_they_say(void **state)
{
    (void)state;
    need_shared();
    cose_file("ecdsa-examples/ecdsa-sig-01", false, SELFSAME_OK);
    cose_file("ecdsa-examples/ecdsa-sig-02", false, SELFSAME_OK);
    cose_file("ecdsa-examples/ecdsa-sig-03", false, SELFSAME_OK);
    cose_file("ecdsa-examples/ecdsa-sig-04", false, SELFSAME_OK);
    cose_file("eddsa-examples/eddsa-sig-01", false, SELFSAME_OK);
    cose_file("eddsa-examples/eddsa-sig-02", false, SELFSAME_UNSUPPORTED); /* Ed448 */
    cose_file("sign1-tests/sign-pass-01", false, SELFSAME_OK);
    cose_file("sign1-tests/sign-pass-02", false, SELFSAME_OK);
    cose_file("sign1-tests/sign-pass-03", false, SELFSAME_OK);
    cose_file("sign1-tests/sign-fail-01", true, 0);
    cose_file("sign1-tests/sign-fail-02", true, 0);
    cose_file("sign1-tests/sign-fail-03", true, 0);
    cose_file("sign1-tests/sign-fail-04", true, 0);
    cose_file("sign1-tests/sign-fail-06", true, 0);
    cose_file("sign1-tests/sign-fail-07", true, 0);
}

/* DER of RSAPublicKey { n (256 bytes, top bit set), 65537 }. */
static struct selfsame_bytes
rsa_der(struct selfsame_bytes n, struct arena *arena)
{
    static const uint8_t head[] = { 0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0 };
    static const uint8_t tail[] = { 0x02, 0x03, 0x01, 0x00, 0x01 };
    uint8_t *p = arena_alloc(arena, 1, 300);
    struct writer w = writer_of(p, 300);

    assert_int_equal(n.len, 256);
    put_bytes(&w, BYTES_ARR(head));
    put_bytes(&w, n);
    put_bytes(&w, BYTES_ARR(tail));
    return writer_bytes(&w);
}

static void
cose_rsa_pss_vector_verifies(void **state)
{
    (void)state;
    need_shared();
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes text = shared_file(
        "vectors/cose/cose-wg+Examples/rsa-pss-examples/rsa-pss-01.json", &arena);
    json_t *root = json_loadb((const char *)text.ptr, text.len, 0, NULL);
    json_t *signer = NULL, *middle = NULL;

    assert_int_equal(json_unpack(root, "{s:{s:{s:[o]}},s:{s:[o]}}", "input", "sign",
                         "signers", &signer, "intermediates", "signers", &middle),
        0);
    struct selfsame_bytes doc = hex_member(
        json_object_get(root, "output"), "cbor", &arena);
    struct sig_check check = { .alg = SIG_RSA_PSS,
        .hash = HASH_SHA256,
        .key = rsa_der(
            hex_member(json_object_get(signer, "key"), "n_hex", &arena), &arena),
        .signature = BYTES(doc.ptr + doc.len - 256, 256) };
    assert_code(verify_tbs(&check, hex_member(middle, "ToBeSign_hex", &arena), &e),
        SELFSAME_OK, &e);
    json_decref(root);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_of_libcrypto_verify_and_altered_ones_do_not),
        cmocka_unit_test(no_flipped_bit_is_accepted),
        cmocka_unit_test(numbers_with_leading_zeros_keep_their_length),
        cmocka_unit_test(r_or_s_out_of_range_is_refused),
        cmocka_unit_test(high_and_low_s_are_both_accepted),
        cmocka_unit_test(keys_off_the_curve_or_out_of_the_field_are_malformed),
        cmocka_unit_test(wrong_lengths_are_malformed),
        cmocka_unit_test(extreme_digests_verify),
        cmocka_unit_test(doubling_in_the_last_addition_never_confuses),
        cmocka_unit_test(der_signatures_that_are_not_strict_are_refused),
        cmocka_unit_test(unknown_algorithms_are_refused),
        cmocka_unit_test(a_batch_tells_each_code_and_the_first_error),
        cmocka_unit_test(ed25519_verifies_and_small_order_keys_are_refused),
        cmocka_unit_test(rsa_signatures_verify_under_their_scheme_only),
        cmocka_unit_test(rsa_keys_are_not_mixed_up),
        cmocka_unit_test(odd_rsa_keys_are_refused),
        cmocka_unit_test(cose_vectors_verify_or_fail_as_they_say),
        cmocka_unit_test(cose_rsa_pss_vector_verifies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
