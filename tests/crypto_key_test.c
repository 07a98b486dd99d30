/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "crypto/crypto.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

static const struct {
    enum key_type type;
    enum sig_alg alg;
    enum hash_alg hash;
    const char *curve;
} types[] = {
    { KEY_P256, SIG_P256, HASH_SHA256, "prime256v1" },
    { KEY_P384, SIG_P384, HASH_SHA384, "secp384r1" },
    { KEY_ED25519, SIG_ED25519, 0, NULL },
};

/* The raw public key is the end of every SubjectPublicKeyInfo of these kinds. */
static struct selfsame_bytes
raw_public(const struct key *k, struct arena *arena)
{
    static const size_t sizes[] = {
        [KEY_P256] = 64, [KEY_P384] = 96, [KEY_ED25519] = 32
    };
    struct selfsame_bytes spki;
    struct selfsame_err e = { 0 };
    size_t n = sizes[key_type_of(k)];

    assert_code(key_spki(k, arena, &spki, &e), SELFSAME_OK, &e);
    return BYTES(spki.ptr + spki.len - n, n);
}

static void
what_a_key_signs_verifies_also_after_a_trip_through_pem(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(types); i++) {
        auto_arena arena = arena_new(1 << 16);
        struct selfsame_err e = { 0 };
        auto_key *made = NULL, *read = NULL;
        char *pem = NULL;
        uint8_t digest[HASH_MAX] = { 5 };
        size_t len = types[i].hash != 0 ? hash_size(types[i].hash) : 50;
        struct selfsame_bytes sig;

        assert_code(key_generate(types[i].type, &made, &e), SELFSAME_OK, &e);
        assert_code(key_to_pem(made, &arena, &pem, &e), SELFSAME_OK, &e);
        assert_code(key_from_pem(bytes_str(pem), &read, &e), SELFSAME_OK, &e);
        assert_int_equal(key_type_of(read), types[i].type);
        assert_code(key_sign(read, types[i].hash, BYTES(digest, len), &arena, &sig, &e),
            SELFSAME_OK, &e);
        struct sig_check check = { .alg = types[i].alg,
            .hash = types[i].hash,
            .key = raw_public(made, &arena),
            .digest = BYTES(digest, len),
            .signature = sig };
        assert_code(sig_verify(&check, &e), SELFSAME_OK, &e);
        digest[1] ^= 1;
        assert_int_equal(sig_verify(&check, &e), SELFSAME_BAD_SIGNATURE);
        if (types[i].hash != 0)
            assert_int_equal(
                key_sign(read, types[i].hash, BYTES(digest, len - 1), &arena, &sig, &e),
                SELFSAME_USAGE);
    }
}

static struct selfsame_bytes
pem_of(EVP_PKEY *key, const char *passphrase, struct arena *arena)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *text = NULL, *copy;

    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(out, key,
                         passphrase != NULL ? EVP_aes_128_cbc() : NULL, passphrase,
                         passphrase != NULL ? (int)strlen(passphrase) : 0, NULL, NULL),
        1);
    long n = BIO_get_mem_data(out, &text);
    copy = arena_str(arena, BYTES((const uint8_t *)text, (size_t)n));
    assert_non_null(copy);
    assert_int_equal(BIO_free(out), 1);
    return bytes_str(copy);
}

static void
what_is_taken_is_wiped_also_when_it_is_no_key(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { 0 };
    auto_key *key = NULL;
    EVP_PKEY *p256 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    struct selfsame_bytes good = pem_of(p256, NULL, &arena), bad = BYTES_NONE;

    assert_true(arena_dup(&arena, BYTES(good.ptr, good.len - 40), &bad));
    assert_code(key_take_pem(bad, &key, &e), SELFSAME_MALFORMED, &e);
    assert_true(bytes_is_zero(bad));
    assert_code(key_take_pem(good, &key, &e), SELFSAME_OK, &e);
    assert_true(bytes_is_zero(good));
    assert_int_equal(key_type_of(key), KEY_P256);
    EVP_PKEY_free(p256);
}

static void
other_keys_and_garbage_are_refused(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { 0 };
    auto_key *key = NULL;
    EVP_PKEY *rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
    EVP_PKEY *p521 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521");
    EVP_PKEY *p256 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");

    assert_int_equal(
        key_from_pem(pem_of(rsa, NULL, &arena), &key, &e), SELFSAME_UNSUPPORTED);
    assert_int_equal(
        key_from_pem(pem_of(p521, NULL, &arena), &key, &e), SELFSAME_UNSUPPORTED);
    assert_int_equal(
        key_from_pem(pem_of(p256, "secret", &arena), &key, &e), SELFSAME_MALFORMED);
    struct selfsame_bytes good = pem_of(p256, NULL, &arena);
    for (size_t len = 0; len < good.len - 30; len += 7)
        assert_int_equal(
            key_from_pem(BYTES(good.ptr, len), &key, &e), SELFSAME_MALFORMED);
    assert_null(key);
    assert_int_equal(key_generate((enum key_type)9, &key, &e), SELFSAME_UNSUPPORTED);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(p521);
    EVP_PKEY_free(p256);
}

/* RSA of tokens: by libcrypto's own eyes, PKCS #1 v1.5 and PSS; other hashes are refused. */
static void
rsa_keys_sign_as_tokens_want_it(void **state)
{
    static const struct {
        size_t bits;
        enum key_type type;
    } sizes[] = { { 2048, KEY_RSA2048 }, { 3072, KEY_RSA3072 }, { 4096, KEY_RSA4096 } };
    uint8_t digest[64] = { 1, 2, 3 };

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        auto_arena arena = arena_new(1 << 16);
        struct selfsame_err e = { 0 };
        auto_key *key = NULL;
        EVP_PKEY *rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", sizes[i].bits);
        struct selfsame_bytes sig[2], ignored;

        assert_code(key_from_pem(pem_of(rsa, NULL, &arena), &key, &e), SELFSAME_OK, &e);
        assert_int_equal(key_type_of(key), sizes[i].type);
        const struct selfsame_bytes d = BYTES(digest, 32);
        assert_code(
            key_sign(key, HASH_SHA256, d, &arena, &sig[0], &e), SELFSAME_OK, &e);
        assert_code(key_sign_pss(key, d, &arena, &sig[1], &e), SELFSAME_OK, &e);
        for (int pss = 0; pss < 2; pss++) {
            EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(rsa, NULL);

            assert_int_equal(EVP_PKEY_verify_init(c), 1);
            assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(
                                 c, pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING),
                1);
            assert_int_equal(EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()), 1);
            if (pss)
                assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(c, 32), 1);
            assert_int_equal(
                EVP_PKEY_verify(c, sig[pss].ptr, sig[pss].len, digest, 32), 1);
            EVP_PKEY_CTX_free(c);
        }
        assert_int_equal(
            key_sign(key, HASH_SHA384, BYTES(digest, 48), &arena, &ignored, &e),
            SELFSAME_UNSUPPORTED);
        assert_int_equal(
            key_sign_pss(key, BYTES(digest, 48), &arena, &ignored, &e), SELFSAME_USAGE);
        EVP_PKEY_free(rsa);
    }
}

static void
no_room_is_said_and_outputs_stay(void **state)
{
    (void)state;
    auto_arena none = arena_new(8);
    struct selfsame_err e = { 0 };
    auto_key *key = NULL;
    char *pem = NULL;
    struct selfsame_bytes out = BYTES_LIT("mine");

    assert_code(key_generate(KEY_P256, &key, &e), SELFSAME_OK, &e);
    assert_int_equal(key_to_pem(key, &none, &pem, &e), SELFSAME_NOMEM);
    assert_null(pem);
    assert_int_equal(key_spki(key, &none, &out, &e), SELFSAME_NOMEM);
    uint8_t digest[32] = { 0 };
    assert_int_equal(
        key_sign(key, HASH_SHA256, BYTES_ARR(digest), &none, &out, &e), SELFSAME_NOMEM);
    assert_bytes(out, BYTES_LIT("mine"));
}

/* ---- certificates we make, read by libcrypto ---- */

static X509 *
as_x509(struct selfsame_bytes der)
{
    const uint8_t *p = der.ptr;
    X509 *x = d2i_X509(NULL, &p, (long)der.len);

    assert_non_null(x);
    return x;
}

static void
a_made_chain_is_what_was_asked_for(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { 0 };
    auto_key *root_key = NULL, *leaf_key = NULL;
    struct selfsame_bytes root, leaf;

    assert_code(key_generate(KEY_P384, &root_key, &e), SELFSAME_OK, &e);
    assert_code(key_generate(KEY_ED25519, &leaf_key, &e), SELFSAME_OK, &e);
    struct cert_request r = { .common_name = "Root",
        .organization = "Org",
        .country = "US",
        .unit = "Unit",
        .not_before = 1000,
        .not_after = 5000000000,
        .ca = true,
        .path_len = 3 };
    assert_code(cert_make(&r, root_key, BYTES_NONE, root_key, &arena, &root, &e),
        SELFSAME_OK, &e);
    struct cert_request l = { .common_name = "leaf.test",
        .dns_name = "::1",
        .not_before = 2000,
        .not_after = 3000,
        .path_len = -1,
        .serial = BYTES_LIT("\x01\x02\x03\x04\x05\x06\x07\x08"),
        .extensions = &(
            struct cert_extension){ BYTES_LIT("\x2b\x06\x01\x04\x01\x83\xbf\x30\x01"),
            BYTES_LIT("\x04\x01\x07"), false },
        .extension_count = 1 };
    assert_code(
        cert_make(&l, leaf_key, root, root_key, &arena, &leaf, &e), SELFSAME_OK, &e);

    X509 *rx = as_x509(root), *lx = as_x509(leaf);
    assert_int_equal(X509_verify(rx, key_native(root_key)), 1);
    assert_int_equal(X509_verify(lx, key_native(root_key)), 1);
    assert_int_equal(X509_check_issued(rx, lx), X509_V_OK);
    assert_int_equal(X509_check_ca(rx), 1);
    assert_int_equal(X509_check_ca(lx), 0);
    assert_int_equal(X509_get_pathlen(rx), 3);
    assert_int_equal(
        X509_get_key_usage(rx), KU_DIGITAL_SIGNATURE | KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_int_equal(X509_get_key_usage(lx), KU_DIGITAL_SIGNATURE);
    assert_int_equal(X509_check_ip_asc(lx, "::1", 0), 1);
    char name[200];
    X509_NAME_oneline(X509_get_subject_name(rx), name, sizeof(name));
    assert_string_equal(name, "/C=US/O=Org/OU=Unit/CN=Root");
    uint64_t serial = 0;
    assert_int_equal(ASN1_INTEGER_get_uint64(&serial, X509_get_serialNumber(lx)), 1);
    assert_true(serial == 0x0102030405060708);
    assert_int_equal(X509_get_ext_count(lx), 6);
    X509_free(rx);
    X509_free(lx);
}

static void
impossible_requests_are_refused(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { 0 };
    auto_key *key = NULL;
    struct selfsame_bytes out;
    const struct cert_request good = {
        .common_name = "x", .not_before = 1, .not_after = 2, .path_len = -1
    };

    assert_code(key_generate(KEY_P256, &key, &e), SELFSAME_OK, &e);
    assert_code(
        cert_make(&good, key, BYTES_NONE, key, &arena, &out, &e), SELFSAME_OK, &e);
    struct cert_request r = good;
    r.common_name = NULL;
    assert_int_equal(
        cert_make(&r, key, BYTES_NONE, key, &arena, &out, &e), SELFSAME_USAGE);
    r = good;
    r.not_after = 0;
    assert_int_equal(
        cert_make(&r, key, BYTES_NONE, key, &arena, &out, &e), SELFSAME_USAGE);
    r = good;
    r.serial = BYTES_LIT("\x80\x02\x03\x04\x05\x06\x07\x08");
    assert_int_equal(
        cert_make(&r, key, BYTES_NONE, key, &arena, &out, &e), SELFSAME_USAGE);
    r = good;
    r.country = "too long for a country";
    assert_int_equal(
        cert_make(&r, key, BYTES_NONE, key, &arena, &out, &e), SELFSAME_USAGE);
    assert_int_equal(cert_make(&good, key, BYTES_LIT("junk"), key, &arena, &out, &e),
        SELFSAME_MALFORMED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_key_signs_verifies_also_after_a_trip_through_pem),
        cmocka_unit_test(what_is_taken_is_wiped_also_when_it_is_no_key),
        cmocka_unit_test(other_keys_and_garbage_are_refused),
        cmocka_unit_test(rsa_keys_sign_as_tokens_want_it),
        cmocka_unit_test(no_room_is_said_and_outputs_stay),
        cmocka_unit_test(a_made_chain_is_what_was_asked_for),
        cmocka_unit_test(impossible_requests_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
